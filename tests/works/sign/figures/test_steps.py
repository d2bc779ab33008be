"""Figures on SIGN step by step: pictures in their place, lines as given, gaps with their intervals."""

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pytest
import torch
from helpers import marks, record, texts

from lt_lib import lab
from lt_lib.lab.read.estimates import estimate
from lt_lib.works.sign.choices import Gap


def test_pictures_stand_in_rows_and_are_shown_from_0_to_1():
    rows = {"before": torch.rand(3, 3, 4, 4), "after": 3 * torch.rand(3, 3, 4, 4) - 1}
    axes = np.array(lab.figure("sign-fig3", rows).axes).reshape(2, 3)
    assert [ax.get_ylabel() for ax in axes[:, 0]] == ["before", "after"]
    shown = axes[1, 2].images[0].get_array()
    assert shown.shape == (4, 4, 3)
    assert np.allclose(shown, rows["after"][2].clamp(0, 1).permute(1, 2, 0))


def test_each_way_is_a_line_in_each_panel():
    panels = {"far": {"recompute": [0, 1, 3], "fixed": [0, 1, 2]}, "loud": {"recompute": [1, 2, 2]}}
    far, loud = lab.figure("along-the-way", range(3), panels, "steps", marked=(1,)).axes
    assert [line.get_ydata().tolist() for line in loud.lines if line.get_label() == "recompute"] == [
        [1, 2, 2]
    ]
    assert [line.get_label() for line in far.lines if not line.get_label().startswith("_")] == [
        "recompute",
        "fixed",
    ]
    assert [line.get_xdata()[0] for line in far.lines if line.get_linestyle() == ":"] == [1]
    assert far.get_xlabel() == "steps" and (far.get_title(), loud.get_title()) == ("far", "loud")


def test_gaps_are_drawn_by_validation_and_test_and_a_row_without_a_record_says_so():
    behind = tuple(record(key, s, 0.8, "sign-choices") for key in ("sign-far", "sign") for s in (0, 1))
    gap = Gap(estimate([0.01, 0.03]), estimate([-0.04, -0.02]), behind)
    fig = lab.figure("sign-choices", {"reach 0.8": gap, "fixed": None})
    held, test = fig.axes
    assert marks(held, "o") == pytest.approx([0.02]) and marks(test, "o") == pytest.approx([-0.03])
    assert [label.get_text() for label in held.get_yticklabels()] == ["reach 0.8", "fixed"]
    bottom, top = held.get_ylim()
    assert bottom > top  # the first row is on top
    said = texts(fig)
    assert said.count("no record") == 2 and any("paper + real" in text for text in said)


def test_without_any_record_the_figure_still_names_the_rows():
    said = texts(lab.figure("sign-choices", {"fixed": None, "literal": None}))
    assert {"fixed", "literal", "no record on file"} <= set(said) and said.count("no record") == 4
