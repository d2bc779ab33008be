"""Printed cells of sign beside our measures."""

import pytest
from helpers import record

from lt_lib.lab.read.published import printed_metrics, published, published_value
from lt_lib.lab.read.verdicts import sampling_variance, verdict
from lt_lib.lab.record.spec import load

TABLES = [f"sign-table{k}" for k in range(1, 6)]


def test_every_cell_of_the_five_tables_is_asked_for_once():
    facts = published(work="sign")
    cells = facts[facts["table"].str.match("Table [1-5]$") & (facts["row_id"] != "T3.0")]
    asked = [
        (row.row, metric, published_value(load(name), row, metric))
        for name in TABLES
        for row in load(name).rows
        for metric in printed_metrics(load(name), row)
    ]
    assert len(asked) == len(set(asked)) == len(cells) == 306
    numbers = [value for *_, value in asked if value is not None]
    assert sorted(numbers) == sorted(cells["value"].dropna()) and len(numbers) < 306, "some cells are empty"


def test_every_printed_area_is_asked_for_once():
    facts = published(work="sign", table="prose")
    areas = facts[facts["metric"].str.fullmatch("ISIC2017_(val|test)_AUC")]
    loaded = load("sign-lesions")
    asked = [
        published_value(loaded, row, metric) for row in loaded.rows for metric in printed_metrics(loaded, row)
    ]
    assert sorted(asked) == sorted(areas["value"]) and len(asked) == 4


@pytest.mark.parametrize(
    ("experiment", "row", "metric", "value"),
    [
        ("sign-table1", "T1.3", "accuracy", 0.8637),
        ("sign-table1", "T1.1", "recall.1", 0.940),
        ("sign-table2", "T2.1", "doubt_count.3", 40),
        ("sign-table3", "T3.2", "strange_accuracy", 0.4759),
        ("sign-table5", "T5.3", "gauss_accuracy", 0.7122),
        ("sign-lesions", "P4", "auc", 0.7787),
        ("sign-lesions", "P4", "val_auc", 0.8131),
    ],
)
def test_a_measure_finds_its_number(experiment, row, metric, value):
    loaded = load(experiment)
    assert published_value(loaded, loaded.select(row)[0], metric) == value
    assert published_value(loaded, loaded.select(row)[0], "macro_f1") is None


def made(seed, accuracy=0.85, **measures):
    experiment = load("sign-table5")
    found = record(
        "sign", seed, accuracy, "sign-table5", variant=experiment.rows[0].variants[0], metrics=measures
    )
    return found.model_copy(
        update={"confusion": [[round(10_000 * accuracy), 0], [round(10_000 * (1 - accuracy)), 0]]}
    )


def test_the_luck_in_the_images_of_a_measure():
    measures = {"gauss_accuracy": 0.7, "gauss_sd": 0.01, "strange_accuracy": 0.5, "strange_images": 643.0}
    one = made(0, **measures, doubt_count=26.0)
    repeats = one.spec.lesson.repeats
    assert sampling_variance(one, "gauss_accuracy") == pytest.approx(0.7 * 0.3 / 10_000 + 0.01**2 / repeats)
    assert sampling_variance(one, "strange_accuracy") == pytest.approx(0.25 / 643)
    assert sampling_variance(one, "doubt_count") == 26
    assert sampling_variance(one) == pytest.approx(0.85 * 0.15 / 10_000)


def test_a_measure_is_judged_like_an_accuracy():
    runs = [made(seed, gauss_accuracy=0.712 + seed / 1000, gauss_sd=0.002) for seed in range(3)]
    assert verdict(0.7122, runs, "gauss_accuracy") == "agrees"
    assert verdict(0.60, runs, "gauss_accuracy") == "differs"
