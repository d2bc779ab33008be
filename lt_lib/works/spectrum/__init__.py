"""Rawal & Pradhan 2020: generalising across the (in)visible spectrum."""

TITLE = "Rawal & Pradhan: Generalizing across the (in)visible spectrum"
CITE = "rawal2020spectrum"
# Cells that stand in each other's column in print (audit A01: the printed pair cannot be):
# (table, row) -> metric -> its cell.
SWAPPED = {("Table 1", "T1.3"): {"balanced_acc": "icv", "icv": "balanced_acc"}}
EXPERIMENTS = ("spectrum-table1", "spectrum-table2", "spectrum-variants")
CHAPTERS = {  # chapter -> the claims it tests
    "01-the-tiles-and-their-bands": ("SP1",),
    "02-counterfeits-for-rare-classes": ("SP6",),
    "03-margins-sampling-cycles-averages": ("SP1", "SP2", "SP3", "SP6"),
    "04-augmix-under-imbalance": ("SP4", "SP5", "SP7"),
}
