"""Rawal & Pradhan 2020: generalising across the (in)visible spectrum."""

TITLE = "Rawal & Pradhan: Generalizing across the (in)visible spectrum"
EXPERIMENTS = ("spectrum-table1", "spectrum-table2", "spectrum-variants")
