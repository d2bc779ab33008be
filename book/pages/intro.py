# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Long tails, re-run
#
# Some classes have thousands of examples, others a handful. Four works on that trouble, and on what else
# makes an image classifier unreliable, are taught here, written again from their definitions, run again, and
# checked against their own printed numbers. Each table and figure is made by the notebook that shows it.
#
# ## Four works
#
# | short name | work | in this book |
# |---|---|---|
# | `ee443` | {cite:t}`wong_ee443`: five remedies for a long-tailed half of CIFAR-100 | [five chapters](../../notebooks/ee443/01-long-tail-and-baselines) |
# | `spectrum` | {cite:t}`rawal2020spectrum`: drought seen from space, with rare classes | [six chapters](../../notebooks/spectrum/01-the-tiles-and-their-bands) |
# | `sign` | {cite:t}`taghanaki_sign`: inputs reshaped by their gradients | [one chapter so far](../../notebooks/sign/01-what-mixup-gets-wrong) |
# | `lectures` | {cite:t}`yen2020lectures`: three lectures on medical image classification | [eight chapters](../../notebooks/lectures/01-descent) |
#
# Their printed numbers were typed off once, checked, and are kept as data:

# %% tags=["remove-input"]
from lt_lib import lab

# %% tags=["keep_output", "remove-input"]
printed = lab.published()
anchor = printed["note"].str.contains("outside the four works")
works = printed.loc[~anchor, "work"].str.removesuffix("-slides")
counts = works.value_counts()
for name in ("ee443", "spectrum", "sign", "lectures"):
    print(f"{name:10} {counts[name]:4} printed numbers")

# %% [markdown]
# Four more numbers are an anchor from outside: errors that the authors of LDAM printed for CIFAR-10 with a long
# tail. [Their recipe](../../notebooks/spectrum/06-ldam-drw-as-released), exactly as their code has it, tests our
# loss, our weights and our loop.
#
# ## The scoreboard
#
# Counted from the records on file, nothing by hand. Only a run at the published settings on the published
# data can agree or disagree with a printed number, and one by a network that stands in for the printed one is
# counted apart; anything smaller is shown, but *not comparable*. [How to read](how-to-read) explains the
# words.

# %% tags=["remove-input"]
lab.scoreboard()

# %% [markdown]
# ## What holds so far
#
# Beyond single numbers the works make claims: this helps, that is best. A claim has a direction, and a
# direction can be tested on a stand-in too, as long as nobody takes it for the original. So on stand-ins the
# verdict reads *direction holds*, *direction fails* or *direction undecided*; *holds* and *fails* alone are
# kept for the published settings on the published data by the printed networks, and for what needs no
# training. Below, each claim of `ee443` is held against the report's own printed numbers and against the
# strongest committed records, on the real images. Which networks stand in for the printed ones there, the
# badges say.

# %% tags=["remove-input"]
from lt_lib.lab.read.claims import claims_table

claims_table("ee443")

# %% [markdown]
# The claims of `spectrum` are tested on simulated ground, by narrow networks at a size that two cores manage
# in a night. What they say of satellites and of methods is a direction: other tiles, other networks or a
# longer training may turn it.

# %% tags=["remove-input"]
claims_table("spectrum", profile="overnight", data="embedded")

# %% [markdown]
# ## Whom it serves
#
# **Reading.** Start with the first chapter of a work. Claim, method, number and doubt are on the page; you
# need no Python.
#
# **Running it again.** Two commands set up and build everything; a GPU and the real data raise the same
# notebooks to the published scale: [how to run it again](how-to-rerun).
#
# **Teaching.** Every chapter says how long it takes and ends with exercises whose solutions stay folded until
# asked for: [how to teach with it](how-to-teach).
#
# **Using a method.** `lt_lib` is a small library; each method is one short function with its formula and its
# source.
