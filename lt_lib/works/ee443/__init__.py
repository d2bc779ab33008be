"""Wong, EE 443 final report: a long-tailed CIFAR."""

TITLE = "Wong: EE 443 final report"
CITE = "wong_ee443"
EXPERIMENTS = ("ee443-results", "ee443-fig4")
