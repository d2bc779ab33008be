"""The recomputed audit of ee443, on its facts and on facts that were tampered with."""

import pytest
from helpers import tamper

from lt_lib.errors import LabError
from lt_lib.lab.read.audit import audit
from lt_lib.lab.read.published import published
from lt_lib.works.ee443.audit import parameter_count


@pytest.fixture(scope="module")
def facts():
    return published()


@pytest.fixture(scope="module")
def rows(facts):
    return audit("ee443", facts).set_index("id")


@pytest.mark.parametrize(
    ("check", "found"),
    [
        ("D01", ["0.0253"]),
        ("D02", ["0.0173"]),
        ("D03", ["0.0187", "0.0305", "0.0786"]),
        ("D04", ["3966.5", "3626.5", "16 other", "1/5000"]),
        ("D05", ["22.2 M", "18.4 M"]),
        ("D06", ["23 M is 1.05 of resnet50d's 22 M"]),
        (
            "D07",
            ["7.98 M", "resnet50 22 -> 25.6", "resnet50d 22 -> 25.6", "resnet34d 20 -> 21.8", "b2 10 -> 9.1"],
        ),
        ("D08", ["7 in Fig 1", "efficientnet_b1, resnet34d more"]),
        ("D10", ["+0.0013", "-0.0043", "-0.0086"]),
        ("D11", ["300 // 500 = 0;"]),
        ("D12", ["2189/2189/2189/2188", "2692/2692/2692/2692"]),
        ("D13", ["class 9 (count 245)", "3922/3921/3921/3921", "class 18 (count 120)"]),
        ("D15", ["-0.0094 at 0.005"]),
        ("D19", ["9901/6430/4878", "9830/6369/4833", "2 (ratio 250)"]),
        ("D20", ["7.86 points"]),
    ],
)
def test_recomputed_numbers(rows, check, found):
    assert [text for text in found if text not in rows.loc[check, "recomputed"]] == []


@pytest.mark.parametrize(
    ("check", "text", "filters", "verdict"),
    [
        ("D01", "0.025", {"metric": "average_improvement", "method": "Artificial Balancing"}, "PASS"),
        ("D02", "0.017", {"metric": "average_improvement", "method": "Bagging / WL"}, "PASS"),
        ("D02", "0.7420", {"row": "R.2", "method": "Bagging / WL"}, "ERROR"),
        ("D03", "0.031", {"metric": "average_improvement", "method": "Stacking"}, "ERROR"),
        ("D03", "0.7558", {"row": "R.2", "method": "Weighted Loss"}, "ERROR"),
        ("D04", "0.7932", {"table": "Results", "metric": "test_accuracy", "class_": 0.1}, "FAILS"),
        ("D04", "0.7932", {"method": "Stacking / WL", "metric": "test_accuracy"}, "PASS"),
        ("D05", "22", {"metric": "ensemble_params_M_upper"}, "ERROR"),
        ("D06", "46", {"row": "F1.2", "metric": "params_M"}, "PASS"),
        ("D07", "8", {"row": "F1.5", "metric": "params_M"}, "PASS"),
        ("D09", "0.788", {"table": "Fig 2", "class_": "Full"}, "PASS"),
        ("D10", "0.7296", {"row": "R.3", "method": "Stacking / WL"}, "2 of 3 exactly"),
        ("D10", "0.9", {"method": "Stacking / WL", "metric": "test_accuracy"}, "PASS"),
        ("D11", "0", {"metric": "AB_rate_class0"}, "PASS"),
        ("D12", "69", {"metric": "bagging_threshold"}, "PASS"),
        ("D13", "245", {"metric": "bagging_threshold"}, "PASS"),
        ("D15", "0.6", {"method": "Weighted Loss", "metric": "test_accuracy"}, "CONTRADICTED"),
        ("D15", "0.8", {"method": "Weighted Loss", "metric": "test_accuracy"}, "PASS"),
        ("D20", "9", {"metric": "average_improvement_pct"}, "ERROR"),
    ],
)
def test_a_tampered_number_changes_the_verdict(facts, check, text, filters, verdict):
    rows = audit("ee443", tamper(text, facts, **{"work": "ee443"} | filters)).set_index("id")
    assert rows.loc[check, "verdict"] == verdict


def test_tampered_backbones_change_the_verdict(facts):
    same = facts[facts["row_id"] != "F1.3"].replace({"model": {"resnet34d": "resnet34"}})
    assert audit("ee443", same).set_index("id").loc["D08", "verdict"] == "PASS"


def test_a_missing_number_is_named(facts):
    with pytest.raises(LabError, match="0 published numbers match .*table='Results'.*class_='0.02'"):
        audit("ee443", facts[facts["row_id"] != "R.3"])


def test_linear_probe_sizes_of_the_text_row(rows):
    heads = [
        parameter_count(f"efficientnet_b{i}", 50) - parameter_count(f"efficientnet_b{i}", 0) for i in range(3)
    ]
    assert " / ".join(f"{n:,}" for n in heads) in rows.loc["D17", "recomputed"]
