# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # The ledger
#
# Every number that the four works print, beside ours.
#
# A number *agrees* if it lies where one more run on other test images would, with 95 % probability; it
# *differs* if not. Only records at the published size, `paper` + `real`, are judged; *(stand-in)* says that
# another network of the same family made them. What smaller runs say stands beside the number, *not
# comparable*. Settings, counts and quotations are *no result*: no training answers them.

# %% tags=["remove-input"]
from IPython.display import Markdown

from lt_lib.lab.publish.ledger_page import LedgerPage
from lt_lib.lab.read.answers import in_a_sentence
from lt_lib.lab.read.ledger import ledger

lines = ledger()
Markdown(in_a_sentence(lines))

# %% [markdown]
# ## The numbers

# %% tags=["remove-input", "full-width"]
LedgerPage(lines)

# %% [markdown]
# ## On a terminal
#
# `lt ledger` prints the same, `lt ledger sign --csv ledger.csv` writes the lines of one work. *Ours* is the mean
# over seeds, with a 95 % interval for seeds and test images together.
