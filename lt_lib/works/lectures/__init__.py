"""Yen 2020: three lectures on image classification."""
