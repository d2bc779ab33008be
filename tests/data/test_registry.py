"""The registry finds the files of lt_lib/data/sets by itself."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from lt_lib import data
from lt_lib.data import DataError, registry, sets

ORDER = (
    "digits50 digits10 digits50_source digits8 digits10_other droughtsim_500 droughtsim_2k droughtsim_6k "
    "droughtsim_86k lesionsim cifar100_even50 cifar100 cifar10 droughtwatch isic2017 tinyimagenet_ood"
)
TOY = """
    import numpy as np

    from lt_lib.data.arrays import Arrays
    from lt_lib.data.registry import DataEntry, Pin


    def make(name, folder):
        grey = np.zeros((4, 2, 2, 1), np.uint8)
        labels = np.array([0, 1, 0, 1])
        return Arrays(classes=("a", "b"), splits={"train": (grey, labels), "test": (grey + 1, labels)})


    ENTRIES = (
        DataEntry(
            "toy", "embedded", (2, 2, 1), ("a", "b"), {"train": 4, "test": 4}, "none", "here", "two greys",
            pins=(Pin(make("toy", None).digest()),), make=make
        ),
    )
"""


@pytest.fixture
def toy(monkeypatch, tmp_path):
    """A file of a new data set beside those of the library."""
    (tmp_path / "toyset.py").write_text(textwrap.dedent(TOY))
    monkeypatch.setattr(sets, "__path__", [*sets.__path__, str(tmp_path)])
    caches = (registry._entries, registry.data_sets, registry.weights)
    for cache in caches:
        cache.cache_clear()
    yield tmp_path
    for cache in caches:
        cache.cache_clear()
    sys.modules.pop("lt_lib.data.sets.toyset", None)


def test_order_of_the_sets_is_stable():
    assert " ".join(registry.data_sets()) == ORDER
    lite = [f"efficientnet_lite{number}_imagenet" for number in range(3)]
    assert list(registry.weights()) == [*lite, "mobilenetv2_100_imagenet"]
    assert len(registry._entries()) == len(registry.data_sets()) + len(registry.weights()), (
        "a name comes twice"
    )


def test_every_embedded_set_has_a_maker_and_every_real_one_a_reader():
    for entry in registry.data_sets().values():
        assert (entry.make is not None) == (entry.kind == "embedded"), entry.name
        assert (entry.read or entry.collect) is not None or entry.kind == "embedded", entry.name


def test_a_file_put_into_sets_is_a_data_set(toy):
    store = toy / "store"
    assert data.names(store)[:-6] == [*ORDER.split()[:10], "toy"]
    assert data.load("toy", store).labels("test").tolist() == [0, 1, 0, 1]
    with pytest.raises(DataError, match="toy is made by the code"):
        data.add("toy", toy, store)


def test_another_result_than_the_pinned_one_names_the_file_of_the_maker(toy, monkeypatch):
    entry = registry.data_sets()["toy"]
    monkeypatch.setitem(entry.make.__globals__["np"].__dict__, "zeros", entry.make.__globals__["np"].ones)
    with pytest.raises(
        DataError, match=r"lt_lib/data/sets/toyset\.py was changed.*python -m lt_lib\.data\.sets\.toyset"
    ):
        data.load("toy", toy / "store")


@pytest.mark.parametrize("module", ["digits", "digits_other", "droughtsim", "lesionsim"])
def test_printing_pins_warns_of_nothing(module):
    """Nothing imports a module of sets before it is run or asked for."""
    code = f"import sys, lt_lib.data; sys.exit('lt_lib.data.sets.{module}' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
