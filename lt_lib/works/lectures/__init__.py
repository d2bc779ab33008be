"""Yen 2020: three lectures on image classification."""

from lt_lib.works.lectures import options  # noqa: F401  its topics register themselves
