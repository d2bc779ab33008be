"""The recomputed audit of sign: on its facts, on facts tampered with, and with formulas put right."""

import pytest
from helpers import tamper

from lt_lib import losses, sign
from lt_lib.errors import LabError
from lt_lib.lab.read.audit import audit
from lt_lib.lab.read.published import published
from lt_lib.works.sign import audit as audit_sign
from lt_lib.works.sign.audit import BOLD_ACCURACY, BOLD_P, COUNT, SIX, UNCERTAINTY, P, checks, two_shares
from lt_lib.works.sign.printed import CLASSES


@pytest.fixture(scope="module")
def facts():
    return published()


@pytest.fixture(scope="module")
def rows(facts):
    return audit("sign", facts).set_index("id")


@pytest.mark.parametrize(
    ("check", "found"),
    [
        ("B01", ["10 are the means"]),
        ("B02", ["12 are means weighted", "0 unweighted"]),
        ("B03", ["212/363/26"]),
        ("B04", ["335, 306, 353 of 643", "0.6406 0.5979 0.6571"]),
        ("B05", ["Classical 0.940 is higher", "21 other marks are right"]),
        ("B06", ["Classical 0.4325 is higher", "Classical frog 0.4701 is highest and not bold"]),
        ("B07", ["494 runs", "0.2 to 1.7 points"]),
        ("B08", ["SIGN 0.1947, Classical 0.1878", "+18 of 10000", "p 0.79", "0.1515 against 0.1998, z 8.67"]),
        ("B09", ["mixup +0.0053, z 1.08, p 0.28", "+0.0087, z 1.77, p 0.077", "+0.0043, z 0.90, p 0.37"]),
        ("B10", ["+0.0731 over mixup, z 2.62, p 0.0087", "+0.0280 over Classical, z 1.01, p 0.31"]),
        ("B11", ["Classical 7.1265", "strange images: 5.6206 beside Classical 6.7464"]),
        ("B12", ["from R^3 to R^2 it is 2 x 3"]),
        ("B13", ["-1.8 where ten images are told right, -39.9 where"]),
        ("B14", ["K = 50 and K = 100 lie 0.00 apart"]),
        ("B15", ["51% of what", "Conv2d of mobilenetv2_100", "Conv2d of NASNetMobile", "Conv2d of BasicCNN"]),
        ("B16", ["2748/3600, 2927/3600", "36% of all numbers"]),
        ("B17", ["8 of 10 (not dog -0.001, frog -0.065), mean +0.0393"]),
        ("B18", ["0.8234/0.8260/0.8591", "-3.2, -3.2, -0.5 points"]),
    ],
)
def test_recomputed_numbers(rows, check, found):
    assert [text for text in found if text not in rows.loc[check, "recomputed"]] == []


@pytest.mark.parametrize(
    ("check", "text", "filters", "verdict"),
    [
        ("B01", "0.8552", {"row": "T1.1", "class_": "Mean"}, "ERROR"),
        ("B01", "0.621", {"row": "T4.1", "class_": "cat"}, "ERROR"),
        ("B02", "0.4317", {"row": "T2.1", "metric": P, "class_": "Mean"}, "ERROR"),
        ("B02", "7", {"row": "T3.2", "metric": COUNT, "class_": "cat"}, "ERROR"),
        ("B03", "213", {"row": "T2.1", "metric": COUNT, "class_": "Mean"}, "ERROR"),
        ("B04", "0.8164", {"row": "T3.1", "metric": "accuracy", "class_": "automobile"}, "ERROR"),
        ("B04", "0.6406", {"row": "T3.1", "metric": "accuracy", "class_": "Mean"}, "ERROR"),
        ("B04", "644", {"row": "T3.0", "class_": "Mean"}, "ERROR"),
        ("B05", "0.941", {"row": "T1.3", "class_": "automobile"}, "PASS"),
        ("B05", "0.840", {"row": "T1.1", "class_": "cat"}, "ERROR (typeset)"),
        ("B06", "0.4326", {"row": "T2.3", "metric": P, "class_": "airplane"}, "NOTE"),
        ("B07", "1e-3", {"table": "Table 5", "metric": "acc_50_pixels_off_pm"}, "PASS"),
        ("B08", "0.6760", {"row": "T5.3", "metric": "acc_50_pixels_off"}, "PASS"),
        (
            "B08",
            "0.83",
            {"row": "T5.5", "metric": "acc_50_pixels_off"},
            "NOT SUPPORTED (MobileNetV2, BasicCNN)",
        ),
        ("B09", "0.8700", {"row": "T1.3", "class_": "Mean"}, "SIGNIFICANT IN 2 OF 3"),
        ("B10", "0.6", {"row": "T3.3", "metric": "accuracy", "class_": "Mean"}, "ERROR"),
        ("B10", "0.4", {"row": "T3.1", "metric": "accuracy", "class_": "Mean"}, "PASS"),
        ("B11", "4", {"row": "T3.3", "metric": UNCERTAINTY, "class_": "Mean"}, "CONTRADICTED"),
        ("B16", "0.7634", {"row": "P1"}, "FAILS"),
        ("B17", "9", {"row": "P17"}, "ERROR"),
        ("B17", "0.742", {"row": "T4.2", "class_": "dog"}, "ERROR"),
    ],
)
def test_a_tampered_number_changes_the_verdict(facts, check, text, filters, verdict):
    assert checks(tamper(text, facts, **{"work": "sign"} | filters))[check]()[2] == verdict


def test_several_tampered_numbers_change_the_verdict(facts):
    changed = facts
    for row, text in (("T1.3", "0.95"), ("T1.5", "0.95"), ("T2.1", "0.8550"), ("T2.2", "0.8584")):
        changed = tamper(text, changed, work="sign", row=row, metric="accuracy", class_="Mean")
    assert checks(changed)["B09"]()[2] == "PASS" and checks(changed)["B18"]()[2] == "NOTE"
    changed = tamper("0.95", changed, work="sign", row="T2.3", metric="accuracy", class_="Mean")
    assert checks(changed)["B18"]()[2] == "PASS"
    for row in ("T2.3", "T3.3"):
        changed = tamper("9", changed, work="sign", row=row, metric=UNCERTAINTY, class_="Mean")
    assert checks(changed)["B11"]()[2] == "PASS"
    for row, class_ in (("T2.3", "airplane"), ("T3.2", "frog"), ("T3.1", "frog")):
        changed = tamper("0.45", changed, work="sign", row=row, metric=P, class_=class_)
    assert checks(changed)["B06"]()[2] == "NOTE"


def test_a_missing_number_is_named(facts):
    where = published("sign", row="T2.2", metric=COUNT, class_="cat", facts=facts).index
    with pytest.raises(LabError, match="0 published numbers match .*row='T2.2'.*class_='cat'"):
        checks(facts.drop(index=where))["B03"]()


def test_each_column_has_a_mark():
    widths = {rows: len(marks) for marked in (BOLD_ACCURACY, BOLD_P) for rows, marks in marked.items()}
    assert widths.pop(("T3.1", "T3.2", "T3.3")) == len(SIX)
    assert set(widths.values()) == {len(CLASSES) + 1}


def test_z_of_two_shares():
    assert two_shares(0.5, 0.5, 100) == (0.0, 1.0)
    z, p = two_shares(0.6, 0.4, 100)
    assert z == pytest.approx(0.2 / 0.005**0.5) and p == pytest.approx(0.00468, abs=1e-5)
    assert two_shares(0.4, 0.6, 100) == (-z, p)


def test_a_loss_with_its_minus_passes(monkeypatch, facts):
    def right(*case):
        return losses.aleatoric_loss(*case, reduction="sum")

    monkeypatch.setattr(audit_sign, "loss_as_printed", right)
    assert checks(facts)["B13"]()[2] == "PASS"


def test_an_algorithm_that_depends_on_k_passes(monkeypatch, facts):
    transform = sign.sign_transform

    def accumulated(features, x, steps, *, mode, step_size):
        return transform(features, x, steps, mode="recompute", step_size=step_size)

    monkeypatch.setattr(sign, "sign_transform", accumulated)
    assert checks(facts)["B14"]()[2] == "PASS"


def test_networks_that_start_with_a_relu_would_discard(monkeypatch, facts):
    monkeypatch.setattr(audit_sign, "first_layers", lambda: {"net": "ReLU"})
    assert checks(facts)["B15"]()[2] == "PASS"
