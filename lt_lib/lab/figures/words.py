"""The differences of a figure in words, so that what a chapter says of them is what the records say."""

from textwrap import fill

from lt_lib.lab.figures.evidence import strongest_pairs
from lt_lib.lab.read.badges import badge
from lt_lib.lab.read.estimates import difference, in_words, paired
from lt_lib.lab.record.records import Record

ACRONYMS = ("auc", "aurc", "ece", "mcc")


def differences_in_words(
    pairs: dict[str, tuple[list[Record], list[Record]]],
    first: str,
    second: str,
    metric: str = "accuracy",
    selection: str = "last",
) -> str:
    """What the figure "differences" shows of the strongest records, a line a pair, and what stands behind it.

    Args:
        pairs: label -> records of the one row and of the other, as the figure takes them.
        first: what the one row of each pair is, e.g. "weights".
        second: what the other is, e.g. "no weights".
        metric: as in `Record.metric`.
        selection: "last", "best_on_val" or "best_on_test".
    """
    best = {name.replace("\n", " "): pair for name, pair in strongest_pairs(pairs).items()}
    said = [
        f"{name}: {in_words(first, second, difference(*pair, metric, selection))}"
        for name, pair in best.items()
    ]
    behind = badge({name: paired(*pair) for name, pair in best.items()})
    lines = [f"{_called(metric)}, {behind}", *said]
    return "\n".join(fill(line, 76, subsequent_indent="    ") for line in lines)


def difference_in_words(
    pair: tuple[list[Record], list[Record]], first: str, second: str, metric: str = "accuracy"
) -> str:
    """One such difference as a sentence, with what stands behind it.

    Args:
        pair: records of the one row and of the other.
        first: what the one row is, e.g. "the weighted loss".
        second: what the other is.
        metric: as in `Record.metric`.
    """
    best = strongest_pairs({"": pair}).get("", ((), ()))
    if not (behind := paired(*best)):
        return f"{first} and {second} have no records to compare yet"
    gap = in_words(first, second, difference(*best, metric))
    return f"in {_called(metric)} {gap}; {badge(behind)}"


def _called(metric: str) -> str:
    return metric.upper() if metric in ACRONYMS else metric.replace("_", " ")
