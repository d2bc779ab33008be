"""The simulated scene of the chapter on maps, and a map of it."""

import numpy as np
import pytest

from lt_lib.data import landsat
from lt_lib.works.spectrum import maps


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    """Parameters of a chapter, with a store of its own."""
    store = tmp_path_factory.mktemp("store")
    return {"profile": "smoke", "data": "embedded", "seeds": None, "budget": None, "store": store}


@pytest.fixture(scope="module")
def example(options):
    return maps.example(options)


@pytest.fixture(scope="module")
def drawn(example, options):
    def predict(x):
        return np.eye(5, dtype=np.float32)[(x[:, 3] * 1e4).astype(int) % 5] * 0.6 + 0.08

    return landsat.sweep(example.scene, predict, maps.workplace(options) / "map", classes=example.classes)


@pytest.fixture
def scene(example):
    with landsat.Scene(example.scene) as opened:
        yield opened
