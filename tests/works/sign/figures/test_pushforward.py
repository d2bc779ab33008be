"""Figures on the push-forward: the arrow is the Jacobian's, the curve the map's."""

import matplotlib

matplotlib.use("Agg")

import numpy as np

from lt_lib import lab


def phi(at):
    x, y = at
    return np.array([x + y**2, 2 * y])


def test_the_vector_is_pushed_by_the_jacobian_and_its_image_by_the_map():
    p, v = np.array([0.2, 0.5]), np.array([0.1, 0.4])
    jacobian = np.array([[1.0, 1.0], [0.0, 2.0]])
    left, right = lab.figure("sign-fig2", phi, jacobian, p, v).axes
    tips = [ax.texts[0].xy for ax in (left, right)]
    tails = [ax.texts[0].xyann for ax in (left, right)]
    assert np.allclose(tips[0], p + v) and np.allclose(tails[0], p)
    assert np.allclose(tips[1], phi(p) + jacobian @ v) and np.allclose(tails[1], phi(p))
    (way,) = (line.get_xydata() for line in right.lines if line.get_linestyle() == "--")
    assert np.allclose(way[0], phi(p)) and np.allclose(way[-1], phi(p + v))


def test_the_grid_is_mapped_and_the_tangent_plane_stays_flat():
    jacobian = np.array([[1.0, 1.0], [0.0, 2.0]])
    left, right = lab.figure("sign-fig2", phi, jacobian, np.array([0.2, 0.5]), np.ones(2)).axes
    grids = zip(left.lines[:18], right.lines[:18], strict=True)
    assert all(np.allclose([phi(at) for at in a.get_xydata()], b.get_xydata()) for a, b in grids)
    for a, b in zip(left.lines[18:36], right.lines[18:36], strict=True):
        assert np.allclose(np.diff(b.get_xydata(), 2, axis=0), 0)
        assert np.allclose(np.diff(a.get_xydata(), axis=0) @ jacobian.T, np.diff(b.get_xydata(), axis=0))


def test_remainders_lie_beside_lines_of_slope_one_and_two():
    steps = np.logspace(-4, 0, 5)
    (ax,) = lab.figure("linear-remainder", steps, {"good": steps**2 / 3}).axes
    assert ax.get_xscale() == ax.get_yscale() == "log"
    one, two, good = (line.get_ydata() for line in ax.lines)
    assert np.allclose(one, steps) and np.allclose(two, steps**2) and np.allclose(good, steps**2 / 3)
