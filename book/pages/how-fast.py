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
# # How fast, how far, how safe
#
# How ours compares with what people use, what more of it costs, and what damaged files do to it. Every figure is
# a ratio of two things measured in one run, so that another machine can check it: `python benchmarks/all.py`
# measures all of them anew.
#
# ## How fast

# %% tags=["remove-input"]
from lt_lib import lab

lab.speed()

# %% tags=["remove-input"]
print("Missed:", "; ".join(lab.missed()) or "nothing")

# %% [markdown]
# The training loops in images a second:

# %% tags=["remove-input"]
lab.training_rates()

# %% [markdown]
# Plain convolutions are faster in bfloat16 on a CPU that knows it. Does the rounding change what a network
# learns? ResNet-32 on CIFAR-10, the same seeds in both precisions:

# %% tags=["remove-input"]
from lt_lib.lab.read.findings import on_file

precision = on_file("precision")
if {"bf16", "float32"} <= precision.keys():
    pair = {"ResNet-32": (precision["bf16"], precision["float32"])}
    print(lab.differences_in_words(pair, "bf16", "float32"))
else:
    print("not on file yet: lt run precision --profile overnight --data real")

# %% [markdown]
# ## How far
#
# What does twice as much cost? The power of size that fits the measured costs best.

# %% tags=["remove-input"]
lab.growth()

# %% [markdown]
# ## How safe
#
# What happens when a file is damaged? Each input below was broken in one of thousands of ways: bits flipped, ends
# cut off, huge numbers, forged contents that try to run code. Each case must end in a correct result or in one
# clear error. A fault that was found is mended. `tests/faults/README.md` says how to repeat it, and how processes
# are killed and disks filled.

# %% tags=["remove-input"]
lab.campaign()
