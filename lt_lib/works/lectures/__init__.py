"""Yen 2020: three lectures on image classification."""

from lt_lib.works.lectures import options  # noqa: F401  its topics register themselves

TITLE = "Yen: AI for Medical Image Classification, three lectures"
CITE = "yen2020lectures"
EXPERIMENTS = ("lectures-rules", "lectures-targets", "lectures-norms", "lectures-few-labels")
