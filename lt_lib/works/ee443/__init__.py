"""Wong, EE 443 final report: a long-tailed CIFAR."""

TITLE = "Wong: EE 443 final report"
CITE = "wong_ee443"
EXPERIMENTS = ("ee443-results", "ee443-fig4")
CHAPTERS = {  # chapter -> the claims it tests
    "02-balancing-the-data": ("EE2",),
    "03-weighting-the-loss": ("EE1", "EE2"),
    "04-bagging": ("EE3",),
    "05-stacking-and-results": ("EE3", "EE4", "EE5", "EE6"),
}
