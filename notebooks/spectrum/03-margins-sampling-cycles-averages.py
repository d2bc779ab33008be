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

# %% [markdown] tags=["slide"]
# # Margins, sampling, cycles, averages: LDAM-DRW, CLR and SWA
#
# ```{admonition} This chapter
# :class: tip
# - **Question.** Four remedies for a long tail are stacked on each other. Do they add up?
# - **Regenerates.** Table 1 and Fig 2b of `spectrum`; tests its claims SP1, SP2, SP3 and SP6.
# - **You need.** balanced accuracy, from [the first chapter](01-the-tiles-and-their-bands); counterfeits, from
#   [the second](02-counterfeits-for-rare-classes).
# - **Time.** 25 minutes to read; 2 minutes on a laptop, seconds once the records exist.
# ```
#
# A patient with a headache takes a tablet. It helps a little, so he takes another one from another box, and a
# third. Only then does he read the small print: the three boxes hold the same substance.
#
# The substance here is *attention to rare classes*. Table 1 of {cite:t}`rawal2020spectrum` gives it in three
# boxes: a sampler that shows rare tiles more often, a loss that grants them a wider margin, weights that make
# them louder. Two more remedies, a learning rate that goes up and down and an average of several networks,
# are for everybody. This chapter reads the small print.

# %% [markdown] tags=["slide", "live"]
# ## The claim
#
# In the paper's words LDAM works better than crude re-sampling, and the combination of all is best. In its
# numbers:

# %% tags=["keep_output", "hide-input", "fragment-slide", "live"]
# nbval-check-output
from lt_lib.lab.read.published import printed


def said(row, metric):
    return printed(work="spectrum", table="Table 1", row=row, metric=metric)


def line(number, name):
    net = "ResNet-50" if number < 4 else "EfficientNet-B4"
    cells = (
        said(f"T1.{number}", metric)
        for metric in ("test_acc", "balanced_acc", "icv")
    )
    return " ".join(
        [f"{number} {net:16}{name:22}", *(f"{cell:>7}" for cell in cells)]
    )


print(
    *map(
        line,
        range(1, 10),
        (
            "CE|CE, sampler|LDAM|CE|LDAM, cycles|+ averages|"
            "+ averages, 6-5-2|CE, filled up|+ averages, filled up"
        ).split("|"),
    ),
    sep="\n",
)

# %% [markdown] tags=["fragment-slide", "live"]
# The columns are accuracy, balanced accuracy, and ICV, the spread of the recalls around the accuracy, of
# which later.
#
# ### A row that cannot be
#
# Look at row 3. Its balanced accuracy is below chance, at an accuracy of 0.7. With the class sizes that
# [the first chapter](01-the-tiles-and-their-bands) found, how accurate can a classifier be at that mean
# recall? At best it answers the large class perfectly and spends what is left on the next:

# %% tags=["keep_output", "fragment-slide", "live"]
# nbval-check-output
from lt_lib.works.spectrum.audit import (
    accuracy_bounds,
    reconstruct_table2,
)


def tiles():
    return reconstruct_table2()[0].counts


def possible(balanced):
    low, high = accuracy_bounds(float(balanced), tiles())
    return f"at mean recall {balanced}: {low:.3f} to {high:.3f}"


print(possible(said("T1.3", "balanced_acc")))
print(possible(said("T1.3", "icv")))
print("printed accuracy:", said("T1.3", "test_acc"))

# %% [markdown] tags=["notes", "remove-cell"]
# A row that no set of counts can make. Ask what one would write to the authors, in one friendly sentence. 2
# min.

# %% [markdown] tags=["fragment-slide", "live"]
# It cannot, unless two cells of the row have changed places. Read the other way round, all is possible. From
# here on we read them so, and mark the moved cells with a dagger.

# %% [markdown] tags=["slide", "live"]
# ## First box: show rare tiles more often
#
# Draw each tile with a chance inverse to the size of its class, $p_i \propto 1/n_{y_i}$, with replacement.
# Every class then comes up equally often, and a tile of class $j$ is seen
#
# ```{math}
# :label: spectrum-03-multiplicity
# m_j = \frac{N}{K\, n_j}
# ```
#
# times an epoch, on average, where $N$ tiles are drawn for $K$ classes.

# %% tags=["keep_output", "fragment-slide", "live"]
# nbval-check-output
import torch

from lt_lib.sampling import balanced_sample, expected_multiplicity


def seen(counts):
    labels = torch.arange(len(counts)).repeat_interleave(
        torch.tensor(counts)
    )
    chance = torch.Generator().manual_seed(0)
    drawn = labels[balanced_sample(labels, len(labels), chance)]
    return drawn.bincount() / torch.tensor(counts)


print("drawn:   ", *(f"{m:.2f}" for m in seen(tiles())))
print(
    "expected:",
    *(f"{m:.2f}" for m in expected_multiplicity(tiles(), sum(tiles()))),
)

# %% [markdown] tags=["fragment-slide", "live"]
# A rare tile is met almost three times an epoch, and of the common ones more than half are not met at all. No
# information is added, and some is left lying.

# %% [markdown] tags=["notes", "remove-cell"]
# Ask what the network no longer sees when rare tiles come thrice: more than half of the common ones, in each
# epoch. 1 min.

# %% [markdown] tags=["slide", "live"]
# ## Second box: demand more of an answer
#
# A network that knows ten pictures of a class draws its border close around those ten. LDAM {cite}`cao2019ldam` asks a rare
# class to be *recognised by a distance*: its logit is lowered by $\Delta_y$ before the softmax, so that it
# must win by that much to be as good as right.
#
# ```{math}
# :label: spectrum-03-ldam
# \ell(z, y) = -\log \frac{e^{s (z_y - \Delta_y)}}{e^{s (z_y - \Delta_y)} + \sum_{k \ne y} e^{s z_k}},
# \qquad \Delta_j = \frac{C}{n_j^{1/4}}, \quad \max_j \Delta_j = \tfrac12 .
# ```
#
# Why the fourth root? It makes the sum of the classes' error bounds smallest. What it does to our four:

# %% tags=["keep_output", "fragment-slide", "live"]
# nbval-check-output
from lt_lib.losses import LDAMLoss, ldam_margins

print("margins", *(f"{m:.3f}" for m in ldam_margins(tiles())))


def costs(scale, gap):
    """Loss of a tile of each class that wins by `gap`."""
    z = gap * torch.eye(4)
    loss = LDAMLoss(tiles(), scale=scale, reduction="none")
    return " ".join(f"{c:.3f}" for c in loss(z, torch.arange(4)))


print(
    *(f"won by {gap}: {costs(30, gap)}" for gap in (0.3, 0.5, 0.7)),
    sep="\n",
)

# %% [markdown] tags=["slide"]
# With $s = 30$ a tile that has its margin costs nothing, and one that lacks a tenth of it costs three. The
# scale belongs to a *cosine head*: there a logit is the cosine of an angle and cannot leave $[-1, 1]$, so
# half a unit is a great deal.
#
# ### A border and the room beside it
#
# In a plane such a head has one number to learn, the direction of its border, and we can try all of them. Let
# two classes be two fans of points, equally wide. Of one we have five hundred pictures, of the other ten.


# %%
def around(degrees):
    angle = torch.deg2rad(degrees)
    return torch.stack([angle.cos(), angle.sin()], -1)


def fans(counts, width, seed):
    labels = torch.arange(2).repeat_interleave(torch.tensor(counts))
    u = torch.rand(
        len(labels),
        4,
        dtype=torch.float64,
        generator=torch.Generator().manual_seed(seed),
    )
    middle = torch.tensor([135.0, 45.0])[labels]
    angle = middle + width * (u[:, :3].sum(1) - 1.5)
    return around(angle) * (0.7 + 0.6 * u[:, 3:]), labels


# %%
def cosines(x, border):
    """Logits of a cosine head with its border at so many degrees."""
    across = torch.tensor(border - 90.0, dtype=torch.float64)
    z = torch.nn.functional.normalize(x) @ around(across)
    return torch.stack([-z, z], 1)


def learned(loss, x, y):
    return min(range(40, 111), key=lambda b: loss(cosines(x, b), y))


# %%
def losses(counts=(500, 10)):
    return {
        "s = 1, no margin": LDAMLoss(counts, 0, scale=1),
        "s = 30, no margin": LDAMLoss(counts, 0),
        "s = 30, margin": LDAMLoss(counts),
    }


# %% tags=["slide"] mystnb={"figure": {"name": "fig-spectrum-03-borders", "caption": "Where three losses put the border of a cosine head between two fans of points. Pale: further points of the rare class, which no loss has seen. Computed, no data."}, "image": {"alt": "A half circle of points. The dense fan of the frequent class lies on the left, ten triangles of the rare class on the right, pale points of the rare class reach further to the left than the triangles. A dotted ray cuts through the rare class, a dashed one lies near the triangles, a solid one nearer the middle."}}
from lt_lib import lab


def drawn_fans(width=34, seed=0):
    x, y = fans([500, 10], width, seed)
    found = {name: learned(loss, x, y) for name, loss in losses().items()}
    unseen, _ = fans([0, 400], width, seed=99)
    return lab.figure("borders", x, y, found, unseen)


drawn_fans()

# %% [markdown] tags=["fragment-slide"]
# Without the scale a cosine is too weak a voice: however right a point is, it costs nearly as much as before
# and goes on pulling, and five hundred pull harder than ten. With it, only points near the border pull. They
# put the border midway between the points that are *known*, which is too near to the rare class, for ten
# points do not show how far their class reaches. The margin moves it to where the unseen ones are.
#
# That needs room. Widen the fans until they overlap, and ask on unseen points, as many of either class, for
# the share of right answers:

# %% [markdown] tags=["notes", "remove-cell"]
# Let the room say which of the fans has the wider border on the side of the rare class, and why. 2 min.

# %%
from lt_lib.losses import class_weights


def on_unseen(loss, width, draws=8):
    x, y = fans([2000, 2000], width, seed=99)
    total = 0
    for seed in range(draws):
        border = learned(loss, *fans([500, 10], width, seed))
        right = cosines(x, border).argmax(1) == y
        total += right.double().mean() / draws
    return f"{total:.3f}"


# %% tags=["keep_output", "slide"]
# nbval-check-output
def apart_and_overlapping(counts=(500, 10)):
    loud = class_weights(counts, "ins")
    print(f"{'':12} apart overlapping")
    for name, margin, weight in (
        ("no margin", 0, None),
        ("margin", 0.5, None),
        ("weights", 0, loud),
        ("both", 0.5, loud),
    ):
        loss = LDAMLoss(counts, margin, weight=weight)
        print(f"{name:12}", *(on_unseen(loss, w) for w in (34, 60)))


apart_and_overlapping()

# %% [markdown] tags=["fragment-slide"]
# Apart, the margin repairs the border. Overlapping, there is no room for one. Points beyond the border claim
# their margin all the same, the frequent class has more of them, and the border moves the wrong way; weights
# repair it, and the margin adds little to them. Tiles that are labelled by judgement overlap: in [the first
# chapter](01-the-tiles-and-their-bands) even perfect sight erred. So expect less from the second box than
# from the third, which follows below. (That a margin alone does not lead to the best balanced border is
# known: {cite:t}`menon2021logit`.)
#
# ### On another head
#
# The released drought code puts the same loss on an ordinary linear layer. Its logits have no bound. A
# network can buy any margin by making its last weights longer, without moving a single border:


# %% tags=["keep_output", "fragment-slide"]
# nbval-check-output
def bought(longer):
    z = longer * torch.tensor([[0.06, 0.02, -0.04, -0.04]])
    return float(LDAMLoss(tiles())(z, torch.tensor([0])))


print(*(f"weights x {n:2}: {bought(n):.3f}" for n in (1, 5, 25)), sep="\n")

# %% [markdown] tags=["fragment-slide"]
# Both heads are switches of ours; what the choice costs is measured below.

# %% [markdown] tags=["slide", "live"]
# ## Third box: make rare classes louder, late
#
# Class weights on the loss do what the sampler does, and early in training they do harm: a few loud pictures
# shape the features of all. *Deferred re-weighting* (DRW) therefore trains without weights first, and for the
# last third of the epochs with weights $w_j \propto 1/E_{n_j}$, where $E_n = (1 - \beta^n)/(1 - \beta)$
# counts how much new there is in $n$ pictures ([chapter 3 of `ee443`](../ee443/03-weighting-the-loss)).
#
# The paper does not give its $\beta$. The released code has 0.99 before the switch, 0.99999 after it; the
# authors of LDAM use 0 and 0.9999. In {numref}`fig-spectrum-03-margins` on the right, for a training set of
# the full size:


# %% tags=["live"]
def full():
    return [round(86317 * n / sum(tiles())) for n in tiles()]


# %% tags=["fragment-slide"] mystnb={"figure": {"name": "fig-spectrum-03-margins", "caption": "What each class is granted. Left: the margin of LDAM. Right: its weight after the switch, under three values of beta, for 86,317 tiles in the proportions of the validation set. Computed, no data."}, "image": {"alt": "Left, four bars of margins rising from about 0.3 for class 0 to 0.5 for class 3. Right, weights: equal for every class at beta 0.99, rising towards the rare class for the other two."}}
lab.figure("margins", full())

# %% [markdown] tags=["slide", "live"]
# At 0.99 no class of this data is rare: a hundred pictures already say all there is, and the weights are
# equal to four digits. "0.99, then 0.99999" is a way to write "none, then nearly inverse frequency".
#
# ### The small print
#
# Sampler and weights are the same substance. Under the sampler each class already has an equal share of the
# batches; weights come on top. What share of the loss does each class hold?

# %% tags=["keep_output", "fragment-slide", "live"]
# nbval-check-output
from lt_lib.schedules import drw_weights


def shares(sampler, weighted):
    often = torch.ones(4) if sampler else torch.tensor(full())
    loud = drw_weights(full(), 1, 1, (0.99, 0.99999))
    share = often * (loud if weighted else torch.ones(4))
    return " ".join(f"{s:4.0%}" for s in share / share.sum())


print("neither", shares(False, False))
print("sampler", shares(True, False))
print("weights", shares(False, True))
print("both   ", shares(True, True))

# %% [markdown] tags=["fragment-slide", "live"]
# One of the two gives every class about a quarter. Both together turn the tail upside down: class 3, with
# nine tiles in a hundred, holds over two fifths of the loss, and class 0, with sixty, less than a tenth. Rows
# 3, 5, 6, 7 and 9 of Table 1 name both. So predict, before anything is trained: run as printed, these rows
# will *lose* class 0, and most of their accuracy with it.

# %% [markdown] tags=["slide", "live"]
# ## For everybody: cycles and averages
#
# A *cyclical learning rate* {cite}`smith2017clr` climbs from a low to a high value and back, in a straight
# line. High rates shake the network out of narrow places, low ones let it settle. With $S$ epochs up and $S$
# down,
#
# ```{math}
# :label: spectrum-03-clr
# \eta_t = \eta_{\min} + (\eta_{\max} - \eta_{\min}) \max(0, 1 - x), \qquad
# x = \left| \frac{t}{S} - 2 \left\lfloor 1 + \frac{t}{2S} \right\rfloor + 1 \right| .
# ```
#
# *Stochastic weight averaging* {cite}`izmailov2018swa` takes the mean of the weights that training passed
# through,
#
# ```{math}
# :label: spectrum-03-swa
# \bar w \leftarrow \frac{n\, \bar w + w}{n + 1},
# ```
#
# on the thought that a walk around a valley never stands at its lowest point, but its mean does. In a valley
# of two dimensions, with noise on every step:


# %% tags=["live"]
def walk(steps=400, lr=0.2, seed=0):
    chance = torch.Generator().manual_seed(seed)
    steep = torch.tensor([1.0, 5.0])
    w, path = torch.tensor([2.0, 1.0]), []
    for _ in range(steps):
        noise = torch.randn(2, generator=chance)
        w = w - lr * (steep * w + noise)
        path.append(w)
    return torch.stack(path)


def height(w):
    return float((torch.tensor([1.0, 5.0]) * w**2).sum() / 2)


# %% tags=["keep_output", "fragment-slide", "live"]
# nbval-check-output
def compared(late):
    heights = [height(w) for w in late]
    return sum(heights) / len(heights), height(late.mean(0))


print(
    "above the floor: a step of the walk {:.2f}, on average;\n"
    "the mean of its steps {:.3f}".format(*compared(walk()[100:]))
)

# %% tags=["slide"] mystnb={"figure": {"name": "fig-spectrum-03-descent", "caption": "The same walk, thirty of its points, one every ten steps, and their average. Computed, no data."}, "image": {"alt": "A jagged walk comes in from the right and then circles around the minimum of a bowl. Thirty diamonds lie scattered around the cross that marks the minimum; the star of their average lies beside it."}}
lab.figure("descent", walk(), walk()[100::10], (1.0, 5.0))

# %% [markdown] tags=["notes", "remove-cell"]
# Ask what the average of the walk's points does that no single point does. Then ask when it would not: in a
# landscape with two valleys. 2 min.

# %% [markdown] tags=["slide"]
# Thirty points are more than the paper has. With six, far enough apart to know nothing of each other, over
# fifty walks:


# %% tags=["keep_output", "fragment-slide"]
# nbval-check-output
def six(walks=50):
    return torch.tensor(
        [compared(walk(seed=seed)[100::50]) for seed in range(walks)]
    ).mean(0)


print("one {:.2f} above the floor, six averaged {:.2f}".format(*six()))

# %% [markdown] tags=["fragment-slide"]
# About a sixth: the noise of independent points averages away as that of any sample does. A bowl is kind,
# though. In a network the points must lie in one valley, and points taken at a high rate lie further up its
# sides.

# %% [markdown]
# ### Whose statistics
#
# An averaged network has met no batch of its own. Its batch norms, which in training take the mean and spread
# of each batch, have none to answer by. `update_bn` lends them some: it shows the network batches, lets it
# learn nothing, and keeps the averages. Which batches? Take one number, the class of a tile and noise on it,
# and a border between class 0 and the others at ½, learned where the sampler makes all classes equal.


# %%
from torch.optim.swa_utils import update_bn


def norm_of(sampler, seed=0):
    """A batch norm, its statistics from one epoch of such tiles."""
    chance = torch.Generator().manual_seed(seed)
    labels = torch.arange(4).repeat_interleave(torch.tensor(tiles()))
    x = labels + torch.randn(len(labels), generator=chance)
    order = (
        balanced_sample(labels, len(labels), chance)
        if sampler
        else torch.randperm(len(labels), generator=chance)
    )
    norm = torch.nn.BatchNorm1d(1, affine=False)
    update_bn(x[order, None].split(32), norm)
    return norm.eval()


def moved(border, learned, judged):
    """Where a border lies once the statistics are others."""
    known = learned(torch.tensor([[border]]))
    return float(judged.running_mean + known * judged.running_var.sqrt())


# %% tags=["keep_output"]
# nbval-check-output
def on_its_side(border):
    below = torch.special.ndtr(torch.tensor([border, border - 1]))
    return f"class 0 {below[0]:.0%}, class 1 {1 - below[1]:.0%}"


def by_statistics():
    learned = norm_of(sampler=True)
    for name, sampler in (("as drawn", True), ("natural", False)):
        judged = norm_of(sampler)
        border = moved(0.5, learned, judged)
        print(
            f"{name:8} mean {float(judged.running_mean):.2f}, "
            f"border {border:+.2f}; right: {on_its_side(border)}"
        )


by_statistics()

# %% [markdown] tags=["notes", "remove-cell"]
# No weight differs between the two lines. Ask how one would find such a fault in a finished table of results.
# 2 min.

# %% [markdown]
# No weight has changed, and the border has. Measured against the natural list, which is mostly class 0, every
# tile looks rarer than it did in training, and class 0 pays. So batches must be drawn as the network has seen
# them: with its sampler, and with AugMix's mixtures where there were any.
#
# Test tiles are no better. Their classes are as unequal as the natural list, which does the same harm to a
# network that was trained under a sampler; and to any other, an answer about one tile would then rest on the
# other tiles of the exam. What either does to ours is measured below.

# %% [markdown] tags=["fragment-slide"]
# The released script wants all this and does something else. The call that moves the rate stands after the
# loop over the epochs, and so does the call that takes a snapshot; batch statistics come from the validation
# tiles, which are the test tiles. {numref}`fig-spectrum-03-rates` has the plan and what ran.

# %% tags=["fragment-slide"] mystnb={"figure": {"name": "fig-spectrum-03-rates", "caption": "Learning rate by epoch, as the drought code means it and as it runs, and the epochs whose weights enter the average. Computed, no data."}, "image": {"alt": "A zigzag between 1 and 10 hundred-thousandths with a period of four epochs and six diamonds at every fifth epoch from 15 on; a dashed horizontal line at 1 with a single square at epoch 40."}}
lab.figure("rates")

# %% [markdown] tags=["fragment-slide"]
# The six diamonds stand at different heights. The usual advice is to average at the low points of the cycles;
# a snapshot every five epochs on a cycle of four takes every phase in turn.

# %% [markdown]
# ## Choose what to run
#
# At `embedded`, simulated ground **stands in** for Kenya; below `paper`, narrow networks stand in for
# ResNet-50 and EfficientNet-B4, trained from random weights on the middle of each tile. Only `paper` with
# `real` is judged against print.

# %% tags=["parameters"]
profile = "laptop"  # smoke, laptop, overnight or paper
data = "embedded"  # embedded (droughtsim) or real (droughtwatch)
seeds = None  # None: as many as the profile asks for
budget = None  # minutes; None: no limit
store = None  # folder of records; None: the usual one

# %%
options = lab.check_parameters(globals())

# %% [markdown]
# The published schedules are for forty epochs and pretrained networks. What the profile makes of them:

# %%
from lt_lib.data import load

spec = lab.plan("spectrum-table1", "T1.7", profile, data, 1)[0].spec
swa, clr, drw = spec.recipe.swa, spec.recipe.clr, spec.recipe.drw
last = spec.optimizer.epochs
taken = [
    epoch
    for epoch in range(swa.start + 1, last + 1)
    if epoch % swa.every == 0
]
n = spec.recipe.tiles or load(spec.data).splits["train"][0]
print(f"{spec.data}: {n} tiles")
print(f"{last} epochs, weights from epoch {drw.switch_epoch + 1} on")
print(
    f"rates {clr.min_lr:g} to {clr.max_lr:g} and back in "
    f"{2 * clr.step_size:g} epochs, snapshots after {taken}"
)
plain = lab.plan("spectrum-table1", "T1.1", profile, data, 1)[0].spec
rate = plain.optimizer
print(
    f"rows without cycles: rates up to {rate.peak * rate.lr:g}, "
    f"{rate.schedule}"
)

# %% [markdown] tags=["slide"]
# ## Table 1
#
# First the floor of [chapter 1](01-the-tiles-and-their-bands), which is no network and is not in print, on all bands and
# on three. Then the nine printed rows. Those with LDAM are run twice: as printed, with the sampler, and as
# released, where it is off in every script.

# %%
results = lab.run("spectrum-table1", **options)


def rows(key, variant="as-printed", found=results):
    return [r for r in found if (r.key, r.variant) == (key, variant)]


# %% tags=["fragment-slide"]
columns = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced",
    "macro_f1": "F1",
    "icv_used": "ICV",
}
lab.sheet(results, columns)

# %% [markdown] tags=["fragment-slide"]
# Which of the networks without margins, cycles or averages are above the floor?

# %%
baselines = {
    "ResNet-50, CE": "r50-ce",
    "ResNet-50, CE, sampler": "r50-ce-sampler",
    "EfficientNet-B4, CE": "b4-ce",
}
above = {
    name: (rows(key), rows("floor")) for name, key in baselines.items()
}
print(
    lab.differences_in_words(
        above, "the network", "the floor", "balanced_accuracy"
    )
)

# %% [markdown] tags=["fragment-slide"]
# Mind what these networks are. Below `paper` they are narrower and shallower than the published ones, start
# from random weights instead of ImageNet's, and see some thousand tiles for a few epochs instead of 86,317
# for forty. Compared with the published networks they are undertrained, all of them, and a remedy can only
# be judged on what a network has learned.

# %% tags=["fragment-slide"] mystnb={"figure": {"name": "fig-spectrum-03-plane", "caption": "The paper's Fig 2b, redrawn: accuracy against balanced accuracy, numbered as the rows of Table 1, each as printed. The upper right corner is where one wants to be. Bars: 95 % intervals over seeds. Hollow marks are not comparable with print."}, "image": {"alt": "Panels for the published numbers and ours, accuracy across and balanced accuracy up, each with a numbered mark for every row of Table 1."}}
lab.figure("spectrum-fig2b", results)

# %% [markdown] tags=["slide"]
# ### One box at a time
#
# A table of combinations is best read as a ladder: what does each rung add to the one below? In print, with
# row 3 put right:

# %% tags=["keep_output", "fragment-slide"]
# nbval-check-output
from lt_lib.works.spectrum.audit import table1_row

RUNGS = {
    "2 - 1: sampler": "21",
    "3 - 2: cycles, LDAM+DRW": "32",
    "5 - 4: sampler, cycles, LDAM+DRW": "54",
    "6 - 5: averages": "65",
    "7 - 6: 6-5-2": "76",
}


def gap(rung, score):
    new, old = (getattr(table1_row(f"T1.{n}"), score) for n in rung)
    return f"{float(new) - float(old):+.4f}"


print(f"{'':34}balanced  accuracy")
for name, rung in RUNGS.items():
    print(f"{name:34}", gap(rung, "balanced"), "", gap(rung, "accuracy"))

# %% [markdown] tags=["slide"]
# Three rungs go up by more than two points: the crude sampler where it is alone, the change of bands, and
# between them one that opens three boxes at once. Averages, and LDAM on top of the sampler, go *down*, though
# by less than one run can tell: the rows of Table 2, whose tiles we can count, have a standard error of

# %% [markdown] tags=["notes", "remove-cell"]
# A ladder of combinations. Ask which rungs change one thing only; the others cannot be read. 3 min.

# %% tags=["keep_output", "fragment-slide"]
# nbval-check-output
from lt_lib.works.spectrum.audit import balanced_error

print(
    "{:.4f} to {:.4f}".format(
        *(
            pick(map(balanced_error, reconstruct_table2()))
            for pick in (min, max)
        )
    )
)

# %% [markdown] tags=["fragment-slide"]
# from the number of tiles alone. (So the row that the paper calls best, 7, owes its lead over row 5 to its
# bands, or to luck.) Our ladder, paired over seeds:

# %%
KEYS = {r.row.removeprefix("T1."): r.key for r in results}
ladder = {
    name: (rows(KEYS[new]), rows(KEYS[old]))
    for name, (new, old) in RUNGS.items()
}

# %% tags=["fragment-slide"] mystnb={"figure": {"name": "fig-spectrum-03-ladder", "caption": "What each rung of Table 1 adds to balanced accuracy, rows as printed; paired over seeds, with 95 % intervals. Hollow marks are not comparable with print."}, "image": {"alt": "Five horizontal intervals, one for each rung, beside a vertical line at zero."}}
lab.figure(
    "differences",
    {name.replace(": ", ":\n"): pair for name, pair in ladder.items()},
    metric="balanced_accuracy",
)

# %%
for score in ("balanced_accuracy", "accuracy"):
    print(lab.differences_in_words(ladder, "new row", "the old", score))

# %% [markdown] tags=["slide"]
# ### Two boxes or one
#
# What the sampler adds to a row that already has margins and weights, in accuracy and in balanced accuracy:

# %%
LDAM = {
    "3": "r50-clr-ldam",
    "5": "b4-clr-ldam",
    "6": "b4-swa-clr-ldam",
    "7": "b4-652-swa-clr-ldam",
    "9": "b4-gan-swa-clr-ldam",
}
doubled = {
    f"row {n}": (rows(key), rows(key, "as-released"))
    for n, key in LDAM.items()
}

# %% tags=["fragment-slide"] mystnb={"figure": {"name": "fig-spectrum-03-doubled", "caption": "Accuracy with the sampler minus accuracy without it, in the rows of Table 1 that have LDAM and deferred weights; paired over seeds, with 95 % intervals. Hollow marks are not comparable with print."}, "image": {"alt": "Five horizontal intervals, one for each LDAM row, beside a vertical line at zero."}}
lab.figure("differences", doubled)

# %% tags=["fragment-slide"] mystnb={"figure": {"name": "fig-spectrum-03-doubled-balanced", "caption": "The same for balanced accuracy."}, "image": {"alt": "Five horizontal intervals, one for each LDAM row, beside a vertical line at zero."}}
lab.figure("differences", doubled, metric="balanced_accuracy")

# %%
for score in ("accuracy", "balanced_accuracy"):
    print(lab.differences_in_words(doubled, "sampler", "none", score))

# %% [markdown] tags=["slide"]
# By the shares, what a sampler can take away on top of the weights is class 0, and accuracy with it. In print the
# LDAM rows keep an accuracy of 0.70 to 0.74, as rows with one of the two remedies would. That fits the released scripts, in all of
# which the sampler is off, and does not fit the table's own description. On a stand-in nothing of this is proof;
# but the arithmetic of the shares is the same for any data.
#
# Row 9 is different. Its classes are filled up with counterfeits to one size, and where all classes are
# equal, sampler, margins and weights have nothing left to do:

# %% [markdown] tags=["notes", "remove-cell"]
# Sampler and weights together turn the tail upside down. Ask who would have noticed from the balanced
# accuracy alone. 2 min.


# %% tags=["keep_output", "fragment-slide"]
# nbval-check-output
def filled():
    return [max(full())] * 4


def granted():
    n = filled()
    return {
        "seen an epoch": expected_multiplicity(n, sum(n)),
        "margins": ldam_margins(n),
        "weights": drw_weights(n, 1, 1, (0.99, 0.99999)),
    }


for name, given in granted().items():
    print(f"{name}:", *(f"{g:.1f}" for g in given))

# %% [markdown] tags=["fragment-slide"]
# One margin for all is no favour to anyone. What remains of row 9 over row 8 are cycles, averages and a loss
# that is thirty times as steep.

# %% [markdown] tags=["slide"]
# ### Which ICV
#
# The paper's footnote defines ICV as a sum of squares, $\sum_i (\text{acc} - r_i)^2$. Or was the root of it
# printed? At a printed accuracy and balanced accuracy only some recalls are possible. How far must those of
# the three rare classes lie apart, if the printed ICV is a sum, and how far, if it is a root?

# %% tags=["keep_output", "fragment-slide"]
# nbval-check-output
from lt_lib.works.spectrum.audit import icv_of_table2, icv_table

print("row     ICV   apart if a sum   if a root")
for r in icv_table().itertuples():
    print(
        f"{r.row}{'†' if r.swapped else ' '} {r.icv:.4f}"
        f"{r.apart_sum:12.2f}{r.apart_root:15.2f}"
    )
known = icv_of_table2()
print(
    "in Table 2 they lie {:.2f} to {:.2f} apart".format(
        known["apart"].min(), known["apart"].max()
    )
)
print(
    "and the roots are {:.2f} to {:.2f}".format(
        known["root"].min(), known["root"].max()
    )
)

# %% [markdown] tags=["fragment-slide"]
# Both are possible, so this is no proof. But if these are sums, then in all nine rows two rare classes lie
# further apart than in any row of Table 2, in eight of them more than twice as far. If they are roots, none
# need do so, and all but row 8 have the size of Table 2's roots. We take them for roots. (Neither is a
# variance, nor within a class; and of the footnote's five terms there can be only four.) Ours, both ways:

# %% tags=["slide"]
lab.sheet(
    [r for r in results if r.key in ("r50-ce", "b4-ce")],
    {"icv_printed": "the sum", "icv_used": "its root"},
)

# %% [markdown]
# ### Which epoch
#
# Last, chosen by validation tiles, chosen by test tiles. The paper had one set for both:

# %%
networks = [r for r in results if r.spec.mode != "floor"]
lab.selections(networks, "balanced_accuracy")

# %% [markdown] tags=["slide"]
# ## The claims
#
# Tested on print and on the records that come with the book, then on this run:

# %%
from lt_lib.lab.read.claims import claims_table
from lt_lib.lab.read.report import Table

names = ["SP1", "SP2", "SP3", "SP6"]

# %% tags=["fragment-slide"]
claims_table("spectrum", "overnight", "embedded", only=names)

# %% tags=["fragment-slide"]
second = lab.run("spectrum-table2", **options)
variants = lab.run("spectrum-variants", **options)
made = results + second + variants
claims_table("spectrum", profile, data, made, only=names)

# %% [markdown] tags=["notes", "remove-cell"]
# Let everyone pick one claim and read its verdict on print and on records. Where they differ, ask what would
# settle it. 3 min.

# %% [markdown] tags=["slide"]
# SP6 says that counterfeits lower the spread. Table 1 pairs its filled rows with rows on other bands, row 8
# even with one that lacks the sampler. We ran row 8 without counterfeits as well, so that nothing else
# differs:

# %% tags=["fragment-slide"] mystnb={"figure": {"name": "fig-spectrum-03-spread", "caption": "ICV (as a root) with counterfeits minus without: at the same recipe, and as Table 1 pairs its rows. Below zero the recalls lie closer together. Paired over seeds, with 95 % intervals; hollow marks are not comparable with print."}, "image": {"alt": "Four horizontal intervals beside a vertical line at zero."}}
lab.figure(
    "differences",
    {
        "row 8, same recipe": (
            rows(KEYS["8"]),
            rows("b4-652-ce-sampler", found=variants),
        ),
        "row 9, same recipe:\n9 - 7": (rows(KEYS["9"]), rows(KEYS["7"])),
        "as paired: 8 - 4": (rows(KEYS["8"]), rows(KEYS["4"])),
        "as paired: 9 - 6": (rows(KEYS["9"]), rows(KEYS["6"])),
    },
    metric="icv_used",
)

# %% [markdown] tags=["slide"]
# All this takes the rows *as printed*, sampler and weights together. Without the sampler, LDAM against
# re-sampling, the paper's own comparison, is fairer:

# %%
fair = {
    "ResNet-50": (
        rows("r50-clr-ldam", "as-released"),
        rows("r50-ce-sampler"),
    )
}
for score in ("balanced_accuracy", "accuracy"):
    print(lab.differences_in_words(fair, "LDAM", "sampler", score))

# %% [markdown] tags=["fragment-slide"]
# (Print has the two within a hundredth of each other, in favour of the crude remedy.)

# %% [markdown] tags=["slide"]
# ## What the code does instead
#
# One switch at a time, each but two against the same row: ResNet-18 on bands 6-5-2 with cycles, averages and
# LDAM. The two are about the batch statistics of rows with the sampler, and are set against such rows: the
# variant with the sampler, and row 6 of Table 1.

# %% tags=["fragment-slide"]
SWITCHES = {
    "the rate never cycles": ("rate-unstepped", "base"),
    "one snapshot": ("one-snapshot", "base"),
    "batch norms from test tiles": ("test-norms", "base"),
    "all three, as released": ("all-three", "base"),
    "with the sampler": ("sampler", "base"),
    "sampler on, batch norms without": ("sampler-natural-norms", "sampler"),
    "the same in row 6": ("b4-sampler-natural-norms", KEYS["6"]),
    "betas 0, then 0.9999": ("authors-beta", "base"),
    "cosine head": ("cosine", "base"),
}
shown = {key for pair in SWITCHES.values() for key in pair}
lab.sheet([r for r in variants if r.key in shown], columns)

# %% tags=["fragment-slide"] mystnb={"figure": {"name": "fig-spectrum-03-variants", "caption": "What each switch does to balanced accuracy: switched minus the same row without the switch, paired over seeds, with 95 % intervals. Not comparable with print."}, "image": {"alt": "Nine horizontal intervals, one for each switch, beside a vertical line at zero."}}
switched = {
    title: tuple(rows(key, found=results + variants) for key in pair)
    for title, pair in SWITCHES.items()
}
lab.figure("differences", switched, metric="balanced_accuracy")

# %%
import pandas as pd


def effect(pair):
    return {
        score.replace("_", " "): str(lab.difference(*pair, score))
        for score in columns
    }


best = lab.strongest_pairs(switched)
lines = [{"": title, **effect(pair)} for title, pair in best.items()]
Table(
    pd.DataFrame(lines),
    lines,
    "Switched minus not, paired over seeds, ± 95 %: "
    + lab.badge({title: lab.paired(*pair) for title, pair in best.items()}),
)

# %% mystnb={"figure": {"name": "fig-spectrum-03-variants-accuracy", "caption": "The same for accuracy."}, "image": {"alt": "Nine horizontal intervals beside a vertical line at zero."}}
lab.figure("differences", switched)

# %% [markdown] tags=["fragment-slide"]
# An interval that covers zero says that the seeds at hand cannot tell the difference, not that there is none.
# Three things to look for: whether the misplaced calls matter as much as the doubled dose; whether the
# network with a moving rate, averaged, is steadier from epoch to epoch; whether the head that the loss was
# made for pays.

# %% mystnb={"figure": {"name": "fig-spectrum-03-curves", "caption": "Balanced accuracy on the test tiles by epoch, mean over seeds with the range as a band. The last point is the averaged network. From the strongest records there are."}, "image": {"alt": "Two curves of balanced accuracy over epochs, one with a cycling learning rate, one with a constant one."}}
released, without = best["all three, as released"]
lab.figure(
    "curves",
    {
        "cycles, average": without,
        "no cycles, one snapshot": released,
    },
)

# %% [markdown]
# ### Whose statistics, measured
#
# Three pairs are trained alike, seed by seed. They differ in nothing but the batches from which the norms took
# their statistics at the end:

# %%
norms = {
    "test tiles, no sampler": "batch norms from test tiles",
    "natural list, sampler on": "sampler on, batch norms without",
    "natural list, row 6": "the same in row 6",
}
for score in ("accuracy", "balanced_accuracy"):
    print(
        lab.differences_in_words(
            {name: switched[title] for name, title in norms.items()},
            "such statistics",
            "those drawn as in training",
            score,
        )
    )

# %% [markdown]
# An earlier edition of this book took the natural list for granted, and laid what that does at the door of
# sampler and weights. Set the line of row 6 beside its line in {numref}`fig-spectrum-03-doubled`. What is
# charged to a remedy may belong to the way it was judged, and no number of seeds will show it: the fault is
# the same in each.

# %% [markdown] tags=["slide"]
# The released scripts train with cross-entropy at a hundredth of the printed rate:

# %%
low = rows("ce-low-rate", found=variants)
usual = [r for r in second if r.key == "r18-652-ce"]
rates = {"cross-entropy": (low, usual)}
print(
    lab.differences_in_words(
        rates, "low rate", "the usual", "balanced_accuracy"
    )
)

# %% [markdown] tags=["fragment-slide"]
# Networks that start from random weights have a longer way to go at such a rate than those from ImageNet's.
#
# ## What differs, and why
#
# | | paper says | code does | we ran |
# |---|---|---|---|
# | sampler | on, in rows 2, 3 and 5 to 9 | off, in all six scripts | both, for rows with LDAM |
# | learning rate | 1e-3, or cycles | 1e-5, and cycles that never start | 1e-3, at `laptop` and `overnight` above it and down once; or cycles from 1e-5 to 1e-4, higher where nothing is pretrained |
# | averages | SWA | one snapshot, of the last weights | six snapshots at `paper`; both as variants |
# | batch norms of the average | – | from the validation tiles | from batches drawn as in training; test tiles, and the list without sampler, as variants |
# | deferred weights | "DRW" | $\beta$ 0.99, from epoch 26 of 40 on 0.99999 | the same; those of LDAM's authors as a variant |
# | head under LDAM | – | linear | linear; cosine as a variant |
# | all bands | eleven | a learned adapter to three, for ResNets only | the adapter for ResNets, eleven channels for EfficientNet |
# | bands of the filled rows | – | – | 6-5-2, the only ones the generators draw |
# | counts, after filling up | – | – | those of the filled list: equal, so that margins and weights vanish |
# | test tiles | the validation set | the same | the same at `real`; a tenth of the training tiles chooses |
# | ICV | a sum of squares | its root | both |
# | row 3 | balanced accuracy and ICV exchanged | – | read as meant † |
# | accuracy of rows 8 and 9 | two decimals | no code for counterfeits | as many as there are |
# | floor | none | none | a logistic regression on means and spreads of the bands |
# | runs | one | one | as many as the badge says |

# %% [markdown]
# ## Exercises
#
# ```{exercise} The unseen
# :label: ex-spectrum-03-unseen
# Derive {eq}`spectrum-03-multiplicity`. Then: which share of the tiles of each class does an epoch under the sampler not show at
# all? And how many epochs does it take until nine tenths of class 0 have been seen?
# ```
#
# ```{solution-start} ex-spectrum-03-unseen
# :class: dropdown
# ```

# %%
often = expected_multiplicity(tiles(), sum(tiles()))
missed = torch.exp(-often)
labels = torch.arange(4).repeat_interleave(torch.tensor(tiles()))
draw = balanced_sample(
    labels, len(labels), torch.Generator().manual_seed(0)
)
shown = torch.bincount(draw, minlength=len(labels)) > 0
for k in range(4):
    counted = 1 - shown[labels == k].double().mean()
    assert abs(counted - missed[k]) < 0.03
epochs = torch.tensor(0.1).log() / -often[0]
assert 5 < epochs < 6
print(*(f"{m:.2f}" for m in missed), f"and {epochs:.1f} epochs")

# %% [markdown]
# A draw hits class $j$ with probability $1/K$ and then each of its $n_j$ tiles alike, so each tile with $1/(K
# n_j)$; $N$ draws make $N / (K n_j)$ hits. It is missed by all of them with probability $(1 - 1/(K n_j))^N
# \approx e^{-m_j}$: two tiles of three in class 0, one of seventeen in class 3. After $e$ epochs $e^{-e\,
# m_0}$ are left, a tenth after five and a half. A network that is trained for forty epochs has seen nearly
# all; in a small profile, with a handful of epochs, it has not.
#
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} When is a class no longer rare?
# :label: ex-spectrum-03-saturate
# From how many pictures on is $E_n$ within one per cent of its limit, at $\beta$ = 0.99, 0.9999 and 0.99999? Which classes of
# the full training set are beyond it?
# ```
#
# ```{solution-start} ex-spectrum-03-saturate
# :class: dropdown
# ```

# %%
import math


def enough(beta):
    return math.log(0.01) / math.log(beta)


for beta in (0.99, 0.9999, 0.99999):
    n = enough(beta)
    beyond = [k for k, count in enumerate(full()) if count > n]
    assert abs(beta**n - 0.01) < 1e-9
    print(f"beta {beta}: {n:,.0f} pictures; classes {beyond}")

# %% [markdown]
# $1 - \beta^n = 0.99$, so $n = \ln 0.01 / \ln \beta \approx 4.6 / (1 - \beta)$. At 0.99 that is under five
# hundred, and all classes are beyond it; at 0.99999 none is.
#
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} LDAM without its letters
# :label: ex-spectrum-03-ce
# Show that {eq}`spectrum-03-ldam` with margins of zero and $s = 1$ is cross-entropy, and that on a head without bounds $s$ is
# superfluous: the loss of $z$ at $s = 30$ is that of $30 z$ at $s = 1$ with other margins. Which?
# ```
#
# ```{solution-start} ex-spectrum-03-ce
# :class: dropdown
# ```

# %%
from torch.nn.functional import cross_entropy

z = torch.randn(8, 4, generator=torch.Generator().manual_seed(1))
y = torch.arange(8) % 4
bare = LDAMLoss(tiles(), max_margin=0, scale=1)
assert torch.isclose(bare(z, y), cross_entropy(z, y))
wide = LDAMLoss(tiles(), max_margin=15, scale=1)
assert torch.isclose(LDAMLoss(tiles())(z, y), wide(30 * z, y))
print(f"{bare(z, y):.4f} and {wide(30 * z, y):.4f}, both ways")

# %% [markdown]
# $s (z_y - \Delta_y) = (s z_y) - s \Delta_y$: margins of up to 15 on logits that are thirty times as long. A
# linear layer learns those as well as any. So in the drought code $s$ does not set the scale of the logits.
# What else it does, the next exercise shows.
#
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} How much is half a unit?
# :label: ex-spectrum-03-half
# Train a *linear* head on narrower fans, for 300 steps of Adam at rate 0.05: with cross-entropy, with a margin but no scale, with
# a scale but no margin, with both. Where does each put the border?
# ```
#
# ```{solution-start} ex-spectrum-03-half
# :class: dropdown
# ```


# %%
def linear_border(margin, scale, steps=300, seed=0):
    x, y = fans([500, 10], 28, seed)
    loss = LDAMLoss([500, 10], margin, scale)
    head = torch.zeros(2, 2, dtype=torch.float64, requires_grad=True)
    descent = torch.optim.Adam([head], lr=0.05)
    for _ in range(steps):
        descent.zero_grad()
        loss(x @ head.T, y).backward()
        descent.step()
    across = (head[1] - head[0]).detach()
    return float(torch.atan2(across[0], -across[1]).rad2deg()) % 180


# %%
bare, margin, scale, both = (
    linear_border(m, s) for s in (1, 30) for m in (0, 0.5)
)
assert 0 < margin - bare < 3 and both > scale + 10 > bare + 10
print(
    f"neither {bare:.0f}°, margin {margin:.0f}°, "
    f"scale {scale:.0f}°, both {both:.0f}°"
)

# %% [markdown]
# Half a unit alone is worth a degree: the logits have long outgrown it. The scale alone is a faster
# cross-entropy, for thirty times the logits go thirty times as far in a step. Only half of *thirty* units is
# a margin to be noticed. And whoever replaces cross-entropy by LDAM on a linear head changes two things at
# once, one of which is speed. (Trained for ever on classes that can be separated, a linear head outgrows
# every margin that is added to its logits, {cite:t}`kini2021vs`.)
#
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} Six snapshots, which phases?
# :label: ex-spectrum-03-phases
# A cycle has four epochs, {eq}`spectrum-03-clr` with $S = 2$ and $t$ counted from 0; snapshots are taken at the ends of epochs
# 15, 20, ..., 40, counted from 1. At which rates, in units of 1e-5? What would a snapshot every four epochs give?
# ```
#
# ```{solution-start} ex-spectrum-03-phases
# :class: dropdown
# ```

# %%
from lt_lib.schedules import triangular_lr


def heights(epochs):
    return [round(triangular_lr(e - 1, 2, 1, 10), 1) for e in epochs]


every_five = heights(range(15, 41, 5))
assert every_five == [10, 5.5, 1, 5.5, 10, 5.5]
assert set(heights(range(13, 41, 4))) == {1}
print(every_five)

# %% [markdown]
# Twice at the top, once at the bottom, three times in between. Every four epochs, begun at epoch 13, all
# snapshots stand at the bottom, as the method's authors advise.
#
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} The other way round
# :label: ex-spectrum-03-norms
# A network is trained *without* the sampler, with its border between class 0 and the others at ½, and its batch norms get their
# statistics from balanced batches. Which class gains? Guess first. Then find the formula behind `moved`: where does a border
# at $b$ go, if mean and spread change from $\mu, \sigma$ to $\mu', \sigma'$?
# ```
#
# ```{solution-start} ex-spectrum-03-norms
# :class: dropdown
# ```

# %%
drawn, natural = norm_of(sampler=True), norm_of(sampler=False)
shift = moved(0.5, natural, drawn)
mean, spread, other, wide = (
    float(number)
    for norm in (natural, drawn)
    for number in (norm.running_mean, norm.running_var.sqrt())
)
by_hand = other + (0.5 - mean) / spread * wide
assert abs(shift - by_hand) < 1e-3 and shift > 0.5
assert abs(moved(shift, drawn, natural) - 0.5) < 1e-3
print(f"border {shift:+.2f}; right: {on_its_side(shift)}")

# %% [markdown]
# The weights know a border only by what the norm makes of it, $(b - \mu)/\sigma$. Under other statistics that
# number stands for $b' = \mu' + (b - \mu)\, \sigma'/\sigma$. Here it moves up, and class 0 gains what class 1
# loses, in accuracy a good bargain. A wrong judge need not be a harsh one, and one that flatters is found
# later.
#
# ```{solution-end}
# ```

# %% [markdown]
# ## Further reading
#
# - {cite:t}`cao2019ldam` derive the fourth root and defer the weights; their networks end in the cosine head.
# - {cite:t}`izmailov2018swa` on averages, {cite:t}`smith2017clr` on cycles.
# - {cite:t}`menon2021logit` shift logits by class frequency, so that the best border for balanced accuracy
#   comes out;
#   {cite:t}`kini2021vs` ask what margins, shifts and weights do in the long run.
# - {cite:t}`buda2018imbalance` compared remedies for imbalance before all of these, and found crude
#   over-sampling hard to beat.
# - {cite:t}`kang2020decoupling` separate what a sampler does to features from what it does to the last layer.

# %% tags=["remove-input"]
lab.provenance(results + variants)
