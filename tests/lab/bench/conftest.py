"""A folder of pictures that a toy network can tell apart, and such a network."""

import numpy as np
import pytest
import torch
from PIL import Image

from lt_lib.lab.bench import features
from lt_lib.lab.bench.bands import pixels


@pytest.fixture
def folder(tmp_path):
    """Three classes with a tail; each class has a grey level of its own, with noise."""
    chance, root = np.random.default_rng(0), tmp_path / "my pictures"
    for c, (name, n) in enumerate((("cats", 40), ("çhiens", 16), ("犬", 8))):
        (root / name).mkdir(parents=True)
        for i in range(n):
            pixels = chance.normal(60 + 60 * c, 25, (20, 20, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / name / f"{i}.png")
    return root


class ToyEye:
    """Means of a four by four grid in place of a network."""

    spec = features.Backbone(name="toy", pretrained=False, resolution=16)
    looked = 0

    def pixels(self, file):
        return pixels(file, self.spec.resolution)

    def look(self, images):
        ToyEye.looked += len(images)
        x = torch.from_numpy(np.stack(images)).float().mean(-1)
        return torch.nn.functional.avg_pool2d(x[:, None], 4).flatten(1).half().numpy()


@pytest.fixture
def eye(monkeypatch, lab_env):
    """The toy network in place of every other."""
    monkeypatch.setattr(features, "backbone", lambda network: ToyEye.spec)
    monkeypatch.setattr(features.Eye, "of", lambda network, bands=3, scale=None: ToyEye())
    ToyEye.looked = 0
    return ToyEye
