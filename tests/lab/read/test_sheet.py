"""Tables with several metrics, printed cells in each other's column, and the profile between laptop and
paper."""

import pytest
from bs4 import BeautifulSoup
from helpers import record

from lt_lib.errors import LabError
from lt_lib.lab.read import badges, evidence, report
from lt_lib.lab.read.estimates import OVER_SEEDS
from lt_lib.lab.read.evidence import STRENGTH
from lt_lib.lab.read.published import printed_metrics, published_value
from lt_lib.lab.record.records import Store
from lt_lib.lab.record.spec import load, resolve, seeds_of

TABLE1 = "spectrum-table1"
COLUMNS = {"accuracy": "accuracy", "balanced_accuracy": "balanced", "icv_used": "ICV"}


def row_of(experiment: str, key: str):
    loaded = load(experiment)
    return loaded, loaded.select(key)[0]


def made(key: str, profile: str, data: str, seeds: int = 3, experiment: str = TABLE1, **numbers):
    metrics = {"balanced_accuracy": 0.6, "icv_used": 0.3} | numbers
    found = [
        record(key, s, 0.7 + s / 1000, experiment, profile, data, "as-printed", metrics) for s in range(seeds)
    ]
    return [r.model_copy(update={"id": f"sha256:{key}-{profile}-{data}-{r.seed}"}) for r in found]


@pytest.fixture(autouse=True)
def _no_evidence(monkeypatch, tmp_path):
    monkeypatch.setattr("lt_lib.lab.read.evidence.evidence_dir", lambda: tmp_path)
    for module in (evidence, badges):
        monkeypatch.setattr(module, "is_fresh", lambda record: True)


def test_swapped_cells_are_read_in_their_right_columns():
    experiment, row = row_of(TABLE1, "r50-clr-ldam")
    assert published_value(experiment, row, "balanced_accuracy") == 0.6406
    assert published_value(experiment, row, "balanced_accuracy", as_meant=False) == 0.2076
    assert published_value(experiment, row, "icv_used") == 0.2076
    assert published_value(experiment, row) == 0.7022


def test_a_sheet_has_a_line_a_source_and_marks_what_was_moved():
    own = made("r50-clr-ldam", "laptop", "embedded") + made("r50-ce", "laptop", "embedded")
    table = report.sheet(own, COLUMNS)
    assert table.frame["source"].tolist() == ["published", "this run"] * 2
    assert table.frame.iloc[0]["balanced_accuracy"] == 0.6406 and table.frame.iloc[1]["n"] == 3
    assert OVER_SEEDS in table.caption
    assert "0.6406†" in table._repr_html_() and "0.6123†" not in table._repr_html_()
    assert "agrees" not in table._repr_html_() and "differs" not in table._repr_html_()
    assert "†" not in report.sheet(own[3:], COLUMNS)._repr_html_()


def test_a_sheet_shows_stronger_evidence_and_judges_paper_and_real_alone(tmp_path):
    store = Store(tmp_path)
    for r in made("r50-ce", "paper", "real", balanced_accuracy=0.9):
        store.write(r)
    table = report.sheet(made("r50-ce", "laptop", "embedded"), COLUMNS)
    assert table.frame["source"].tolist() == ["published", "committed evidence", "this run"]
    shown, folded = BeautifulSoup(table._repr_html_(), "html.parser").children
    assert len(shown.select(".lt-differs")) >= 1  # 0.9 in every run against 0.6123 in print
    assert folded.name == "details" and "laptop" in folded.summary.text and not folded.select(".lt-differs")
    assert "0.700" not in folded.text and "0.7010" in folded.text


def test_a_metric_of_one_class():
    r = record(
        "r18-ce",
        0,
        0.7,
        "spectrum-table2",
        "laptop",
        "embedded",
        "as-printed",
        {},
        {"recall": [0.9, 0.4, 0.5, 0.6], "precision": [0.8, None, 0.5, 0.6]},
    )
    assert r.metric("recall.1") == 0.4 and str(r.metric("precision.1")) == "nan"
    with pytest.raises(LabError, match="last epoch only"):
        r.metric("recall.1", "best_on_val")
    experiment, row = row_of("spectrum-table2", "r18-ce")
    assert published_value(experiment, row, "recall.1") == 0.4883
    assert published_value(experiment, row, "precision.3") == 0.6685


def test_every_printed_number_of_a_row_counts():
    numbers = {
        name: sum(
            len(printed_metrics(*row_of(name, r.key)))
            for r in load(name).rows
            if r.set.get("mode") != "floor"
        )
        for name in (TABLE1, "spectrum-table2", "ee443-fig1", "ee443-results")
    }
    assert numbers == {TABLE1: 27, "spectrum-table2": 77, "ee443-fig1": 7, "ee443-results": 19}


def test_overnight_is_laptop_where_nothing_else_is_said():
    for name, same in (("ee443-fig2", True), (TABLE1, False)):
        experiment = load(name)
        specs = [
            resolve(experiment, experiment.rows[0], experiment.rows[0].variants[0], p, "embedded", 0)
            for p in ("laptop", "overnight")
        ]
        assert (specs[0] == specs[1]) is same
    experiment = load("ee443-fig2")
    counts = [seeds_of(experiment, experiment.rows[0], p, "embedded") for p in ("overnight", "laptop")]
    assert counts[0] == counts[1]


def test_strength_puts_real_data_before_size():
    assert STRENGTH[0] == ("paper", "real") and STRENGTH.index(("laptop", "real")) < STRENGTH.index(
        ("paper", "embedded")
    )
    assert STRENGTH.index(("overnight", "embedded")) < STRENGTH.index(("laptop", "embedded"))
