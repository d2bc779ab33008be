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
# # How to teach with it
#
# A chapter is one lesson: a question, a claim with its printed number, the method, a small picture of it, the run, and what
# to make of the difference. The list is read from the chapters themselves.

# %% tags=["remove-input"]
import pandas as pd

from lt_lib.lab.book import outline
from lt_lib.lab.report import Table

chapters = outline()
Table(pd.DataFrame(chapters), chapters)

# %% [markdown]
# **Before the lesson.** Run `make book` once; the chapters are then executed and open instantly, without a network. Whoever
# follows along needs only a browser.
#
# **Live.** Open a chapter's notebook from `notebooks/` in Jupyter. At `profile = "smoke"` every run takes seconds, enough to
# change a line and see what moves; the numbers of that profile mean nothing, and their badge says so. Records that exist are
# loaded, so re-running a chapter is fast the second time.
#
# **Exercises.** Solutions are folded. The code in them ends in assertions and runs with every build and every test, so it works.
#
# **What is not here yet.** Slide decks; the chapters of `sign`; five of the eight chapters of `lectures`.
