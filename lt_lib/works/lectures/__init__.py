"""Yen 2020: three lectures on image classification."""

from lt_lib.works.lectures import options  # noqa: F401  its topics register themselves

TITLE = "Yen: AI for Medical Image Classification, three lectures"
CITE = "yen2020lectures"
EXPERIMENTS = ("lectures-rules", "lectures-targets", "lectures-norms", "lectures-few-labels")
CHAPTERS = {  # chapter -> the claims it tests
    "01-descent": ("LE1", "LE2"),
    "04-softer-labels-mixed-images": ("LE3", "LE4"),
    "05-learning-from-the-unlabelled": ("LE7",),
    "06-batch-normalization": ("LE5",),
    "07-new-test-sets": ("LE6",),
}
