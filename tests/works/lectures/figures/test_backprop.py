"""Figures of the chapter on backpropagation: what is drawn is what was recorded or measured."""

import numpy as np
import torch
from matplotlib import pyplot as plt

from lt_lib.lab import figure


def test_the_graph_shows_each_recorded_step_once():
    a, b = torch.tensor(2.0, requires_grad=True), torch.tensor(3.0, requires_grad=True)
    shown = figure("autograd-graph", (a * b).tanh() + a, {"a": a, "b": b})
    words = [text.get_text() for text in shown.axes[0].texts if text.get_text()]
    assert sorted(words) == ["Add", "Mul", "Tanh", "a", "b"]
    height = {text.get_text(): text.get_position()[1] for text in shown.axes[0].texts if text.get_text()}
    assert height["Add"] < height["Tanh"] < height["Mul"] < height["a"] == height["b"]
    arrows = [text for text in shown.axes[0].texts if not text.get_text()]
    assert len(arrows) == 5
    plt.close("all")


def test_errors_and_depths_are_drawn_on_log_scales():
    steps = np.logspace(-8, -1, 8)
    ax = figure("difference-errors", steps, {"one": steps, "two": steps**2}).axes[0]
    assert ax.get_xscale() == ax.get_yscale() == "log"
    assert np.array_equal(ax.lines[1].get_ydata(), steps**2)
    ax = figure("gradient-depth", [2, 4], {"relu": np.array([[1.0, 3.0, 2.0], [0.1, 0.3, 0.2]])}).axes[0]
    assert ax.lines[0].get_ydata().tolist() == [2.0, 0.2] and ax.get_yscale() == "log"
    plt.close("all")
