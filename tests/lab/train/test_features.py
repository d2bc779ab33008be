"""Frozen features: computed once, resumable, and equal to the plain network's."""

import io
import re

import numpy as np
import pytest
import torch

from lt_lib import data
from lt_lib.errors import BudgetEnded
from lt_lib.lab import LabError
from lt_lib.lab.record.spec import Backbone, Pretraining
from lt_lib.lab.train.backbones import backbone_network
from lt_lib.lab.train.device import normalisation, prepare
from lt_lib.lab.train.features import CHUNK, FeatureBank, augmented
from lt_lib.models import create, fold_batchnorm, keep_norms_frozen

PLAIN = Backbone(name="test_efficientnet", pretrained=False, resolution=32)


def keys(split, indices, copy=0):
    return np.array([[split, i, copy] for i in indices])


def test_features_equal_the_network(lab_env):
    dataset = data.load("shapes")
    bank = FeatureBank(PLAIN, dataset)
    rows = bank.get(keys(0, [3, 1, 3])).float()
    torch.manual_seed(0)
    net = backbone_network(PLAIN).eval()
    images = torch.from_numpy(np.array(dataset.images("train")[[3, 1, 3]])).permute(0, 3, 1, 2)
    with torch.inference_mode():
        expected = net(prepare(images, 32, *normalisation(PLAIN)))
    assert torch.allclose(rows, expected, rtol=2e-3, atol=2e-3)
    assert torch.equal(rows[0], rows[2])


def test_second_call_reads_only(lab_env, monkeypatch):
    bank = FeatureBank(PLAIN, data.load("shapes"))
    first = bank.get(keys(1, range(20)))
    monkeypatch.setattr("lt_lib.lab.train.features.backbone_network", None)
    assert torch.equal(FeatureBank(PLAIN, data.load("shapes")).get(keys(1, range(20))), first)


def test_damaged_chunk_is_computed_again(lab_env, capsys):
    bank = FeatureBank(PLAIN.model_copy(update={"resolution": 40}), data.load("shapes"))
    first = bank.get(keys(0, range(5)))
    for damage in (lambda content: content[:100], of_no_width, of_no_rows):
        for chunk in bank.folder.glob("*.npz"):
            chunk.write_bytes(damage(chunk.read_bytes()))
        assert torch.allclose(bank.get(keys(0, range(5))).float(), first.float(), rtol=1e-2, atol=1e-3)
        assert "damaged feature chunk" in capsys.readouterr().err


def of_no_width(content: bytes) -> bytes:
    """A chunk whose rows say that they are (5, 0): numpy reads nothing of them, and no checksum."""
    shape = re.search(rb"\(5, \d+\)", content)[0]
    return content.replace(shape, b"(5, 0)".ljust(len(shape)))


def of_no_rows(content: bytes) -> bytes:
    """A whole archive that holds no chunk."""
    file = io.BytesIO()
    np.savez(file, keys=np.load(io.BytesIO(content))["keys"], rows=np.float16(1))
    return file.getvalue()


def test_budget_keeps_finished_chunks(lab_env, monkeypatch):
    monkeypatch.setattr("lt_lib.lab.train.features.CHUNK", 16)
    bank = FeatureBank(PLAIN.model_copy(update={"resolution": 24}), data.load("shapes"))
    with pytest.raises(BudgetEnded):
        bank.get(keys(0, range(40)), deadline=0.0)
    assert len(bank._known()[0]) == 16 and CHUNK > 16
    assert len(bank.get(keys(0, range(40)))) == 40


def test_copies_depend_on_image_and_copy_alone():
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    pairs = np.array([[7, 1], [8, 1], [7, 2]])
    whole = augmented(images, pairs)
    assert torch.equal(augmented(images[1:2], pairs[1:2])[0], whole[1])
    same = np.repeat(images[:1], 40, 0)
    copies = augmented(same, np.array([[5, k] for k in range(1, 41)]))
    untouched = (copies == torch.from_numpy(same).permute(0, 3, 1, 2)).flatten(1).all(1).float().mean()
    assert 0 < untouched < 0.4, (
        "each of three changes has probability one half: about one copy in eight stays as it is"
    )
    assert copies.dtype == torch.uint8 and (copies.float() - images[0].mean()).abs().mean() < 100


def test_pretrained_here_is_trained_once(lab_env, shapes_tree, monkeypatch):
    recipe = Pretraining(data="shapes", epochs=1, n_per_class=8)
    backbone = Backbone(name="test_efficientnet", resolution=32, pretrained=recipe)
    first = backbone_network(backbone).state_dict()
    monkeypatch.setattr("lt_lib.lab.train.backbones.pretrain", None)
    second = backbone_network(backbone).state_dict()
    assert all(torch.equal(first[k], second[k]) for k in first)
    other = backbone.model_copy(update={"pretrained": recipe.model_copy(update={"seed": 1})})
    with pytest.raises(TypeError):  # another seed is another training
        backbone_network(other)


def test_damaged_weights_are_trained_again(
    lab_env, shapes_tree, monkeypatch, tmp_path, change_a_number, capsys
):
    monkeypatch.setenv("LT_CACHE", str(tmp_path))
    recipe = Pretraining(data="shapes", epochs=1, n_per_class=8)
    backbone = Backbone(name="test_efficientnet", resolution=32, pretrained=recipe)
    first = backbone_network(backbone).state_dict()
    (file,) = tmp_path.rglob("*.safetensors")
    change_a_number(file)
    again = backbone_network(backbone).state_dict()
    assert f"{file}: damaged, made again" in capsys.readouterr().err
    assert all(torch.equal(first[name], value) for name, value in again.items())


def test_weights_that_are_not_at_hand_name_the_remedy(lab_env):
    with pytest.raises(Exception, match="lt data"):
        backbone_network(
            Backbone(name="mobilenetv2_100", pretrained="mobilenetv2_100_imagenet", resolution=64)
        )
    with pytest.raises(LabError, match="belong to"):
        backbone_network(Backbone(name="resnet18", pretrained="mobilenetv2_100_imagenet"))


def test_hub_weights_offline_name_the_file_option(lab_env, monkeypatch):
    import timm

    real = timm.create_model

    def offline(name, pretrained=False, **options):
        if pretrained:
            raise ConnectionError("no network")
        return real(name, pretrained=False, **options)

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(
        LabError, match="neither in the hub cache nor reachable.*pretrained=FILE.*lt data add"
    ):
        backbone_network(Backbone(name="test_efficientnet", pretrained=True))


@pytest.mark.parametrize("name", ["mobilenetv2_100", "test_efficientnet", "resnet18"])
def test_folding_keeps_the_function_and_drops_the_norms(name):
    torch.manual_seed(0)
    net = create(name, 0).eval()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    x = torch.randn(2, 3, 64, 64)
    folded = fold_batchnorm(net, x)
    assert folded is not net
    assert sum(isinstance(m, torch.nn.BatchNorm2d) for m in folded.modules()) == 0
    assert torch.allclose(net(x), folded(x), rtol=1e-3, atol=1e-3)


def test_folding_gives_up_rather_than_change_the_function():
    class Preact(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = torch.nn.Conv2d(3, 3, 1), torch.nn.BatchNorm2d(3)
            self.norm.running_mean.fill_(2.0)

        def forward(self, x):
            return self.conv(self.norm(x))

    net = Preact()
    assert fold_batchnorm(net, torch.randn(2, 3, 4, 4)) is net


def test_frozen_backbone_learns_only_its_head():
    net = create("test_efficientnet", 5, frozen=True)
    learning = [n for n, p in net.named_parameters() if p.requires_grad]
    assert learning and all(n.startswith("classifier") for n in learning)
    before = net.bn1.running_mean.clone()
    net.train()
    net(torch.randn(8, 3, 32, 32)).sum().backward()
    assert torch.equal(net.bn1.running_mean, before)


def test_norms_stay_frozen_in_training():
    net = keep_norms_frozen(create("test_efficientnet", 5))
    net.train()
    assert net.training and not any(m.training for m in net.modules() if isinstance(m, torch.nn.BatchNorm2d))


def test_a_file_of_weights_loads_without_its_head(tmp_path):
    from safetensors.torch import save_file

    source = create("test_efficientnet", 10)
    save_file({k: v.contiguous() for k, v in source.state_dict().items()}, tmp_path / "w.safetensors")
    net = create("test_efficientnet", 4, pretrained=tmp_path / "w.safetensors")
    assert torch.equal(net.conv_stem.weight, source.conv_stem.weight) and net.classifier.weight.shape[0] == 4
    with pytest.raises(ValueError, match="does not fit"):
        create("resnet18", 4, pretrained=tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match="timm has no model"):
        create("efficientnet_b00", 4)
