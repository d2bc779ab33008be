"""LDAM-DRW as its authors train it: what is said beside print, and what is drawn."""

import pytest
from helpers import record, texts

from lt_lib.lab import figure
from lt_lib.lab.read.published import value
from lt_lib.works.spectrum.anchor import against_print

PRINTED = value(table="Cao et al., Table 2", row="C2.2")


def made(accuracy, key="ldam-drw-100", seed=0, **kind):
    found = record(key, seed, accuracy, experiment="ldam-official", variant="as-released", **kind)
    right = round(1000 * accuracy)
    confusion = [[right, 1000 - right], [0, 0]]
    return found.model_copy(update={"confusion": confusion, "per_class": {"recall": [accuracy] * 10}})


@pytest.mark.parametrize(
    ("off", "said"),
    [(0.014, "+1.4 points"), (-0.014, "-1.4 points"), (0.016, "+1.6 points"), (-0.016, "-1.6 points")],
)
def test_a_miss_is_more_than_a_point_and_a_half(off, said):
    text = against_print([made(PRINTED + off)])
    (line,) = [line for line in text.splitlines() if line.startswith("LDAM-DRW, 1:100")]
    assert said in line
    assert ("A miss." in line) == (abs(off) > 0.015)


def test_rows_without_a_record_come_with_their_command():
    text = against_print([made(PRINTED)])
    assert text.count("not run yet") == 3
    assert "`lt run ldam-official/ce-10 --profile paper --data real`" in text


def test_other_profiles_are_named_and_not_compared():
    (line,) = [
        line
        for line in against_print([made(0.2, profile="smoke", data="embedded")]).splitlines()
        if line.startswith("LDAM-DRW, 1:100")
    ]
    assert "not comparable" in line and "points" not in line


def test_a_mark_a_seed_beside_the_printed_diamond():
    fig = figure("outside-anchor", [made(0.75), made(0.77, seed=1)])
    drawn = sorted(
        float(x) for line in fig.axes[0].lines if line.get_marker() == "o" for x in line.get_xdata()
    )
    assert drawn == [0.75, 0.77]
    diamonds = [line for line in fig.axes[0].lines if line.get_marker() == "D"]
    assert len(diamonds) == 4
    assert "paper + real" in " ".join(texts(fig))


def test_recalls_of_rows_without_records_are_left_out():
    fig = figure("outside-recalls", {"a": [made(0.75)], "b": []})
    assert [line.get_label() for line in fig.axes[0].lines] == ["a"]
