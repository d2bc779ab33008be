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
# # Status
#
# What made the numbers, when, and with what. If a number of yours differs, compare these lines first.
#
# ## Evidence on file
#
# Two published rows that ask for the same run share one record; it is counted where it was made.

# %% tags=["remove-input"]
import pandas as pd

from lt_lib import lab
from lt_lib.data.registry import data_sets, weights
from lt_lib.lab.read.report import Table
from lt_lib.lab.train.run import environment

lab.status_page()

# %% [markdown]
# ## Hardware
#
# Records made before the processor and the memory were noted say so.

# %% tags=["remove-input"]
lab.hardware()

# %% [markdown]
# ## The scoreboard
#
# By experiment: how many printed numbers there are, and how they fare. Only a run at the published settings on
# the published data can agree or disagree with one, and one by a network that stands in for the printed one is
# counted apart; anything smaller is shown, but *not comparable*.

# %% tags=["remove-input"]
lab.scoreboard()

# %% [markdown]
# ## This build
#
# Noted when this page was executed.

# %% tags=["remove-input"]
here = [{"what": name, "value": value} for name, value in environment().items()]
Table(pd.DataFrame(here), here)

# %% [markdown]
# ## Data the numbers may stand on
#
# Accepted digests of the registered sets: of all images and labels, in order. A copy with another digest is
# refused.

# %% tags=["keep_output", "remove-input"]
entries = [*data_sets().values(), *weights().values()]
rows = [
    {"name": entry.name, "kind": entry.kind, "digest": f"<code>{digest[7:23]}</code>"}
    for entry in entries
    for digest in entry.digests
]
print(len(rows), "digests of", len(entries), "data sets and weights")

# %% tags=["remove-input"]
Table(pd.DataFrame(rows), rows)
