"""What the tables of `sign` ask of a trained network, all from the last epoch.

Measures of a record, overall and, with ".k" behind the name, of class k:

    doubt_count, doubt_p, doubt_uncertainty   right answers on test images whose probability is at most one
                                              half: how many, mean probability, mean sigma squared
    strange_accuracy, strange_images,         of the strange images: share of right answers, their number,
    strange_doubt_...                         and the same three of the right ones

and overall:

    min_p_right, p_right                      smallest and mean probability of the right answers
    gauss_accuracy, pixels_accuracy           under noise of sigma 10 and with 50 pixels off: mean and
    gauss_sd, pixels_sd                       standard deviation over repeats of the corruption
    risk_at.5, ... risk_at.100                share of wrong answers among the most certain 5, 10, ... 100 per
                                              cent of test images
    aurc                                      area under that curve
    risk_at_sigma.5, ..., aurc_sigma          the same, certain by a small sigma
    variance_ratio, silhouette                of the test features by class, `lt_lib.metrics.compactness`
    auc, auc_low, auc_high, val_auc, ...      of the class `positive`: area under the ROC curve by its
                                              probability, DeLong's interval

A mean over no image is left out."""

import torch
from torch import Tensor, nn

from lt_lib import data as datasets
from lt_lib.corruptions import gaussian_noise, pixels_off
from lt_lib.errors import LabError
from lt_lib.lab.train.device import autocast, device
from lt_lib.lab.train.loop import Task, accuracy, generator
from lt_lib.metrics import compactness, roc_auc
from lt_lib.works.sign.fitting import AT_ONCE, Sets, answers, resized
from lt_lib.works.sign.networks import features

SIGMA, OFF, DOUBT = 10.0, 50, 0.5  # of the noise, on the 0-255 scale; pixels; the threshold of Table 2
SILHOUETTE = 2000  # images that the silhouette is computed on
COVERAGES = range(5, 101, 5)  # per cent

Measures = dict[str, float]


def measures_of(net: nn.Module, task: Task, sets: Sets) -> Measures:
    """All measures of a trained network.

    Raises:
        LabError: `positive` is no class.
    """
    lesson, precision, (x, y) = task.lesson, task.optimizer.precision, sets.test
    if lesson.positive is not None and lesson.positive >= sets.num_classes:
        raise LabError(f"lesson.positive is {lesson.positive}; there are {sets.num_classes} classes, from 0")
    logits, sigma = answers(net, sets, x, precision)
    found = doubt(logits, sigma, y, sets.num_classes)
    p = logits.double().softmax(1)  # float32 rounds what is nearly sure to 1
    right = p.argmax(1) == y
    own = p[right, y[right]]
    if len(own):
        found |= {"min_p_right": float(own.min()), "p_right": float(own.mean())}
    found |= _risks(p.amax(1), right)
    if sigma is not None:
        found |= _risks(-sigma, right, "_sigma")
    if not (lesson.copies and lesson.copies.alone):
        found |= _corrupted(net, sets, lesson.repeats, precision)
        if lesson.strange:
            found |= _strange(net, task, sets, precision)
    apart = compactness(features_of(net, sets, x, precision), y.cpu(), min(SILHOUETTE, len(y)))
    found |= {"variance_ratio": apart["ratio"], "silhouette": apart["silhouette"]}
    if lesson.positive is not None:
        held = answers(net, sets, sets.val[0], precision)[0]
        found |= _areas("auc", logits, y, lesson.positive)
        found |= _areas("val_auc", held, sets.val[1], lesson.positive)
    return {k: v for k, v in found.items() if v is not None}


def _areas(name: str, logits: Tensor, labels: Tensor, positive: int) -> Measures:
    """Area under the ROC curve of the log-odds of one class against all others, with its interval."""
    others = logits[:, [k for k in range(logits.shape[1]) if k != positive]]
    odds = logits[:, positive] - others.logsumexp(1)
    area = roc_auc(odds.cpu(), (labels == positive).long().cpu())
    return {name: area["auc"], f"{name}_low": area["low"], f"{name}_high": area["high"]}


def doubt(
    logits: Tensor, sigma: Tensor | None, labels: Tensor, num_classes: int, prefix: str = ""
) -> Measures:
    """Right answers of little probability: their number, mean probability and mean sigma squared, overall and
    by class.

    Args:
        logits: (N, K); sigma: (N,) or None; labels: (N,).

    Source: `sign`, Table 2.
    """
    p = logits.softmax(1)
    own = p.gather(1, labels[:, None]).squeeze(1)
    doubtful = (p.argmax(1) == labels) & (own <= DOUBT)
    found: Measures = {}
    for k in [None, *range(num_classes)]:
        mine = doubtful if k is None else doubtful & (labels == k)
        end = "" if k is None else f".{k}"
        found[f"{prefix}doubt_count{end}"] = float(mine.sum())
        if mine.any():
            found[f"{prefix}doubt_p{end}"] = float(own[mine].mean())
            if sigma is not None:
                found[f"{prefix}doubt_uncertainty{end}"] = float(sigma[mine].square().mean())
    return found


def risk_coverage(certainty: Tensor, right: Tensor) -> Tensor:
    """The risk-coverage curve: the share of wrong answers among the k most certain, (N,), for k from 1 to N.

    Args:
        certainty: (N,), larger is surer; right: (N,) bool.

    Source: Geifman & El-Yaniv (2017).
    """
    wrong = (~right[certainty.argsort(descending=True, stable=True)]).double()
    return wrong.cumsum(0) / torch.arange(1, len(wrong) + 1, device=wrong.device)


def _risks(certainty: Tensor, right: Tensor, by: str = "") -> Measures:
    """The area under the risk-coverage curve, and its height at some coverages."""
    curve = risk_coverage(certainty, right)
    heights = {f"risk_at{by}.{c}": float(curve[-(-len(curve) * c // 100) - 1]) for c in COVERAGES}
    return {f"aurc{by}": float(curve.mean())} | heights


def _corrupted(net: nn.Module, sets: Sets, repeats: int, precision: str) -> Measures:
    found: Measures = {}
    for name, corrupt, amount in (("gauss", gaussian_noise, SIGMA), ("pixels", pixels_off, OFF)):
        shares = []
        for repeat in range(repeats):
            gen = generator("corrupt", repeat)
            x = torch.cat([corrupt(part.float(), amount, gen) for part in sets.test[0].split(AT_ONCE)])
            shares.append(accuracy(answers(net, sets, x, precision)[0], sets.test[1]))
        drawn = torch.tensor(shares, dtype=torch.float64)
        found |= {f"{name}_accuracy": float(drawn.mean()), f"{name}_sd": float(drawn.std())}
    return found


def _strange(net: nn.Module, task: Task, sets: Sets, precision: str) -> Measures:
    """Accuracy, overall and by class, and doubt on the strange images."""
    other = datasets.load(task.lesson.strange)
    x = resized(other.images("test"), task.backbone.resolution).to(device())
    y = torch.as_tensor(other.labels("test")).long().to(device())
    logits, sigma = answers(net, sets, x, precision)
    found = {"strange_accuracy": accuracy(logits, y), "strange_images": float(len(y))}
    for k in y.unique().tolist():
        found[f"strange_accuracy.{k}"] = accuracy(logits[y == k], y[y == k])
        found[f"strange_images.{k}"] = float((y == k).sum())
    return found | doubt(logits, sigma, y, sets.num_classes, "strange_")


def features_of(net: nn.Module, sets: Sets, x: Tensor, precision: str) -> Tensor:
    """What enters the last layer for images in [0, 1], in eval mode: (N, D) float32 on the CPU."""
    net.eval()
    with torch.inference_mode(), autocast(precision):
        return torch.cat([features(net, sets.standard(part)).float().cpu() for part in x.split(AT_ONCE)])
