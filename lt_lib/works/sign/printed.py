"""Which printed number each measure of ours stands beside, and how much the luck in its images moves it."""

from lt_lib.lab.record.records import Record

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_DOUBT = {
    "doubt_p": "mean_p_of_correct_with_p<=0.5",
    "doubt_count": "count_correct_with_p<=0.5",
    "doubt_uncertainty": "uncertainty",
}
_CORRUPTED = {
    "accuracy": "normal_accuracy",
    "gauss_accuracy": "acc_gauss_mu0_sigma10",
    "gauss_sd": "acc_gauss_mu0_sigma10_pm",
    "pixels_accuracy": "acc_50_pixels_off",
    "pixels_sd": "acc_50_pixels_off_pm",
}
_PROSE = {
    "P3": {"val_auc": ("P1", "ISIC2017_val_AUC"), "auc": ("P3", "ISIC2017_test_AUC")},
    "P4": {"val_auc": ("P2", "ISIC2017_val_AUC"), "auc": ("P4", "ISIC2017_test_AUC")},
    "P9": {"accuracy": ("P9", "accuracy")},
}


def printed_cells(table: str, row: str) -> dict[str, dict[str, str]]:
    """Of a row of a table of `sign`: our metric -> the filters that find its printed number."""
    if table == "prose":
        return {ours: {"table": table, "row": p, "metric": m} for ours, (p, m) in _PROSE.get(row, {}).items()}
    if table == "Table 5":
        return {ours: {"table": table, "row": row, "metric": m} for ours, m in _CORRUPTED.items()}
    strange = "strange_" if table == "Table 3" else ""
    kinds = {f"{strange}{ours}": m for ours, m in _DOUBT.items()} if table in ("Table 2", "Table 3") else {}
    overall = f"{strange}accuracy"
    kinds[overall] = "accuracy"
    by_class = "strange_accuracy" if strange else "recall"
    cells = {}
    for ours, metric in kinds.items():
        cells[ours] = {"table": table, "row": row, "metric": metric, "class_": "Mean"}
        for k, name in enumerate(CLASSES):
            own = by_class if ours == overall else ours
            cells[f"{own}.{k}"] = {"table": table, "row": row, "metric": metric, "class_": name}
    return cells


def sampling_variance(record: Record, metric: str) -> float | None:
    """Variance of a measure over test images like those of a record; None for what is no measure of `sign`.

    A share of n images has p (1 - p) / n, a count its own size. For a mean over the doubtful images nothing
    is on record that would tell, and it is 0."""
    kind, _, label = metric.partition(".")
    images = sum(map(sum, record.confusion))
    if kind in ("gauss_accuracy", "pixels_accuracy") and images:
        share, spread = record.metric(metric), record.metric(kind.replace("accuracy", "sd"))
        return share * (1 - share) / images + spread**2 / record.spec.lesson.repeats
    if kind == "strange_accuracy":
        share, n = (
            record.metric(metric),
            record.metric(f"strange_images.{label}" if label else "strange_images"),
        )
        return share * (1 - share) / n
    if kind.endswith("doubt_count"):
        return record.metric(metric)
    if kind in ("auc", "val_auc"):
        return ((record.metric(f"{kind}_high") - record.metric(f"{kind}_low")) / 3.92) ** 2
    return (
        0.0 if kind.removeprefix("strange_") in _DOUBT or kind in _CORRUPTED and kind != "accuracy" else None
    )
