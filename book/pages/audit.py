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
# # The audit
#
# What the works print, held against itself: does a mean follow from its parts, can a share be a number of
# images, is the bold number the largest, does a formula do what is said of it? Most checks are computed on this
# page from the printed numbers alone; those of wording, or of released code, are marked. An *error* here is one
# of print; whether a result stands is the business of [what holds](what-holds). On a terminal: `lt audit`.
#
# ## spectrum

# %% tags=["remove-input"]
from lt_lib.lab.read.audit import audit_table

audit_table("spectrum")

# %% [markdown]
# ## sign

# %% tags=["remove-input"]
audit_table("sign")

# %% [markdown]
# ## lectures

# %% tags=["remove-input"]
audit_table("lectures")

# %% [markdown]
# ## ee443

# %% tags=["remove-input"]
audit_table("ee443")
