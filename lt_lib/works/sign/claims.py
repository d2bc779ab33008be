"""The claims of `sign` as contrasts between rows, the same on printed numbers and on records.

Rows are row keys and metrics those of a record; :mod:`lt_lib.works.sign.printed` says where both are printed.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import pandas as pd

from lt_lib.lab.read.findings import (
    DOWN,
    UP,
    Claim,
    Contrast,
    Finding,
    Part,
    Samples,
    behind,
    halves_of,
    keys_of,
    not_printed,
    on_contrasts,
    on_print,
    on_printed,
    shared_seeds,
    tally,
    together,
    verdicts,
)
from lt_lib.lab.read.published import value
from lt_lib.lab.record.records import Record
from lt_lib.works.sign.audit import TEST_IMAGES, WORK, strange_images, two_shares
from lt_lib.works.sign.printed import printed_cells

MEASURED = "Differences of the measure named"
PRINTED = {  # key -> the rows of the tables that it stands for
    "classical": ("T1.1", "T5.1"),
    "mixup": ("T1.2", "T5.2"),
    "sign": ("T1.3", "T5.3"),
    "deepaugment": ("T1.4", "T5.4"),
    "deepaugment-sign": ("T1.5", "T5.5"),
    "classical-doubt": ("T2.1", "T3.1"),
    "mixup-doubt": ("T2.2", "T3.2"),
    "sign-doubt": ("T2.3", "T3.3"),
    "nasnet-classical": ("T4.1",),
    "nasnet-transfer": ("T4.2",),
    "delta": ("P9",),
    "lesions-plain": ("P3",),
    "lesions-sign": ("P4",),
}
DROPS = {"pixels_drop": "pixels_accuracy", "noise_drop": "gauss_accuracy"}
FAR_ABOVE = (0.2, math.inf)  # twice what guessing gets right of ten classes: "far above"


@dataclass(frozen=True)
class Measured(Contrast):
    """A contrast of a measure of a record, or of a drop: accuracy less that on corrupted images."""

    def printed_of(self, facts: pd.DataFrame, row: str) -> float:
        if self.metric in DROPS:
            return _printed(facts, row, "accuracy") - _printed(facts, row, DROPS[self.metric])
        return _printed(facts, row, self.metric)

    def recorded_of(self, record: Record) -> float:
        if self.metric in DROPS:
            return record.metric() - record.metric(DROPS[self.metric])
        return record.metric(self.metric)


def _printed(facts: pd.DataFrame, key: str, metric: str) -> float:
    tables = {row: f"Table {row[1]}" if row.startswith("T") else "prose" for row in PRINTED[key]}
    cells = (printed_cells(table, row) for row, table in tables.items())
    return value(work=WORK, facts=facts, **next(found[metric] for found in cells if metric in found))


def _ranked(rows: Sequence[str], metric: str, allowed: tuple[float, float] = UP) -> list[Measured]:
    """Each row against every later one."""
    return [Measured(row, later, metric, allowed) for row, later in combinations(rows, 2)]


def _beats(rows: Sequence[str], word: str = "beats") -> list[str]:
    """What each contrast of `_ranked` says."""
    return [f"{row} {word} {later}" for row, later in combinations(rows, 2)]


def _listed(contrasts: Sequence[Contrast], said: Iterable[str]) -> str:
    """Differences in words, each with its rows."""
    return ", ".join(f"{words} ({contrast.name})" for words, contrast in zip(said, contrasts, strict=True))


def _claim(
    contrasts: Sequence[Measured],
    words: str,
    images: Callable[[pd.DataFrame], int] | None = None,
    decimals: int = 4,
    halves: Sequence[str] = (),
    cannot: Mapping[str, str] | None = None,
) -> Claim:
    """A claim that is a list of contrasts of one measure.

    Args:
        words: what the measure is called.
        images: of how many images the printed measure is a share; None where it is none.
        decimals: of a printed difference.
        halves: as in `halves_of`.
        cannot: as in `Claim`.
    """

    def printed(facts: pd.DataFrame, gaps: list[float]) -> str:
        said = [f"{gap:+.{decimals}f}" for gap in gaps]
        if images:
            shares = ([c.printed_of(facts, row) for row in c.rows] for c in contrasts)
            zs = (two_shares(*pair, images(facts))[0] for pair in shares)
            said = [f"{gap}, z {z:.2f}" for gap, z in zip(said, zs, strict=True)]
        return f"{words} {_listed(contrasts, said)}" + ("; z as if images were drawn apart" if images else "")

    def recorded(parts: list[Part]) -> str:
        return f"{tally(parts)}: {words} {_listed(contrasts, map(str, parts))}"

    tests = on_printed(contrasts, printed, halves), on_contrasts(contrasts, recorded, halves=halves)
    return Claim(*tests, cannot or {})


def _test_images(facts: pd.DataFrame) -> int:
    return TEST_IMAGES


# --- SG5: mixup makes the network under-confident

_CONFIDENCE = [Measured("mixup-doubt", other, "p_right", DOWN) for other in ("classical-doubt", "sign-doubt")]
_LEAST = {"mixup": "P10", "classical": "P11", "SIGN": "P12"}  # smallest probability of a right answer


def _least_on_print(facts: pd.DataFrame) -> Finding:
    least = {name: value(work=WORK, row=row, facts=facts) for name, row in _LEAST.items()}
    said = ", ".join(f"{p:g} ({name})" for name, p in least.items())
    gaps = [p - least["mixup"] for name, p in least.items() if name != "mixup"]
    return on_print(gaps, f"smallest probability of a right answer {said}; the mean is not printed")


def _confidence_recorded(parts: list[Part]) -> str:
    return f"{tally(parts)}: mean probability of right answers {_listed(_CONFIDENCE, map(str, parts))}"


# --- SG6, SG7: robust to noise, and to pixels turned off


def _drops(metric: str) -> list[Measured]:
    pairs = [("sign", "classical"), ("sign", "mixup"), ("deepaugment-sign", "deepaugment")]
    return [Measured(*pair, metric, DOWN) for pair in pairs]


# --- SG10: a larger area under the ROC curve for melanoma

_TEST, _HELD = (Measured("lesions-sign", "lesions-plain", area) for area in ("auc", "val_auc"))


def _areas_on_print(facts: pd.DataFrame) -> Finding:
    held, test = (contrast.printed(facts) for contrast in (_HELD, _TEST))
    return on_print([held, test], f"AUC {held:+.4f} on validation images, {test:+.4f} on test images")


def _areas(samples: Samples) -> Finding:
    """Judged on the test images; of the validation images it is said."""
    seeds = shared_seeds(samples, _TEST.keys)
    test, held = (contrast.recorded(samples, seeds) for contrast in (_TEST, _HELD))
    words = (
        f"{tally([test])}: AUC on test images {test} ({_TEST.name}). On validation images "
        f"{held} {together([held])}. Judged by the former"
    )
    return Finding(together([test]), words, behind(samples, seeds, _TEST.keys))


# --- SG11: compact classes

_COMPACT = ("sign", "classical", "mixup")
_RATIO, _SILHOUETTE = _ranked(_COMPACT, "variance_ratio", DOWN), _ranked(_COMPACT, "silhouette")


def _compactness(samples: Samples) -> Finding:
    """Judged by the variances, of all test features; of the silhouette it is said."""
    keys = keys_of(_RATIO)
    seeds = shared_seeds(samples, keys)
    ratio, silhouette = ([c.recorded(samples, seeds) for c in found] for found in (_RATIO, _SILHOUETTE))
    others = (f"{part} {said}" for part, said in zip(silhouette, verdicts(silhouette), strict=True))
    words = (
        f"{tally(ratio)}: variance within classes by that between them {_listed(_RATIO, map(str, ratio))}. "
        f"Silhouette: {_listed(_SILHOUETTE, others)}. Judged by the former"
    )
    own = halves_of(["SIGN is best", "SIGN is best", "classical is ahead of mixup"], verdicts(ratio))
    return Finding(together(ratio), words, behind(samples, seeds, keys), halves=own)


CLAIMS = {
    "SG1": _claim(
        _ranked(("sign", "mixup", "classical"), "accuracy"),
        "accuracy",
        _test_images,
        halves=_beats(("SIGN", "mixup", "classical")),
    ),
    "SG2": _claim([Measured("deepaugment-sign", "deepaugment")], "accuracy", _test_images),
    "SG3": _claim(
        [Measured("delta", allowed=FAR_ABOVE)], f"accuracy ({FAR_ABOVE[0]:g} needed, twice that of guessing)"
    ),
    "SG4": _claim(
        _ranked(("sign-doubt", "classical-doubt", "mixup-doubt"), "doubt_count", DOWN),
        "right answers of p up to 0.5",
        decimals=0,
        halves=_beats(("SIGN", "classical", "mixup"), "leaves fewer than"),
    ),
    "SG5": Claim(_least_on_print, on_contrasts(_CONFIDENCE, _confidence_recorded)),
    "SG6": _claim(_drops("noise_drop"), "accuracy lost to noise"),
    "SG7": _claim(_drops("pixels_drop"), "accuracy lost to 50 pixels off"),
    "SG8": _claim(
        _ranked(("sign-doubt", "classical-doubt", "mixup-doubt"), "strange_accuracy"),
        "accuracy on strange images",
        strange_images,
        halves=_beats(("SIGN", "classical", "mixup")),
        cannot={"digits8": "the strange digits are too far from these, accuracies lie at chance"},
    ),
    "SG9": _claim([Measured("nasnet-transfer", "nasnet-classical")], "accuracy", _test_images),
    "SG10": Claim(_areas_on_print, _areas),
    "SG11": Claim(not_printed("Fig 5 draws points and gives no number"), _compactness),
}
