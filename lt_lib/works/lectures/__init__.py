"""Yen 2020: three lectures on image classification."""

TITLE = "Yen: AI for Medical Image Classification, three lectures"
EXPERIMENTS = ("lectures-rules", "lectures-targets", "lectures-norms", "lectures-few-labels")
