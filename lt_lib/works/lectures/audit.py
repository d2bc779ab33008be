"""The audit of the lectures: formulas run as they are printed, beside what they should be, and Recht's
numbers recounted."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F

from lt_lib.backprop import batchnorm_backward, batchnorm_forward, finite_differences
from lt_lib.gan import semi_supervised_losses
from lt_lib.lab.read.published import printed, value
from lt_lib.lab.read.rounding import agrees
from lt_lib.losses import smooth_labels
from lt_lib.mixup import draw_lam
from lt_lib.optimizers import adam, rmsprop
from lt_lib.works.lectures import recht

Row = tuple[str, str, str]


def checks(facts: pd.DataFrame) -> dict[str, Callable[[], Row]]:
    """The recomputed checks by id; each returns what is published, what was recomputed and the verdict."""
    return {name: partial(check, facts) for name, check in _CHECKS.items()}


def _batch() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(8, 3)), rng.normal(size=(8, 3))


def _smoothing(facts) -> Row:
    k, alpha = (
        int(value(work="lectures", metric="label_smoothing_K", facts=facts)),
        value(work="lectures", metric="label_smoothing_alpha", facts=facts),
    )
    sums = {v: float(smooth_labels(torch.tensor([k - 1]), k, alpha, v).sum()) for v in ("slide", "standard")}
    given = [value(work="lectures", metric=f"y_LS[{i}]", facts=facts) for i in range(k)]
    ok = abs(sums["slide"] - 1) < 1e-6
    return (
        f"example {', '.join(f'{v:g}' for v in given)}: sum {sum(given):.4f}",
        (
            f"slide's formula sums to {sums['slide']:.4f} = 1 - alpha/K, "
            f"the standard one to {sums['standard']:.4f}"
        ),
        "PASS" if ok else "ERROR",
    )


def _mixed_forgery(facts) -> Row:
    real, made, lam = torch.tensor([2.0, 1.0]), torch.tensor([-1.0, 3.0]), 0.25
    slide, right = real + (1 - lam) * made, lam * real + (1 - lam) * made
    along = made - real

    def off(point):  # distance from the line through both images
        across = point - real
        return float((across - (across @ along) / (along @ along) * along).norm())

    return (
        "x + (1 - lambda) G(z)",
        f"{off(slide):.2f} beside the segment from x to G(z); with lambda x {off(right):.2f}",
        "PASS" if off(slide) < 1e-6 else "ERROR",
    )


def _no_beta(facts) -> Row:
    try:
        torch.distributions.Beta(torch.tensor(0.0), torch.tensor(0.0))
        refused = False
    except ValueError:
        refused = True
    limit = {float(draw_lam(0.0, torch.Generator().manual_seed(s))) for s in range(20)}
    words = (
        f"Beta(0, 0) {'does not exist' if refused else 'is accepted'}; "
        f"the limit takes lambda from {sorted(limit)}, nothing is mixed"
    )
    return "alpha in [0, inf)", words, "NOTE" if refused and limit <= {0.0, 1.0} else "PASS"


def _norm_backward(facts) -> Row:
    x, dy = _batch()
    _, cache = batchnorm_forward(x, 1.0, 0.0)
    true = finite_differences(lambda v: (batchnorm_forward(v, 1.0, 0.0)[0] * dy).sum(), x)
    off = {
        v: np.linalg.norm(batchnorm_backward(dy, cache, v)[0] - true) / np.linalg.norm(true)
        for v in ("slide", "corrected")
    }
    total = np.abs(batchnorm_backward(dy, cache, "slide")[0].sum(0)).max()
    words = (
        f"relative error {off['slide']:.2f} to finite differences on a drawn batch, "
        f"{off['corrected']:.0e} when the factors are swapped back; "
        f"sums over the batch up to {total:.2f}, should be 0"
    )
    return "factors of the mean and of the variance", words, "PASS" if off["slide"] < 1e-6 else "ERROR"


def _norm_sums(facts) -> Row:
    x, dy = _batch()
    _, cache = batchnorm_forward(x, 1.0, 0.0)
    by_gamma = finite_differences(lambda g: (batchnorm_forward(x, g, 0.0)[0] * dy).sum(), np.ones(3))
    ratio = float(np.median(by_gamma / batchnorm_backward(dy, cache, "slide")[1]))
    return (
        "mean over the batch",
        f"the derivative by gamma is {ratio:.0f} times the slide's, with a batch of {len(x)}",
        "PASS" if abs(ratio - 1) < 1e-6 else "ERROR",
    )


def _norm_scalars(facts) -> Row:
    x, dy = _batch()
    by_gamma = batchnorm_backward(dy, batchnorm_forward(x, 1.0, 0.0)[1])[1]
    return (
        "scalar",
        f"the slide's own derivative by gamma has {by_gamma.size} entries for {x.shape[1]} features",
        "PASS" if by_gamma.size == 1 else "INCONSISTENT",
    )


def _norm_inference(facts) -> Row:
    n = 4
    batches = np.random.default_rng(0).normal(0, 1, size=(100_000, n))
    variance = n / (n - 1) * batches.var(1).mean()
    slide = (n / (n - 1) * batches.std(1).mean()) ** 2
    return (
        "n/(n-1) times the standard deviation",
        f"batches of {n} from variance 1: {slide:.2f} as printed, {variance:.2f} with the variance",
        "PASS" if abs(slide - 1) < 0.02 else "ERROR",
    )


def _norm_scale(facts) -> Row:
    x, _ = _batch()
    once = batchnorm_forward(x, 1.0, 0.0)[0]
    off = {a: np.abs(batchnorm_forward(a * x, 1.0, 0.0)[0] - once).max() for a in (10, -1, 0.001)}
    words = ", ".join(f"a = {a:g}: {gap:.2f}" for a, gap in off.items())
    return (
        "BN(ax) = BN(x)",
        f"largest differences {words} (eps 1e-5)",
        "PASS" if max(off.values()) < 0.01 else "ERROR (unqualified)",
    )


def _first_step(facts) -> Row:
    theta, g = torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    slide, standard = (-float(adam(theta, g, None, 1.0, variant=v)[0]) for v in ("slide", "standard"))
    return (
        "only the second moment corrected",
        f"first step {slide:.3f} of the rate, standard {standard:.3f}: {standard / slide:.0f} times",
        "PASS" if abs(standard / slide - 1) < 1e-6 else "INCOMPLETE",
    )


def _inside_root(facts) -> Row:
    theta, g = torch.zeros(1, dtype=torch.float64), torch.full((1,), 1e-4, dtype=torch.float64)
    slide, standard = (-float(rmsprop(theta, g, None, 1.0, variant=v)[0]) for v in ("slide", "standard"))
    ours = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    ours.grad = g.clone()
    torch.optim.RMSprop([ours], lr=1.0).step()
    same = abs(-ours.item() - standard) < 1e-9
    return (
        "inside the root",
        (
            f"at a gradient of 1e-4 the first step is {slide:.2f}, outside {standard:.2f}, "
            f"PyTorch {-ours.item():.2f}"
        ),
        "PASS" if not same else "NOTE",
    )


def _recht(facts) -> Row:
    said, right = [], []
    for metric in ("top1", "top5"):
        best = 100 * recht.accuracies("imagenet", metric).iloc[-1]
        old, new = best["val"], best["MatchedFrequency"]
        texts = [
            printed(work="lectures", metric=f"imagenet_best_{metric}_{part}", facts=facts)
            for part in ("orig", "new", "drop")
        ]
        right += [agrees(text, number) for text, number in zip(texts, (old, new, old - new), strict=True)]
        said.append((f"{texts[0]} to {texts[1]}", f"{old:.2f} to {new:.2f} ({old - new:.2f})"))
    models = printed(work="lectures", metric="n_models_imagenet", facts=facts)
    known = len(recht.accuracies("imagenet"))
    return (
        ", ".join([*(a for a, _ in said), f"{models} models"]),
        ", ".join(b for _, b in said) + f"; {known} models have public predictions on all four tests",
        "ERROR" if not all(right) else "PASS" if agrees(models, known) else "NOTE",
    )


def _cifar_models(facts) -> Row:
    text = printed(work="lectures", metric="n_models_cifar10", facts=facts)
    known = len(recht.accuracies("cifar10"))
    return f"{text} models", f"{known} public prediction files", "PASS" if agrees(text, known) else "NOTE"


def _discriminator(facts) -> Row:
    logits = torch.randn(64, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 5
    z = logits.exp().sum(1)
    real, fake = semi_supervised_losses(logits, logits)
    off = max(
        float((real + (z / (z + 1)).log()).abs().max()), float((fake + (1 / (z + 1)).log()).abs().max())
    )
    ok = off < 1e-6 and torch.allclose(
        z / (z + 1), F.softmax(torch.cat([logits, torch.zeros(64, 1)], 1), 1)[:, :-1].sum(1)
    )
    return (
        "D = Z / (Z + 1)",
        (
            f"equals the softmax of K + 1 logits, one of them 0; losses agree to {off:.0e}; "
            "argmax min names values and minimisers alike"
        ),
        "NOTE" if ok else "ERROR",
    )


_CHECKS = {
    "C01": _smoothing,
    "C02": _mixed_forgery,
    "C03": _no_beta,
    "C04": _norm_backward,
    "C05": _norm_sums,
    "C06": _norm_scalars,
    "C07": _norm_inference,
    "C08": _norm_scale,
    "C10": _first_step,
    "C12": _inside_root,
    "C16": _recht,
    "C17": _cifar_models,
    "C18": _discriminator,
}
