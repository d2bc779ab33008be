"""Wong, EE 443 final report: a long-tailed CIFAR."""

TITLE = "Wong: EE 443 final report"
EXPERIMENTS = ("ee443-results", "ee443-fig4")
