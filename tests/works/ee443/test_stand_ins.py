"""The networks that stand in for the printed ones at `paper` + `real`: those whose weights can be had."""

import pytest

from lt_lib.data import registry
from lt_lib.lab.record.plan import plan

SIDES = {"efficientnet_b0": 224, "efficientnet_b1": 240, "efficientnet_b2": 260}
PROBES = ("fig2", "fig3", "fig4", "fig5", "results", "variants")


@pytest.mark.parametrize("name", PROBES)
def test_every_row_is_by_efficientnet_lite_at_the_published_size(name):
    for item in plan(f"ee443-{name}", profile="paper", data="real"):
        assert item.spec.optimizer.epochs == 30 and item.spec.subset.scale == 1
        for backbone in item.spec.backbones:
            entry = registry.weights()[backbone.pretrained]
            assert entry.package and entry.timm_name == backbone.name
            assert backbone.resolution == SIDES[backbone.stands_in_for]
    assert {item.seed for item in plan(f"ee443-{name}", profile="paper", data="real")} == set(range(5))


def test_a_stack_is_of_three_networks():
    stack = plan("ee443-results", "stacking-0.1", "paper", "real")[0].spec.backbones
    assert [b.stands_in_for for b in stack] == list(SIDES) and len({b.name for b in stack}) == 3


def test_of_the_sweep_three_rows_have_weights():
    items = plan("ee443-fig1", profile="paper", data="real", seeds=1)
    had = {i.key for i in items if i.spec.backbones[0].pretrained in registry.weights()}
    assert had == set(SIDES)
    assert all(i.spec.backbones[0].stands_in_for is None for i in items if i.key not in had)
