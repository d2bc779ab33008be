"""DC-GAN, semi-supervised losses, memorisation and distance: sizes, invariants, independent references."""

import io
import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lt_lib.gan import (
    Discriminator,
    Generator,
    fit_dcgan,
    memorisation,
    nearest_neighbours,
    sample,
    semi_supervised_losses,
    tile_distance,
    tile_features,
)

TINY = {"latent": 8, "width": 2, "batch_size": 8, "device": "cpu"}


def textures(n, seed, bands=3):
    """(n, bands, 64, 64) uint8: random fields with a falling spectrum, bands correlated, brightness and
    contrast varying."""
    gen = torch.Generator().manual_seed(seed)
    frequency = (
        (torch.fft.fftfreq(64)[:, None] ** 2 + torch.fft.rfftfreq(64)[None] ** 2).sqrt().clamp(min=1 / 64)
    )
    steepness = 1.2 + 0.8 * torch.rand(n, 1, 1, 1, generator=gen)
    field = torch.fft.irfft2(
        torch.fft.rfft2(torch.randn(n, bands, 64, 64, generator=gen)) * frequency**-steepness
    )
    field = field / field.std((2, 3), keepdim=True)
    field = field + field[:, :1]
    level = 100 + 15 * torch.randn(n, bands, 1, 1, generator=gen)
    return (
        (level + (8 + 8 * torch.rand(n, 1, 1, 1, generator=gen)) * field)
        .round()
        .clamp(0, 255)
        .to(torch.uint8)
    )


@pytest.fixture(scope="module")
def halves():
    tiles = textures(240, 0)
    return tiles[:120], tiles[120:]


def changed(tiles, change):
    """uint8 tiles after a function on floats."""
    return change(tiles.float()).round().clamp(0, 255).to(torch.uint8)


def same(a, b):
    """Nested dicts, lists and tensors, bit by bit."""
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def stored(state):
    """A state that went through a file readable without unpickling code."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=True)


# ------------------------------------------------------------------------------------------------------------
# networks


def test_sizes_of_dcgan():
    generator, discriminator = Generator(), Discriminator()
    assert sum(p.numel() for p in generator.parameters()) == 3_576_704
    assert sum(p.numel() for p in discriminator.parameters()) == 2_765_568
    tiles = generator(torch.randn(2, 100))
    assert tiles.shape == (2, 3, 64, 64)
    assert tiles.abs().max() <= 1
    assert discriminator(tiles).shape == (2,)


@pytest.mark.parametrize("bands", [1, 11])
def test_any_number_of_bands(bands):
    tiles = Generator(bands, latent=5, width=2)(torch.randn(3, 5))
    assert tiles.shape == (3, bands, 64, 64)
    assert Discriminator(bands, width=2)(tiles).shape == (3,)


def test_initial_weights():
    torch.manual_seed(0)
    for net in (Generator(), Discriminator()):
        for layer in net:
            if isinstance(layer, torch.nn.Conv2d | torch.nn.ConvTranspose2d):
                assert layer.bias is None
                assert layer.weight.std().item() == pytest.approx(0.02, rel=0.05)
            elif isinstance(layer, torch.nn.BatchNorm2d):
                assert abs(layer.weight.mean().item() - 1) < 0.01
                assert layer.weight.std().item() == pytest.approx(0.02, rel=0.4)
                assert not layer.bias.any()


def test_discriminator_gives_logits():
    x = torch.randn(64, 3, 64, 64)
    logits = Discriminator(width=8)(x)
    assert logits.min() < 0


# ------------------------------------------------------------------------------------------------------------
# training


def test_same_seed_same_result_and_global_random_state_untouched():
    images = textures(10, 1)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    a = fit_dcgan(images, epochs=1, seed=3, **TINY)
    sample(a.generator, 3, seed=0)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(6)
    b = fit_dcgan(images, epochs=1, seed=3, **TINY)
    assert same(a.state_dict(), b.state_dict())
    c = fit_dcgan(images, epochs=1, seed=4, **TINY)
    assert not same(a.generator.state_dict(), c.generator.state_dict())


def test_resumed_training_is_the_uninterrupted_one():
    images = textures(20, 1)
    whole = fit_dcgan(images, epochs=4, **TINY)
    states = []
    part = fit_dcgan(images, epochs=2, on_state=lambda state: states.append(stored(state)), **TINY)
    assert len(states) == 2
    assert same(states[-1], part.state_dict())
    resumed = fit_dcgan(images, epochs=4, resume=states[-1], **TINY)
    assert same(resumed.state_dict(), whole.state_dict())
    assert whole.epoch == 4
    assert same(
        fit_dcgan(images, epochs=4, resume=whole.state_dict(), **TINY).state_dict(), whole.state_dict()
    )


def test_resuming_leaves_the_state_it_came_from():
    images = textures(8, 1)
    first = fit_dcgan(images, epochs=1, **TINY)
    before = stored(first.state_dict())
    fit_dcgan(images, epochs=2, resume=first.state_dict(), **TINY)
    assert same(first.state_dict(), before)


def test_an_interrupted_training_goes_on_from_its_last_state():
    images, states = textures(8, 1), []

    def stop(epoch, generator, history):
        if epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_dcgan(
            images, epochs=3, on_epoch=stop, on_state=lambda state: states.append(stored(state)), **TINY
        )
    assert len(states[-1]["history"]["d_real"]) == 2
    assert same(
        fit_dcgan(images, epochs=3, resume=states[-1], **TINY).state_dict(),
        fit_dcgan(images, epochs=3, **TINY).state_dict(),
    )


def test_a_callback_that_draws_changes_nothing():
    images, seen = textures(8, 1), []

    def draw(epoch, generator, history):
        assert len(history["loss_generator"]) == epoch
        seen.append(sample(generator, 4, seed=0))

    with_draws = fit_dcgan(images, epochs=2, on_epoch=draw, **TINY)
    assert same(with_draws.state_dict(), fit_dcgan(images, epochs=2, **TINY).state_dict())
    assert len(seen) == 2
    assert not torch.equal(*seen)
    assert torch.equal(seen[-1], sample(with_draws.generator, 4, seed=0))


@pytest.mark.parametrize(
    ("n", "most", "sizes"),
    [(5, 8, {5}), (9, 8, {4, 5}), (17, 8, {5, 6}), (16, 8, {8}), (5, 2, {2, 3}), (3, 2, {3}), (4, 1, {2})],
)
def test_batches_are_equal_and_nobody_stands_alone(n, most, sizes, monkeypatch):
    seen = []
    forward = Generator.forward
    monkeypatch.setattr(Generator, "forward", lambda self, z: seen.append(len(z)) or forward(self, z))
    fit_dcgan(textures(n, 1), epochs=1, **TINY | {"batch_size": most})
    assert set(seen) == sizes
    assert sum(seen) == n


def test_first_step_by_hand(monkeypatch):
    """Losses and probabilities of the first step, recomputed from the initial nets with binary
    cross-entropy."""
    images, latents, real = textures(6, 1), [], []
    g_forward, d_forward = Generator.forward, Discriminator.forward
    monkeypatch.setattr(Generator, "forward", lambda self, z: latents.append(z) or g_forward(self, z))
    monkeypatch.setattr(Discriminator, "forward", lambda self, x: real.append(x) or d_forward(self, x))
    fitted = fit_dcgan(images, epochs=1, **TINY)
    start = fit_dcgan(images, epochs=0, **TINY)
    g, d = start.generator.train(), start.discriminator.train()
    p_real, p_fake = d(real[0]).sigmoid(), d(g(latents[0])).sigmoid()
    loss = F.binary_cross_entropy(p_real, torch.ones(6)) + F.binary_cross_entropy(p_fake, torch.zeros(6))
    history = fitted.history
    assert history["d_real"] == [pytest.approx(p_real.mean().item(), rel=1e-5)]
    assert history["d_fake"] == [pytest.approx(p_fake.mean().item(), rel=1e-5)]
    assert history["loss_discriminator"] == [pytest.approx(loss.item(), rel=1e-5)]
    optimizer = torch.optim.Adam(d.parameters(), lr=2e-4, betas=(0.5, 0.999))
    loss.backward()
    optimizer.step()
    for mine, theirs in zip(d.parameters(), fitted.discriminator.parameters()):
        torch.testing.assert_close(mine, theirs)
    g.zero_grad()
    on_fake = d(g(latents[0]))
    loss = F.binary_cross_entropy_with_logits(on_fake, torch.ones(6))
    assert history["loss_generator"] == [pytest.approx(loss.item(), rel=1e-4)]
    optimizer = torch.optim.Adam(g.parameters(), lr=2e-4, betas=(0.5, 0.999))
    loss.backward()
    optimizer.step()
    for mine, theirs in zip(g.parameters(), fitted.generator.parameters()):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("flips", [True, False])
def test_the_discriminator_sees_the_images_flipped_or_not(flips, monkeypatch):
    images, seen = textures(16, 1), []
    forward = Discriminator.forward
    monkeypatch.setattr(Discriminator, "forward", lambda self, x: seen.append(x.detach()) or forward(self, x))
    fit_dcgan(images, epochs=4, flips=flips, **TINY)
    real = torch.cat(seen[0::3])
    assert len(real) == 64
    assert real.min() >= -1 and real.max() <= 1
    scaled = images / 127.5 - 1
    views = [scaled, scaled.flip(-1), scaled.flip(-2), scaled.flip(-1, -2)]
    matches = torch.stack(
        [(real[:, None] == view[None]).flatten(2).all(2) for view in views]
    )  # (view, seen, image)
    assert (matches.sum(0).sum(0) == 4).all()  # each image once an epoch
    first, second = matches.any(0).int().argmax(1)[:32].chunk(2)
    assert not torch.equal(first, second)  # each epoch in an order of its own
    assert matches.any(2).sum(1).bool().tolist() == ([True] * 4 if flips else [True, False, False, False])


def test_learns():
    images = textures(64, 2)
    images[:, 0] //= 3
    settings = {"width": 4, "batch_size": 4, "lr": 2e-3, "device": "cpu"}
    before, fitted = fit_dcgan(images, epochs=0, **settings), fit_dcgan(images, epochs=16, **settings)
    drawn = sample(fitted.generator, 64, seed=0)
    assert (
        tile_distance(images, drawn)[0] < tile_distance(images, sample(before.generator, 64, seed=0))[0] / 2
    )
    dark, *others = drawn.float().mean((0, 2, 3)).tolist()
    assert dark < min(others) - 20
    assert all(len(values) == 16 and np.isfinite(values).all() for values in fitted.history.values())


def test_non_finite_loss_is_an_error():
    with pytest.raises(FloatingPointError, match="lower lr"):
        fit_dcgan(textures(16, 1), epochs=3, lr=1e30, **TINY)


@pytest.mark.parametrize(
    ("images", "say"),
    [
        (torch.zeros(4, 3, 65, 65, dtype=torch.uint8), "crop"),
        (torch.zeros(4, 3, 64, 64), "uint8"),
        (torch.zeros(4, 64, 64, 3, dtype=torch.uint8), "bands first"),
        (torch.zeros(1, 3, 64, 64, dtype=torch.uint8), "at least 2"),
    ],
)
def test_wrong_images(images, say):
    with pytest.raises(ValueError, match=say):
        fit_dcgan(images, epochs=1, **TINY)


def test_wrong_arguments_and_states():
    images = textures(4, 1)
    with pytest.raises(ValueError, match="batch_size"):
        fit_dcgan(images, epochs=1, **{**TINY, "batch_size": 0})
    state = fit_dcgan(images, epochs=2, **TINY).state_dict()
    with pytest.raises(ValueError, match="seed=0.*seed=1"):
        fit_dcgan(images, epochs=2, seed=1, resume=state, **TINY)
    with pytest.raises(ValueError, match="epochs=1"):
        fit_dcgan(images, epochs=1, resume=state, **TINY)


# ------------------------------------------------------------------------------------------------------------
# sampling


def test_sample():
    generator = Generator(bands=4, latent=7, width=2).train()
    before = stored(generator.state_dict())
    tiles = sample(generator, 10, seed=1)
    assert tiles.shape == (10, 4, 64, 64)
    assert tiles.dtype == torch.uint8
    assert generator.training
    assert same(generator.state_dict(), before)
    assert torch.equal(tiles, sample(generator, 10, seed=1))
    assert not torch.equal(tiles, sample(generator, 10, seed=2))
    assert (tiles.int() - sample(generator, 10, seed=1, batch=3).int()).abs().max() <= 1
    with pytest.raises(ValueError, match="at least 1"):
        sample(generator, 0, seed=1)


def test_sample_undoes_the_scaling():
    class Constant(Generator):
        def forward(self, z):
            return torch.tensor([0.0, 128.0, 255.0]).view(1, 3, 1, 1).expand(len(z), 3, 64, 64) / 127.5 - 1

    assert sample(Constant(width=1), 2, seed=0)[1, :, 5, 5].tolist() == [0, 128, 255]


# ------------------------------------------------------------------------------------------------------------
# semi-supervised


def test_semi_supervised_losses_are_those_of_a_class_more():
    gen = torch.Generator().manual_seed(0)
    real, fake = (
        torch.randn(5, 4, generator=gen, dtype=torch.float64),
        torch.randn(7, 4, generator=gen, dtype=torch.float64),
    )
    on_real, on_fake = semi_supervised_losses(real, fake)
    assert on_real.shape == (5,)
    for logits, loss, is_real in ((real, on_real, True), (fake, on_fake, False)):
        p = F.pad(logits, (0, 1)).softmax(1)  # class K + 1 with logit zero: generated
        expected = -(p[:, :-1].sum(1) if is_real else p[:, -1]).log()
        torch.testing.assert_close(loss, expected)


def test_semi_supervised_losses_at_extremes():
    logits = torch.tensor([[500.0, 0.0], [-500.0, -500.0]], requires_grad=True)
    on_real, on_fake = semi_supervised_losses(logits, logits)
    torch.testing.assert_close(on_real.detach(), torch.tensor([0.0, 500 - np.log(2)]), check_dtype=False)
    torch.testing.assert_close(on_fake.detach(), torch.tensor([500.0, 0.0]))
    (on_real.sum() + on_fake.sum()).backward()
    assert logits.grad.isfinite().all()
    with pytest.raises(ValueError, match="K"):
        semi_supervised_losses(torch.zeros(2, 3), torch.zeros(2, 4))


# ------------------------------------------------------------------------------------------------------------
# memorisation


def test_nearest_neighbours_against_all_pairs():
    generated, training = textures(7, 1), textures(11, 2)
    generated[3] = training[8]
    distance, index = nearest_neighbours(generated, training, chunk=3)
    pairs = (generated[:, None].double() - training[None].double()).square().mean((2, 3, 4)).sqrt()
    torch.testing.assert_close(distance, pairs.amin(1))
    assert torch.equal(index, pairs.argmin(1))
    assert distance[3] == 0
    assert index[3] == 8
    shifted = changed(training, lambda x: x.clamp(max=250) + 3)
    assert nearest_neighbours(shifted[:1], training[:1].clamp(max=250))[0].item() == 3
    twice = torch.cat([training, training])
    assert torch.equal(nearest_neighbours(generated, twice, chunk=4)[1], index)


def test_nearest_neighbours_needs_tiles_of_one_shape():
    with pytest.raises(ValueError, match="one shape"):
        nearest_neighbours(textures(1, 1), textures(1, 1, bands=2))
    with pytest.raises(ValueError, match="uint8"):
        nearest_neighbours(textures(1, 1).float(), textures(1, 1))


def test_unseen_tiles_are_not_called_memorised():
    report = memorisation(textures(200, 3), textures(200, 1), textures(200, 2))
    assert report["share_copied"] <= 0.03
    assert report["expected_nearest_training"] == 0.5
    assert report["share_nearest_training"] == pytest.approx(0.5, abs=0.1)
    assert report["median_generated"] == pytest.approx(report["median_held_out"], rel=0.05)
    assert 0 < report["threshold"] < report["median_held_out"]


@pytest.mark.parametrize("view", [(), (-1,), (-2,), (-1, -2)])
def test_copies_are_found_flipped_too(view):
    training, held_out = textures(60, 1), textures(60, 2)
    copies = training[:30].flip(view)
    report = memorisation(torch.cat([copies, textures(30, 3)]), training, held_out)
    assert report["share_copied"] == pytest.approx(0.5, abs=0.04)
    assert report["share_nearest_training"] > 0.65
    blind = memorisation(copies, training, held_out, flips=False)
    assert blind["share_copied"] == 1 if view == () else blind["share_copied"] < 0.5


def test_near_copies_are_found_and_smooth_tiles_are_not():
    training, held_out = textures(100, 1), textures(100, 2)
    noisy = changed(
        training, lambda x: x + 2 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    )
    assert memorisation(noisy, training, held_out)["share_copied"] > 0.95
    assert memorisation(noisy, training, held_out)["share_nearest_training"] > 0.95
    smooth = changed(textures(100, 3), lambda x: x.mean((2, 3), keepdim=True).expand_as(x))
    report = memorisation(smooth, training, held_out)
    assert report["median_generated"] < 0.9 * report["median_held_out"]  # near everything,
    assert report["share_nearest_training"] == pytest.approx(
        0.5, abs=0.15
    )  # not near the training tiles in particular


def test_an_exact_copy_counts_where_real_tiles_repeat():
    training, held_out = textures(20, 1), textures(20, 2)
    held_out[:4] = training[:4]
    assert memorisation(training[10:], training, held_out)["share_copied"] == 1


# ------------------------------------------------------------------------------------------------------------
# distance


def test_distance_is_near_zero_between_halves(halves):
    values = []
    for seed in range(20):
        order = torch.randperm(240, generator=torch.Generator().manual_seed(seed))
        tiles = torch.cat(halves)[order]
        values.append(tile_distance(tiles[:120], tiles[120:]))
    distances, errors = np.array(values).T
    assert abs(distances.mean()) < 2 * distances.std() / 20**0.5 + 0.01  # unbiased
    assert (abs(distances) < 3 * errors).all()
    assert distances.std() < errors.mean() < 3 * distances.std()


def test_distance_is_unbiased_at_small_n():
    distances = [
        tile_distance(textures(6, 2 * seed), textures(6, 2 * seed + 1))[0] for seed in range(100, 160)
    ]
    assert min(distances) < 0
    assert abs(np.mean(distances)) < 3 * np.std(distances) / 60**0.5


def blur(tiles, sigma):
    x = torch.arange(-9, 10) / sigma
    weight = (-x.square() / 2).exp()
    weight = (weight / weight.sum()).repeat(tiles.shape[1], 1)
    for shape, pad in (((-1, 1, 1, 19), (9, 9, 0, 0)), ((-1, 1, 19, 1), (0, 0, 9, 9))):
        tiles = F.conv2d(F.pad(tiles, pad, mode="reflect"), weight.view(shape), groups=tiles.shape[1])
    return tiles


def noise(tiles, sd):
    return tiles + sd * torch.randn(tiles.shape, generator=torch.Generator().manual_seed(0))


RUINS = {
    "noise": [lambda x, s=s: noise(x, s) for s in (2, 4, 8, 16, 32)],
    "blur": [lambda x, s=s: blur(x, s) for s in (0.6, 0.8, 1.2, 2, 4)],
    "mode collapse": [lambda x, k=k: x[:k].repeat(120 // k, 1, 1, 1) for k in (20, 8, 4, 2, 1)],
    "one band too bright": [
        lambda x, s=s: x + torch.tensor([s, 0.0, 0.0]).view(3, 1, 1) for s in (10, 20, 40, 60)
    ],
    "contrast": [lambda x, s=s: 100 + s * (x - 100) for s in (0.8, 0.6, 0.4, 0.2)],
}


@pytest.mark.parametrize("ruin", RUINS)
def test_distance_grows_with_damage(ruin, halves):
    real, other = halves
    values = [tile_distance(real, other)] + [
        tile_distance(real, changed(other, change)) for change in RUINS[ruin]
    ]
    distances = [d for d, _ in values]
    assert distances == sorted(distances)
    assert distances[1] > distances[0] + 0.02
    assert distances[-1] > 10 * values[-1][1] * 0.5  # far beyond its error


def test_distance_sees_swapped_bands_and_chequerboards(halves):
    real, other = halves
    apart = changed(other, lambda x: x.flip(0))
    near, error = tile_distance(real, apart)
    rotated = other[:, [1, 2, 0]]  # band 0 has another texture than 1 and 2
    assert tile_distance(real, rotated)[0] > near + 3 * error
    board = 6 * (-1) ** (torch.arange(64)[:, None] + torch.arange(64))
    assert tile_distance(real, changed(other, lambda x: x + board))[0] > near + 10 * error


def test_distance_knows_no_order_no_flip_no_side(halves):
    real, other = halves
    other = changed(other, lambda x: x + 10)
    expected = tile_distance(real, other)
    order = torch.randperm(120, generator=torch.Generator().manual_seed(0))
    assert tile_distance(real[order], other[order.flip(0)]) == pytest.approx(expected, rel=1e-9)
    assert tile_distance(real.flip(-1), other.flip(-2)) == pytest.approx(expected, rel=1e-9)
    assert tile_distance(other, real) == pytest.approx(expected, rel=1e-9)


def test_distance_and_its_error_against_plain_loops(halves):
    x, y = (
        tile_features(halves[0][:5]).numpy(),
        tile_features(changed(halves[1][:7], lambda t: t + 15)).numpy(),
    )

    def energy(x, y):
        def within(z):
            return np.mean([np.linalg.norm(a - b) for a, b in itertools.permutations(z, 2)])

        return 2 * np.mean([np.linalg.norm(a - b) for a in x for b in y]) - within(x) - within(y)

    left_out = [
        [energy(np.delete(x, i, 0), y) for i in range(5)],
        [energy(x, np.delete(y, j, 0)) for j in range(7)],
    ]
    error = sum((len(v) - 1) * np.var(v) for v in left_out) ** 0.5
    assert tile_distance(halves[0][:5], changed(halves[1][:7], lambda t: t + 15)) == pytest.approx(
        (energy(x, y), error), rel=1e-6
    )


def test_standard_error_matches_repetition():
    pairs = [
        (textures(100, 2 * seed), changed(textures(100, 2 * seed + 1), lambda x: x + 25))
        for seed in range(20)
    ]
    distances, errors = np.array([tile_distance(*pair) for pair in pairs]).T
    assert errors.mean() == pytest.approx(distances.std(ddof=1), rel=0.4)
    assert distances.std() < 0.15 * distances.mean()  # stable at a hundred tiles


@pytest.mark.parametrize("bands", [1, 11])
def test_features_for_any_bands_and_flat_tiles(bands):
    tiles = textures(5, 0, bands)
    tiles[0] = 0
    found = tile_features(tiles)
    assert found.isfinite().all()
    assert len(found) == 5
    assert tile_features(textures(2, 0)).shape == (2, 69)


def test_distance_needs_enough_tiles_of_a_size():
    with pytest.raises(ValueError, match="at least 3"):
        tile_distance(textures(5, 0), textures(2, 0))
    with pytest.raises(ValueError, match="crop"):
        tile_distance(textures(5, 0)[..., :60], textures(5, 1)[..., :60])
