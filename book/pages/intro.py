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
# checked against their own printed numbers.

# %% tags=["remove-input"]
from lt_lib import lab
from lt_lib.lab.read.answers import answers, in_a_sentence
from lt_lib.lab.read.ledger import ledger

lines = ledger()

# %% tags=["remove-input"]
from IPython.display import Markdown

Markdown(in_a_sentence(lines) + " [The ledger](ledger.html) has them all.")

# %% tags=["remove-input"] mystnb={"figure": {"name": "fig-intro", "caption": "Every number that has been run again at the published size: printed, and ours. Hollow marks are by networks that stand in for the printed ones. Counted and drawn from the records on file."}, "image": {"alt": "Points along a diagonal line: printed accuracy to the right, ours upwards, most of them within their bars of the line."}}
lab.figure("printed-against-ours", lines)

# %% tags=["remove-input"]
answers()

# %% [markdown]
# A claim has a direction, and a direction can be tested on a stand-in too, as long as nobody takes it for the
# original: hence the star. [What holds](what-holds) has each claim with its numbers, printed and ours.
#
# **Read.** Open [the ledger](ledger), [what holds](what-holds), or the first chapter of a work. Claim, method,
# number and doubt are on the page; you need no Python. [How to read](how-to-read) explains the words.
#
# **Run.** Two commands set up and build everything on a laptop; a GPU and the real data raise the same
# notebooks to the published scale: [how to run it again](how-to-rerun).
#
# ## Four works
#
# | short name | work | in this book |
# |---|---|---|
# | `ee443` | {cite:t}`wong_ee443`: five remedies for a long-tailed half of CIFAR-100 | [five chapters](../../notebooks/ee443/01-long-tail-and-baselines) |
# | `spectrum` | {cite:t}`rawal2020spectrum`: drought seen from space, with rare classes | [six chapters](../../notebooks/spectrum/01-the-tiles-and-their-bands) |
# | `sign` | {cite:t}`taghanaki_sign`: inputs reshaped by their gradients | [six chapters](../../notebooks/sign/01-what-mixup-gets-wrong) |
# | `lectures` | {cite:t}`yen2020lectures`: three lectures on medical image classification | [eight chapters](../../notebooks/lectures/01-descent) |
#
# Where all their remedies meet on the same images: [which remedy, when](../../notebooks/bench/02-which-remedy-when).
#
# Their printed numbers were typed off once, checked, and are kept as data:

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
# ## Whom else it serves
#
# **Teaching.** Every chapter says how long it takes and ends with exercises whose solutions stay folded until
# asked for: [how to teach with it](how-to-teach).
#
# **Choosing.** [Which remedy should I use?](which-remedy) is answered from the records, with what they cannot
# tell. For a folder of [your own images](../../notebooks/bench/01-your-own-images), `lt compare` answers.
#
# **Using a method.** [`lt_lib`](api) is a small library; each method is one short function with its formula and
# its source.
