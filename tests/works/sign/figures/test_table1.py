"""The maps of Fig 5."""

import numpy as np

from lt_lib import lab


def test_every_point_is_drawn_in_the_panel_of_its_split():
    rng = np.random.default_rng(0)
    splits = {
        "training": (rng.normal(size=(12, 2)), np.arange(12) % 3),
        "test": (rng.normal(size=(9, 2)), np.arange(9) % 3),
    }
    fig = lab.figure("sign-fig5", {"classical": splits, "SIGN": splits}, ("a", "b", "c"))
    titles = [ax.get_title() for ax in fig.axes]
    assert titles == ["classical, training", "classical, test", "SIGN, training", "SIGN, test"]
    drawn = [sum(len(line.get_xdata()) for line in ax.lines) for ax in fig.axes]
    assert drawn == [12, 9, 12, 9]
