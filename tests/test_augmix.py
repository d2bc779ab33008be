"""AugMix against plain loops exactly and Pillow operator by operator, and properties of the draws and the
mixture."""

import math
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from lt_lib import augmix
from lt_lib.augmix import OPERATORS, AugMix, Draws, mix


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def pictures(n, bands, h, w, seed=0):
    """Smooth 8-bit images in [0, 1] with some full, some narrow ranges."""
    coarse = (
        torch.rand(n, bands, 5, 5, generator=seeded(seed)) * torch.linspace(0.2, 1, n)[:, None, None, None]
    )
    return torch.nn.functional.interpolate(coarse, size=(h, w), mode="bilinear").mul(255).round() / 255


def only(draws, rows):
    return Draws(*(getattr(draws, f.name)[rows] for f in fields(draws)))


def reach(level, most):
    return int(level * most / 10)


# --- references


def pillow(image, name, level, sign):
    """One operator of the released AugMix code on an RGB image."""
    w, h = image.size

    def affine(*matrix):
        return image.transform((w, h), Image.Transform.AFFINE, matrix, resample=Image.Resampling.BILINEAR)

    if name == "autocontrast":
        return ImageOps.autocontrast(image)
    if name == "equalize":
        return ImageOps.equalize(image)
    if name == "posterize":
        return ImageOps.posterize(image, 4 - reach(level, 4))
    if name == "solarize":
        return ImageOps.solarize(image, 256 - reach(level, 256))
    if name == "rotate":
        return image.rotate(sign * reach(level, 30), resample=Image.Resampling.BILINEAR)
    slope, across, down = sign * (level * 0.3 / 10), sign * reach(level, w / 3), sign * reach(level, h / 3)
    return affine(
        *{
            "shear_x": (1, slope, 0, 0, 1, 0),
            "shear_y": (1, 0, 0, slope, 1, 0),
            "translate_x": (1, 0, across, 0, 1, 0),
            "translate_y": (1, 0, 0, 0, 1, down),
        }[name]
    )


def loops(band, name, level, sign):
    """One operator on one (H, W) integer band, a pixel at a time."""
    h, w = len(band), len(band[0])
    values = sorted(v for row in band for v in row)
    table = list(range(256))
    if name == "autocontrast" and values[0] < values[-1]:
        scale = 255 / (values[-1] - values[0])
        table = [min(max(int(v * scale - values[0] * scale), 0), 255) for v in table]
    if name == "equalize" and (step := sum(v < values[-1] for v in values) // 255):
        table = [min((step // 2 + sum(u < v for u in values)) // step, 255) for v in table]
    if name == "posterize":
        table = [v >> (4 + reach(level, 4)) << (4 + reach(level, 4)) for v in table]
    if name == "solarize":
        table = [v if v < 256 - reach(level, 256) else 255 - v for v in table]
    matrix = {
        "shear_x": (1, sign * level * 0.03, 0, 0, 1, 0),
        "shear_y": (1, 0, 0, sign * level * 0.03, 1, 0),
        "translate_x": (1, 0, sign * reach(level, w / 3), 0, 1, 0),
        "translate_y": (1, 0, 0, 0, 1, sign * reach(level, h / 3)),
    }.get(name)
    if name == "rotate":
        angle = -math.radians(sign * reach(level, 30))
        cos, sin = math.cos(angle), math.sin(angle)
        matrix = (cos, sin, w / 2 - cos * w / 2 - sin * h / 2, -sin, cos, h / 2 + sin * w / 2 - cos * h / 2)
    if matrix is None:
        return [[table[v] for v in row] for row in band]
    a, b, c, d, e, f = matrix
    out = [[0] * w for _ in range(h)]
    for i in range(h):
        for j in range(w):
            x, y = a * (j + 0.5) + b * (i + 0.5) + c, d * (j + 0.5) + e * (i + 0.5) + f
            if not (0 <= x < w and 0 <= y < h):
                continue
            left, top = math.floor(x - 0.5), math.floor(y - 0.5)
            p, q = x - 0.5 - left, y - 0.5 - top
            taps = [
                band[min(max(top + s, 0), h - 1)][min(max(left + r, 0), w - 1)]
                for s in (0, 1)
                for r in (0, 1)
            ]
            if name == "rotate":
                p, q = round(p * 65536), round(q * 65536)
                exact = [s * r for s in (65536 - q, q) for r in (65536 - p, p)]
                weights = [v // 2**24 for v in exact]
                for k in sorted(range(4), key=lambda k, v=exact: -(v[k] % 2**24))[: 256 - sum(weights)]:
                    weights[k] += 1
            else:
                p, q = round(p * 256), round(q * 256)
                assert p == 0 or q == 0
                weights = [256 - p - q, p, q, 0]
            out[i][j] = sum(v * weight for v, weight in zip(taps, weights, strict=True)) // 256
    return out


def mixture(x, draws, operate):
    """The mixture of one (C, H, W) image, from operate(bytes, name, level, sign) on its 8-bit form."""
    total = (1 - draws.m[0]).double() * x.double()
    for i, weight in enumerate(draws.weights[0]):
        chain = (x * 255).round().to(torch.uint8).numpy()
        for t in range(draws.depths[0, i]):
            name, level = OPERATORS[draws.operators[0, i, t]], draws.levels[0, i, t].item()
            chain = operate(chain, name, level, draws.signs[0, i, t].item())
        total += draws.m[0].double() * weight * torch.from_numpy(chain.astype(float)) / 255
    return total


def by_loops(image, name, level, sign):
    return np.array([loops(band, name, level, sign) for band in image.tolist()])


# --- against the references


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize(("h", "w"), [(32, 32), (65, 65), (20, 33)])
@pytest.mark.parametrize("noise", [False, True])
def test_operators_equal_pillow_but_for_a_level_of_interpolation(name, h, w, noise):
    n = 40
    level = 0.1 + 9.9 * torch.rand(n, generator=seeded(), dtype=torch.float64)
    if name not in (
        "posterize",
        "shear_x",
        "shear_y",
    ):  # no bit is left; at the slope 0.3 Pillow's rounding decides ties
        level[0] = 10.0
    sign = 2 * torch.randint(2, (n,), generator=seeded()) - 1
    images = (pictures(n, 4, h, w) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()
    if noise:  # black beside white: the most a weight can do
        images = torch.randint(2, images.shape, generator=seeded(4), dtype=torch.uint8) * 255
    ours = augmix._operate(name, images, level, sign)[..., :3].numpy().astype(int)
    allowed = int(name in ("rotate", "shear_x", "shear_y"))
    for k, (image, out, a, s) in enumerate(
        zip(images[..., :3].numpy(), ours, level.tolist(), sign.tolist(), strict=True)
    ):
        beside = np.abs(out - np.asarray(pillow(Image.fromarray(image), name, a, s)))
        assert beside.max() <= allowed, (k, beside.max())


@pytest.mark.parametrize("degrees", [0, 1, 9, 30, -17])
def test_weights_of_a_rotation_sum_to_one_or_nothing(degrees):
    _, weights = augmix._rotation(float(degrees), 20, 33, torch.device("cpu"))
    assert set(weights.int().sum(0).unique().tolist()) <= {0, 256} and weights.min() >= 0


@pytest.mark.parametrize("bands", [1, 7, 11])
def test_any_number_of_bands_equals_plain_loops(bands):
    x, method = pictures(10, bands, 19, 17), AugMix(severity=8)
    draws = method.draw(10, seeded(1))
    assert set(draws.operators.flatten().tolist()) == set(range(9))
    for i, out in enumerate(method.apply(x, draws)):
        assert (out - mixture(x[i], only(draws, [i]), by_loops)).abs().max() < 1e-6


# --- properties


def test_mixture_formula():
    x, chains = torch.tensor([[1.0], [2.0]]), torch.tensor([[[3.0], [5.0]], [[7.0], [9.0]]])
    out = mix(x, chains, torch.tensor([[0.25, 0.75], [1.0, 0.0]]), torch.tensor([0.5, 1.0]))
    assert out.tolist() == [[0.5 + 0.5 * 4.5], [7.0]]


def test_no_share_gives_the_images_back():
    x, method = torch.rand(5, 10, 9, 12, generator=seeded()), AugMix()
    draws = method.draw(5, seeded())
    assert torch.equal(method.apply(x, replace(draws, m=torch.zeros(5))), x)
    assert not torch.equal(method.apply(x, draws), x)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(1, 3, 33, 33), (6, 11, 8, 20), (3, 1, 1, 1)])
def test_shape_dtype_and_range_are_kept(shape, dtype):
    x = torch.rand(shape, generator=seeded()).to(dtype)
    before = x.clone()
    out = AugMix(severity=10)(x, seeded())
    assert (out.shape, out.dtype, out.device) == (x.shape, x.dtype, x.device)
    assert out.min() >= 0 and out.max() <= 1
    assert torch.equal(x, before)


def test_the_generator_decides():
    x, method = pictures(8, 3, 16, 16), AugMix()
    assert torch.equal(method(x, seeded(1)), method(x, seeded(1)))
    assert not torch.equal(method(x, seeded(1)), method(x, seeded(2)))


def test_an_image_does_not_depend_on_the_others(monkeypatch):
    x, method = pictures(12, 5, 14, 11), AugMix(width=2, depth=4)
    draws = method.draw(12, seeded())
    whole = method.apply(x, draws)
    order = torch.randperm(12, generator=seeded(3))
    assert torch.equal(method.apply(x[order], only(draws, order)), whole[order])
    assert torch.equal(method.apply(x[4:5], only(draws, slice(4, 5))), whole[4:5])
    monkeypatch.setattr(augmix, "BLOCK", 5 * 14 * 11)
    monkeypatch.setattr(augmix, "PART", 2 * 14 * 11)
    assert torch.equal(method.apply(x, draws), whole)


def test_layout_in_memory_does_not_matter():
    x, method = pictures(4, 3, 16, 16), AugMix()
    draws = method.draw(4, seeded())
    assert torch.equal(method.apply(x.to(memory_format=torch.channels_last), draws), method.apply(x, draws))


def test_draws_follow_their_distributions():
    n = 20000
    draws = AugMix(severity=3, alpha=2.0).draw(n, seeded())
    assert torch.allclose(draws.weights.sum(1), torch.ones(n)) and abs(draws.m.mean() - 0.5) < 0.01
    assert abs(draws.m.var() - 1 / 20) < 0.002 and abs(draws.weights[:, 0].var() - 2 / 63) < 0.002
    assert 0.1 <= draws.levels.min() < 0.11 and 2.99 < draws.levels.max() <= 3
    for values, count in ((draws.depths, 3), (draws.operators, 9), (draws.signs, 2)):
        shares = values.unique(return_counts=True)[1] / values.numel()
        assert len(shares) == count and (shares * count - 1).abs().max() < 0.05
    assert draws.depths.aminmax() == (1, 3) and draws.signs.aminmax() == (-1, 1)
    assert (AugMix(depth=5).draw(3, seeded()).depths == 5).all()


def test_depth_limits_the_operators():
    x, method = pictures(6, 3, 16, 16), AugMix()
    draws = replace(method.draw(6, seeded()), depths=torch.zeros(6, 3, dtype=torch.long))
    assert torch.allclose(method.apply(x, draws), x, atol=1e-6)


def test_no_gradient_is_kept():
    x = pictures(2, 3, 8, 8).requires_grad_()
    assert not AugMix()(x, seeded()).requires_grad


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_the_same_mixture():
    x, method = pictures(32, 11, 65, 65), AugMix(severity=10)
    out = method(x.cuda(), seeded())
    assert out.is_cuda and torch.allclose(out.cpu(), method(x, seeded()), atol=1e-6)


# --- bad input


@pytest.mark.parametrize(
    "arguments",
    [
        {"severity": 0},
        {"severity": 11},
        {"severity": math.nan},
        {"width": 0},
        {"width": 1.5},
        {"depth": 0},
        {"depth": -2},
        {"depth": 1.5},
        {"alpha": 0},
        {"alpha": math.inf},
    ],
)
def test_bad_arguments_are_named(arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        AugMix(**arguments)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.rand(3, 8, 8), r"\(N, C, H, W\)"),
        (torch.zeros(2, 3, 8, 8, dtype=torch.uint8), "floating point"),
        (torch.zeros(0, 3, 8, 8), "not empty"),
        (torch.full((1, 3, 8, 8), 1.01), "divide"),
        (torch.full((1, 3, 8, 8), -0.01), "divide"),
        (torch.full((1, 3, 8, 8), math.nan), "divide"),
    ],
)
def test_bad_images_are_refused(x, message):
    with pytest.raises(ValueError, match=message):
        AugMix()(x, seeded())


def test_draws_for_other_images_are_refused():
    with pytest.raises(ValueError, match="for 3 images, x holds 2"):
        AugMix().apply(pictures(2, 3, 8, 8), AugMix().draw(3, seeded()))
    with pytest.raises(ValueError, match="agree"):
        mix(torch.rand(2, 3), torch.rand(2, 2, 4), torch.rand(2, 2), torch.rand(2))


def test_a_generator_elsewhere_is_refused():
    class Elsewhere:
        device = torch.device("cuda")

    with pytest.raises(ValueError, match="CPU"):
        AugMix().draw(1, Elsewhere())


def test_rotations_of_large_images_are_not_kept(monkeypatch):
    image = torch.randint(256, (1, 130, 130, 4), dtype=torch.uint8)
    degrees = torch.arange(-3.0, 4)
    before = augmix._rotation.cache_info().currsize
    free = [augmix._rotate(image, d[None]) for d in degrees]
    assert augmix._rotation.cache_info().currsize == before
    monkeypatch.setattr(augmix, "KEPT", 2**20)
    assert all(augmix._rotate(image, d[None]).equal(r) for d, r in zip(degrees, free, strict=True))
