"""DC-GAN for small sets of multi-band tiles, and three questions to put to what it draws.

Idea: one generator a minority class fills the class up. A drawn tile helps only if it is not a stored one
(:func:`memorisation`), if a crowd of them looks like a crowd of real ones (:func:`tile_distance`), and if it
still does when nobody picks the best (:func:`sample` takes them as they come). Every random choice is keyed
by the seed and the epoch, so that a resumed training is the uninterrupted one."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import LongTensor, Tensor, nn


class Generator(nn.Sequential):
    """Latent vectors (N, latent) to tiles (N, bands, 64, 64) in [-1, 1].

    Five transposed convolutions double the side from 4 to 64; batch normalisation and ReLU between, tanh
    last; weights start from N(0, 0.02), batch-normalisation gains from N(1, 0.02).

    Args:
        bands: C.
        latent: length of the latent vector, drawn from N(0, I).
        width: channels of the last hidden layer; the first has eight times as many. 64 gives 3,576,704
            parameters at three bands.

    Source: Radford et al. (2016), DC-GAN, in the sizes of PyTorch's example. Rawal & Pradhan (2020), section
    2.2, name DC-GAN and give no architecture.
    """

    def __init__(self, bands: int = 3, latent: int = 100, width: int = 64):
        channels = [8 * width, 4 * width, 2 * width, width]
        layers: list[nn.Module] = [
            nn.Unflatten(1, (latent, 1, 1)),
            nn.ConvTranspose2d(latent, channels[0], 4, bias=False),
        ]
        for before, after in zip(channels, [*channels[1:], bands]):
            layers += [
                nn.BatchNorm2d(before),
                nn.ReLU(inplace=True),
                nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=False),
            ]
        super().__init__(*layers, nn.Tanh())
        self.latent = latent
        _initialise(self)


class Discriminator(nn.Sequential):
    """Tiles (N, bands, 64, 64) in [-1, 1] to logits (N,): positive says real.

    Five convolutions halve the side from 64 to 4, then to 1; batch normalisation but after the first and the
    last, LeakyReLU(0.2) between. The last layer gives the logit; DC-GAN's sigmoid is in the loss, where it
    cannot overflow.

    Args:
        bands: C.
        width: channels of the first hidden layer; the last has eight times as many. 64 gives 2,765,568
            parameters at three bands.

    Source: as :class:`Generator`.
    """

    def __init__(self, bands: int = 3, width: int = 64):
        channels = [width, 2 * width, 4 * width, 8 * width]
        layers: list[nn.Module] = [
            nn.Conv2d(bands, width, 4, stride=2, padding=1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
        ]
        for before, after in pairwise(channels):
            layers += [
                nn.Conv2d(before, after, 4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.LeakyReLU(0.2, inplace=True),
            ]
        super().__init__(*layers, nn.Conv2d(channels[-1], 1, 4, bias=False), nn.Flatten(0))
        _initialise(self)


def _initialise(net: nn.Module) -> None:
    for layer in net:
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, 0.0, 0.02)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, 0.02)


@dataclass
class Fitted:
    """A trained pair, all that is needed to train it further, and its history: four lists, one value an
    epoch.

    `loss_discriminator` and `loss_generator` are means over the epoch's images; `d_real` and `d_fake` are the
    mean D(x) and D(G(z)) as probabilities, each before the step that learns from it."""

    generator: Generator
    discriminator: Discriminator
    history: dict[str, list[float]]
    optimizers: dict[str, torch.optim.Adam]
    settings: dict

    @property
    def epoch(self) -> int:
        """Epochs done."""
        return len(self.history["d_real"])

    def state_dict(self) -> dict:
        """Tensors, numbers and strings in plain dicts, for ``torch.save``; ``torch.load(weights_only=True)``
        reads it back.

        As with a module's, the tensors are the live ones: save or copy them before training goes on. The
        random state is the seed in `settings` and the number of epochs in `history`."""
        return {
            "generator": self.generator.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            "history": self.history,
            "settings": self.settings,
        }

    def load_state_dict(self, state: dict) -> None:
        """Go on from a state of a pair with the same settings.

        Raises:
            ValueError: other settings, or images of another number or kind.
        """
        for name, value in self.settings.items():
            if state["settings"].get(name) != value:
                raise ValueError(
                    f"resume was trained with {name}={state['settings'].get(name)}, asked for is "
                    f"{name}={value}; "
                    "resume with the same images and settings"
                )
        state = copy.deepcopy(state)  # optimisers would share its tensors
        self.generator.load_state_dict(state["generator"])
        self.discriminator.load_state_dict(state["discriminator"])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
        self.history = state["history"]

    def train_epoch(self, images: Tensor) -> None:
        """One more epoch on the images of `start_dcgan`: one step of D, then one of G, a batch.

        Raises:
            FloatingPointError: a loss stopped being finite.
        """
        generator, discriminator = self.generator.train(), self.discriminator.train()
        device = next(generator.parameters()).device
        n, settings = len(images), self.settings
        random = torch.Generator().manual_seed(_key(settings["seed"], self.epoch + 1))
        totals = torch.zeros(4, dtype=torch.float64, device=device)
        parts = min(-(-n // settings["batch_size"]), n // 2)  # nobody stands alone
        for batch in torch.randperm(n, generator=random).tensor_split(parts):
            real = images[batch.to(images.device)].to(device)
            if settings["flips"]:
                turn = torch.rand(2, len(batch), 1, 1, 1, generator=random).to(device) < 0.5
                real = torch.where(turn[0], real.flip(-1), real)
                real = torch.where(turn[1], real.flip(-2), real)
            fake = generator(torch.randn(len(batch), settings["latent"], generator=random).to(device))
            on_real, on_fake = discriminator(real / 127.5 - 1), discriminator(fake.detach())
            loss_d = F.softplus(-on_real).mean() + F.softplus(on_fake).mean()
            self.optimizers["discriminator"].zero_grad()
            loss_d.backward()
            self.optimizers["discriminator"].step()
            loss_g = F.softplus(-discriminator(fake)).mean()
            self.optimizers["generator"].zero_grad()
            loss_g.backward(inputs=list(generator.parameters()))
            self.optimizers["generator"].step()
            totals += (
                len(batch)
                * torch.stack([loss_d, loss_g, on_real.sigmoid().mean(), on_fake.sigmoid().mean()]).detach()
            )
        means = (totals / n).tolist()
        if not np.isfinite(means).all():
            raise FloatingPointError(
                f"epoch {self.epoch + 1}: the loss of the discriminator is {means[0]}, of the generator "
                f"{means[1]}; lower lr ({settings['lr']})"
            )
        for values, mean in zip(self.history.values(), means):
            values.append(mean)
        generator.eval(), discriminator.eval()


def fit_dcgan(
    images: Tensor,
    *,
    latent: int = 100,
    width: int = 64,
    epochs: int = 25,
    batch_size: int = 64,
    lr: float = 2e-4,
    betas: tuple[float, float] = (0.5, 0.999),
    seed: int = 0,
    flips: bool = True,
    device: torch.device | str | None = None,
    on_epoch: Callable[[int, Generator, dict], None] | None = None,
    on_state: Callable[[dict], None] | None = None,
    resume: dict | None = None,
) -> Fitted:
    r"""Train a DC-GAN: one step of D, then one of G, a batch.

    .. math::
        L_D = -\log D(x) - \log(1 - D(G(z))), \qquad L_G = -\log D(G(z))

    An epoch's images are dealt into equal batches (sizes differ by at most one), so that no short last batch
    upsets the batch statistics. On the CPU the result depends on the arguments and the number of threads
    only; torch's global random state is left as it was.

    Args:
        images: (N, C, 64, 64) uint8, N at least 2, on any device; scaled to [-1, 1] batch by batch.
        latent, width: of :class:`Generator` and :class:`Discriminator`.
        epochs: passes over the images, those of `resume` included; 0 gives the untrained pair.
        batch_size: largest batch, but for an image that would stand alone.
        lr, betas: of both Adams.
        seed: keys initial weights, order, flips and latent vectors.
        flips: turn each tile left-right and upside down at random: a tile seen from above has no upper side.
        device: None takes CUDA where there is one.
        on_epoch: called after each epoch with the epochs done, the generator (in eval mode) and the history.
            What it raises ends the training.
        on_state: called before `on_epoch` with :meth:`Fitted.state_dict`, to be saved at once.
        resume: such a state, to go on from; on the CPU the end is that of an uninterrupted training, bit by
            bit.

    Returns:
        Fitted; nets in eval mode.

    Raises:
        ValueError: images of another kind or size, fewer than two, an argument out of range, or a state of
            other settings.
        FloatingPointError: a loss stopped being finite.

    Source: Goodfellow et al. (2014), the non-saturating form; Radford et al. (2016) for the settings (lr,
    betas); PyTorch's example for batch 64 and 25 epochs. Flips are ours."""
    fitted = start_dcgan(
        images,
        latent=latent,
        width=width,
        batch_size=batch_size,
        lr=lr,
        betas=betas,
        seed=seed,
        flips=flips,
        device=device,
    )
    if epochs < 0:
        raise ValueError(f"epochs must be at least 0, got {epochs}")
    if resume is not None:
        fitted.load_state_dict(resume)
    if fitted.epoch > epochs:
        raise ValueError(f"resume has {fitted.epoch} epochs behind it, more than epochs={epochs}")
    while fitted.epoch < epochs:
        fitted.train_epoch(images)
        if on_state is not None:
            on_state(fitted.state_dict())
        if on_epoch is not None:
            on_epoch(fitted.epoch, fitted.generator, fitted.history)
    return fitted


def start_dcgan(
    images: Tensor,
    *,
    latent: int = 100,
    width: int = 64,
    batch_size: int = 64,
    lr: float = 2e-4,
    betas: tuple[float, float] = (0.5, 0.999),
    seed: int = 0,
    flips: bool = True,
    device: torch.device | str | None = None,
) -> Fitted:
    """An untrained pair for some images; :meth:`Fitted.train_epoch` trains it.

    Arguments and errors are those of :func:`fit_dcgan`.
    """
    _check_tiles(images, "images", least=2, side=64)
    for name, value in (("latent", latent), ("width", width), ("batch_size", batch_size)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    settings = {
        "images": len(images),
        "bands": images.shape[1],
        "latent": latent,
        "width": width,
        "batch_size": batch_size,
        "lr": lr,
        "betas": list(betas),
        "seed": seed,
        "flips": flips,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_key(seed, 0))
        generator = Generator(settings["bands"], latent, width).to(device).eval()
        discriminator = Discriminator(settings["bands"], width).to(device).eval()
    optimizers = {
        "generator": torch.optim.Adam(generator.parameters(), lr=lr, betas=tuple(betas)),
        "discriminator": torch.optim.Adam(discriminator.parameters(), lr=lr, betas=tuple(betas)),
    }
    history = {name: [] for name in ("loss_discriminator", "loss_generator", "d_real", "d_fake")}
    return Fitted(generator, discriminator, history, optimizers, settings)


def _key(*parts: int) -> int:
    """A seed that depends on all parts: one random stream an epoch."""
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> 1)


@torch.no_grad()
def sample(generator: Generator, n: int, seed: int, batch: int = 256) -> Tensor:
    """Draw n tiles as they come.

    The generator runs in eval mode (running batch statistics), so a tile does not depend on its neighbours in
    the batch; its own mode and torch's global random state are left as they were.

    Args:
        generator: on any device.
        n: number of tiles.
        seed: of the latent vectors; the same seed and n at every epoch follow the same latent vectors.
        batch: tiles drawn at once.

    Returns:
        (n, C, 64, 64) uint8 on the CPU.

    Raises:
        ValueError: n or batch below one.
    """
    if n < 1 or batch < 1:
        raise ValueError(f"n and batch must be at least 1, got {n} and {batch}")
    where, training = next(generator.parameters()).device, generator.training
    latents = torch.randn(n, generator.latent, generator=torch.Generator().manual_seed(seed))
    generator.eval()
    tiles = [
        ((generator(z.to(where)) + 1) * 127.5).round().clamp(0, 255).to("cpu", torch.uint8)
        for z in latents.split(batch)
    ]
    generator.train(training)
    return torch.cat(tiles)


def semi_supervised_losses(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    r"""Losses of a K-class discriminator on unlabelled real and on generated images: logits that sum up to
    "real".

    .. math::
        D(x) = \frac{Z}{Z + 1} = \sigma\Bigl(\log \sum_k e^{\theta_k(x)}\Bigr), \quad Z = \sum_k
        e^{\theta_k(x)}; \qquad -\log D(x), \quad -\log(1 - D(G(z)))

    "Generated" is a class K + 1 whose logit is fixed at zero. Labelled images add their cross-entropy over
    the K classes.

    Args:
        real: (N, K) logits of real images.
        fake: (M, K) logits of generated images.

    Returns:
        (N,) and (M,) losses, not negative; finite for any finite logits.

    Raises:
        ValueError: not two matrices with the same number of classes.

    Source: lectures, semi-supervised GAN; Salimans et al. (2016), section 5.
    """
    if real.dim() != 2 or fake.dim() != 2 or real.shape[1] != fake.shape[1]:
        raise ValueError(
            f"real and fake must be (N, K) and (M, K), got {tuple(real.shape)} and {tuple(fake.shape)}"
        )
    return F.softplus(-real.logsumexp(1)), F.softplus(fake.logsumexp(1))


def nearest_neighbours(generated: Tensor, training: Tensor, chunk: int = 512) -> tuple[Tensor, LongTensor]:
    """Nearest training tile of each generated one, by root mean square difference of pixels.

    Args:
        generated: (n, C, H, W) uint8.
        training: (m, C, H, W) uint8.
        chunk: tiles of each that are compared at once; memory grows with it, not with n or m.

    Returns:
        (n,) float64 distances in grey levels, exactly 0 for a copy, and (n,) positions in `training`, the
        first of equals.

    Raises:
        ValueError: not tiles, or of different shapes.
    """
    _check_pair(generated, training)
    distances, indices = [], []
    for rows in generated.split(chunk):
        a = rows.flatten(1).double()
        best = torch.full((len(a),), torch.inf, dtype=torch.float64, device=a.device)
        index = torch.zeros(len(a), dtype=torch.long, device=a.device)
        for start in range(0, len(training), chunk):
            b = training[start : start + chunk].to(a.device).flatten(1).double()
            # integers below 2^53, hence exact
            squared = (a.square().sum(1, keepdim=True) + b.square().sum(1) - 2 * a @ b.T).min(1)
            closer = squared.values < best
            best = torch.where(closer, squared.values, best)
            index = torch.where(closer, start + squared.indices, index)
        distances.append((best / a.shape[1]).sqrt())
        indices.append(index)
    return torch.cat(distances), torch.cat(indices)


def memorisation(
    generated: Tensor, training: Tensor, held_out: Tensor, *, flips: bool = True, chunk: int = 512
) -> dict[str, float]:
    """Does the generator repeat its training tiles? Two comparisons with real tiles it never saw.

    First, how close: held-out tiles show how near to the training set an unseen tile lies; a copy lies nearer
    than almost all of them. Smooth tiles lie near everything, so second, near what: if the generator knew
    nothing of the training tiles beyond their distribution, the nearest of all real tiles would be a training
    tile as often as training tiles are among them.

    Args:
        generated: (n, C, H, W) uint8.
        training: (m, C, H, W) uint8, what the generator saw.
        held_out: (h, C, H, W) uint8, of the same class and source, never seen; a hundred or more for a steady
            1 % quantile.
        flips: compare with all four flips of each tile, as fit to a generator trained with flips.
        chunk: as in :func:`nearest_neighbours`.

    Returns:
        dict of floats: median_generated and median_held_out, median distance to the nearest training tile in
        grey levels; threshold, the 1 % quantile of the held-out distances; share_copied, generated tiles not
        farther than the threshold, of which unseen real tiles score about 0.01; share_nearest_training,
        generated tiles whose nearest real tile is a training tile, ties counted half;
        expected_nearest_training, m / (m + h), that share without memory.

    Raises:
        ValueError: not tiles, or of different shapes.

    Source: the three samples of Meehan et al. (2020), A non-parametric test to detect data-copying; both
    shares are ours."""

    def distance(tiles: Tensor, to: Tensor) -> Tensor:
        views = [(), (-1,), (-2,), (-1, -2)] if flips else [()]
        return torch.stack([nearest_neighbours(tiles.flip(view), to, chunk)[0] for view in views]).amin(0)

    to_training, to_held_out, unseen = (
        distance(generated, training),
        distance(generated, held_out),
        distance(held_out, training),
    )
    threshold = unseen.quantile(0.01)
    nearest = (to_training < to_held_out).double() + 0.5 * (to_training == to_held_out).double()
    return {
        "median_generated": float(to_training.median()),
        "median_held_out": float(unseen.median()),
        "threshold": float(threshold),
        "share_copied": float((to_training <= threshold).double().mean()),
        "share_nearest_training": float(nearest.mean()),
        "expected_nearest_training": len(training) / (len(training) + len(held_out)),
    }


def tile_features(tiles: Tensor) -> Tensor:
    r"""Band and texture statistics of each tile over four dyadic scales, in fixed units.

    A Haar transform halves the tile four times. Each time it leaves, for each band, horizontal, vertical and
    diagonal details d and takes from them their strength :math:`\log_2(1 + \mathrm{rms}(d))`, their evenness
    :math:`\mathrm{mean}|d| / \mathrm{rms}(d)` and the correlations between bands. The coarse remainder gives
    each band's mean (in units of 8 grey levels), its spread (:math:`\log_2(1 + \mathrm{sd})`) and the
    correlations again. Flips change nothing.

    Args:
        tiles: (n, C, H, W) uint8, H and W multiples of 16 and at least 32.

    Returns:
        (n, D) float64; 69 statistics for three bands.
    """
    x, n, c = tiles.double(), len(tiles), tiles.shape[1]
    upper = torch.triu_indices(c, c, 1, device=x.device)

    def correlations(
        values: Tensor,
    ) -> Tensor:  # (n, C, P), mean zero or taken as such; one grey level of noise steadies flat ones
        covariance = values @ values.transpose(1, 2) / values.shape[2]
        spread = (covariance.diagonal(dim1=1, dim2=2) + 1).sqrt()
        return (covariance / (spread.unsqueeze(2) * spread.unsqueeze(1)))[:, upper[0], upper[1]]

    found = []
    for _ in range(4):
        a, b, low_a, low_b = x[..., ::2, ::2], x[..., ::2, 1::2], x[..., 1::2, ::2], x[..., 1::2, 1::2]
        details = (
            torch.stack([a - b + low_a - low_b, a + b - low_a - low_b, a - b - low_a + low_b], 2).flatten(3)
            / 4
        )
        x = (a + b + low_a + low_b) / 4
        rms = details.square().mean(3).sqrt()
        evenness = (details.abs().mean((2, 3)) + 0.5) / (details.square().mean((2, 3)).sqrt() + 0.5)
        found += [(1 + rms).log2().flatten(1), evenness, correlations(details.flatten(2))]
    coarse = x.flatten(2)
    centred = coarse - coarse.mean(2, keepdim=True)
    found += [coarse.mean(2) / 8, (1 + centred.square().mean(2).sqrt()).log2(), correlations(centred)]
    return torch.cat(found, 1).reshape(n, -1)


def tile_distance(real: Tensor, generated: Tensor) -> tuple[float, float]:
    r"""Distance between two crowds of tiles that falls as the generator improves; no pretrained network.

    .. math::
        2\,E\lVert f(X) - f(Y) \rVert - E\lVert f(X) - f(X') \rVert - E\lVert f(Y) - f(Y') \rVert

    over the statistics f of :func:`tile_features`, X, X' real and Y, Y' generated: the energy distance, which
    is MMD^2 with the kernel -||x - y||. Why so:

    - Inception features (FID, KID) come from photographs with three bands; these tiles have other bands and
      textures, and texture is well described by such statistics (Portilla & Simoncelli 2000). They see noise
      and blur (strength by scale), the chequerboard of transposed convolutions (diagonal details), wrong
      colours (means, correlations).
    - The Frechet distance needs a covariance, hence many more tiles than statistics, and is biased upwards
      for few. The means over pairs of different tiles are unbiased at any size: the expectation is zero for
      equal distributions, so an estimate may be a little below zero.
    - This kernel has no bandwidth to choose and, unlike a polynomial one, is zero only for equal
      distributions of f and grows only linearly, so that no single odd tile rules it. Repeated tiles show in
      the last term.

    Args:
        real: (m, C, H, W) uint8, m at least 3.
        generated: (n, C, H, W) uint8, n at least 3.

    Returns:
        (distance, standard error), the error by the two-sample jackknife; where the two agree it errs on the
        large side.

    Raises:
        ValueError: not tiles, of different shapes, fewer than three, or with a side that is no multiple of 16
            or below 32.

    Source: Szekely & Rizzo (2013), Energy statistics; Sejdinovic et al. (2013) for the kernel.
    """
    _check_pair(generated, real, least=3)
    if real.shape[2] % 16 or real.shape[3] % 16 or min(real.shape[2:]) < 32:
        raise ValueError(
            f"tiles must have sides of 32, 48, 64, ... pixels, got {tuple(real.shape[2:])}; crop or resize "
            "them"
        )
    x, y = (
        torch.cat([tile_features(part) for part in tiles.split(512)])
        for tiles in (real, generated.to(real.device))
    )
    m, n = len(x), len(y)
    xx, xy, yx, yy = _distance_sums(x, x), _distance_sums(x, y), _distance_sums(y, x), _distance_sums(y, y)
    a, b, c = xy.sum() / (m * n), xx.sum() / (m * (m - 1)), yy.sum() / (n * (n - 1))
    without_x = 2 * (xy.sum() - xy) / ((m - 1) * n) - (xx.sum() - 2 * xx) / ((m - 1) * (m - 2)) - c
    without_y = 2 * (xy.sum() - yx) / (m * (n - 1)) - b - (yy.sum() - 2 * yy) / ((n - 1) * (n - 2))
    variance = (m - 1) * without_x.var(correction=0) + (n - 1) * without_y.var(correction=0)
    return float(2 * a - b - c), float(variance.sqrt())


def _distance_sums(x: Tensor, y: Tensor) -> Tensor:
    """Sum over y of the distances to each row of x, in bounded memory."""
    return torch.cat(
        [torch.cdist(part, y, compute_mode="donot_use_mm_for_euclid_dist").sum(1) for part in x.split(512)]
    )


def _check_tiles(tiles: Tensor, name: str, least: int = 1, side: int | None = None) -> None:
    size = "H, W" if side is None else f"{side}, {side}"
    if tiles.dim() != 4 or tiles.dtype != torch.uint8 or (side and tiles.shape[2:] != (side, side)):
        raise ValueError(
            f"{name} must be uint8 of shape (N, C, {size}), got {tiles.dtype} {tuple(tiles.shape)}; "
            "put bands first, crop or resize"
        )
    if len(tiles) < least:
        raise ValueError(f"{name} must hold at least {least} tiles, got {len(tiles)}")


def _check_pair(generated: Tensor, real: Tensor, least: int = 1) -> None:
    _check_tiles(generated, "generated tiles", least)
    _check_tiles(real, "real tiles", least)
    if generated.shape[1:] != real.shape[1:]:
        raise ValueError(
            f"tiles must have one shape, got {tuple(generated.shape[1:])} generated and "
            f"{tuple(real.shape[1:])} real"
        )
