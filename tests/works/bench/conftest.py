"""What the tests of the bench share."""

import pytest

from lt_lib.lab.bench import remedies


@pytest.fixture
def few_steps(monkeypatch, lab_env):
    """Heads that are trained for a few steps only."""
    monkeypatch.setattr(remedies, "STEPS", (40, 80))
