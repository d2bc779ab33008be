"""A folder of pictures that a toy network can tell apart, and such a network."""

import numpy as np
import pytest
import timm
import torch
from PIL import Image

from lt_lib.lab.bench import compare, features, remedies
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
    monkeypatch.setattr(
        features.Eye, "of", lambda network, bands=3, scale=None, precision="float32": ToyEye()
    )
    ToyEye.looked = 0
    return ToyEye


@pytest.fixture
def network(monkeypatch, lab_env, tmp_path):
    """A tiny network of timm, its weights drawn with one seed, in place of every other; a list of the numbers
    of images it looked at."""
    monkeypatch.setenv("LT_CACHE", str(tmp_path / "cache"))
    looked, look = [], features.Eye.look

    def spec(network):
        return features.Backbone(name="test_efficientnet", pretrained=False, resolution=32)

    def drawn(spec):
        torch.manual_seed(0)
        return timm.create_model(spec.name, num_classes=0)

    def counted(eye, images):
        looked.append(len(images))
        return look(eye, images)

    for place in (features, compare):
        monkeypatch.setattr(place, "backbone", spec)
    monkeypatch.setattr(features, "backbone_network", drawn)
    monkeypatch.setattr(features.Eye, "look", counted)
    monkeypatch.setattr(remedies, "STEPS", (60, 60))
    return looked
