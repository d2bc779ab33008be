"""Figures of the chapter on batch normalisation."""

import numpy as np
from matplotlib import pyplot as plt

from lt_lib import lab


def test_traces_of_norms_show_every_row(lab_env):
    records = lab.run("lectures-norms", profile="smoke")
    shown = lab.figure("norm-traces", records)
    assert len(shown.axes) == 3 and all(len(ax.lines) == 3 for ax in shown.axes)
    probes = records[0].history["learners"][0]["probes"]
    assert np.allclose(shown.axes[0].lines[0].get_ydata(), probes["loss_range"])
    plt.close("all")
