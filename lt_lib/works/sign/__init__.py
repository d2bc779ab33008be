"""Asgari Taghanaki, Abhishek & Hamarneh: Signed Input Regularization."""

from lt_lib.works.sign import options  # noqa: F401  its topic registers itself
from lt_lib.works.sign.printed import printed_cells  # noqa: F401  asked for by the lab

TITLE = "Asgari Taghanaki, Abhishek & Hamarneh: Signed Input Regularization"
CITE = "taghanaki_sign"
EXPERIMENTS = ("sign-table1", "sign-table2", "sign-table4", "sign-delta", "sign-lesions")
