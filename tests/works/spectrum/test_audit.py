"""The recomputed audit of spectrum: its checks, the integers behind Table 2, and what they allow."""

import numpy as np
import pandas as pd
import pytest
from helpers import tamper
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog, minimize

from lt_lib.errors import LabError
from lt_lib.lab.read.audit import audit
from lt_lib.lab.read.published import printed, published
from lt_lib.metrics import report_from_confusion
from lt_lib.works.spectrum import SWAPPED
from lt_lib.works.spectrum.audit import (
    NoReconstruction,
    RowMargins,
    accuracy_bounds,
    balanced_error,
    class_shares,
    icv_bounds,
    icv_of_table2,
    icv_table,
    reconstruct_table2,
    table1_row,
)

COUNTS = (6443, 1710, 1673, 952)


@pytest.fixture(scope="module")
def facts():
    return published()


@pytest.fixture(scope="module")
def tiles(facts):
    return audit("spectrum", facts).set_index("id")


@pytest.mark.parametrize(
    ("check", "found"),
    [
        ("A01", ["max acc at mean recall 0.2076 = 0.4964"]),
        (
            "A02",
            [
                "2.48..88.1 as a sum",
                "1.12..8.3 as a root",
                "1.17..1.7 in Table 2",
                "0.36..0.60",
                "0.13..0.22 in Table 2",
            ],
        ),
        ("A03", ["4 classes: 0..3"]),
        ("A04", ["within 5e-05 of all 7 rows", "0.7709 for row 1 (printed 0.6470)"]),
        ("A05.1", ["bal 0.6469", "F1 0.65954"]),
        ("A05.3", ["bal 0.60292 F1 0.63646"]),
        ("A05.7", ["bal 0.67210 F1 0.66850"]),
        ("A06", ["(6443,1710,1673,952), N=10778", "all 7 rows", "77 of 77 cells"]),
        ("A07", ["59.8/15.9/15.5/8.8 %"]),
        (
            "A08",
            [
                "ResNet-50 (unswapped): LDAM 0.6406, sampler+CE 0.6467",
                "ICV 0.2076, 0.2757",
                "LDAM 0.6569",
                "0.1967, 0.0942",
            ],
        ),
        ("A09", ["with SWA 0.6740, without 0.6779", "bands 6,5,2 0.6955"]),
        ("A10", ["+0.0005", "0.0057"]),
        ("A11", ["2 of 9"]),
    ],
)
def test_recomputed_numbers_of_spectrum(tiles, check, found):
    assert [text for text in found if text not in tiles.loc[check, "recomputed"]] == []


@pytest.mark.parametrize(
    ("check", "text", "filters", "verdict"),
    [
        ("A01", "0.6406", {"row": "T1.3", "metric": "balanced_acc"}, "PASS"),
        ("A01", "0.49", {"row": "T1.3", "metric": "test_acc"}, "PASS"),
        ("A02", "0.2034", {"row": "T1.1", "metric": "icv"}, "AMBIGUOUS"),
        ("A03", "3", {"metric": "upper_index"}, "PASS"),
        ("A04", "0.7709", {"row": "T2.1", "metric": "balanced_acc"}, "UNEXPLAINED"),
        ("A05.4", "0.6695", {"row": "T2.4", "metric": "balanced_acc"}, "ERROR"),
        ("A05.4", "0.6388", {"row": "T2.4", "metric": "macro_f1"}, "ERROR"),
        ("A05.4", "0.5741", {"row": "T2.4", "metric": "recall", "class_": 1}, "ERROR"),
        ("A06", "0.5741", {"row": "T2.4", "metric": "recall", "class_": 1}, "FAILS"),
        ("A06", "0.4988", {"row": "T2.4", "metric": "precision", "class_": 1}, "FAILS"),
        ("A06", "0.7172", {"row": "T2.4", "metric": "test_acc"}, "FAILS"),
        ("A06", "0.6388", {"row": "T2.4", "metric": "macro_f1"}, "FAILS"),
        ("A07", "0.5741", {"row": "T2.4", "metric": "recall", "class_": 1}, "NOT CHECKED"),
        (
            "A08",
            "0.6400",
            {"row": "T1.2", "metric": "balanced_acc"},
            "CONTRADICTED in 1 of 2 matched comparisons (bal acc)",
        ),
        ("A09", "0.6800", {"row": "T1.6", "metric": "balanced_acc"}, "PASS"),
        ("A09", "0.6700", {"row": "T1.7", "metric": "balanced_acc"}, "CONTRADICTED"),
        ("A10", "0.6900", {"row": "T2.7", "metric": "macro_f1"}, "PASS"),
        ("A10", "0.6679", {"row": "T2.7", "metric": "macro_f1"}, "CONTRADICTED"),
    ],
)
def test_a_tampered_number_of_spectrum_changes_the_verdict(facts, check, text, filters, verdict):
    rows = audit("spectrum", tamper(text, facts, **{"work": "spectrum"} | filters)).set_index("id")
    assert rows.loc[check, "verdict"] == verdict


def test_sums_of_squares_would_pass(facts):
    """Had Table 1 printed what its formula says, the squares of what it prints."""
    changed = facts
    for row in icv_table(facts).itertuples():
        column = "balanced_acc" if row.swapped else "icv"
        changed = tamper(f"{row.icv**2:.4f}", changed, work="spectrum", row=row.row, metric=column)
    assert audit("spectrum", changed).set_index("id").loc["A02", "verdict"] == "PASS"


def test_several_tampered_numbers_change_the_verdict(facts):
    changed = facts
    for margins in reconstruct_table2(facts):
        changed = tamper(
            f"{margins.one_vs_rest:.4f}", changed, work="spectrum", row=margins.row, metric="balanced_acc"
        )
    for class_, text in enumerate(("0.60", "0.16", "0.16", "0.09")):
        changed = tamper(text, changed, work="spectrum", metric="class_proportion", class_=class_)
    for row in ("T1.8", "T1.9"):
        changed = tamper("0.6900", changed, work="spectrum", row=row, metric="test_acc")
    for row in ("T1.2", "T1.8"):
        changed = tamper("0.6000", changed, work="spectrum", row=row, metric="balanced_acc")
    verdicts = audit("spectrum", changed).set_index("id")["verdict"]
    assert verdicts[["A04", "A07", "A08", "A11"]].tolist() == ["PASS"] * 4


def test_a_missing_number_of_spectrum_is_named(facts):
    where = published("spectrum", row="T2.5", metric="recall", class_=2, facts=facts).index
    with pytest.raises(LabError, match="0 published numbers match .row='T2.5', metric='recall', class_='2'"):
        audit("spectrum", facts.drop(index=where))


def test_reconstruction_reproduces_every_cell(facts):
    rows = reconstruct_table2(facts)
    assert [row.row for row in rows] == [f"T2.{i}" for i in range(1, 8)]
    for row in rows:
        assert row.counts == COUNTS and sum(row.predicted) == sum(COUNTS)
        assert all(
            t <= min(n, p) for t, n, p in zip(row.true_positives, row.counts, row.predicted, strict=True)
        )
        found = {"test_acc": row.accuracy, "balanced_acc": row.balanced_accuracy, "macro_f1": row.macro_f1}
        found = {(metric, "all"): number for metric, number in found.items()}
        found |= {("recall", str(j)): r for j, r in enumerate(row.recall)}
        found |= {("precision", str(j)): p for j, p in enumerate(row.precision)}
        assert len(found) == 11
        for (metric, class_), number in found.items():
            text = printed(work="spectrum", row=row.row, metric=metric, class_=class_, facts=facts)
            assert f"{number:.4f}" == text
    assert rows[0].true_positives == (5778, 835, 942, 609) and rows[0].predicted == (6898, 1413, 1556, 911)
    assert class_shares(facts) == pytest.approx(np.array(COUNTS) / sum(COUNTS), abs=5e-4)


def confusion(counts, rng):
    """A made-up confusion matrix with these class counts and a heavy diagonal."""
    matrix = [
        rng.multinomial(n, rng.dirichlet(np.where(np.arange(4) == j, 12, 2))) for j, n in enumerate(counts)
    ]
    return np.array(matrix)


@pytest.mark.parametrize("seed", range(5))
def test_reconstruction_finds_what_was_printed(seed):
    """A table printed from made-up matrices gives its margins back."""
    rng = np.random.default_rng(seed)
    counts = tuple(int(n) for n in rng.permutation([rng.integers(5000, 6500), *rng.integers(700, 2000, 3)]))
    matrices, lines = [confusion(counts, rng) for _ in range(7)], []
    for i, matrix in enumerate(matrices):
        report = report_from_confusion(matrix)
        cells = {
            ("test_acc", "all"): report["accuracy"],
            ("balanced_acc", "all"): report["balanced_accuracy"],
        }
        cells |= {("macro_f1", "all"): report["macro_f1"]}
        cells |= {(m, str(j)): x for m in ("recall", "precision") for j, x in enumerate(report[m])}
        lines += [("spectrum", "Table 2", f"T2.{i + 1}", m, c, f"{x:.4f}") for (m, c), x in cells.items()]
    table = pd.DataFrame(lines, columns=["work", "table", "row_id", "metric", "class", "text"])
    for row, matrix in zip(reconstruct_table2(table, most=2 * sum(counts) - 1), matrices, strict=True):
        expected = counts, matrix.diagonal(), matrix.sum(0)
        for ours, theirs in zip((row.counts, row.true_positives, row.predicted), expected, strict=True):
            assert ours == tuple(theirs)
        assert row.icv == pytest.approx(report_from_confusion(matrix)["icv_printed"])


def test_no_reconstruction_is_an_error(facts):
    with pytest.raises(NoReconstruction, match="0 sets of class counts up to 20000 tiles"):
        reconstruct_table2(tamper("0.5741", facts, work="spectrum", row="T2.4", metric="recall", class_=1))
    with pytest.raises(NoReconstruction, match="2 sets of class counts up to 25000 tiles"):
        reconstruct_table2(facts, most=25_000)  # twice the counts print the same


def test_one_vs_rest_is_the_mean_of_binary_balanced_accuracies():
    matrix = confusion((60, 30, 20, 10), np.random.default_rng(1))
    row = RowMargins("x", tuple(matrix.sum(1)), tuple(matrix.diagonal()), tuple(matrix.sum(0)))
    binary = []
    for j in range(4):
        tp, fn, fp = matrix[j, j], matrix[j].sum() - matrix[j, j], matrix[:, j].sum() - matrix[j, j]
        tn = matrix.sum() - tp - fn - fp
        binary.append((tp / (tp + fn) + tn / (tn + fp)) / 2)
    assert row.one_vs_rest == pytest.approx(np.mean(binary))


def test_balanced_error_is_that_of_resampled_tiles(facts):
    row = reconstruct_table2(facts)[5]
    rng = np.random.default_rng(0)
    drawn = [rng.binomial(n, r, 40_000) / n for n, r in zip(row.counts, row.recall, strict=True)]
    assert balanced_error(row) == pytest.approx(np.mean(drawn, axis=0).std(), rel=0.02)


@settings(max_examples=60, deadline=None)
@given(
    counts=st.lists(st.integers(1, 5000), min_size=2, max_size=5),
    balanced=st.floats(0, 1),
)
def test_accuracy_bounds_are_those_of_the_linear_program(counts, balanced):
    shares = np.array(counts) / sum(counts)
    programs = [
        linprog(
            sign * shares, A_eq=np.full((1, len(shares)), 1 / len(shares)), b_eq=[balanced], bounds=(0, 1)
        ).fun
        for sign in (1, -1)
    ]
    assert accuracy_bounds(balanced, counts) == pytest.approx((programs[0], -programs[1]), abs=1e-7)


@settings(max_examples=60, deadline=None)
@given(counts=st.lists(st.integers(1, 5000), min_size=3, max_size=4), data=st.data())
def test_icv_lies_in_its_bounds(counts, data):
    recall = np.array(data.draw(st.lists(st.floats(0, 1), min_size=len(counts), max_size=len(counts))))
    shares = np.array(counts) / sum(counts)
    acc = float(shares @ recall)
    least, most = icv_bounds(acc, float(recall.mean()), counts)
    assert least - 1e-7 <= ((recall - acc) ** 2).sum() <= most + 1e-7


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_icv_bounds_are_reached(data):
    """Against a general solver for the least, and random feasible recalls pushed to their ends for the
    largest."""
    recall = np.array(data.draw(st.lists(st.floats(0.02, 0.98), min_size=4, max_size=4)))
    shares = np.array(COUNTS) / sum(COUNTS)
    acc, balanced = float(shares @ recall), float(recall.mean())
    least, most = icv_bounds(acc, balanced, COUNTS)
    sums = [
        {"type": "eq", "fun": lambda r: shares @ r - acc},
        {"type": "eq", "fun": lambda r: r.mean() - balanced},
    ]
    solved = minimize(
        lambda r: ((r - acc) ** 2).sum(),
        recall,
        bounds=[(0, 1)] * 4,
        constraints=sums,
        options={"ftol": 1e-12},
    )
    assume(solved.success)
    assert least == pytest.approx(solved.fun, abs=1e-5)
    plane = np.linalg.svd(np.stack([shares, np.ones(4)]))[2][2:]
    ways = np.stack([np.cos(t := np.linspace(0, 2 * np.pi, 40_000)), np.sin(t)], 1) @ plane
    with np.errstate(divide="ignore"):
        steps = np.where(ways > 0, (1 - recall) / ways, -recall / ways).min(1)
    ends = recall + steps[:, None] * ways
    assert most == pytest.approx(((ends - acc) ** 2).sum(1).max(), abs=5e-3)
    assert most >= ((ends - acc) ** 2).sum(1).max() - 1e-9


def test_impossible_pairs_are_refused():
    assert accuracy_bounds(0.2076, COUNTS)[1] == pytest.approx(0.4964, abs=5e-5)
    with pytest.raises(
        LabError, match=r"accuracy 0.7022 at mean recall 0.2076: it lies in \[0.0733, 0.4964\]"
    ):
        icv_bounds(0.7022, 0.2076, COUNTS)
    with pytest.raises(LabError, match="a mean recall lies in"):
        accuracy_bounds(1.2, COUNTS)
    assert icv_bounds(0.7, 0.7, COUNTS)[0] == pytest.approx(0, abs=1e-12)
    assert icv_bounds(1.0, 1.0, COUNTS) == pytest.approx((0, 0), abs=1e-12)


def test_only_the_impossible_row_is_unswapped(facts):
    rows = {f"T1.{i}": table1_row(f"T1.{i}", facts) for i in range(1, 10)}
    swapped = {name for name, row in rows.items() if row.swapped}
    assert swapped == {row for table, row in SWAPPED if table == "Table 1"}
    assert (rows["T1.3"].balanced, rows["T1.3"].icv) == ("0.6406", "0.2076")
    with pytest.raises(LabError, match="T1.10"):
        table1_row("T1.10", facts)


def test_icv_table_is_that_of_the_reference(facts):
    """The table of methods.md, section B1."""
    table = icv_table(facts)
    least = [0.1816, 0.0518, 0.0383, 0.1575, 0.0175, 0.0307, 0.0238, 0.0011, 0.0187]
    assert table["least"].round(4).tolist() == least
    assert table["ratio_sum"].tolist() == pytest.approx(
        [2.5, 5.3, 5.4, 2.8, 12.5, 7.9, 8.9, 88, 10.5], rel=0.02
    )
    assert table["ratio_root"].tolist() == pytest.approx(
        [1.12, 1.47, 1.13, 1.25, 2.7, 1.9, 1.9, 8.3, 2.1], rel=0.02
    )
    assert table["apart_sum"].tolist() == pytest.approx(
        [0.57, 0.54, 0.47, 0.60, 0.53, 0.53, 0.50, 0.36, 0.49], abs=0.01
    )
    assert table["apart_root"].tolist() == pytest.approx(
        [0.12, 0.15, 0.05, 0.19, 0.19, 0.17, 0.15, 0.09, 0.15], abs=0.021
    )
    assert (table["icv"] < table["most"]).all() and (table["ratio_root"] > 1).all()
    known = icv_of_table2(facts)
    assert known["root"].round(3).tolist() == [0.379, 0.390, 0.531, 0.197, 0.197, 0.306, 0.311]
    assert [known["ratio"].min(), known["ratio"].max()] == pytest.approx([1.17, 1.70], abs=0.005)
    assert [known["apart"].min(), known["apart"].max()] == pytest.approx([0.13, 0.22], abs=0.005)


def test_recalls_lie_as_far_apart_as_they_must(facts):
    """No feasible recalls on a fine grid have the ICV of T1.1 and minority recalls closer than said."""
    row = icv_table(facts).iloc[0]
    shares, step = np.array(COUNTS) / sum(COUNTS), 0.002
    first, second = (x.ravel() for x in np.meshgrid(*[np.arange(0, 1, step)] * 2))
    left = np.array([[shares[2], shares[3]], [1, 1]])
    for power, name in ((1, "apart_sum"), (2, "apart_root")):
        closest = np.inf
        rest = np.stack(
            [row.accuracy - shares[0] * first - shares[1] * second, 4 * row.balanced - first - second]
        )
        recall = np.stack([first, second, *np.linalg.solve(left, rest)])
        total = ((recall - row.accuracy) ** 2).sum(0)
        fits = ((recall >= 0) & (recall <= 1)).all(0) & (np.abs(total - row.icv**power) < 0.003)
        closest = np.ptp(recall[1:, fits], axis=0).min()
        assert row[name] == pytest.approx(closest, abs=0.02)
