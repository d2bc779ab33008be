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
# # Which remedy should I use?
#
# You have a long tail. On [your own images](../../notebooks/bench/01-your-own-images), `lt compare FOLDER` tells.
# What the records of this book say: first all remedies on one bench, for a head and for a whole network;
# then the works' own remedies in two settings, fifty classes of small photographs whose tail is cut to a ratio,
# and satellite tiles of four classes.
#
# ## All remedies on one bench: a head
#
# The same frozen features, images, steps and seeds; one number of each remedy set on validation images. The
# ratio is that of the smallest class to the largest. How, and at what cost, is told in
# [its chapter](../../notebooks/bench/02-which-remedy-when).

# %% tags=["remove-input"]
from IPython.display import Markdown, display

from lt_lib.lab.read.answers import best_remedies, remedies
from lt_lib.lab.read.findings import on_file
from lt_lib.works.bench import ranking

bench = ranking.by_ratio([r for own in on_file("bench-frozen").values() for r in own])
for ratio, of in bench.items():
    lines = "\n".join(f"- {said}." for said in ranking.which_remedy(of))
    display(Markdown(f"At ratio {ratio:g}:\n\n{lines}"))
ranking.ranking(bench)

# %% [markdown]
# ## All remedies on one bench: a whole network
#
# A small network from scratch, and with it the remedies that change the images, the training or the number of
# networks: mixup, AugMix, SIGN, counterfeits by a GAN, cycles and averages, stacks. Photographs are CIFAR-10;
# digits are a stand-in.

# %% tags=["remove-input"]
whole = ranking.filed("bench-whole")
for data, bench in whole.items():
    name = {"real": "photographs", "embedded": "digits"}[data]
    for ratio, of in bench.items():
        lines = "\n".join(f"- {said}." for said in ranking.which_remedy(of))
        display(Markdown(f"On {name}, at ratio {ratio:g}:\n\n{lines}"))
    display(ranking.ranking(bench))
if "real" not in whole:
    display(Markdown("There is no record on photographs yet."))

# %% [markdown]
# ## Fifty classes, a frozen network, the works' recipes
#
# A linear head on the features of a pre-trained network; the test images are as many of each class, so accuracy
# is the mean recall.

# %% tags=["remove-input"]
filed = on_file("ee443-results")
NAMES = {
    "artificial balancing": "balancing",
    "weighted loss": "weighted",
    "balanced bagging, weighted": "bagging",
    "three networks": "stacking",
    "three networks, weighted": "stacking-weighted",
}
ratios = (0.1, 0.02, 0.005)
gains = remedies(
    {
        name: {
            f"ratio {r}": (
                filed.get(f"{key}-{r}", []),
                filed.get(f"baseline-{r}", []),
            )
            for r in ratios
        }
        for name, key in NAMES.items()
    }
)
best = best_remedies(gains).splitlines()
display(Markdown("\n".join(f"- {line}" for line in best)), gains)

# %% [markdown]
# The last two ask three networks for each answer, and cost three times as much to train and to use; bags cost as
# much as one network here, for they share its features. By size of class, at the smallest ratio: *few* are
# classes of fewer than 20 training images, *many* of more than 100.

# %% tags=["remove-input"]
by_size = {
    name: (filed.get(f"{key}-0.005", []), filed.get("baseline-0.005", [])) for name, key in NAMES.items()
}
remedies({name: {"few": pair} for name, pair in by_size.items()}, "few")

# %% tags=["remove-input"]
remedies({name: {"many": pair} for name, pair in by_size.items()}, "many")

# %% [markdown]
# ## Four classes of tiles, a network from scratch
#
# Simulated tiles, narrow networks, bands 6, 5 and 2; the test set has the natural imbalance, so balanced accuracy
# is what a remedy is for, and accuracy what it may cost.

# %% tags=["remove-input"]
tiles = on_file("spectrum-table2")
STEPS = {
    "LDAM with deferred weights": ("r18-652-ldam", "r18-652-ce"),
    "AugMix": ("r18-652-augmix-ce", "r18-652-ce"),
    "LDAM, on top of AugMix": ("r18-652-augmix-ldam", "r18-652-augmix-ce"),
    "CLR and SWA, on top of LDAM": ("r18-652-swa-clr-ldam", "r18-652-ldam"),
}
steps = {name: {"tiles": (tiles.get(new, []), tiles.get(old, []))} for name, (new, old) in STEPS.items()}
remedies(steps, "balanced_accuracy")

# %% tags=["remove-input"]
remedies(steps, "accuracy")

# %% [markdown]
# ## What this cannot tell
#
# A few data sets are no law. Frozen features favour remedies that need no training of the network; how a whole
# network ranks them [is told on the bench](../../notebooks/bench/02-which-remedy-when). Seeds share their test images, so the intervals are too narrow for
# another test set. And no remedy mends labels that are wrong, or a class of two images. The honest first step is
# the same in both settings: train plain cross-entropy, look at the recall of each class, and only then choose.
# [Weights](../../notebooks/ee443/03-weighting-the-loss), [bags](../../notebooks/ee443/04-bagging) and
# [LDAM](../../notebooks/spectrum/03-margins-sampling-cycles-averages) have their chapters.
