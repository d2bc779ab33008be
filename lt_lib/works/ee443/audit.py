"""The audit of ee443: printed numbers against each other, our class counts and timm's models."""

from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache, partial
from math import sqrt

import pandas as pd

from lt_lib.lab.read.published import printed, published, value
from lt_lib.lab.read.rounding import agrees

RATIOS = ("0.1", "0.02", "0.005")
TEST_IMAGES_PER_CLASS = 100  # CIFAR-100
DRAWN_SPLIT = 9  # read off Fig 5, right panel
TEXT_BACKBONES = {  # "six models", section Baseline
    *("resnet34", "resnet50", "resnet50d", "densenet121", "efficientnet_b0", "efficientnet_b2")
}


def checks(facts: pd.DataFrame) -> dict[str, Callable[[], tuple[str, str, str]]]:
    """The recomputed checks by id; each returns what is published, what was recomputed and the verdict."""
    return {name: partial(check, facts) for name, check in _CHECKS.items()}


@lru_cache
def parameter_count(name: str, num_classes: int = 1000) -> int:
    """Parameters of a timm model, counted without allocating them."""
    import timm
    import torch

    with torch.device("meta"):
        return sum(p.numel() for p in timm.create_model(name, num_classes=num_classes).parameters())


def _accuracy(facts, method, ratio):
    return value(
        work="ee443", table="Results", method=method, metric="test_accuracy", class_=ratio, facts=facts
    )


def _gains(facts, method):
    return [_accuracy(facts, method, r) - _accuracy(facts, "Baseline", r) for r in RATIOS]


def _prose(facts, metric):
    return value(work="ee443", table="prose", metric=metric, facts=facts)


def _figure_1(facts):
    """Printed millions of parameters by model, as text."""
    rows = published(work="ee443", table="Fig 1", metric="params_M", facts=facts)
    return dict(zip(rows["model"], rows["text"], strict=True))


def _average(facts, *methods):
    texts = [printed(work="ee443", metric="average_improvement", method=m, facts=facts) for m in methods]
    means = [sum(_gains(facts, m)) / 3 for m in methods]
    right = all(agrees(text, mean) for text, mean in zip(texts, means, strict=True))
    return " ".join(texts), " ".join(f"{mean:.4f}" for mean in means), "PASS" if right else "ERROR"


def _multiples(facts):
    images = int(_prose(facts, "n_classes")) * TEST_IMAGES_PER_CLASS
    texts = published(work="ee443", metric="test_accuracy", facts=facts)["text"].unique()
    exact = [t for t in texts if len(t) == len("0.0000")]
    odd = [t for t in exact if Decimal(t) * images % 1]
    found = [f"{t} is {(Decimal(t) * images).normalize()} images" for t in odd]
    found.append(f"{len(exact) - len(odd)} other four-decimal accuracies are multiples of 1/{images}")
    return " ".join(odd) or "-", "; ".join(found), "FAILS" if odd else "PASS"


def _ensemble_size(facts):
    limit = _prose(facts, "ensemble_params_M_upper")
    full, heads = (sum(parameter_count(f"efficientnet_b{i}", k) for i in range(3)) / 1e6 for k in (1000, 50))
    found = f"{full:.1f} M parameters with 1000-class heads, {heads:.1f} M with 50-class heads"
    return f"under {limit:g} million hyperparameters", found, "ERROR (word)" if full < limit else "ERROR"


def _half_the_parameters(facts):
    claim = printed(work="ee443", metric="params_ratio_vs_resnet", facts=facts)
    sizes = {model: float(text) for model, text in _figure_1(facts).items()}
    ours = sum(n for model, n in sizes.items() if model.startswith("efficientnet"))
    resnets = {model: n for model, n in sizes.items() if model.startswith("resnet")}
    found = ", ".join(f"{ours / n:.2f} of {model}'s {n:g} M" for model, n in resnets.items())
    holds = any(agrees(claim, ours / n) for n in resnets.values())
    return claim, f"Fig 1: {ours:g} M is {found}", "PASS" if holds else "CONTRADICTED"


def _densenet_size(facts):
    texts = _figure_1(facts)
    counts = {model: parameter_count(model) / 1e6 for model in texts}
    wrong = {m: f"{m} {texts[m]} -> {n:.1f}" for m, n in counts.items() if not agrees(texts[m], n)}
    found = f"{counts['densenet121']:.2f} M; all that differ: {', '.join(wrong.values()) or 'none'}"
    return f"{texts['densenet121']} M", found, "ERROR" if "densenet121" in wrong else "PASS"


def _backbones(facts):
    drawn = set(_figure_1(facts))
    more, fewer = (
        ", ".join(sorted(s)) or "nothing" for s in (drawn - TEXT_BACKBONES, TEXT_BACKBONES - drawn)
    )
    found = f"{len(drawn)} in Fig 1: {more} more, {fewer} missing"
    return f"{len(TEXT_BACKBONES)} in the text", found, "PASS" if drawn == TEXT_BACKBONES else "INCONSISTENT"


def _two_baselines(facts):
    tuned = printed(work="ee443", table="Fig 2", metric="test_accuracy", class_="Full", facts=facts)
    b0 = facts[facts["model"] == "efficientnet_b0"]
    swept = printed(work="ee443", table="Fig 1", metric="test_accuracy", facts=b0)
    gap = float(tuned) - float(swept)
    return f"{tuned} {swept}", f"difference {gap:+.4f}", "NOTE" if abs(gap) > 1e-9 else "PASS"


def _staircase(facts):
    images = int(_prose(facts, "n_classes")) * TEST_IMAGES_PER_CLASS
    steps = []
    for easier, ratio in zip(("Full", *RATIOS), RATIOS, strict=False):
        p = _accuracy(facts, "Stacking / WL", ratio)
        steps.append((p - _accuracy(facts, "Baseline", easier), sqrt(p * (1 - p) / images)))
    reached = sum(gap > -1e-9 for gap, _ in steps)
    found = ", ".join(f"{gap:+.4f} (SE of the accuracy {error:.4f})" for gap, error in steps)
    return "reached", found, "PASS" if reached == 3 else f"{reached} of 3 exactly"


def _floor_division(facts):
    from lt_lib.sampling import balance_rates

    target, most = (int(_prose(facts, m)) for m in ("AB_threshold", "max_count"))
    text = printed(work="ee443", metric="AB_rate_class0", facts=facts)
    rate = balance_rates([most], target).item()
    found = f"{target} // {most} = {target // most}; {target} / {most} = {rate:g}"
    return f"{target}//{most} = {text}", found, "PASS" if agrees(text, target // most) else "ERROR"


def _bag_sizes(facts, split):
    import torch

    from lt_lib.sampling import balanced_bags, ee443_counts

    counts = ee443_counts(0.02, int(_prose(facts, "max_count")))
    labels = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    return counts, [len(bag) for bag in balanced_bags(labels, int(_prose(facts, "bagging_threshold")), split)]


def _split_rule(facts):
    median, nearest = (_bag_sizes(facts, split)[1] for split in ("median", "nearest"))
    found = f"bags by the median {_list(median)}; by the class nearest the threshold {_list(nearest)}"
    return "median value", found, "PASS" if median == nearest else "INCONSISTENT"


def _drawn_split(facts):
    threshold = _prose(facts, "bagging_threshold")
    counts, drawn = _bag_sizes(facts, DRAWN_SPLIT)
    intended = min(range(len(counts)), key=lambda j: abs(counts[j] - threshold))
    found = (
        f"drawn: class {DRAWN_SPLIT} (count {counts[DRAWN_SPLIT]}), bags {_list(drawn)}; "
        f"intended: class {intended} (count {counts[intended]}), bags {_list(_bag_sizes(facts, intended)[1])}"
    )
    return f"threshold {threshold:g}", found, "PASS" if intended == DRAWN_SPLIT else "ERROR"


def _all_help(facts):
    gains = dict(zip(RATIOS, _gains(facts, "Weighted Loss"), strict=True))
    found = ", ".join(f"{gain:+.4f} at {ratio}" for ratio, gain in gains.items())
    return "weighted loss improves", found, "PASS" if min(gains.values()) > 0 else "CONTRADICTED"


def _profile(facts):
    from lt_lib.sampling import ee443_counts, longtail_counts

    classes, most = (int(_prose(facts, m)) for m in ("n_classes", "max_count"))
    own = [longtail_counts(most, classes, float(r)) for r in RATIOS]
    even = [ee443_counts(float(r), most) for r in RATIOS]
    tail = even[-1][-1]
    found = (
        f"even labels of 100 classes sum to {_list(map(sum, even))}, "
        f"a {classes}-class profile to {_list(map(sum, own))}; "
        f"smallest class at {RATIOS[-1]}: {tail} (ratio {most / tail:g})"
    )
    return f"{classes} classes", found, "PASS" if even == own else "NOTE"


def _eight_percent(facts):
    text = printed(work="ee443", metric="average_improvement_pct", facts=facts)
    gains = _gains(facts, "Stacking / WL")
    points = 100 * sum(gains) / 3
    relative = 100 * sum(g / _accuracy(facts, "Baseline", r) for g, r in zip(gains, RATIOS, strict=True)) / 3
    verdict = {2: "PASS", 1: "AMBIGUOUS", 0: "ERROR"}[agrees(text, points) + agrees(text, relative)]
    return f"{text} %", f"{points:.2f} points absolute, {relative:.2f} % relative", verdict


def _list(numbers):
    return "/".join(map(str, numbers))


_CHECKS = {
    "D01": lambda facts: _average(facts, "Artificial Balancing"),
    "D02": lambda facts: _average(facts, "Bagging / WL"),
    "D03": lambda facts: _average(facts, "Weighted Loss", "Stacking", "Stacking / WL"),
    "D04": _multiples,
    "D05": _ensemble_size,
    "D06": _half_the_parameters,
    "D07": _densenet_size,
    "D08": _backbones,
    "D09": _two_baselines,
    "D10": _staircase,
    "D11": _floor_division,
    "D12": _split_rule,
    "D13": _drawn_split,
    "D15": _all_help,
    "D19": _profile,
    "D20": _eight_percent,
}
