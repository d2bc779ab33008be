"""Figures of the chapter on borrowed networks show what they are given."""

from types import SimpleNamespace

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pytest
import torch
from helpers import texts

from lt_lib import lab
from lt_lib.works.lectures.thaw import Blocks, plain_blocks


def records(**values):
    """One stand-in of a record a seed, from a list of values a measure."""
    count = len(next(iter(values.values())))
    made = [{name: row[i] for name, row in values.items()} for i in range(count)]
    return [SimpleNamespace(metric=lambda name="accuracy", m=m: m[name], metrics={"last": m}) for m in made]


def marks(ax):
    return [container.lines[0].get_xydata().tolist() for container in ax.containers]


def test_filters_are_stretched_about_grey():
    net = Blocks(plain_blocks((4, 6)), 6, 5)
    fig = lab.figure("first-filters", {"one": net, "other": net})
    drawn = [ax.images[0].get_array() for ax in fig.axes if ax.images]
    assert len(drawn) == 8 and {"one", "other"} <= set(texts(fig))
    for kernel, image in zip(net.blocks[0][0].weight.detach(), drawn):
        assert np.abs(np.asarray(image) - 0.5).max() == pytest.approx(0.5)
        assert np.allclose(np.sign(np.asarray(image) - 0.5), np.sign(kernel.permute(1, 2, 0).numpy()))


def test_views_are_the_strength_of_each_block():
    torch.manual_seed(0)
    net, x = Blocks(plain_blocks((4, 6)), 6, 5).eval(), torch.randn(1, 3, 16, 16)
    fig = lab.figure("block-views", net, {"near": (np.zeros((16, 16, 3), np.uint8), x)})
    (_, first, second) = fig.axes
    assert [ax.get_title() for ax in fig.axes] == ["image", "block 1", "block 2"]
    with torch.no_grad():
        expected = [net.run(x, 0, k)[0].square().mean(0).sqrt().numpy() for k in (1, 2)]
    for ax, values in zip((first, second), expected, strict=True):
        assert np.allclose(ax.images[0].get_array(), values)


def test_dots_stand_at_their_means():
    fig = lab.figure(
        "thaw-dots",
        {
            "100 images": {"frozen": records(accuracy=[0.4, 0.6]), "all": records(accuracy=[0.1, 0.3])},
            "400 images": {"frozen": records(accuracy=[0.8, 0.8])},
        },
        foot="foot",
    )
    (ax,) = fig.axes
    assert [round(m[0][0], 6) for m in marks(ax)] == [0.5, 0.2, 0.8]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["all", "frozen"] and "foot" in texts(fig)
    assert marks(ax)[0][0][1] > marks(ax)[2][0][1] > 0.5  # sizes side by side on the line of their way


def test_memory_has_a_filled_and_a_hollow_mark_a_way():
    fig = lab.figure("thaw-memory", {"frozen": records(accuracy=[0.6], old=[0.9], old_again=[0.7])})
    (ax,) = fig.axes
    assert marks(ax) == [[[0.6, 0.9]], [[0.6, 0.7]]]
    assert [c.lines[0].get_markerfacecolor() == "white" for c in ax.containers] == [False, True]


def test_probes_are_drawn_by_block():
    lender = records(probe_0=[0.1, 0.3], probe_1=[0.5, 0.7])
    fig = lab.figure(
        "block-probes",
        {
            "near": {"lender": lender},
            "far": {"lender": lender, "untrained": records(probe_0=[0.3], probe_1=[0.3])},
        },
    )
    near, far = fig.axes
    assert np.allclose(marks(near)[0], [[0, 0.2], [1, 0.6]]) and len(marks(far)) == 2
    assert near.get_title() == "near"
