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
# # What holds
#
# Every claim of the four works, held against its own printed numbers and against the strongest committed
# records of all rows that it speaks of. On stand-ins the verdict reads *direction holds*, *direction fails* or
# *direction undecided*; *holds* and *fails* alone are kept for the published settings on the published data by
# the printed networks, and for what needs no training. A claim of several parts fails only for what Holm's
# correction leaves of them.
#
# ## ee443: five remedies for a long tail
#
# Real images, at the published size, by networks that stand in for the printed ones.

# %% tags=["remove-input"]
from lt_lib.lab.read.claims import claims_table

claims_table("ee443", anchors=True)

# %% [markdown]
# ## spectrum: drought seen from space
#
# Simulated ground, and narrow networks at a size that two cores manage in a night: other tiles, other networks
# or a longer training may turn a direction.

# %% tags=["remove-input"]
claims_table("spectrum", anchors=True)

# %% [markdown]
# ## sign: signed input regularization

# %% tags=["remove-input"]
claims_table("sign", anchors=True)

# %% [markdown]
# ## lectures: three lectures, computed

# %% tags=["remove-input"]
claims_table("lectures", anchors=True)
