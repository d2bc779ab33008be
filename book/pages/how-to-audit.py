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
# # How to audit any table
#
# A printed table can be checked without its data, its code or its authors: its cells constrain each other. Five
# checks of [the audit](audit) work on any table of accuracies, one that you review or one that you are about to
# submit:
#
# ```sh
# lt audit --table my.csv
# ```
#
# The file holds the table as it is printed, with all decimals. A star marks what is set in bold, `±` a spread; a
# row called `n` gives the test images behind each column, a column called `mean` what the others amount to.
# Here is the upper half of Table 1 of `sign`, as printed, ten classes of a thousand test images:

# %% tags=["remove-input"]
import csv
import tempfile
from pathlib import Path
from textwrap import fill

from lt_lib.lab.read.any_table import audit_any, read_table
from lt_lib.lab.read.published import published
from lt_lib.works.sign.audit import BOLD_ACCURACY

facts = published(work="sign", table="Table 1")
classes = facts["class"].unique().tolist()
block = ("T1.1", "T1.2", "T1.3")
best = zip(classes, BOLD_ACCURACY[block], strict=True)
bold = {(f"T1.{number}", name) for name, number in best}
lines = [["method", *classes], ["n", *["1000"] * 10, "10000"]]
for row, own in facts[facts["row_id"].isin(block)].groupby("row_id"):
    cells = [text + "*" * ((row, name) in bold) for name, text in zip(own["class"], own["text"], strict=True)]
    lines.append([own["method"].iloc[0], *cells])
path = Path(tempfile.mkdtemp()) / "table-1.csv"
with path.open("w", newline="", encoding="utf-8") as file:
    csv.writer(file).writerows(lines)
print(path.read_text(encoding="utf-8"))

# %% tags=["keep_output", "remove-input"]
# nbval-check-output
found = audit_any(read_table(path))
for line in found.itertuples():
    said = f"{line.verdict:6} {line.check}, {line.where}: {line.finding}"
    print(fill(said, 76, subsequent_indent=" " * 7))

# %% [markdown]
# ## Is it a number of images?
#
# An accuracy on $n$ images is $k / n$ for a whole $k$. Printed with $d$ decimals, it fits one only if
#
# ```{math}
# :label: audit-share
# \Bigl| \frac{k}{n} - a \Bigr| \le \tfrac12 10^{-d} \quad \text{for } k = \operatorname{round}(n a) .
# ```
#
# With 10,000 images and three decimals every number passes; with 643 and four, one number in sixteen does, so a
# pass says something. On one run a miss is an error: a typing mistake, another $n$, or an average that is not
# called one.
#
# ## Does the mean follow from its parts?
#
# A column of means is that of its row, each class counting alike or each by its images: the two differ as soon as
# classes do, and print seldom says which is meant. If neither fits within the rounding, a cell is wrong, and the
# difference often tells which.
#
# ## Is the bold number the best?
#
# The cheapest check of all. Tables are marked by hand, as the one above shows.
#
# ## Can that be a spread?
#
# Runs on the same $n$ images differ by whole images. The smallest standard deviation that is not zero has all
# runs but one alike and that one off by one image: about $1 / (n \sqrt R)$ over $R$ runs. A smaller $\pm$ is no
# standard deviation of accuracies; perhaps a variance, or one of something else.
#
# ## Is the gain more than luck?
#
# Two accuracies $a$ and $b$ on $n$ images each differ by chance. As if the images were drawn apart,
#
# ```{math}
# :label: audit-gain
# z = \frac{a - b}{\sqrt{2\, m (1 - m) / n}}, \qquad m = \frac{a + b}2 .
# ```
#
# Tested on the same images, a paired test is sharper, and needs what is never printed: which images each one got
# right. And no test on one run knows what another seed would do.
#
# In Python the pieces are `lt_lib.lab.read.any_table`: `possible`, `z_of`, `runs_needed`, `read_table`,
# `audit_any`. What needs more than one table, such as cells that stand in each other's column, or class counts
# that can be reconstructed from recalls and precisions, is in
# [the tiles and their bands](../../notebooks/spectrum/01-the-tiles-and-their-bands).
