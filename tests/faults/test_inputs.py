"""The short campaign: some tens of damaged inputs of each kind."""

import pytest

from faults.campaign import FAULT, tried
from faults.inputs import KINDS


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", KINDS)
def test_any_input_is_read_or_refused(name):
    found = list(tried(name, range(KINDS[name].quick)))
    assert len(found) == KINDS[name].quick
    assert [why for _, outcome, why in found if outcome == FAULT] == []
