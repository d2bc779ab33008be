"""Verdicts: whether records agree with a published number. Only `paper` + `real` is judged, and where another
network stands in for the printed one, the verdict says so."""

import functools
import html
import math
from collections.abc import Iterable

import numpy as np

from lt_lib.lab.read.estimates import estimate
from lt_lib.lab.record.records import Record

STAND_IN = " (stand-in)"
_Z = 1.96  # 95 % of a normal distribution


def verdict(
    value: float | None, records: list[Record], metric: str = "accuracy", selection: str = "last"
) -> str:
    """ "agrees", "differs", either with " (stand-in)" behind it, or why it cannot be said.

    A published value agrees when it lies in the 95 % prediction interval of one more run on other test
    images. Its half-width has two parts, added as squares: t s sqrt(1 + 1/n) for the seeds, and 1.96 times
    the root of :func:`sampling_variance`, ours plus that of the published value; both are of as many images,
    for `paper` + `real` takes the published test set. On a stand-in "agrees" says how near another network
    comes, and "differs" is no word against the printed number."""
    if value is None:
        return "nothing published"
    if not records:
        return "not run"
    if not at_published_size(records):
        return "not comparable"
    est = estimate(r.metric(metric, selection) for r in records)
    if math.isnan(est.mean):
        return "undefined"
    if est.half is None:
        return "one run: no interval"
    ours = sum(sampling_variance(r, metric, selection) for r in records) / len(records)
    theirs = sum(_of_share(value, r) for r in records) / len(records) if metric == "accuracy" else ours
    half = math.hypot(est.half * math.sqrt(est.n + 1), _Z * math.sqrt(ours + theirs))
    said = "agrees" if abs(value - est.mean) <= half else "differs"
    return said if as_published(records) else said + STAND_IN


def interval(records: list[Record], metric: str = "accuracy", selection: str = "last") -> float:
    """Half-width of the 95 % interval of a mean over seeds and over test sets of the size of theirs: both
    parts added as squares. nan for one record, whose seeds nobody knows the spread of."""
    est = estimate(r.metric(metric, selection) for r in records)
    if est.half is None:
        return math.nan
    drawn = sum(sampling_variance(r, metric, selection) for r in records) / len(records)
    return math.hypot(est.half, _Z * math.sqrt(drawn))


def at_published_size(records: Iterable[Record]) -> bool:
    """Whether all records are of profile paper on real data, by whatever network."""
    return {(r.profile, r.data) for r in records} == {("paper", "real")}


def as_published(records: Iterable[Record]) -> bool:
    """Whether all records are of profile paper on real data, by the printed networks."""
    records = list(records)
    return at_published_size(records) and not any(b.stands_in_for for r in records for b in r.spec.backbones)


def css_class(said: str) -> str:
    """The CSS class of a verdict: that of its word, on a stand-in too."""
    return "lt-" + said.removesuffix(STAND_IN).replace(" ", "-").replace(":", "")


def verdict_html(said: str) -> str:
    """A verdict on a number as HTML."""
    return f'<span class="lt-verdict {css_class(said)}">{html.escape(said)}</span>'


def sampling_variance(record: Record, metric: str = "accuracy", selection: str = "last") -> float:
    """Variance of a metric over test sets of the size of the record's, which all seeds share.

    Of an accuracy that of a share. Of what else a confusion matrix defines ("balanced_accuracy",
    "macro_f1", "recall.2", ...) the jackknife's on that of the last epoch: each image is left out once, all
    images of a cell alike. 0 without such a matrix, and for a metric that it does not define.
    """
    lesson = record.spec.lesson
    if lesson and (own := lesson.sampling_variance(record, metric)) is not None:
        return own
    if not record.confusion:
        return 0.0
    if metric == "accuracy":
        return _of_share(record.metric(metric, selection), record)
    counts, reports = _each_left_out(tuple(map(tuple, record.confusion)))
    left_out = np.array([_measure(report, metric) for report in reports])
    known = ~np.isnan(left_out)
    if not known.any():
        return 0.0
    left_out, counts = left_out[known], counts[known]
    apart = left_out - np.average(left_out, weights=counts)
    return float((counts.sum() - 1) / counts.sum() * (counts * apart**2).sum())


def _of_share(share: float, record: Record) -> float:
    """Binomial variance of a share of the test images of a record."""
    images = sum(map(sum, record.confusion))
    return share * (1 - share) / images if images else 0.0


@functools.lru_cache(maxsize=16)  # the seeds of a row: one metric of theirs after the other is asked for
def _each_left_out(confusion: tuple[tuple[int, ...], ...]) -> tuple[np.ndarray, list[dict]]:
    """Of each cell that is not empty the count, and what the matrix says with one image less in it."""
    from lt_lib.metrics import report_from_confusion

    matrix, reports = np.array(confusion), []
    cells = np.argwhere(matrix)
    for cell in map(tuple, cells):
        matrix[cell] -= 1
        report = report_from_confusion(matrix) if matrix.any() else {}
        reports.append({name: found for name, found in report.items() if name != "confusion"})
        matrix[cell] += 1
    return matrix[tuple(cells.T)], reports


def _measure(report: dict, metric: str) -> float:
    """A metric of a report, nan where it is not defined."""
    kind, _, label = metric.partition(".")
    found = report.get(kind)
    found = found[int(label)] if label and found is not None else found
    return math.nan if found is None else float(found)
