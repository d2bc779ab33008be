"""Imported where kernels are forked from: reads the committed records once for all chapters."""

import contextlib

from lt_lib.errors import LtError
from lt_lib.lab.read.evidence import evidence
from lt_lib.lab.record.freshness import is_fresh

with contextlib.suppress(LtError):  # the chapter that asks for them says what is wrong
    for record in evidence():
        is_fresh(record)
