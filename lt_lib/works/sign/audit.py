"""The audit of `sign`: its tables against themselves, its gains against what chance does to as many images,
and its formulas run as they are printed."""

import math
from collections.abc import Callable, Iterable
from functools import partial

import pandas as pd

from lt_lib.lab.read.any_table import z_of
from lt_lib.lab.read.published import printed, published, value
from lt_lib.lab.read.rounding import agrees, half_unit
from lt_lib.works.sign.printed import CLASSES

Row = tuple[str, str, str]

WORK = "sign"
TEST_IMAGES = 10_000  # CIFAR-10
LESIONS = (30, 120)  # melanomas and other lesions among the validation images of ISIC 2017
MOST_RUNS = 100  # repeats that an SD may take before it is implausible
P, COUNT, UNCERTAINTY = "mean_p_of_correct_with_p<=0.5", "count_correct_with_p<=0.5", "uncertainty"
MEANS = (*(f"T1.{i}" for i in range(1, 6)), *(f"T2.{i}" for i in range(1, 4)), "T4.1", "T4.2")
DOUBT, STRANGE = ("T2.1", "T2.2", "T2.3"), ("T3.1", "T3.2", "T3.3")
SIX = ("automobile", "bird", "cat", "dog", "frog", "Mean")  # columns of Table 3

# What is set in bold: the number of the row, one for each column; "-" where none is.
BOLD_ACCURACY = {("T1.1", "T1.2", "T1.3"): "23223332333", ("T1.4", "T1.5"): "45544554455"}
BOLD_P = {DOUBT: "33312333323", STRANGE: "2213-2"}


def checks(facts: pd.DataFrame) -> dict[str, Callable[[], Row]]:
    """The recomputed checks by id; each returns what is published, what was recomputed and the verdict."""
    return {name: partial(check, facts) for name, check in _CHECKS.items()}


def two_shares(first: float, second: float, images: int) -> tuple[float, float]:
    """z of a difference of two shares of as many images each, by their pooled variance and as if drawn apart,
    and its two-sided p."""
    z = z_of(first, second, images)
    return z, math.erfc(abs(z) / math.sqrt(2))


def strange_images(facts: pd.DataFrame) -> int:
    """How many images Table 3 is about."""
    return int(_number(facts, "T3.0", "n_images"))


def _text(facts, row, metric="accuracy", class_="Mean"):
    return printed(work=WORK, row=row, metric=metric, class_=class_, facts=facts)


def _number(facts, row, metric="accuracy", class_="Mean"):
    return value(work=WORK, row=row, metric=metric, class_=class_, facts=facts)


def _numbers(facts, row, metric="accuracy", classes: Iterable[str] = CLASSES):
    return [_number(facts, row, metric, class_) for class_ in classes]


def _classes(row):
    """The classes that a row of Table 2 or 3 has."""
    return SIX[:-1] if row in STRANGE else CLASSES


def _method(facts, row):
    return published(WORK, row=row, facts=facts)["method"].iloc[0]


def _mean(numbers):
    return sum(numbers) / len(numbers)


def _chance(first, second, images):
    z, p = two_shares(first, second, images)
    return f"z {z:.2f}, p {p:.2g}"


def _surely_above(first, second, images):
    z, p = two_shares(first, second, images)
    return z > 0 and p < 0.05


# --- the tables against themselves


def _means(facts) -> Row:
    off = [row for row in MEANS if not agrees(_text(facts, row), _mean(_numbers(facts, row)))]
    found = f"{len(MEANS) - len(off)} are the means of the class accuracies to four decimals"
    return f"{len(MEANS)} rows", found + "".join(f", not {row}" for row in off), "ERROR" if off else "PASS"


def _weighted_means(facts) -> Row:
    weighted, plain = [], []
    for row in DOUBT + STRANGE:
        counts = dict(zip(_classes(row), _numbers(facts, row, COUNT, _classes(row)), strict=True))
        known = [class_ for class_, n in counts.items() if n]
        for metric in (P, UNCERTAINTY):
            text, numbers = _text(facts, row, metric), _numbers(facts, row, metric, known)
            total = sum(counts[class_] * x for class_, x in zip(known, numbers, strict=True))
            weighted.append(agrees(text, total / sum(counts.values())))
            plain.append(agrees(text, _mean(numbers)))
    found = f"{sum(weighted)} are means weighted by the counts, {sum(plain)} unweighted ones"
    return f"{len(weighted)} means", found, "PASS" if all(weighted) else "ERROR"


def _totals(facts) -> Row:
    texts = [_text(facts, row, COUNT) for row in DOUBT]
    sums = [sum(_numbers(facts, row, COUNT)) for row in DOUBT]
    right = all(agrees(text, total) for text, total in zip(texts, sums, strict=True))
    return "/".join(texts), "/".join(f"{total:g}" for total in sums), "PASS" if right else "ERROR"


def _shares_of_strangers(facts) -> Row:
    sizes, total = _numbers(facts, "T3.0", "n_images", SIX[:-1]), strange_images(facts)
    right, hits, balanced = [sum(sizes) == total], [], []
    for row in STRANGE:
        texts = [_text(facts, row, class_=class_) for class_ in SIX[:-1]]
        counts = [round(float(text) * n) for text, n in zip(texts, sizes, strict=True)]
        right += [agrees(text, k / n) for text, k, n in zip(texts, counts, sizes, strict=True)]
        right.append(agrees(_text(facts, row), sum(counts) / total))
        hits.append(str(sum(counts)))
        balanced.append(f"{_mean([float(text) for text in texts]):.4f}")
    found = f"{', '.join(hits)} of {total} images; means over the classes {' '.join(balanced)}"
    return " ".join(_text(facts, row) for row in STRANGE), found, "PASS" if all(right) else "ERROR"


def _bold(facts, metric, blocks) -> Row:
    """Whether in each column of some blocks of rows that in bold is the highest."""
    bold, higher, missing, right = [], [], [], 0
    for rows, marks in blocks.items():
        columns = (*_classes(rows[0]), "Mean")
        for class_, mark in zip(columns, marks, strict=True):
            texts = {row: _text(facts, row, metric, class_) for row in rows}
            numbers = {row: float(text) for row, text in texts.items() if text != "N/A"}
            best = max(numbers, key=numbers.__getitem__)
            marked = f"{best.partition('.')[0]}.{mark}"
            if mark == "-":
                missing.append(f"{_method(facts, best)} {class_} {texts[best]}")
            elif numbers[marked] < numbers[best]:
                bold.append(f"{_method(facts, marked)} {class_} {texts[marked]}")
                higher.append(f"{_method(facts, best)} {texts[best]} is higher")
            else:
                right += 1
    found = "; ".join([*higher, f"{right} other marks are right"])
    found += "".join(f"; {cell} is highest and not bold" for cell in missing)
    verdict = "ERROR (typeset)" if bold else "NOTE" if missing else "PASS"
    return ", ".join(f"{cell} bold" for cell in bold) or "-", found, verdict


def _transfer(facts) -> Row:
    said = [_prose(facts, row) for row in ("P17", "P16")]
    pairs = zip(_numbers(facts, "T4.2"), _numbers(facts, "T4.1"), strict=True)
    gaps = dict(zip(CLASSES, (new - old for new, old in pairs), strict=True))
    better, mean = sum(gap > 0 for gap in gaps.values()), _number(facts, "T4.2") - _number(facts, "T4.1")
    worse = ", ".join(f"{class_} {gap:+.3f}" for class_, gap in gaps.items() if gap <= 0)
    right = agrees(said[0], better) and agrees(said[1], 100 * mean)
    found = f"{better} of {len(gaps)} (not {worse or 'none'}), mean {mean:+.4f}"
    return f"{said[0]} of {len(gaps)} classes, ~{said[1]} %", found, "PASS" if right else "ERROR"


def _two_heads(facts) -> Row:
    pairs = [(_text(facts, f"T1.{i}"), _text(facts, f"T2.{i}")) for i in (1, 2, 3)]
    first, second = ("/".join(texts) for texts in zip(*pairs, strict=True))
    points = [100 * (float(two) - float(one)) for one, two in pairs]
    found = f"{second} with the second head: {', '.join(f'{gap:+.1f}' for gap in points)} points"
    return first, found, "PASS" if first == second else "NOTE"


def _prose(facts, row):
    """A number of the prose as text, without the sign that it is rounded."""
    return printed(work=WORK, table="prose", row=row, facts=facts).removeprefix("~")


# --- what chance does


def _spreads(facts) -> Row:
    rows = published(WORK, "Table 5", facts=facts)
    texts = rows.loc[rows["metric"].str.endswith("_pm"), "text"]
    low, high = min(texts, key=float), max(texts, key=float)
    step = 1 / TEST_IMAGES
    runs = math.ceil((step / (float(low) + half_unit(low))) ** 2)
    roots = [100 * math.sqrt(float(text)) for text in (low, high)]
    found = (
        f"{TEST_IMAGES} images make steps of {step:g}: an SD of {low} takes at least {runs} runs, one of "
        f"them one image off; read as variances they are SDs of {roots[0]:.1f} to {roots[1]:.1f} points"
    )
    return f"{low} .. {high}", found, "IMPLAUSIBLE" if runs > MOST_RUNS else "PASS"


def _corrupted(facts, row, metric):
    return _number(facts, row, metric, "all")


def _drop(facts, row, metric):
    return _corrupted(facts, row, "normal_accuracy") - _corrupted(facts, row, metric)


def _resistance(facts) -> Row:
    pixels, noise = "acc_50_pixels_off", "acc_gauss_mu0_sigma10"
    ours, theirs = (_text(facts, row, pixels, "all") for row in ("T5.3", "T5.1"))
    blocks = {"MobileNetV2": ("T5.3", "T5.1", "T5.2"), "BasicCNN": ("T5.5", "T5.4")}
    drops = {net: {row: _drop(facts, row, pixels) for row in rows} for net, rows in blocks.items()}
    least = {net: min(found, key=found.__getitem__) for net, found in drops.items()}
    short = [net for net, (mine, *_) in blocks.items() if least[net] != mine]
    said = [f"{_method(facts, row)} {drop:.4f}" for found in drops.values() for row, drop in found.items()]
    images = round((float(ours) - float(theirs)) * TEST_IMAGES)
    loud = [_corrupted(facts, row, noise) for row in ("T5.3", "T5.1")]
    found = (
        f"drops: {', '.join(said)}; {images:+d} of {TEST_IMAGES} images over Classical, "
        f"{_chance(float(ours), float(theirs), TEST_IMAGES)}. Under noise {_drop(facts, 'T5.3', noise):.4f} "
        f"against {_drop(facts, 'T5.1', noise):.4f}, {_chance(*loud, TEST_IMAGES)}"
    )
    return f"{ours} vs {theirs}", found, f"NOT SUPPORTED ({', '.join(short)})" if short else "PASS"


def _gains(facts) -> Row:
    pairs = [("T1.3", "T1.2"), ("T1.3", "T1.1"), ("T1.5", "T1.4")]
    found, sure = [], 0
    for pair in pairs:
        names, (mine, theirs) = [_method(facts, row) for row in pair], [_number(facts, row) for row in pair]
        sure += _surely_above(mine, theirs, TEST_IMAGES)
        found.append(f"{' over '.join(names)} {mine - theirs:+.4f}, {_chance(mine, theirs, TEST_IMAGES)}")
    some = f"SIGNIFICANT IN {sure} OF {len(pairs)}" if sure else "NOT SIGNIFICANT (single run)"
    texts = " vs ".join(_text(facts, row) for row in ("T1.3", "T1.2", "T1.1"))
    return texts, f"unpaired: {'; '.join(found)}", "PASS" if sure == len(pairs) else some


def _strange_gains(facts) -> Row:
    text, images = _prose(facts, "P13"), strange_images(facts)
    ours, classical, mixup = (_number(facts, row) for row in ("T3.3", "T3.1", "T3.2"))
    found = [
        f"{ours - other:+.4f} over {name}, {_chance(ours, other, images)}"
        for name, other in (("mixup", mixup), ("Classical", classical))
    ]
    sure = all(_surely_above(ours, other, images) for other in (mixup, classical))
    verdict = "ERROR" if not agrees(text, 100 * (ours - mixup)) else "PASS" if sure else "NOTE"
    return f"~{text} % over mixup", "; ".join(found), verdict


def _unsure(facts) -> Row:
    texts = [
        {_method(facts, row): _text(facts, row, UNCERTAINTY) for row in rows} for rows in (DOUBT, STRANGE)
    ]
    ranks = [sorted(found, key=lambda name: float(found[name])).index("SIGN") for found in texts]
    said = [", ".join(f"{name} {text}" for name, text in found.items() if name != "SIGN") for found in texts]
    found = f"{said[0]}; strange images: {texts[1]['SIGN']} beside {said[1]}"
    verdict = {2: "PASS", 0: "CONTRADICTED"}.get(min(ranks), "NOTE")
    return texts[0]["SIGN"], found, verdict


def _areas(facts) -> Row:
    pairs = math.prod(LESIONS)
    texts = [_text(facts, row, "ISIC2017_val_AUC", "all") for row in ("P1", "P2")]
    wins = [round(float(text) * pairs) for text in texts]
    right = all(agrees(text, k / pairs) for text, k in zip(texts, wins, strict=True))
    numbers = 10 ** (len(texts[0]) - len("0."))
    found = (
        f"{', '.join(f'{k}/{pairs}' for k in wins)} of {LESIONS[0]} x {LESIONS[1]} pairs; "
        f"{pairs / numbers:.0%} of all numbers of so many decimals are such shares"
    )
    return ", ".join(texts), found, "PASS" if right else "FAILS"


# --- formulas


def _jacobian(facts) -> Row:
    import torch

    from lt_lib.sign import sensitivity

    n, m = 3, 2
    gen = torch.Generator().manual_seed(0)
    weight, x = (torch.randn(k, n, generator=gen, dtype=torch.float64) for k in (m, 1))

    def phi(points):
        return (points @ weight.T).tanh()

    found = torch.func.jacrev(phi)(x)[0, :, 0]
    apart = float((found.sum(0) - sensitivity(phi, x)[0]).abs().max())
    words = (
        f"of a map from R^{n} to R^{m} it is {' x '.join(map(str, found.shape))}; its rows sum to the "
        f"sensitivity within {apart:.0e}"
    )
    printed_shape = (n, m)  # rows phi^1 .. phi^n, columns x^1 .. x^m
    return "n x m", words, "PASS" if found.shape == printed_shape else "ERROR"


def loss_as_printed(logits, sigma, labels, noise):
    """Equation 10, summed over images: `lt_lib.losses.aleatoric_loss` without its minus sign."""
    import torch.nn.functional as F

    log_p = F.log_softmax(logits + sigma * noise, -1)
    own = log_p[:, range(len(labels)), labels]
    return (own.logsumexp(0) - math.log(len(noise))).sum()


def _sign_of_loss(facts) -> Row:
    import torch

    from lt_lib.losses import aleatoric_loss

    labels = torch.arange(10)
    noise = torch.randn(100, 10, 10, generator=torch.Generator().manual_seed(0))
    sigma, right = torch.full((10, 1), 0.5), 4 * torch.eye(10)
    drawn = [(logits, sigma, labels, noise) for logits in (right, right.roll(1, 1))]
    good, bad = (float(loss_as_printed(*case)) for case in drawn)
    off = float(loss_as_printed(*drawn[0]) + aleatoric_loss(*drawn[0], reduction="sum"))
    words = (
        f"{good:.1f} where ten images are told right, {bad:.1f} where they are told wrong; with a minus it "
        f"is our loss within {abs(off):.0e}"
    )
    return "L = sum log 1/T sum exp(...)", words, "ERROR" if bad < good else "PASS"


def _literal_reading(facts) -> Row:
    import torch

    from lt_lib.sign import sign_transform

    steps = [int(_number(facts, row, "K", "all")) for row in ("P18", "P19")]
    gen = torch.Generator().manual_seed(0)
    weight, x = (torch.randn(k, 6, generator=gen, dtype=torch.float64) for k in (4, 2))
    apart = {}
    for mode in ("literal", "recompute"):
        few, many = sign_transform(lambda p: (p @ weight.T).tanh(), x, steps, mode=mode, step_size=0.01)
        apart[mode] = float((many - few).abs().max())
    words = (
        f"copies of K = {steps[0]} and K = {steps[1]} lie {apart['literal']:.2f} apart as printed, "
        f"{apart['recompute']:.2f} with the derivative at p*_k"
    )
    return "delta at p; p*_{k+1} = p* + delta", words, "PASS" if apart["literal"] else "ERROR"


def first_layers() -> dict[str, str]:
    """The kind of the first layer of each network of the paper; nothing is allocated."""
    import timm
    import torch

    from lt_lib.models import BasicCNN, NASNetMobile

    with torch.device("meta"):
        nets = {name: timm.create_model(name) for name in ("mobilenetv2_100", "inception_resnet_v2")}
        nets |= {"NASNetMobile": NASNetMobile(), "BasicCNN": BasicCNN(10)}
    return {
        name: next(type(m).__name__ for m in net.modules() if not any(m.children()))
        for name, net in nets.items()
    }


def _negative_inputs(facts) -> Row:
    import torch
    import torch.nn.functional as F

    gen = torch.Generator().manual_seed(0)
    image, weight = -torch.rand(1, 3, 32, 32, generator=gen), torch.randn(32, 3, 3, 3, generator=gen)
    pass_on = float((F.conv2d(image, weight).relu() > 0).float().mean())
    first = first_layers()
    words = f"{pass_on:.0%} of what a convolution makes of negative pixels passes the ReLU behind it; "
    words += "first layers: " + ", ".join(f"{layer} of {name}" for name, layer in first.items())
    wrong = pass_on > 0 and set(first.values()) == {"Conv2d"}
    return "a ReLU discards negative inputs", words, "CONCEPTUAL ERROR" if wrong else "PASS"


_CHECKS = {
    "B01": _means,
    "B02": _weighted_means,
    "B03": _totals,
    "B04": _shares_of_strangers,
    "B05": partial(_bold, metric="accuracy", blocks=BOLD_ACCURACY),
    "B06": partial(_bold, metric=P, blocks=BOLD_P),
    "B07": _spreads,
    "B08": _resistance,
    "B09": _gains,
    "B10": _strange_gains,
    "B11": _unsure,
    "B12": _jacobian,
    "B13": _sign_of_loss,
    "B14": _literal_reading,
    "B15": _negative_inputs,
    "B16": _areas,
    "B17": _transfer,
    "B18": _two_heads,
}
