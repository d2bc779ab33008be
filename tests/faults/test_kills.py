"""A few kills of a small grid; python -m tests.faults kills --long kills it a hundred times."""

from faults.kills import kills


def test_a_killed_grid_ends_as_an_undisturbed_one(tmp_path):
    *_, last = kills(tmp_path, 2)
    assert last["kills"] == 2 and last["grids ended bit-identical"] >= 1
