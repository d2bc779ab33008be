"""The audit of spectrum: the class counts behind its Table 2, and what they allow in Table 1.

Table 2 prints recall and precision of every class to four decimals. Over seven rows that is enough to find
the integers behind them, and with the integers which accuracies and spreads Table 1 can have."""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import pandas as pd

from lt_lib.errors import LabError
from lt_lib.lab.read.published import printed, published
from lt_lib.lab.read.rounding import agrees, half_unit

WORK = "spectrum"
RESAMPLED = (
    ("ResNet-50", "T1.3", "T1.2"),
    ("$ EfficientNet-B4", "T1.9", "T1.8"),
)  # LDAM+DRW, CE with the sampler
MOST_TILES = 20_000
_NEAR = 0.1  # counts are searched this far about the least-squares shares
_ROUNDING = 1e-9


class NoReconstruction(LabError):
    """Table 2 has no integers behind it, or more than one set of them."""


@dataclass(frozen=True)
class RowMargins:
    """What is known of the confusion matrix behind a row of Table 2: three margins, K integers each."""

    row: str
    counts: tuple[int, ...]  # tiles of each class
    true_positives: tuple[int, ...]
    predicted: tuple[int, ...]  # tiles answered with each class

    @property
    def recall(self) -> tuple[float, ...]:
        """True positives by tiles of the class."""
        return tuple(t / n for t, n in zip(self.true_positives, self.counts, strict=True))

    @property
    def precision(self) -> tuple[float, ...]:
        """True positives by tiles answered with the class."""
        return tuple(t / p for t, p in zip(self.true_positives, self.predicted, strict=True))

    @property
    def macro_f1(self) -> float:
        """Mean over classes of the harmonic mean of recall and precision."""
        margins = list(zip(self.true_positives, self.counts, self.predicted, strict=True))
        return sum(2 * t / (n + p) for t, n, p in margins) / len(margins)

    @property
    def accuracy(self) -> float:
        """Share of all tiles answered correctly."""
        return sum(self.true_positives) / sum(self.counts)

    @property
    def balanced_accuracy(self) -> float:
        """Mean recall."""
        return sum(self.recall) / len(self.counts)

    @property
    def one_vs_rest(self) -> float:
        """Mean over classes of (TPR + TNR) / 2, each class against all others."""
        total, halves = sum(self.counts), []
        for t, n, p in zip(self.true_positives, self.counts, self.predicted, strict=True):
            halves.append((t / n + (total - n - (p - t)) / (total - n)) / 2)
        return sum(halves) / len(halves)

    @property
    def icv(self) -> float:
        """The sum of squares that the paper prints for its ICV; its root is what it tabulates."""
        return sum((self.accuracy - r) ** 2 for r in self.recall)


@dataclass(frozen=True)
class Table1Row:
    """One row of Table 1 as text, columns put right where they can only be swapped."""

    accuracy: str
    balanced: str
    icv: str
    swapped: bool


# --- Table 2: the integers


def reconstruct_table2(facts: pd.DataFrame | None = None, most: int = MOST_TILES) -> list[RowMargins]:
    r"""Find the integers behind Table 2.

    Class shares :math:`\pi_j` follow by least squares from :math:`\sum_j \pi_j r_j = acc` and
    :math:`\sum_j \pi_j r_j / p_j = 1`. Class counts are then searched within 10 % of these shares, at every
    size up to `most`: each printed recall must be a fraction of its count, and each row must have true
    positives and predicted counts that round to its accuracy, recalls and precisions at once. Balanced
    accuracy and macro F1 are not used, so that they can be checked against what is found.

    Args:
        facts: printed numbers as :func:`lt_lib.lab.read.published.published` returns them; None reads the
            file.
        most: largest number of tiles tried. Twice a solution is one too.

    Returns:
        One :class:`RowMargins` a row, all with the same class counts.

    Raises:
        NoReconstruction: no class counts fit, several do, or a row has several solutions.
        LabError: a number of Table 2 is missing.

    Source: spectrum, Table 2; audit A06.
    """
    rows = _table2(facts)
    recalls = [[row.recall[j] for row in rows] for j in range(len(rows[0].recall))]
    shares = _shares(rows)
    found = {}
    for counts in _class_counts(recalls, shares, most):
        margins = []
        for row in rows:
            margins.append(_solutions(row, counts))
            if not margins[-1]:
                break
        else:
            found[counts] = margins
    if len(found) != 1:
        raise NoReconstruction(f"{len(found)} sets of class counts up to {most} tiles fit Table 2, need one")
    (margins,) = found.values()
    several = [row.row for row, solutions in zip(rows, margins, strict=True) if len(solutions) > 1]
    if several:
        raise NoReconstruction(f"more than one set of integers fits {', '.join(several)} of Table 2")
    return [solutions[0] for solutions in margins]


def class_shares(facts: pd.DataFrame | None = None) -> np.ndarray:
    """Class shares of the tiles by least squares from Table 2, good to about three decimals: (K,)."""
    return _shares(_table2(facts))


@dataclass(frozen=True)
class _Row:
    row: str
    accuracy: str
    balanced: str
    macro_f1: str
    recall: tuple[str, ...]
    precision: tuple[str, ...]


def _table2(facts: pd.DataFrame | None) -> list[_Row]:
    cells = published(WORK, "Table 2", facts=facts)
    texts = dict(
        zip(zip(cells["row_id"], cells["metric"], cells["class"], strict=True), cells["text"], strict=True)
    )
    names = list(dict.fromkeys(cells["row_id"]))
    classes = sorted(set(cells.loc[cells["metric"] == "recall", "class"]))
    try:
        return [
            _Row(
                name,
                *(texts[name, metric, "all"] for metric in ("test_acc", "balanced_acc", "macro_f1")),
                *(tuple(texts[name, metric, k] for k in classes) for metric in ("recall", "precision")),
            )
            for name in names
        ]
    except KeyError as missing:
        row, metric, class_ = missing.args[0]
        raise LabError(
            f"0 published numbers match [row={row!r}, metric={metric!r}, class_={class_!r}]"
        ) from None


def _shares(rows: list[_Row]) -> np.ndarray:
    recall = np.array([[float(r) for r in row.recall] for row in rows])
    precision = np.array([[float(p) for p in row.precision] for row in rows])
    accuracy = np.array([float(row.accuracy) for row in rows])
    left = np.vstack([recall, recall / precision, np.ones((1, recall.shape[1]))])
    right = np.concatenate([accuracy, np.ones(len(rows) + 1)])
    return np.linalg.lstsq(left, right, rcond=None)[0]


def _class_counts(recalls: list[list[str]], shares: np.ndarray, most: int):
    """Class counts near the shares of which every printed recall is a fraction."""
    fits = []
    for share, texts in zip(shares, recalls, strict=True):
        n = np.arange(1, int(most * share * (1 + _NEAR)) + 1)
        far = [np.abs(np.rint(n * float(r)) / n - float(r)) > half_unit(r) for r in texts]
        fits.append(n[~np.any(far, axis=0)])
    anchor = int(np.argmin(shares))
    for size in fits[anchor]:
        expected = size * shares / shares[anchor]
        near = [n[np.abs(n - e) <= _NEAR * e] for n, e in zip(fits, expected, strict=True)]
        near[anchor] = [size]
        for counts in itertools.product(*near):
            if sum(counts) <= most:
                yield tuple(int(n) for n in counts)


def _solutions(row: _Row, counts: tuple[int, ...]) -> list[RowMargins]:
    """All true positives and predicted counts that round to the accuracy, recalls and precisions of the
    row."""
    pairs = []
    for n, recall, precision in zip(counts, row.recall, row.precision, strict=True):
        hits = _integers(n * (float(recall) - half_unit(recall)), n * (float(recall) + half_unit(recall)))
        low, high = (float(precision) + s * half_unit(precision) for s in (-1, 1))
        pairs.append([(t, p) for t in hits if low > 0 for p in _integers(t / high, t / low) if p >= t])
    fitting = []
    for chosen in itertools.product(*pairs):
        found = RowMargins(row.row, counts, *zip(*chosen, strict=True))
        if sum(found.predicted) == sum(counts) and agrees(row.accuracy, found.accuracy):
            fitting.append(found)
    return fitting


def _integers(low: float, high: float) -> range:
    return range(math.ceil(low - _ROUNDING), math.floor(high + _ROUNDING) + 1)


# --- what an accuracy and a mean recall allow


def accuracy_bounds(balanced: float, counts) -> tuple[float, float]:
    """Least and largest accuracy at a mean recall.

    Accuracy is linear in the recalls, so the largest gives all correct answers to the largest classes first.

    Args:
        balanced: mean recall, in [0, 1].
        counts: K class counts, or shares.

    Raises:
        LabError: balanced is not in [0, 1].
    """
    if not 0 <= balanced <= 1:
        raise LabError(f"a mean recall lies in [0, 1], got {balanced:g}")
    shares = np.sort(np.asarray(counts, dtype=float)) / np.sum(counts)
    recall = np.clip(balanced * len(shares) - np.arange(len(shares)), 0, 1)
    return float(shares @ recall), float(shares[::-1] @ recall)


def icv_bounds(acc: float, balanced: float, counts) -> tuple[float, float]:
    r"""Least and largest :math:`\sum_j (acc - r_j)^2` that an accuracy and a mean recall allow.

    The sum is convex in the recalls, so that it is least at the point nearest to acc on some face of the
    feasible recalls and largest at one of their corners. All faces are tried: fast for a few classes.

    Args:
        acc: accuracy.
        balanced: mean recall.
        counts: K class counts, or shares.

    Raises:
        LabError: no recalls in [0, 1] have this accuracy and mean recall.

    Source: spectrum, footnote II; audit A02.
    """
    shares = np.asarray(counts, dtype=float) / np.sum(counts)
    weights, sums = np.stack([shares, np.ones_like(shares)]), np.array([acc, balanced * len(shares)])
    found = []
    for face in itertools.product((0.0, 1.0, np.nan), repeat=len(shares)):
        recall = np.array(face)
        free = np.isnan(recall)
        if free.any():
            rest = sums - weights[:, ~free] @ recall[~free]
            here = weights[:, free]
            recall[free] = acc + np.linalg.lstsq(here, rest - acc * here.sum(1), rcond=None)[0]
        if (
            np.abs(weights @ recall - sums).max() < _ROUNDING
            and ((recall > -_ROUNDING) & (recall < 1 + _ROUNDING)).all()
        ):
            found.append(float(((recall - acc) ** 2).sum()))
    if not found:
        low, high = accuracy_bounds(balanced, counts)
        raise LabError(
            f"no recalls in [0, 1] have accuracy {acc:g} at mean recall {balanced:g}: "
            f"it lies in [{low:.4f}, {high:.4f}]"
        )
    return min(found), max(found)


def _feasible(accuracy: str, balanced: str, shares) -> bool:
    """Whether some accuracy and mean recall that round to these can go together."""
    ends = [min(1.0, max(0.0, float(balanced) + s * half_unit(balanced))) for s in (-1, 1)]
    low, high = (accuracy_bounds(end, shares)[i] for i, end in enumerate(ends))
    return low - half_unit(accuracy) <= float(accuracy) <= high + half_unit(accuracy)


def _least_apart(
    accuracy: float, balanced: float, total: float, shares: np.ndarray, angles: int = 7200
) -> float:
    """How far the recalls of the minority classes must lie apart for a sum of squares of `total`; four
    classes.

    Recalls of one accuracy, mean and sum of squares form a circle. nan where none of it lies in [0, 1].
    """
    weights = np.stack([shares, np.ones(4)])
    nearest = np.linalg.lstsq(weights, [0.0, 4 * (balanced - accuracy)], rcond=None)[0]
    radius = total - nearest @ nearest
    if radius < 0:
        return math.nan
    plane = np.linalg.svd(weights)[2][2:]
    turn = np.linspace(0, 2 * np.pi, angles, endpoint=False)
    circle = accuracy + nearest + math.sqrt(radius) * np.stack([np.cos(turn), np.sin(turn)], axis=1) @ plane
    circle = circle[((circle >= 0) & (circle <= 1)).all(1)]
    minority = np.delete(circle, int(np.argmax(shares)), axis=1)
    return float(np.ptp(minority, axis=1).min()) if len(minority) else math.nan


def _least_apart_rounded(row: Table1Row, power: int, shares: np.ndarray) -> float:
    """:func:`_least_apart` at the kindest rounding of a row, its ICV read as a sum (power 1) or as a root
    (2)."""
    ends = [
        [float(text) + s * half_unit(text) for s in (-1, 1)] for text in (row.accuracy, row.balanced, row.icv)
    ]
    found = [_least_apart(acc, bal, icv**power, shares) for acc, bal, icv in itertools.product(*ends)]
    return float(np.nanmin(found)) if not np.isnan(found).all() else math.nan


# --- Table 1


def table1_row(row: str, facts: pd.DataFrame | None = None) -> Table1Row:
    """A row of Table 1 as it can be meant.

    Balanced accuracy and ICV are exchanged where the printed balanced accuracy is impossible beside the
    accuracy and the printed ICV is not: T1.3.

    Raises:
        LabError: the row or one of its numbers is missing.
    """
    accuracy, balanced, icv = (
        printed(work=WORK, table="Table 1", row=row, metric=metric, facts=facts)
        for metric in ("test_acc", "balanced_acc", "icv")
    )
    shares = class_shares(facts)
    swapped = not _feasible(accuracy, balanced, shares) and _feasible(accuracy, icv, shares)
    return Table1Row(accuracy, *((icv, balanced) if swapped else (balanced, icv)), swapped)


def icv_table(facts: pd.DataFrame | None = None) -> pd.DataFrame:
    """Each ICV of Table 1 read as the printed sum of squares and as its root.

    Returns:
        One line a row of Table 1: row, model, accuracy, balanced, icv (columns of T1.3 put right), swapped,
        least, most (bounds of the sum of squares, :func:`icv_bounds`), ratio_sum, ratio_root (icv and its
        square by least), apart_sum, apart_root (how far the three minority recalls must at least lie apart,
        at the kindest rounding, nan where impossible).

    Source: spectrum, Table 1, footnote II; audit A02.
    """
    counts = np.array(reconstruct_table2(facts)[0].counts)
    shares, lines = counts / counts.sum(), []
    names = published(WORK, "Table 1", metric="icv", facts=facts)
    for name, model in zip(names["row_id"], names["model"], strict=True):
        row = table1_row(name, facts)
        acc, balanced, icv = float(row.accuracy), float(row.balanced), float(row.icv)
        least, most = icv_bounds(acc, balanced, counts)
        line = {
            "row": name,
            "model": model,
            "accuracy": acc,
            "balanced": balanced,
            "icv": icv,
            "swapped": row.swapped,
        }
        line |= {"least": least, "most": most, "ratio_sum": icv / least, "ratio_root": icv**2 / least}
        line |= {
            f"apart_{name}": _least_apart_rounded(row, power, shares)
            for name, power in (("sum", 1), ("root", 2))
        }
        lines.append(line)
    return pd.DataFrame(lines)


def icv_of_table2(facts: pd.DataFrame | None = None) -> pd.DataFrame:
    """What the ICV of each row of Table 2 would be; its recalls are known.

    Returns:
        One line a row: row, sum, root, least (bound of the sum), ratio (sum by least), apart (how far the
        three minority recalls lie apart).
    """
    lines = []
    for row in reconstruct_table2(facts):
        least, _ = icv_bounds(row.accuracy, row.balanced_accuracy, row.counts)
        minority = np.delete(row.recall, int(np.argmax(row.counts)))
        line = {
            "row": row.row,
            "sum": row.icv,
            "root": math.sqrt(row.icv),
            "least": least,
            "ratio": row.icv / least,
        }
        lines.append(line | {"apart": float(np.ptp(minority))})
    return pd.DataFrame(lines)


def balanced_error(row: RowMargins) -> float:
    """Standard error of the balanced accuracy of one row of Table 2, from the number of its tiles alone."""
    return math.sqrt(sum(r * (1 - r) / n for r, n in zip(row.recall, row.counts, strict=True))) / len(
        row.counts
    )


# --- the checks


class _Paper:
    """One reading of the facts and the integers behind Table 2, found once."""

    def __init__(self, facts: pd.DataFrame):
        self.facts = facts

    @cached_property
    def rows(self) -> list[_Row]:
        return _table2(self.facts)

    @cached_property
    def margins(self) -> list[RowMargins]:
        return reconstruct_table2(self.facts)

    @cached_property
    def counts(self) -> tuple[int, ...]:
        return self.margins[0].counts

    def first(self, row: str) -> Table1Row:
        return table1_row(row, self.facts)


def checks(facts: pd.DataFrame) -> dict[str, Callable[[], tuple[str, str, str]]]:
    """The recomputed checks by id; each returns what is published, what was recomputed and the verdict.

    A check that needs the class counts says NOT CHECKED where Table 2 does not give them.
    """
    paper = _Paper(facts)
    found = dict(_CHECKS)
    for i, row in enumerate(paper.rows):
        found[f"A05.{i + 1}"] = partial(_row_of_table2, row=row)
    return {name: partial(_checked, check, paper) for name, check in found.items()}


def _checked(check, paper: _Paper):
    try:
        return check(paper)
    except NoReconstruction as missing:
        return "-", f"needs the class counts, but {missing}", "NOT CHECKED"


def _swapped(paper):
    acc, balanced, icv = (
        printed(work=WORK, row="T1.3", metric=m, facts=paper.facts)
        for m in ("test_acc", "balanced_acc", "icv")
    )
    _, most = accuracy_bounds(float(balanced), paper.counts)
    possible = _feasible(acc, balanced, paper.counts)
    found = f"max acc at mean recall {balanced} = {most:.4f}"
    if not possible:
        found += f", at {icv} = {accuracy_bounds(float(icv), paper.counts)[1]:.4f}"
    return f"bal {balanced}, ICV {icv}, acc {acc}", found, "PASS" if possible else "ERROR"


def _icv_definition(paper):
    table, known = icv_table(paper.facts), icv_of_table2(paper.facts)
    upper = printed(work=WORK, metric="upper_index", facts=paper.facts)
    typical = known["apart"].max()
    as_sum, as_root = ((table[f"apart_{name}"] <= typical).tolist() for name in ("sum", "root"))
    verdict = "ERROR (very likely)" if all(as_root) and not any(as_sum) else "AMBIGUOUS"
    verdict = "PASS" if all(as_sum) and not any(as_root) else verdict
    found = (
        f"published by least possible sum: {_span(table['ratio_sum'], 3)} as a sum, "
        f"{_span(table['ratio_root'], 3)} as a root, {_span(known['ratio'], 3)} in Table 2; "
        f"minority recalls at least {_span(table['apart_sum'])} apart if sums, "
        f"{_span(table['apart_root'])} if roots, {_span(known['apart'])} in Table 2, "
        f"whose roots are {_span(known['root'])}"
    )
    return f"sum_{{i=0}}^{{{upper}}}(acc-class_i)^2", found, verdict


def _icv_limits(paper):
    upper, classes = (
        int(printed(work=WORK, metric="upper_index", facts=paper.facts)),
        len(paper.rows[0].recall),
    )
    found = f"{classes} classes: 0..{classes - 1}"
    return f"0..{upper} ({upper + 1} terms)", found, "PASS" if upper == classes - 1 else "ERROR"


def _balanced_accuracy(paper):
    texts = [row.balanced for row in paper.rows]
    gaps = [abs(float(text) - row.balanced_accuracy) for text, row in zip(texts, paper.margins, strict=True)]
    recall = all(agrees(text, row.balanced_accuracy) for text, row in zip(texts, paper.margins, strict=True))
    rest = all(agrees(text, row.one_vs_rest) for text, row in zip(texts, paper.margins, strict=True))
    first = paper.margins[0]
    found = (
        f"mean of the {len(first.counts)} recalls within {max(gaps):.0e} of all {len(texts)} rows; "
        f"macro one-vs-rest (TPR+TNR)/2 gives {first.one_vs_rest:.4f} for row 1 (printed {texts[0]})"
    )
    return "mean of TPR and TNR", found, "PASS" if rest else "ERROR in text" if recall else "UNEXPLAINED"


def _row_of_table2(paper, row):
    recall, precision = (np.array([float(text) for text in texts]) for texts in (row.recall, row.precision))
    balanced, f1 = recall.mean(), (2 * recall * precision / (recall + precision)).mean()
    right = agrees(row.balanced, balanced) and agrees(row.macro_f1, f1)
    return (
        f"bal {row.balanced} F1 {row.macro_f1}",
        f"bal {balanced:.5f} F1 {f1:.5f}",
        "PASS" if right else "ERROR",
    )


def _integers_of_table2(paper):
    try:
        rows = paper.margins
    except NoReconstruction as missing:
        return "-", str(missing), "FAILS"
    off = [
        f"{name} of {text.row}"
        for text, row in zip(paper.rows, rows, strict=True)
        for name, right in (
            ("bal", agrees(text.balanced, row.balanced_accuracy)),
            ("F1", agrees(text.macro_f1, row.macro_f1)),
        )
        if not right
    ]
    cells = sum(3 + len(row.recall) + len(row.precision) for row in paper.rows)
    found = (
        f"class counts ({','.join(map(str, paper.counts))}), N={sum(paper.counts)}, "
        f"the only ones up to {MOST_TILES} tiles; unique TP and predicted counts for all {len(rows)} rows; "
        f"{cells - len(off)} of {cells} cells reproduced"
    )
    return "-", found + "".join(f", not {name}" for name in off), "FAILS" if off else "PASS"


def _proportions(paper):
    texts = published(WORK, metric="class_proportion", facts=paper.facts)["text"].tolist()
    shares = [n / sum(paper.counts) for n in paper.counts]
    right = all(agrees(text, share) for text, share in zip(texts, shares, strict=True))
    percent = [
        "/".join(f"{100 * float(x):.{d}f}" for x in row) + " %" for row, d in ((texts, 0), (shares, 1))
    ]
    return *percent, "PASS" if right else "NOTE"


def _resampling(paper):
    said, lost = [], 0
    for model, ldam, sampler in RESAMPLED:
        ours, theirs = paper.first(ldam), paper.first(sampler)
        lost += float(ours.balanced) < float(theirs.balanced)
        note = " (unswapped)" if ours.swapped else ""
        said.append(
            f"{model}{note}: LDAM {ours.balanced}, sampler+CE {theirs.balanced} bal acc "
            f"(ICV {ours.icv}, {theirs.icv}; lower is better)"
        )
    verdict = f"CONTRADICTED in {lost} of {len(RESAMPLED)} matched comparisons (bal acc)" if lost else "PASS"
    return "LDAM better than crude re-sampling", "; ".join(said), verdict


def _best_of_b4(paper):
    plain, averaged, three = (paper.first(row).balanced for row in ("T1.5", "T1.6", "T1.7"))
    same, best = float(averaged) > float(plain), float(three) > max(float(plain), float(averaged))
    found = (
        f"B4 all bands: with SWA {averaged}, without {plain}; "
        f"with SWA and bands 6,5,2 {three} (no non-SWA 3-band row)"
    )
    return "SWA+CLR+LDAM best for B4", found, "PASS" if same else "CONFOUNDED" if best else "CONTRADICTED"


def _augmix_f1(paper):
    parent, mixed = paper.rows[5].macro_f1, paper.rows[6].macro_f1
    gap, error = float(mixed) - float(parent), balanced_error(paper.margins[5])
    found = f"difference {gap:+.4f}, SE(bal acc) of one row {error:.4f}"
    verdict = "CONTRADICTED" if gap <= 0 else "PASS" if gap > 2 * math.sqrt(2) * error else "NOT SIGNIFICANT"
    return f"{mixed} vs {parent}", found, verdict


def _digits(paper):
    texts = published(WORK, "Table 1", metric="test_acc", facts=paper.facts)["text"]
    short = [text for text in texts if len(text) < texts.str.len().max()]
    found = f"{len(short)} of {len(texts)} accuracies have fewer decimals than the others"
    return ", ".join(short) or "-", found, "NOTE" if short else "PASS"


def _span(values, digits: int | None = None) -> str:
    """Least and largest, to significant digits or to two decimals."""
    low, high = (f"{v:.{digits}g}" if digits else f"{v:.2f}" for v in (min(values), max(values)))
    return f"{low}..{high}"


_CHECKS = {
    "A01": _swapped,
    "A02": _icv_definition,
    "A03": _icv_limits,
    "A04": _balanced_accuracy,
    "A06": _integers_of_table2,
    "A07": _proportions,
    "A08": _resampling,
    "A09": _best_of_b4,
    "A10": _augmix_f1,
    "A11": _digits,
}
