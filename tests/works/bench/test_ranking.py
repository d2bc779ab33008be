"""Rankings: what is told apart, and what is said of it."""

import pytest
from helpers import record

from lt_lib.lab import figure
from lt_lib.works.bench import ranking

NOISE = (0.002, -0.001, -0.001, 0.001, -0.001)  # by seed, and by remedy with another sign
GAINS = {"softmax": 0.10, "sampler": 0.099, "mixup": 0.0, "isns": 0.05, "focal": -0.08}


def records(ratio="0.005", gains=None, seeds=5, experiment="bench-frozen", data="real", **metrics):
    """Made-up records of plain cross-entropy and five remedies."""
    found = []
    for i, (key, gain) in enumerate({"plain": 0.0, **(gains or GAINS)}.items()):
        for seed in range(seeds):
            score = 0.5 + gain + (-1) ** i * (i + 1) * NOISE[seed]
            measures = {"balanced_accuracy": score, "few": score - 0.2, "many": 0.9 - gain, "medium": None}
            measures |= {"head_seconds": 1.0 + i, "ece": 0.1} | metrics
            found.append(
                record(f"{key}-{ratio}", seed, score, experiment, "overnight", data, metrics=measures)
            )
            found[-1].sizes["parameters"] = [1000 * (1 + i)]
    return found


@pytest.fixture
def bench():
    return ranking.by_ratio(records() + records("0.1", {"softmax": 0.01, "isns": 0.06, "mixup": 0.03}))


def test_remedies_stand_in_the_order_of_their_gain_and_apart_only_where_seeds_tell(bench):
    assert list(bench) == [0.1, 0.005]
    found = ranking.gains(bench[0.005])
    assert [g.remedy for g in found] == ["softmax", "sampler", "isns", "mixup", "focal"]
    assert [g.told for g in found] == [1, 1, 1, 0, -1]
    assert found[0].gap.mean == pytest.approx(0.10) and found[0].score.mean == pytest.approx(0.60)


def test_fourteen_tries_need_a_clearer_difference_than_one():
    clear = {"isns": 0.009}
    (alone,) = ranking.gains(ranking.by_ratio(records(gains=clear))[0.005])
    useless = dict.fromkeys(
        ("ins", "ens", "sampler", "softmax", "adjusted", "tau", "cosine", "ldam", "bags"), 0.0
    )
    among = ranking.gains(ranking.by_ratio(records(gains=clear | useless))[0.005])
    (same,) = [g for g in among if g.remedy == "isns"]
    assert 0.05 / 10 < p_of(alone) < 0.05
    assert (alone.told, same.told) == (1, 0)


def p_of(gain):
    from scipy import stats

    return stats.ttest_1samp(gain.gap.values, 0).pvalue


def test_one_seed_tells_nothing(bench):
    of = ranking.by_ratio(records(seeds=1))[0.005]
    (single,) = {g.told for g in ranking.gains(of)}
    assert single == 0
    said = ranking.which_remedy(of)
    assert all("one seed tells nothing for sure" in line for line in said)
    assert said[0].endswith("balanced sampler (cRT) is ahead in it (+0.103)")
    assert ranking.cheapest(of) == "one seed cannot tell which remedy earns its cost"
    behind = ranking.by_ratio(records(gains={"focal": -0.08}, seeds=1))[0.005]
    assert ranking.which_remedy(behind)[0].endswith("no remedy is ahead in it")


def test_a_ratio_with_nothing_to_compare_is_left_out():
    found = records() + [r for r in records("0.1") if r.key == "plain-0.1"]
    found += [r for r in records("0.02") if r.key != "plain-0.02"]
    assert list(ranking.by_ratio(found)) == [0.005]


def test_the_table_has_a_line_a_remedy_and_a_column_a_ratio(bench):
    table = ranking.ranking(bench)
    assert [row[""] for row in table.rows][:2] == ["cross-entropy", "balanced sampler (cRT)"]
    assert list(table.rows[0]) == ["", "ratio 0.1", "ratio 0.005"]
    lines = {row[""]: row for row in table.rows}
    assert lines["balanced softmax"]["ratio 0.005"].startswith("<b>+0.10")
    assert "<b>" not in lines["mixup of features"]["ratio 0.005"]
    assert lines["focal loss"]["ratio 0.1"] == "–"
    assert "n = 5" in table.caption and table.folded is None
    other = ranking.by_ratio(records(seeds=2))
    assert "n = 2" in ranking.ranking(bench, this_run=other).folded.caption
    assert ranking.ranking(bench, this_run=bench).folded is None


def test_cost_and_groups(bench):
    of = bench[0.005]
    cost = ranking.costs(of).frame.set_index("remedy")
    assert cost.loc["sampler", ["seconds", "parameters"]].tolist() == [3.0, 3000]
    table = ranking.groups(of)
    assert list(table.rows[0]) == ["", "many", "few"]  # no class is of middle size
    frame = table.frame.set_index(["remedy", "group"])
    assert frame.loc[("softmax", "few"), "gain"] == pytest.approx(0.10)
    assert frame.loc[("softmax", "many"), "told"] == -1


def test_the_words_follow_the_numbers(bench):
    mean, few, many = ranking.which_remedy(bench[0.005])
    assert mean.startswith("for the mean recall, balanced softmax (+0.10")
    assert "balanced sampler (cRT) cannot be told from it" in mean and "ISNS" not in mean
    assert few.startswith("for the recall of the rare classes, balanced softmax")
    assert many.startswith("for the recall of the frequent classes, focal loss (+0.08")
    nothing = ranking.by_ratio(records(gains={"isns": 0.0, "mixup": -0.001}))[0.005]
    assert "no remedy is surely better than plain cross-entropy" in ranking.which_remedy(nothing)[0]
    assert "no remedy earns its cost" in ranking.cheapest(nothing)
    assert ranking.cheapest(bench[0.005]) == (
        "of 2 remedies at the top the cheapest is balanced softmax, with 2.0 CPU seconds; plain "
        "cross-entropy takes 1.0"
    )


def test_a_work_s_advice_is_told_ratio_by_ratio(bench):
    assert ranking.advice(bench, "ee443", ["isns", "focal"]) == (
        "ee443: weighted loss, ISNS helps at 0.1 and 0.005; focal loss harms at 0.005"
    )
    assert ranking.advice(bench, "lectures", ["tau"]) == "lectures: no record yet"
    assert "balanced softmax is" in ranking.against(bench[0.005], ["softmax"], ["focal"])
    assert "no records" in ranking.against(bench[0.005], ["softmax"], ["tau"])


def test_the_order_is_compared_between_ratios(bench):
    found = ranking.rank_correlation(bench)
    assert found.loc[0.1, 0.005] == pytest.approx(-0.5)
    assert ranking.correlation_in_words(bench).endswith("0.1 and 0.005, with a rank correlation of -0.50")
    assert "one ratio only" in ranking.correlation_in_words({0.1: bench[0.1]})


def test_settings_at_the_end_of_what_was_tried_are_named():
    inside = ranking.by_ratio(records(setting=3.0))
    assert ranking.at_the_end(inside).startswith("each remedy's setting lies")
    ends = ranking.at_the_end(ranking.by_ratio(records(gains={"isns": 0.1, "adjusted": 0.0}, setting=1.0)))
    assert ends.endswith("the setting of cross-entropy (5 of 5) and weighted loss, ISNS (5 of 5)")


def test_figures_show_each_remedy_and_fill_what_is_told(bench):
    (ax,) = figure("bench-gains", bench).axes
    names = [text.get_text() for text in ax.get_yticklabels()]
    assert names[-1] == "balanced sampler (cRT)" and len(names) == 5
    points = [line for line in ax.lines if line.get_marker() in "os" and len(line.get_xdata()) == 1]
    assert len(points) == 8
    hollow = [line for line in points if line.get_markerfacecolor() == "white"]
    assert len(hollow) == sum(not g.told for of in bench.values() for g in ranking.gains(of))
    (ax,) = figure("bench-cost", bench[0.005]).axes
    assert {text.get_text() for text in ax.texts} == {"1", "2", "3", "4", "5"}


WHOLE_GAINS = {"softmax": -0.02, "crt": 0.2, "mixed": 0.03, "isns": 0.04, "focal": 0.05}


def whole(data="real", ratio="100"):
    """Made-up records of networks trained whole."""
    return records(ratio, WHOLE_GAINS, 5, "bench-whole", data, cpu_seconds=30.0)


def test_whole_networks_are_ranked_under_names_of_their_own():
    of = ranking.by_ratio(whole())[0.01]
    assert [g.title for g in ranking.gains(of)][:2] == ["cRT", "focal loss"]
    cost = ranking.costs(of)
    assert set(cost.frame["seconds"]) == {30.0} and "copies among it" in cost.caption
    assert "with 30.0 CPU seconds" in ranking.cheapest(of)
    (ax,) = figure("bench-cost", of).axes
    assert {x for line in ax.lines if line.get_marker() == "o" for x in line.get_xdata()} == {30.0}


def test_evidence_on_photographs_and_on_digits_stays_apart(monkeypatch):
    mixed = whole("real") + whole("embedded") + records()
    monkeypatch.setattr(ranking, "evidence", lambda: mixed)
    monkeypatch.setattr(ranking, "is_fresh", lambda r: r.key != "mixed-100")
    found = ranking.filed("bench-whole")
    assert list(found) == ["real", "embedded"]
    for data, bench in found.items():
        assert list(bench) == [0.01] and list(bench[0.01]) == ["plain", "softmax", "crt", "isns", "focal"]
        assert {r.data for own in bench[0.01].values() for r in own} == {data}


def test_the_fullest_bench_has_the_most_remedies_at_the_most_ratios(bench):
    part = {ratio: {key: of[key] for key in list(of)[:2]} for ratio, of in bench.items()}
    assert ranking.fullest(part, bench) is bench and ranking.fullest(bench, part) is bench
    assert ranking.fullest({}, bench) is bench and ranking.fullest(bench, dict(bench)) is bench


def test_tasks_are_compared_over_the_remedies_that_both_have(bench):
    tasks = {"heads": bench[0.005], "whole": ranking.by_ratio(whole())[0.01]}
    assert ranking.between_tasks(tasks).loc["heads", "whole"] == pytest.approx(-1)
    (said,) = ranking.moved(tasks)
    assert said == (
        "heads and whole: rank correlation -1.00 over 3 remedies; balanced softmax moves furthest, from "
        "place 1 to 3"
    )
    lone = {"heads": bench[0.005], "whole": {k: v for k, v in tasks["whole"].items() if k != "focal"}}
    assert ranking.moved(lone) == []


def test_nothing_on_file_is_a_table_that_says_so():
    assert ranking.ranking({}).caption.endswith("no record")


def test_the_ends_of_a_whole_network_s_range_are_its_rates():
    for end in (3.0, 0.3333333):  # a record rounds
        ends = ranking.by_ratio(records("100", WHOLE_GAINS, 5, "bench-whole", setting=end))
        assert "cRT (5 of 5)" in ranking.at_the_end(ends)
    inside = ranking.by_ratio(records("100", WHOLE_GAINS, 5, "bench-whole", setting=1.0))
    assert ranking.at_the_end(inside).startswith("each remedy's setting lies")
