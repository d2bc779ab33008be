"""Networks with a cosine head or a stem for many bands: the layers they are said to have, and bad requests
said clearly."""

import pytest
import safetensors.torch
import timm
import torch
from timm.layers import Conv2dSame
from torch import nn

from lt_lib.losses import LDAMLoss
from lt_lib.models import CifarResNet, CosineHead, _adapter, create, freeze, pad_evenly

SLIM = {"channels": (16, 32, 64, 128)}
NETS = [("resnet18", SLIM), ("resnet50", SLIM), ("test_efficientnet", {"channel_multiplier": 0.5})]


def tiles(bands, side=65, n=2, seed=0):
    return torch.randn(n, bands, side, side, generator=torch.Generator().manual_seed(seed))


# --- cosine head


def test_cosine_head_by_hand():
    head = CosineHead(2, 3)
    head.weight.data = torch.tensor([[2.0, 0], [0, 0.5], [-3, -3]])
    x = torch.tensor([[10.0, 0], [-0.1, 0.1]])
    half = 2**-0.5
    assert head(x).tolist() == [
        pytest.approx([1, 0, -half], abs=1e-6),
        pytest.approx([-half, half, 0], abs=1e-6),
    ]


def test_cosine_logits_ignore_the_length_of_features_and_weights():
    torch.manual_seed(0)
    head, x = CosineHead(16, 5).double(), torch.randn(8, 16, dtype=torch.float64)
    logits = head(x)
    assert logits.abs().max() <= 1
    expected = nn.functional.cosine_similarity(x[:, None], head.weight[None], dim=-1)
    assert torch.allclose(logits, expected)
    head.weight.data *= torch.tensor([1e-3, 1, 10, 1e4, 7])[:, None]
    assert torch.allclose(head(1000 * x), logits)


def test_cosine_gradients():
    torch.manual_seed(0)
    x = torch.randn(3, 6, dtype=torch.float64, requires_grad=True)
    head = CosineHead(6, 4).double()
    assert torch.autograd.gradcheck(lambda x, _: head(x), (x, head.weight))
    head(x).square().sum().backward()
    assert torch.allclose((x.grad * x).sum(1), torch.zeros(3, dtype=torch.float64), atol=1e-12), (
        "no pull along the feature"
    )


def test_cosine_directions_start_uniform_on_the_sphere():
    torch.manual_seed(0)
    weight = CosineHead(8, 20_000).weight
    assert torch.allclose(weight.norm(dim=1), torch.ones(20_000))
    assert weight.mean(0).abs().max() < 5 * (1 / 8 / 20_000) ** 0.5
    assert torch.allclose(weight.T @ weight / 20_000, torch.eye(8) / 8, atol=0.01)


def test_cosine_head_keeps_single_precision_under_autocast():
    torch.manual_seed(0)
    head, x = CosineHead(64, 4), torch.randn(5, 64)
    expected = head(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(head(x), expected)
        assert head(x.bfloat16()).dtype == torch.float32
    assert head(torch.zeros(1, 64)).tolist() == [[0, 0, 0, 0]]


@pytest.mark.parametrize("sizes", [(0, 3), (3, 0)])
def test_an_empty_cosine_head_is_refused(sizes):
    with pytest.raises(ValueError, match="must be at least 1, got"):
        CosineHead(*sizes)


# --- create


@pytest.mark.parametrize(("name", "options"), NETS)
@pytest.mark.parametrize("bands", [3, 11])
def test_a_cosine_head_sits_where_the_linear_one_sat(name, options, bands):
    torch.manual_seed(0)
    linear = create(name, 4, bands=bands, **options)
    torch.manual_seed(0)
    net = create(name, 4, bands=bands, head="cosine", **options).eval()
    head = net.get_classifier()
    assert isinstance(head, CosineHead) and not any(isinstance(m, nn.Linear) for m in net.modules())
    assert (head.in_features, head.out_features) == (linear.get_classifier().in_features, 4)
    shared = {
        k: v
        for k, v in net.state_dict().items()
        if k in linear.state_dict() and v.shape == linear.state_dict()[k].shape
    }
    assert all(
        torch.equal(v, linear.state_dict()[k])
        for k, v in shared.items()
        if "classifier" not in k and "fc" not in k
    )
    with torch.inference_mode():
        x = tiles(bands)
        logits = net(x)
        features = net.forward_head(net.forward_features(x), pre_logits=True)
        assert logits.shape == (2, 4) and logits.abs().max() <= 1 + 1e-6
        assert torch.allclose(logits, head(features))


def test_the_full_networks_of_the_work_take_a_cosine_head():
    for name, width in (("resnet18", 512), ("resnet50", 2048), ("efficientnet_b4", 1792)):
        with torch.device("meta"):
            head = create(name, 4, bands=7, head="cosine").get_classifier()
        assert isinstance(head, CosineHead) and (head.in_features, head.out_features) == (width, 4)


def test_ldam_learns_through_either_head():
    labels = torch.tensor([0, 1, 2, 3] * 4)
    x = tiles(3, 32, 16) + torch.tensor([-3.0, -1, 1, 3])[labels].view(-1, 1, 1, 1)
    for head in ("linear", "cosine"):
        torch.manual_seed(0)
        net, loss = create("test_efficientnet", 4, head=head), LDAMLoss([60, 16, 15, 9])
        optimizer = torch.optim.Adam(net.parameters(), 1e-3)
        values = []
        for _ in range(12):
            optimizer.zero_grad()
            values.append(loss(net(x), labels))
            values[-1].backward()
            optimizer.step()
        assert values[-1] < 0.7 * values[0]


def test_freeze_leaves_the_cosine_head_learning():
    net = create("resnet18", 4, head="cosine", frozen=True, **SLIM).train()
    assert {name for name, p in net.named_parameters() if p.requires_grad} == {"fc.weight"}
    assert not net.training
    before = {k: v.clone() for k, v in net.state_dict().items()}
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    nn.functional.cross_entropy(net(tiles(3)), torch.tensor([0, 1])).backward()
    optimizer.step()
    assert [k for k, v in net.state_dict().items() if not torch.equal(v, before[k])] == ["fc.weight"]
    assert freeze(net) is net


def test_without_classes_there_is_no_head_of_any_kind():
    torch.manual_seed(0)
    features = create("resnet18", 0, head="linear", **SLIM).eval()
    torch.manual_seed(0)
    same = create("resnet18", 0, head="cosine", **SLIM).eval()
    with torch.inference_mode():
        assert features(tiles(3)).shape == (2, 128) and torch.equal(features(tiles(3)), same(tiles(3)))


# --- bands


@pytest.mark.parametrize(("name", "options"), [("resnet18", SLIM), ("resnet50", SLIM), ("resnet18", {})])
@pytest.mark.parametrize("bands", [1, 3, 7, 11])
def test_the_adapter_is_the_released_one(name, options, bands):
    net = create(name, 4, bands=bands, stem="adapter", **options).eval()
    up, mix, relu, conv = net.conv1
    assert isinstance(up, nn.ConvTranspose2d) and isinstance(relu, nn.ReLU)
    assert (up.in_channels, up.out_channels, up.kernel_size, up.stride, up.padding) == (
        bands,
        32,
        (2, 2),
        (1, 1),
        (2, 2),
    )
    assert (mix.in_channels, mix.out_channels, mix.kernel_size) == (32, 3, (1, 1))
    assert (conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.padding) == (
        3,
        64,
        (7, 7),
        (2, 2),
        (3, 3),
    )
    assert up.bias is mix.bias is conv.bias is None
    with torch.inference_mode():
        x = tiles(bands)
        assert net.conv1[:3](x).shape == (2, 3, 62, 62)
        assert net(x).shape == (2, 4)


def test_the_adapter_follows_the_convolution_it_replaces():
    adapter = _adapter("a network", nn.Conv2d(3, 24, 3, 1, 1), 5)
    assert adapter(tiles(5, 33)).shape == (2, 24, 30, 30)


def test_the_adapter_keeps_pretrained_weights_behind_it(tmp_path):
    torch.manual_seed(1)
    source = create("resnet18", 10, **SLIM)
    safetensors.torch.save_file(source.state_dict(), tmp_path / "w.safetensors")
    torch.manual_seed(2)
    net = create(
        "resnet18", 4, bands=11, stem="adapter", head="cosine", pretrained=tmp_path / "w.safetensors", **SLIM
    )
    theirs, ours = source.state_dict(), net.state_dict()
    kept = [k for k in theirs if not k.startswith(("conv1.", "fc."))]
    assert kept and all(torch.equal(theirs[k], ours[k]) for k in kept)
    assert net.conv1[3].weight.shape == theirs["conv1.weight"].shape and not torch.equal(
        net.conv1[3].weight, theirs["conv1.weight"]
    )


def test_a_file_needs_the_bands_of_the_native_stem(tmp_path):
    file = tmp_path / "w.safetensors"
    safetensors.torch.save_file(create("resnet18", 10, bands=7, **SLIM).state_dict(), file)
    assert create("resnet18", 4, bands=7, head="cosine", pretrained=file, **SLIM).conv1.in_channels == 7
    with pytest.raises(ValueError, match="does not fit.*conv1.weight"):
        create("resnet18", 4, bands=3, pretrained=file, **SLIM)


@pytest.mark.parametrize("bands", [1, 3, 7, 11])
def test_timm_spreads_pretrained_rgb_filters_over_the_bands(tmp_path, bands):
    """What the docstring says of pretrained=True, with timm's own loader on a local file."""
    source = create("test_efficientnet", 1000)
    torch.save(source.state_dict(), tmp_path / "w.pth")
    net = create(
        "test_efficientnet",
        4,
        bands=bands,
        pretrained=True,
        pretrained_cfg_overlay={"file": str(tmp_path / "w.pth")},
    )
    rgb = source.conv_stem.weight
    if bands == 1:
        expected = rgb.sum(1, keepdim=True)
    else:
        expected = rgb[:, torch.arange(bands) % 3] * 3 / bands
    assert torch.allclose(net.conv_stem.weight, expected)
    assert torch.equal(net.blocks[0][0].conv.weight, source.blocks[0][0].conv.weight)


# --- refusals


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("resnet18", {"head": "cosin"}, "head must be 'linear' or 'cosine', got 'cosin'"),
        ("resnet18", {"stem": "deep"}, "stem must be 'native' or 'adapter', got 'deep'"),
        ("resnet18", {"bands": 0}, "bands must be at least 1, got 0"),
        (
            "resnet18",
            {"bands": 11, "stem": "adapter", "frozen": True},
            "as random as it starts; take stem='native' or frozen=False",
        ),
        (
            "test_efficientnet",
            {"bands": 11, "stem": "adapter"},
            "test_efficientnet has none: take stem='native'",
        ),
        ("resnet18d", {"bands": 11, "stem": "adapter"}, "resnet18d has a Sequential: take stem='native'"),
        ("deit_tiny_distilled_patch16_224", {"head": "cosine"}, "ends in tuple; take another network"),
        (
            "efficientnet_b0",
            {"channel_multiplier": 0.5},
            "efficientnet_b0 cannot be built with {'channel_multiplier': 0.5}",
        ),
        (
            "resnet18",
            {"chanels": (8, 8, 8, 8)},
            "resnet18 cannot be built with .*unexpected keyword argument 'chanels'",
        ),
        ("efficientnet_b00", {}, "timm has no model 'efficientnet_b00'"),
    ],
)
def test_a_network_that_cannot_be_is_refused(name, arguments, message):
    with pytest.raises(ValueError, match=message):
        create(name, 4, **arguments)


def test_pretrained_weights_that_do_not_fit_the_options_are_not_called_unreachable(tmp_path):
    torch.save(create("resnet18", 1000).state_dict(), tmp_path / "w.pth")
    overlay = {"file": str(tmp_path / "w.pth")}
    assert create("resnet18", 4, pretrained=True, pretrained_cfg_overlay=overlay)
    with pytest.raises(ValueError, match="the pretrained weights of resnet18 do not fit .*channels"):
        create("resnet18", 4, pretrained=True, pretrained_cfg_overlay=overlay, **SLIM)
    with pytest.raises(OSError, match="neither in the hub cache nor reachable.*pretrained=FILE"):
        create("resnet18", 4, pretrained=True, pretrained_cfg_overlay={"file": str(tmp_path / "none.pth")})


def test_weights_that_are_not_there_are_named(tmp_path):
    for place in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(ValueError, match=f"{place} cannot be read as safetensors: "):
            create("resnet18", 3, pretrained=place, **SLIM)


@pytest.mark.parametrize(
    ("depth", "head", "parameters"), [(32, "linear", 464154), (32, "cosine", 464144), (20, "linear", 269722)]
)
def test_cifar_resnet(depth, head, parameters):
    net = CifarResNet(depth, 10, head).eval()
    assert sum(p.numel() for p in net.parameters()) == parameters
    x = torch.randn(2, 3, 32, 32)
    assert net(x).shape == (2, 10) and net.blocks(net.stem(x)).shape == (2, 64, 8, 8)
    small = CifarResNet(8, 5, head).eval()
    for block in small.blocks:  # with its convolutions silent a block is its shortcut, zeros for new channels
        torch.nn.init.zeros_(block.norm2.weight)
    stem = small.stem(x)
    expected = torch.zeros(2, 64, 8, 8)
    expected[:, 24:40] = stem[:, :, ::4, ::4]
    assert torch.equal(small.blocks(stem), expected)
    with pytest.raises(ValueError, match="6 k"):
        CifarResNet(31)
    with pytest.raises(ValueError, match="head"):
        CifarResNet(32, 10, "round")


@pytest.mark.parametrize("side", [64, 61])
def test_even_padding_is_the_same_function_without_a_copy_to_pad(side):
    torch.manual_seed(0)
    net = timm.create_model("tf_efficientnet_lite0", num_classes=0).eval()
    x = torch.randn(2, 3, side, side)
    even = pad_evenly(net, x)
    assert any(isinstance(module, Conv2dSame) for module in net.modules())
    assert not any(isinstance(module, Conv2dSame) for module in even.modules())
    with torch.inference_mode():
        assert torch.allclose(even(x), net(x), rtol=1e-4, atol=1e-4)


def test_a_network_that_pads_evenly_or_knows_places_stays_as_it_is():
    plain = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU())
    assert pad_evenly(plain, torch.randn(2, 3, 8, 8)) is plain
    placed = nn.Sequential(Conv2dSame(3, 4, 3, 2), nn.Flatten())
    assert pad_evenly(placed, torch.randn(2, 3, 8, 8)) is placed
