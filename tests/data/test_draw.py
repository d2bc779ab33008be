"""The draws of the embedded sets."""

import numpy as np

from lt_lib.data.draw import Draw


def test_draws_cover_their_range_evenly():
    draw = Draw([1, 2])
    values = draw.between(-3, 4, 80_000)
    assert set(values) == set(range(-3, 5)) and values.dtype == np.int32
    assert np.bincount(values + 3).min() > 9_500
    assert np.array_equal(Draw([1, 2]).between(-3, 4, 80_000), values)
    assert draw.bytes(3, 5).shape == (3, 5)
