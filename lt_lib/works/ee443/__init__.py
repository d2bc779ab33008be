"""Wong, EE 443 final report: a long-tailed CIFAR."""
