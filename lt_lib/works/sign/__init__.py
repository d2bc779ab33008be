"""Asgari Taghanaki, Abhishek & Hamarneh: Signed Input Regularization."""

from lt_lib.works.sign import options  # noqa: F401  its topic registers itself
from lt_lib.works.sign.printed import printed_cells  # noqa: F401  asked for by the lab

TITLE = "Asgari Taghanaki, Abhishek & Hamarneh: Signed Input Regularization"
CITE = "taghanaki_sign"
EXPERIMENTS = ("sign-table1", "sign-table2", "sign-table4", "sign-delta", "sign-lesions")
CHAPTERS = {  # chapter -> the claims it tests
    "03-three-times-the-data": ("SG1", "SG2", "SG3", "SG11"),
    "04-moles-and-melanomas": ("SG10",),
    "05-knowing-when-it-fails": ("SG4", "SG5"),
    "06-strangers-and-noise": ("SG6", "SG7", "SG8", "SG9"),
}
