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
# # Data, weights and their terms
#
# Two kinds of data run through every chapter. *Embedded* sets are made by the code from digits that scikit-learn ships: they
# work offline, on any machine, and only **stand in** for the published data. *Real* sets are the public ones; they are never
# part of this project. `lt data add` takes a copy you have, `lt data download` fetches one, and both check its digest first.
#
# The tables are the library's own registry.

# %% tags=["remove-input"]
import pandas as pd

from lt_lib.data import describe, names
from lt_lib.lab.report import Table

entries = [describe(name) for name in names()]

# %% [markdown]
# ## Data sets

# %% tags=["keep_output", "remove-input"]
sets = [entry for entry in entries if entry.kind != "weights"]
for entry in sets:
    sizes = ", ".join(f"{n:,} {s}" for s, n in entry.splits.items())
    print(f"{entry.name}: {len(entry.classes)} classes, {sizes}")

# %% tags=["remove-input"]
rows = [
    {
        "name": entry.name,
        "kind": entry.kind,
        "what": entry.note,
        "terms": entry.licence,
        "source": entry.source,
        "cite": entry.cite,
    }
    for entry in sets
]
Table(pd.DataFrame(rows), rows)

# %% [markdown]
# ## Pretrained weights

# %% tags=["remove-input"]
rows = [
    {
        "name": entry.name,
        "what": entry.note,
        "terms": entry.licence,
        "source": entry.source,
        "SHA-256": entry.sha256[:16] + "…",
    }
    for entry in entries
    if entry.kind == "weights"
]
Table(pd.DataFrame(rows), rows)

# %% [markdown]
# ## What else comes with the book
#
# MathJax, which typesets the formulas, is served from the book itself (Apache-2.0, licence beside it). The book's own text and
# code are under the MIT licence. The four works remain their authors': only their numbers are kept here, as facts.
