"""The networks of `sign`: parameter counts that are known, timm's interface, and a head for doubt."""

import pytest
import torch
from torch import nn

from lt_lib.models import BasicCNN, NASNetMobile, TwoHeads, _FactorizedReduction, create
from lt_lib.sign import sensitivity


def parameters(net):
    return sum(p.numel() for p in net.parameters())


def images(n=2, side=32, bands=3):
    return torch.randn(n, bands, side, side, generator=torch.Generator().manual_seed(0))


NETS = {"basic": BasicCNN, "nasnet": NASNetMobile}


@pytest.mark.parametrize(("padding", "count"), [("mixed", 1_250_858), ("same", 2_168_362)])
def test_the_basic_network_has_the_known_number_of_parameters(padding, count):
    assert parameters(BasicCNN(padding=padding)) == count


def test_the_basic_network_is_as_the_paper_writes_it():
    net = BasicCNN(4, dropout=(0.6, 0.5, 0.4))
    names = [type(module).__name__ for module in [*net.blocks, *net.hidden, net.head]]
    block = ["Conv2d", "ReLU", "Conv2d", "ReLU", "MaxPool2d", "Dropout"]
    assert names == [*block, *block, "Flatten", "Linear", "ReLU", "Dropout", "Linear"]
    assert [m.p for m in net.modules() if isinstance(m, nn.Dropout)] == [0.6, 0.5, 0.4]
    assert BasicCNN(4, "same", bands=1, side=4)(images(2, 4, 1)).shape == (2, 4)
    assert BasicCNN(4, "mixed", side=10)(images(2, 10)).shape == (2, 4)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"padding": "valid"}, "padding"), ({"side": 9}, "at least 10"), ({"padding": "same", "side": 3}, "4")],
)
def test_a_basic_network_that_cannot_be_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        BasicCNN(**options)


def test_nasnet_has_the_numbers_that_keras_prints():
    with torch.device("meta"):
        net = NASNetMobile(1000)
    statistics = sum(b.numel() for name, b in net.named_buffers() if "running" in name)
    assert parameters(net) == 5_289_978 and parameters(net) + statistics == 5_326_716


def test_nasnet_halves_the_side_where_it_should():
    """Sides and channels of the cells' outputs at 224 pixels, as in the paper's table of the network."""
    net, seen = NASNetMobile(10).eval(), []
    for cell in net.cells:
        cell.register_forward_hook(lambda *call: seen.append((*call[2].shape[1:3],)))
    with torch.inference_mode():
        net(images(1, 224))
    assert seen == [
        (44, 56),
        (88, 28),
        *4 * [(264, 28)],
        (352, 14),
        *4 * [(528, 14)],
        (704, 7),
        *4 * [(1056, 7)],
    ]


def test_every_weight_of_nasnet_takes_part():
    torch.manual_seed(0)
    net = NASNetMobile(4)
    net(images(3)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters() if p.dim() > 1)


@pytest.mark.parametrize("side", [8, 7])
def test_the_factorized_reduction_sees_the_pixels_that_a_stride_skips(side):
    torch.manual_seed(0)
    reduction = _FactorizedReduction(4, 6)
    seen = sensitivity(lambda x: reduction(x).flatten(1), images(1, side, 4))[0].abs().sum(0) > 0
    assert seen[::2, ::2].all() and seen[1::2, 1::2].all() and not seen[::2, 1::2].any()
    assert reduction(images(1, side, 4)).shape == (1, 6, 4, 4)


@pytest.mark.parametrize("kind", NETS)
def test_they_have_the_interface_of_timm(kind):
    torch.manual_seed(0)
    net, x = NETS[kind](7).eval(), images()
    theirs = create("test_efficientnet", 7)
    for name in ("num_features", "head_hidden_size", "num_classes"):
        assert isinstance(getattr(net, name), int) and isinstance(getattr(theirs, name), int)
    with torch.inference_mode():
        logits = net(x)
        features = net.forward_head(net.forward_features(x), pre_logits=True)
        assert logits.shape == (2, 7) and features.shape == (2, net.num_features)
        assert torch.equal(net.get_classifier()(features), logits)
        assert torch.equal(net.forward_head(net.forward_features(x)), logits)
        net.reset_classifier(0)
        assert torch.equal(net(x), features) and net.num_classes == 0
        net.reset_classifier(3)
        assert net(x).shape == (2, 3)
        assert NETS[kind](0).eval()(x).shape == features.shape


def test_weights_start_as_in_keras():
    torch.manual_seed(0)
    net = BasicCNN(10)
    for layer, ends in ((net.head, 512 + 10), (net.blocks[0], 9 * (3 + 32))):
        bound = (6 / ends) ** 0.5
        assert layer.bias.eq(0).all() and 0.95 * bound < layer.weight.abs().max() <= bound


def test_two_heads_share_the_features():
    for backbone in (BasicCNN(10), create("test_efficientnet", 10)):
        torch.manual_seed(0)
        net, x = TwoHeads(backbone, 4).eval(), images()
        with torch.inference_mode():
            logits, sigma = net(x)
            features = net.backbone(x)
            assert torch.allclose(logits, net.logits(features))
            assert torch.allclose(sigma.exp() - 1, net.scale(features).exp(), rtol=1e-4)
        assert logits.shape == (2, 4) and sigma.shape == (2, 1)
        assert features.shape == (2, backbone.head_hidden_size)
