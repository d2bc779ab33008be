"""What a choice does to accuracy, from records: a row less another one, on validation images, by which
choices are made, and on test images."""

from dataclasses import dataclass
from textwrap import fill

from lt_lib.lab.figures.evidence import strongest_pairs
from lt_lib.lab.read.badges import badge
from lt_lib.lab.read.estimates import Estimate, estimate, in_words
from lt_lib.lab.read.evidence import group
from lt_lib.lab.record.records import Record

BASE = "sign"  # reach 0.2, recomputed, from the penultimate layer
WAYS = {
    "reach 0.05": "sign-near",
    "reach 0.8": "sign-far",
    "fixed": "sign-fixed",
    "literal": "sign-literal",
    "summed logits": "sign-logits",
}
CONTROLS = {"noise as far": "noise", "nearest contrast": "contrast", "images, thrice": "none-thrice"}


@dataclass(frozen=True)
class Gap:
    """Accuracy of one row less that of another, paired over seeds, after the last epoch.

    Attributes:
        held, test: on validation and on test images.
        records: of both rows, at the seeds that both have.
    """

    held: Estimate
    test: Estimate
    records: tuple[Record, ...]


def held_accuracy(record: Record) -> float:
    """Accuracy on validation images after the last epoch."""
    return record.history["learners"][0]["val_accuracy"][-1]


def gap(own: list[Record], base: list[Record]) -> Gap | None:
    """One row less another in their strongest records of one kind; None where they have no seed in common."""
    for first, second in strongest_pairs({"": (own, base)}).values():
        theirs = {(r.profile, r.data, r.seed): r for r in second}
        mine = [r for r in first if (r.profile, r.data, r.seed) in theirs]
        pairs = [(r, theirs[r.profile, r.data, r.seed]) for r in mine]
        if pairs:
            return Gap(
                estimate(held_accuracy(a) - held_accuracy(b) for a, b in pairs),
                estimate(a.metric() - b.metric() for a, b in pairs),
                tuple(r for pair in pairs for r in pair),
            )
    return None


def gaps(records: list[Record], settings: dict[str, str]) -> dict[str, Gap | None]:
    """Some rows less SIGN as it is trained by default.

    Args:
        records: of these rows and of BASE.
        settings: what each row is called -> its key.
    """
    by_key = {key: found for (_, key, _), found in group(records).items()}
    base = by_key.get(BASE, [])
    return {label: gap(by_key.get(key, []), base) for label, key in settings.items()}


def on_test(found: dict[str, Gap | None], base: str = "SIGN") -> str:
    """Each difference on test images in words, and what stands behind them.

    Args:
        found: as `gaps` returns it.
        base: what the other row is called.
    """
    known = {label: one for label, one in found.items() if one}
    if not known:
        return "No record to compare yet."
    said = [f"test accuracy, {badge({label: list(one.records) for label, one in known.items()})}"]
    said += [in_words(label, base, one.test) for label, one in known.items()]
    if missing := [label for label in found if label not in known]:
        said.append(f"no record yet: {', '.join(missing)}")
    return _lines(said)


def by_validation(found: dict[str, Gap | None], base: str = "SIGN") -> str:
    """Which of some rows, `base` among them, comes first on validation images; and how the best of the others
    compares with `base`."""
    known = {label: one.held for label, one in found.items() if one}
    if not known:
        return "No record to choose by yet."
    best = max(known, key=lambda label: known[label].mean)
    first = best if known[best].mean > 0 else base
    lead = f"Of {len(known) + 1} ways {first} comes first on validation images"
    return _lines([f"{lead}; {in_words(best, base, known[best])}"])


def _lines(said: list[str]) -> str:
    return "\n".join(fill(line, 76, subsequent_indent="    ") for line in said)
