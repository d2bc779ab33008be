"""A record's network is the one that made its numbers."""

import pytest

from lt_lib.lab import run
from lt_lib.lab.train.loop import accuracy
from lt_lib.works.sign.fitting import answers
from lt_lib.works.sign.trained import network_of


def test_the_network_of_a_record_answers_as_it_did(tmp_path):
    (record,) = run("sign-table1", "none", profile="smoke", store=tmp_path)
    net, sets = network_of(record, tmp_path)
    assert not net.training and sets.images == record.sizes["train"][0]
    logits, _ = answers(net, sets, sets.test[0], "float32")
    assert accuracy(logits, sets.test[1]) == pytest.approx(record.metric(), abs=2e-3)
