"""Metrics against scikit-learn, the published tables, and matrices worked by hand."""

import ast
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as sk
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lt_lib import metrics
from lt_lib.metrics import binary_report, classification_report, report_from_confusion

settings.register_profile("lt", deadline=None, max_examples=60)
settings.load_profile("lt")

GROUPS = {"many", "medium", "few"}
PER_CLASS = {"recall", "precision", "f1", "support", "confusion"}
SCALARS = {"accuracy", "balanced_accuracy", "macro_f1", "mcc", "icv_printed", "icv_used", "ece", "topk"}
KEYS = GROUPS | PER_CLASS | SCALARS
one_label_only = pytest.mark.filterwarnings("ignore:A single label was found")


def sample(n=400, k=6, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(k), rng.choice(k, n - k, p=np.arange(k, 0, -1) / (k * (k + 1) / 2))])
    logits = rng.normal(size=(n, k)) + 2 * np.eye(k)[labels]
    return torch.from_numpy(logits), torch.from_numpy(labels)


# --- against scikit-learn


def test_report_against_scikit_learn():
    logits, labels = sample()
    predicted = logits.argmax(1)
    report = classification_report(predicted, labels)
    precision, recall, f1, support = sk.precision_recall_fscore_support(labels, predicted)
    assert report["accuracy"] == pytest.approx(sk.accuracy_score(labels, predicted))
    assert report["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(labels, predicted))
    assert report["macro_f1"] == pytest.approx(sk.f1_score(labels, predicted, average="macro"))
    assert report["mcc"] == pytest.approx(sk.matthews_corrcoef(labels, predicted))
    assert report["precision"] == pytest.approx(precision)
    assert report["recall"] == pytest.approx(recall)
    assert report["f1"] == pytest.approx(f1)
    assert report["support"] == support.tolist()
    assert report["confusion"] == sk.confusion_matrix(labels, predicted).tolist()


@one_label_only
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60))
def test_means_agree_with_scikit_learn_whatever_classes_are_absent(pairs):
    labels, predicted = (torch.tensor(column) for column in zip(*pairs, strict=True))
    report = classification_report(predicted, labels, num_classes=5)
    present = labels.unique()
    precision, recall, _, _ = sk.precision_recall_fscore_support(
        labels, predicted, labels=range(5), zero_division=np.nan
    )
    assert report["balanced_accuracy"] == pytest.approx(recall[present].mean())
    assert report["macro_f1"] == pytest.approx(
        sk.f1_score(labels, predicted, labels=present, average="macro")
    )
    assert report["mcc"] == pytest.approx(sk.matthews_corrcoef(labels, predicted))
    assert [math.nan if p is None else p for p in report["precision"]] == pytest.approx(
        precision, nan_ok=True
    )
    assert [r is None for r in report["recall"]] == [r is None for r in report["f1"]]
    assert [j for j, r in enumerate(report["recall"]) if r is not None] == present.tolist()
    assert json.loads(json.dumps(report, allow_nan=False)) == report


def test_macro_f1_is_not_the_f1_of_means():
    report = report_from_confusion([[90, 10], [5, 5]])
    r, p = np.mean(report["recall"]), np.mean(report["precision"])
    assert report["macro_f1"] == pytest.approx((180 / 195 + 10 / 25) / 2)
    assert abs(report["macro_f1"] - 2 * r * p / (r + p)) > 0.005


# --- undefined values


def test_absent_and_never_predicted_classes():
    report = report_from_confusion([[4, 0, 1], [2, 0, 0], [0, 0, 0]])
    assert report["recall"] == [0.8, 0.0, None]
    assert report["precision"] == [pytest.approx(2 / 3), None, 0.0]
    assert report["f1"] == [pytest.approx(8 / 11), 0.0, None]
    assert report["balanced_accuracy"] == 0.4 and report["macro_f1"] == pytest.approx(4 / 11)
    assert report["icv_printed"] == pytest.approx((4 / 7 - 0.8) ** 2 + (4 / 7) ** 2)


@pytest.mark.parametrize("matrix", [[[5, 0], [3, 0]], [[5, 2], [0, 0]]])
def test_mcc_is_zero_when_a_margin_is_empty(matrix):
    assert report_from_confusion(matrix)["mcc"] == 0


def test_mcc_extremes():
    assert report_from_confusion([[5, 0], [0, 3]])["mcc"] == pytest.approx(1)
    assert report_from_confusion([[0, 5], [3, 0]])["mcc"] == pytest.approx(-1)
    assert report_from_confusion(np.diag([10**9, 10**9]))["mcc"] == pytest.approx(1)


# --- published numbers

COUNTS = np.array([6443, 1710, 1673, 952])  # the one solution for spectrum, Table 2


@pytest.mark.parametrize(
    ("recall", "accuracy", "balanced", "root"),
    [
        ([0.8968, 0.4883, 0.5631, 0.6397], 0.7575, 0.6470, 0.379),
        ([0.9019, 0.4784, 0.5529, 0.6565], 0.7589, 0.6474, 0.390),
        ([0.9517, 0.3883, 0.4614, 0.6103], 0.7561, 0.6029, 0.531),
        ([0.7852, 0.5731, 0.6007, 0.7185], 0.7170, 0.6694, 0.197),
    ],
)
def test_icv_of_spectrum_table_2(recall, accuracy, balanced, root):
    """ICV needs the recalls alone: whatever is missed may go to the next class."""
    hits = np.round(recall * COUNTS).astype(int)
    matrix = np.diag(hits) + np.roll(np.diag(COUNTS - hits), 1, axis=1)
    report = report_from_confusion(matrix)
    assert report["accuracy"] == pytest.approx(accuracy, abs=5.1e-5)
    assert report["balanced_accuracy"] == pytest.approx(balanced, abs=5.1e-5)
    assert report["icv_used"] == pytest.approx(root, abs=6e-4)
    assert report["icv_printed"] == pytest.approx(report["icv_used"] ** 2)


# --- groups of classes


def test_many_medium_few_by_hand():
    train = [101, 100, 20, 19, 500]
    matrix = np.diag([8, 6, 4, 2, 6]) + np.roll(np.diag([2, 4, 6, 8, 4]), 1, axis=1)
    report = report_from_confusion(matrix, train_counts=train)
    assert [report[g] for g in ("many", "medium", "few")] == pytest.approx([0.7, 0.5, 0.2])


def test_empty_groups_and_absent_classes():
    report = report_from_confusion([[3, 1, 0], [0, 0, 0], [0, 0, 2]], train_counts=[300, 200, 5])
    assert (report["many"], report["medium"], report["few"]) == (0.75, None, 1.0)
    assert {report_from_confusion([[1]])[g] for g in GROUPS} == {None}


def test_classification_report_passes_train_counts_on():
    logits, labels = sample()
    train = [500, 200, 100, 50, 10, 2]
    report = classification_report(logits, labels, train_counts=train, scores="logits")
    assert report["many"] == pytest.approx(np.mean(report["recall"][:2]))
    assert report["few"] == pytest.approx(np.mean(report["recall"][4:]))
    assert (
        len(classification_report(torch.tensor([0, 1]), torch.tensor([0, 1]), train_counts=train)["recall"])
        == 6
    )


# --- scores


def test_logits_and_probabilities_agree():
    logits, labels = sample()
    one = classification_report(logits, labels, scores="logits")
    two = classification_report(logits.softmax(1), labels)
    assert one == two | {"ece": pytest.approx(two["ece"])}
    assert set(one) == KEYS == set(report_from_confusion([[1]])) == set(classification_report(labels, labels))
    hard = classification_report(logits.argmax(1), labels)
    assert hard == one | {"ece": None, "topk": None}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_lower_precision_scores_are_accepted(dtype):
    logits, labels = sample()
    report = classification_report(logits.softmax(1).to(dtype).requires_grad_(), labels)
    full = classification_report(logits.to(dtype), labels, scores="logits")
    assert report["accuracy"] == pytest.approx(full["accuracy"], abs=0.02)


def test_ece_against_its_definition():
    for seed in range(5):
        logits, labels = sample(seed=seed)
        probabilities = (logits * 2).softmax(1)
        confidence, predicted = probabilities.max(1)
        expected = 0
        for b in range(15):
            inside = (confidence > b / 15) & (confidence <= (b + 1) / 15)
            if inside.any():
                right = (predicted == labels)[inside].double().mean()
                expected += inside.double().mean() * (right - confidence[inside].mean()).abs()
        assert classification_report(probabilities, labels)["ece"] == pytest.approx(float(expected))


def test_ece_by_hand():
    """Two bins are used: (.6, .667] holds .65 twice, one right; (.933, 1] holds 1 once, wrong."""
    probabilities = torch.tensor([[0.65, 0.35], [0.65, 0.35], [0.0, 1.0]])
    assert classification_report(probabilities, torch.tensor([0, 1, 0]))["ece"] == pytest.approx(
        (0.3 + 1) / 3
    )
    assert classification_report(torch.eye(3), torch.arange(3))["ece"] == 0


def test_ece_bins_are_closed_above():
    """.6 = 9/15 shares a bin with .55, not with .65: right and wrong cancel only inside a bin."""
    together = torch.tensor([[0.6, 0.4], [0.55, 0.45]], dtype=torch.float64)
    apart = torch.tensor([[0.6, 0.4], [0.65, 0.35]], dtype=torch.float64)
    labels = torch.tensor([0, 1])
    assert classification_report(together, labels)["ece"] == pytest.approx(abs(1 - 1.15) / 2)
    assert classification_report(apart, labels)["ece"] == pytest.approx((0.4 + 0.65) / 2)


def test_topk_against_scikit_learn_without_ties():
    logits, labels = sample()
    topk = classification_report(logits, labels, scores="logits")["topk"]
    assert topk == {str(k): pytest.approx(sk.top_k_accuracy_score(labels, logits, k=k)) for k in (1, 3, 5)}


def test_topk_ties_go_to_the_lower_class():
    scores = torch.full((4, 4), 0.25)
    report = classification_report(scores, torch.arange(4))
    assert report["topk"] == {"1": 0.25, "3": 0.75} and report["accuracy"] == 0.25


@given(st.lists(st.lists(st.integers(0, 3), min_size=5, max_size=5), min_size=1, max_size=20), st.data())
def test_top1_is_the_accuracy_and_top5_of_5_is_one(rows, data):
    labels = torch.tensor(data.draw(st.lists(st.integers(0, 4), min_size=len(rows), max_size=len(rows))))
    report = classification_report(torch.tensor(rows), labels, scores="logits")
    assert report["topk"]["1"] == report["accuracy"] <= report["topk"]["3"] <= report["topk"]["5"] == 1


# --- binary


def test_binary_report_by_hand():
    report = binary_report(tp=30, fn=10, fp=20, tn=140)
    expected = {
        "tpr": 0.75,
        "fpr": 0.125,
        "fdr": 0.4,
        "specificity": 0.875,
        "precision": 0.6,
        "accuracy": 0.85,
        "balanced_accuracy": 0.8125,
        "f1": 60 / 90,
        "mcc": (30 * 140 - 20 * 10) / math.sqrt(50 * 40 * 160 * 150),
    }
    assert report == {name: pytest.approx(value) for name, value in expected.items()}


@one_label_only
@given(*[st.integers(0, 50)] * 4)
def test_binary_report_against_scikit_learn(tp, fn, fp, tn):
    if tp + fn + fp + tn == 0:
        return
    truth, predicted = [1] * (tp + fn) + [0] * (fp + tn), [1] * tp + [0] * fn + [1] * fp + [0] * tn
    report = binary_report(tp, fn, fp, tn)
    assert report["mcc"] == pytest.approx(sk.matthews_corrcoef(truth, predicted))
    assert (report["tpr"] is None) == (tp + fn == 0) and (report["fdr"] is None) == (tp + fp == 0)
    if report["specificity"] is not None:
        assert report["specificity"] + report["fpr"] == pytest.approx(1)
    if report["precision"] is not None:
        assert report["precision"] + report["fdr"] == pytest.approx(1)
        assert report["precision"] == pytest.approx(sk.precision_score(truth, predicted))
    json.dumps(report, allow_nan=False)


@pytest.mark.parametrize("times", [1, 10**9, 10**30, 10**200], ids=["1", "1e9", "1e30", "1e200"])
def test_binary_report_is_exact_for_any_count(times):
    small = binary_report(tp=30, fn=11, fp=20, tn=140)
    assert binary_report(30 * times, 11 * times, 20 * times, 140 * times) == pytest.approx(small, rel=1e-15)


def test_large_counts_do_not_overflow():
    big = np.array([[3, 1], [1, 2]]) * 2**60
    assert report_from_confusion(big)["mcc"] == pytest.approx(report_from_confusion(big // 2**60)["mcc"])
    assert binary_report(10**300, 1, 0, 1)["fpr"] == 0 < 1 - binary_report(10**15, 1, 0, 1)["tpr"]


@given(*[st.integers(0, 50)] * 4)
def test_binary_report_is_the_report_of_its_matrix(tp, fn, fp, tn):
    if tp + fn + fp + tn == 0:
        return
    two, many = binary_report(tp, fn, fp, tn), report_from_confusion([[tn, fp], [fn, tp]])
    for name in ("accuracy", "balanced_accuracy", "mcc"):
        assert two[name] == pytest.approx(many[name])
    for name, values in (("tpr", "recall"), ("precision", "precision"), ("f1", "f1")):
        assert two[name] == pytest.approx(many[values][1]) or two[name] is many[values][1] is None


@pytest.mark.parametrize("counts", [(1.0, 0, 0, 1), ("1", 0, 0, 1), (-1, 2, 0, 1), (0, 0, 0, 0)])
def test_binary_report_names_counts_that_are_none(counts):
    with pytest.raises(ValueError, match="counts must be .* got tp="):
        binary_report(*counts)


# --- whatever holds the numbers


@pytest.mark.parametrize(
    "kind",
    [
        list,
        np.uint8,
        np.uint16,
        np.dtype(">i4"),
        np.uint64,
        torch.uint16,
        torch.uint32,
        lambda values: pd.Series(values, index=[9, 0, 2, 7]),
    ],
)
def test_labels_of_any_kind_give_one_report(kind):
    def held(values):
        if isinstance(kind, torch.dtype):
            return torch.tensor(values).to(kind)
        return (
            kind(values)
            if callable(kind) and not isinstance(kind, type) or kind is list
            else np.array(values, kind)
        )

    labels, predicted, train = [0, 1, 2, 1], [0, 2, 2, 1], [200, 50, 3]
    report = classification_report(torch.tensor(predicted), torch.tensor(labels), train_counts=train)
    assert classification_report(held(predicted), held(labels), train_counts=train) == report


@pytest.mark.parametrize(
    ("predicted", "labels", "message"),
    [
        (torch.tensor([0.9, 1.0]), [0, 1], "predictions must be integers"),
        (np.array([0, 1]), torch.tensor([0, 1]).bfloat16(), "labels must be integers"),
        (["a", "b"], [0, 1], "scores_or_predictions must be numbers"),
        (np.array([0, 1], object), [0, 1], "must be numbers, got object"),
        ([0, 1], [[0, 1], [1]], "labels must be numbers in rows of one length"),
        (np.array([0, 2**64 - 1], np.uint64), [0, 1], r"at most 2\*\*63 - 1"),
        ([0, 1], [0, 2**31], "classes reach 2147483648: number them from 0"),
        (5, [0], r"need \(N, K\) scores"),
        (np.zeros((2, 0)), [0, 0], r"need \(N, K\) scores"),
        (torch.ones(2, dtype=torch.complex64), [0, 1], "must be real"),
    ],
)
def test_numbers_that_are_no_classes_are_named(predicted, labels, message):
    with pytest.raises(ValueError, match=message):
        classification_report(predicted, labels)


# --- bad input


@pytest.mark.parametrize(
    ("scores", "labels", "options", "message"),
    [
        ([[0.5, 0.5]], [0, 1], {}, r"need \(N, K\) scores"),
        ([], [], {}, "N > 0"),
        ([[[0.5]]], [0], {}, r"need \(N, K\) scores"),
        ([[0.5, 0.5]], [2], {}, r"labels must be integers in \[0, 2\), got torch.int64 from 2 to 2"),
        ([[0.5, 0.5]], [-1], {}, "labels must be integers"),
        ([[0.5, 0.5]], [0.0], {}, "labels must be integers"),
        ([3], [0], {"num_classes": 3}, r"predictions must be integers in \[0, 3\)"),
        ([1.0], [0], {}, "predictions must be integers"),
        ([[2.0, -1.0]], [0], {}, "sum to one; for logits pass scores='logits'"),
        ([[0.7, 0.7]], [0], {}, "for logits pass scores='logits'"),
        ([[float("nan"), 1.0]], [0], {"scores": "logits"}, "scores hold nan or inf"),
        ([[0.5, 0.5]], [0], {"scores": "probs"}, "'probabilities' or 'logits', got 'probs'"),
        ([[0.5, 0.5]], [0], {"num_classes": 3}, "scores have 2 columns, but num_classes is 3"),
        ([[0.5, 0.5]], [0], {"train_counts": [3]}, "train_counts has 1 entries for 2 classes"),
    ],
)
def test_bad_scores_say_what_is_wrong(scores, labels, options, message):
    with pytest.raises(ValueError, match=message):
        classification_report(torch.tensor(scores), torch.tensor(labels), **options)


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        ([[1, 2, 3], [4, 5, 6]], r"\(K, K\) counts, got shape \(2, 3\)"),
        ([[0.5, 0.5], [0.5, 0.5]], r"\(K, K\) counts, got shape \(2, 2\), torch.float"),
        ([[0, 0], [0, 0]], "at least one image"),
        ([[3, -1], [0, 1]], "no negative count"),
    ],
)
def test_bad_matrices_say_what_is_wrong(matrix, message):
    with pytest.raises(ValueError, match=message):
        report_from_confusion(matrix)


def test_importing_metrics_is_light():
    """scikit-learn and scipy.stats take a second or more to import: only the functions that need them do."""
    tree = ast.parse(Path(metrics.__file__).read_text())
    imports = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    names = {n.module if isinstance(n, ast.ImportFrom) else n.names[0].name for n in imports}
    assert names == {"math", "operator", "fractions", "numpy", "torch", "lt_lib.inputs"}
