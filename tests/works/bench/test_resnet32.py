"""Losses for a whole network: rows that another experiment has share its records."""

from lt_lib.lab.record.plan import plan


def specs(experiment, profile):
    return {item.key: item.spec for item in plan(experiment, None, profile, "real", seeds=[0])}


def test_at_full_size_the_official_rows_are_the_same_runs():
    ours, official = specs("bench-resnet32", "paper"), specs("ldam-official", "paper")
    assert official.items() <= ours.items() and len(ours) == 8


def test_the_reduced_budget_is_a_fifth_of_everything_that_counts_epochs():
    full, short = specs("bench-resnet32", "paper"), specs("bench-resnet32", "overnight")
    for key, spec in short.items():
        assert 5 * spec.optimizer.epochs == full[key].optimizer.epochs
        if spec.recipe.drw:
            assert 5 * spec.recipe.drw.switch_epoch == full[key].recipe.drw.switch_epoch
    budgets = {(s.optimizer, s.subset.ratio, s.backbones) for s in short.values()}
    assert len(budgets) == 2  # one a ratio


def test_a_laptop_trains_none():
    assert not plan("bench-resnet32", None, "laptop") and not plan("bench-resnet32", None, "smoke")
