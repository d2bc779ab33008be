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

# %% [markdown] tags=["slide"]
# # Three times the data: Table 1, and the control it lacks
#
# ```{admonition} This chapter
# :class: tip
# - **Question.** Does SIGN train better networks than augmentation and mixup do, or only longer ones?
# - **Regenerates.** Table 1 and Fig 5 of `sign`, and the network that sees only what SIGN adds; tests SG1, SG2, SG3 and SG11.
# - **You need.** [the push-forward](01-what-mixup-gets-wrong); what a paired difference is, from
#   [bagging](../ee443/04-bagging).
# - **Time.** 20 minutes to read; a minute or two on a laptop, seconds once the records exist.
# ```
#
# A trial compares two diets. One group also trains three times as often. It wins, and the paper is about the
# diet.
#
# Nobody would print that. But a method that adds two copies of every image to the training set, and keeps the
# number of epochs, has arranged just such a trial.

# %% [markdown] tags=["slide"]
# ## The claim

# %% tags=["keep_output", "hide-input", "fragment-slide"]
# nbval-check-output
from lt_lib.lab.read.published import printed, published
from lt_lib.works.sign.audit import checks


def said():
    methods = ("classical", "mixup", "SIGN", "DeepAugment", "both")
    for i, name in enumerate(methods, 1):
        mean = printed(work="sign", row=f"T1.{i}", class_="Mean")
        print(f"{name:12} {mean}")
    print(*checks(published())["B09"]()[1].split("; "), sep="\n")


said()

# %% [markdown] tags=["fragment-slide"]
# CIFAR-10, ten thousand test images, MobileNetV2 for the first three, a small network called BasicCNN for the
# others; one run each. "Significantly better", says the paper. The lines below the table compare each pair as
# if test images were drawn anew for each network (audit B09): none reaches two
# standard errors. Tested on the same images, a difference is surer than that; but what other seeds would do,
# one run cannot say.

# %% [markdown] tags=["notes", "remove-cell"]
# Ask what would have to be printed for a paired test (which images each network gets right; McNemar). Then ask
# what no test on one run can see. 2 min.

# %% tags=["parameters"]
profile = "laptop"  # smoke, laptop, overnight or paper
data = "embedded"  # embedded (digits) or real (CIFAR-10)
seeds = None  # None: as many as the profile asks for
budget = None  # minutes; None: no limit
store = None  # folder of records; None: the usual one

# %%
from lt_lib import lab

options = lab.check_parameters(globals())

# %% [markdown] tags=["slide"]
# ## Who is shown what
#
# An epoch shows every image once. SIGN's training set holds each image three times: as it is, after 50 steps,
# after 100. So a hundred epochs of SIGN are three hundred of anything else:


# %% tags=["keep_output", "fragment-slide"]
# nbval-check-output
def passes(spec):
    """How often a training image, or a copy of it, is shown."""
    lesson, sets = spec.lesson, 1
    if lesson.copies and lesson.budget == "copies":
        sets += len(lesson.copies.steps)
    return spec.optimizer.epochs * lesson.shown * sets


for item in lab.plan("sign-table1", profile="paper", seeds=1):
    print(f"{item.key:16} {passes(item.spec):4} times")

# %% [markdown] tags=["fragment-slide"]
# (DeepAugment has two hundred epochs in print, with and without SIGN.) The last seven rows are ours. The
# controls ask one thing each:
#
# - *images alone*: what does anything add to nothing?
# - *shown thrice*: is it the steps?
# - *as many steps as one epoch of images*: what is left of SIGN at equal cost?
# - *noise as large*: would any change of that size do?
# - *nearest contrast change*: is it only brightness and contrast?
# - *SIGN and classical*: do they add up?

# %% [markdown] tags=["slide"]
# ### What the paper leaves open
#
# No optimizer, no rate, no start, no share of mixup. Ours: Adam at 0.001 with one cycle, for all methods alike;
# MobileNetV2 with ImageNet weights at 32 pixels; $\alpha = 0.2$; the reach of SIGN from the
# [last chapter](02-sign-step-by-step). The weights at hand have their batch norms folded in, and get them back
# from training images first. Each choice beside its neighbours, by *validation* accuracy, which alone may
# choose:

# %% tags=["fragment-slide"]
choices = {
    "classical": ("classical-slow", "classical-fast", "random-start"),
    "mixup": ("mixup-slow", "mixup-fast", "mixup-even"),
}
tried = lab.run("sign-choices", **options)


def held_out(records):
    return lab.estimate(
        r.history["learners"][0]["val_accuracy"][-1] for r in records
    )


def rows(records, key):
    return lab.strongest([r for r in records if r.key == key])


# %% tags=["fragment-slide"]
labels = {r.key: r.label for r in lab.load("sign-choices").rows}
for base, others in choices.items():
    for key in (base, *others):
        found = rows(tried, key)
        said = f"{held_out(found)}   {lab.badge(found)}" if found else "–"
        print(f"{labels[key]:30} {said}")

# %% [markdown] tags=["fragment-slide"]
# A dash is a row without a record; `lt run sign-choices --profile overnight --data real` makes them.

# %% [markdown] tags=["slide"]
# ## The table

# %%
table = lab.run("sign-table1", **options)

# %% tags=["fragment-slide"]
lab.compare(table)

# %% [markdown] tags=["fragment-slide"]
# The printed numbers are of a hundred epochs on all of CIFAR-10, selected by validation accuracy; only `paper`
# + `real` is judged against them. `overnight` + `real` is a twentieth of the images (2,500, a fifth of them held
# out) for fifteen epochs, and SIGN's way in 20 steps for 100: it can test a direction, and no more.

# %% [markdown] tags=["slide"]
# ### By class
#
# The paper prints every class. Of its 22 marks in bold one is wrong:

# %% tags=["keep_output", "fragment-slide"]
# nbval-check-output
print(*checks(published())["B05"](), sep="\n")

# %%
from lt_lib.works.sign.class_tables import by_class

methods = ("classical", "mixup", "sign")
three = [r for r in table if r.key in methods]
by_class(three, "accuracy", "Accuracy, and recall by class")

# %% [markdown] tags=["slide"]
# ## Longer, or better?
#
# What SIGN is ahead of each control, paired over seeds: the same images, the same start, the same test.


# %% tags=["fragment-slide"] mystnb={"figure": {"name": "fig-sign-03-controls", "caption": "Accuracy of SIGN minus that of each rival and control, paired over seeds, with 95 % intervals. Squares: committed evidence; circles: this run, where it has the row. Hollow marks are not of the printed settings."}, "image": {"alt": "Horizontal intervals beside a vertical line at zero, one for each rival and control of SIGN."}}
def own(key):
    return [r for r in table if r.key == key]


rivals = {
    "classical": "classical",
    "mixup": "mixup",
    "images alone": "none",
    "alone, thrice": "none-thrice",
    "classical, thrice": "classical-thrice",
    "noise as large": "noise",
    "nearest contrast": "contrast",
}
pairs = {name: (own("sign"), own(key)) for name, key in rivals.items()}
lab.figure("differences", pairs)

# %% tags=["fragment-slide"]
print(lab.differences_in_words(pairs, "SIGN", "the other"))

# %% [markdown] tags=["fragment-slide"]
# Read them in that order. If SIGN is ahead of images alone and not of images shown thrice, the copies are worth
# what the extra steps are worth. If it is ahead of both and not of noise, a change was needed, but not this
# one.

# %% [markdown] tags=["notes", "remove-cell"]
# Have the room write down, before the figure, which of the seven differences they expect to hold zero. 3 min.

# %% [markdown] tags=["slide"]
# ### At equal cost
#
# The other way round: SIGN's three sets, but only as many steps as one epoch of images has; and SIGN on top of
# the augmentation that costs nothing.

# %% tags=["fragment-slide"]
equal = {
    "one epoch's steps": (own("sign-once"), own("none")),
    "against classical": (own("sign-once"), own("classical")),
    "on top of classical": (own("sign-classical"), own("classical-thrice")),
}
print(lab.differences_in_words(equal, "with SIGN", "without"))

# %% [markdown] tags=["slide"]
# ## What was added, alone
#
# One control the paper has. Train and test a network on $p^* - p$ alone, each difference divided by its largest
# value. It gets far more right than guessing would:

# %% tags=["keep_output", "fragment-slide"]
# nbval-check-output
print(printed(work="sign", row="P9"), "in print, 0.1 by guessing")

# %%
alone = lab.run("sign-delta", **options)

# %% tags=["fragment-slide"]
lab.compare(alone)

# %% [markdown] tags=["fragment-slide"]
# Does that show that SIGN finds what matters about an image? The difference is computed from the image: it is
# the gradient of a trained network at that very place, and edges of the object are in it as they would be in
# any high-pass filter. A network that could *not* read a class from it would be the surprise.
# [An exercise](ex-sign-03-filter) reads one from less.

# %% [markdown] tags=["slide"]
# ## The picture
#
# Fig 5 squeezes the features of each network into the plane by t-SNE {cite}`maaten2008visualizing` and finds
# SIGN's classes the most compact. Such maps keep neighbours together and nothing else: the size of a cloud and
# the gaps between clouds are the method's, not the data's.

# %%
import torch
from sklearn.manifold import TSNE

from lt_lib.works.sign.measures import features_of
from lt_lib.works.sign.trained import network_of


def mapped(record, n=400):
    """Points and labels by split: one map for both."""
    net, sets = network_of(record, store)
    splits = {
        "training": (sets.train[:n], sets.labels[:n].cpu().numpy()),
        "test": (sets.test[0][:n], sets.test[1][:n].cpu().numpy()),
    }
    seen = [
        features_of(net, sets, x, "float32") for x, _ in splits.values()
    ]
    points = TSNE(init="pca", random_state=0).fit_transform(torch.cat(seen))
    cut = len(seen[0])
    parts = points[:cut], points[cut:]
    return {
        split: (part, labels)
        for part, (split, (_, labels)) in zip(parts, splits.items())
    }


# %% tags=["slide"] mystnb={"figure": {"name": "fig-sign-03-maps", "caption": "Fig 5, redrawn: features of training images (left) and of test images (right) by t-SNE, both in one map, for three ways to train. Seed 0, this run, coloured by class."}, "image": {"alt": "Three rows of two panels of coloured points, which form about ten clouds each; those of the training images are cleaner than those of the test images."}}
from lt_lib.data import load

shown = {
    name: mapped(own(key)[0])
    for name, key in (
        ("classical", "classical"),
        ("mixup", "mixup"),
        ("SIGN", "sign"),
    )
}
lab.figure("sign-fig5", shown, load(table[0].spec.data).classes)

# %% [markdown] tags=["slide"]
# ### In numbers
#
# In the space of the features themselves, of all test images: the variance within classes over that between
# them, and the silhouette, which compares for each image the distance to its own class with that to the
# nearest other one. Compact is a small ratio and a large silhouette.

# %% tags=["fragment-slide"]
lab.sheet(
    [r for r in table if r.key in (*methods, "none", "none-thrice")],
    {"variance_ratio": "within / between", "silhouette": "silhouette"},
)

# %% [markdown] tags=["fragment-slide"]
# A network can be compact and wrong: the ratio measures how strictly images are sorted, not how rightly. A
# longer training sorts more strictly, too, so the same control is due: *shown thrice* in the table above.

# %% [markdown] tags=["slide"]
# ## Does it hold?

# %% tags=["fragment-slide"]
from lt_lib.lab.read.claims import claims_table

claims_table("sign", only=["SG1", "SG2", "SG3", "SG11"])

# %% [markdown] tags=["notes", "remove-cell"]
# The claims are tested as the paper states them, without the control. Ask which of them survives it. 2 min.

# %% [markdown] tags=["slide"]
# ## What differs, and why
#
# | | paper says | correct | we ran |
# |---|---|---|---|
# | gain | "significantly better" | one run; below two standard errors | seeds, paired |
# | cost | not mentioned | three times the steps | both budgets |
# | epoch | best on validation | as printed | last one, and best of every fifth at `paper` |
# | optimizer, rate, start | not stated | | Adam, 0.001, one cycle; ImageNet weights |
# | mixup's $\alpha$ | not stated | | 0.2; 1 beside it |
# | compactness | seen on a t-SNE map | needs a number | ratio of variances, silhouette |

# %% [markdown] tags=["slide"]
# ## Summary
#
# SIGN shows every image three times, so at equal epochs it takes three times the steps, and images shown
# thrice are the control that the paper lacks. Copies that noise moves as far are the second: they ask
# whether any change would do. What SIGN adds is computed from the image, so that a class can be read from
# it says little about the method.

# %% tags=["fragment-slide", "hide-input"]
lab.summary(
    lab.difference_in_words(
        pairs["alone, thrice"], "SIGN", "images shown thrice"
    ),
    claims=["SG1"],
)

# %% [markdown]
# ## Exercises
#
# ```{exercise} How many runs?
# :label: ex-sign-03-runs
# Suppose two methods differ by 0.0087 in truth, the printed gain of SIGN over classical augmentation, and
# seeds move a paired difference by a standard deviation of half a point. How many seeds does it take until
# the 95 % interval leaves out zero in four of five repetitions? Simulate.
# ```
#
# ```{solution-start} ex-sign-03-runs
# :class: dropdown
# ```

# %%
import numpy as np
from scipy import stats


def power(n, gap=0.0087, sd=0.005, trials=20_000):
    drawn = np.random.default_rng(0).normal(gap, sd, (trials, n))
    reach = stats.t.ppf(0.975, n - 1) * drawn.std(1, ddof=1) / n**0.5
    return float((np.abs(drawn.mean(1)) > reach).mean())


needed = next(n for n in range(2, 30) if power(n) >= 0.8)
assert needed == 5
print({n: round(power(n), 2) for n in range(2, 7)}, "needed:", needed)
wider = next(n for n in range(5, 40) if power(n, sd=0.01) >= 0.8)
print("with twice the spread:", wider)

# %% [markdown]
# Five. With two, the interval is 12.7 standard errors long to either side, and hides nearly everything.
#
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} Less than a difference
# :label: ex-sign-03-filter
# Blur each digit of `digits8` with its four neighbours, subtract the blur, and divide by the largest absolute
# value: a high-pass filter without any network. How many test digits does a nearest-neighbour classifier get
# right from that alone?
# ```
#
# ```{solution-start} ex-sign-03-filter
# :class: dropdown
# ```

# %%
from sklearn.neighbors import KNeighborsClassifier
from torch.nn.functional import conv2d, pad

digits = load("digits8")
kernel = torch.tensor([[0, 1, 0], [1, 0, 1], [0, 1, 0.0]])[None, None] / 4


def edges(split):
    x = torch.tensor(digits.images(split)[..., 0])[:, None].float()
    sharp = x - conv2d(pad(x, (1, 1, 1, 1), mode="replicate"), kernel)
    sharp = sharp.flatten(1)
    return sharp / sharp.abs().amax(1, keepdim=True)


judge = KNeighborsClassifier(1).fit(edges("train"), digits.labels("train"))
right = judge.score(edges("test"), digits.labels("test"))
assert right > 0.9
print(f"{right:.3f}")

# %% [markdown]
# Nearly all. That a class can be read from what a derivative adds is no property of the method.
#
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} Compact by decree
# :label: ex-sign-03-compact
# Multiply all features by two, then add a hundred to the first feature. Do the ratio of variances and the
# silhouette change? Find a change of the features that alters no nearest neighbour's class but makes the
# ratio as small as you like.
# ```
#
# ```{solution-start} ex-sign-03-compact
# :class: dropdown
# ```

# %%
from lt_lib.metrics import compactness

gen = torch.Generator().manual_seed(0)
names = torch.arange(3).repeat_interleave(50)
points = torch.randn(150, 2, generator=gen)
points[:, 0] += 4.0 * names
before = compactness(points, names)
after = compactness(2 * points + torch.tensor([100.0, 0]), names)
assert abs(before["ratio"] - after["ratio"]) < 1e-4
assert abs(before["silhouette"] - after["silhouette"]) < 1e-4
centre = torch.stack([points[names == k].mean(0) for k in range(3)])[names]
shrunk = compactness(centre + 0.01 * (points - centre), names)
print(f"{before['ratio']:.3f} -> {shrunk['ratio']:.6f}")
assert shrunk["ratio"] < 2e-4 * before["ratio"]

# %% [markdown]
# Scale and place do not matter. Drawing every point towards the mean of *its own* class does, and is what a
# network does with the images it was trained on: hence the maps of the training images in the paper's Fig 5.
# Only images it has not seen can tell whether it draws them to the right place.
#
# ```{solution-end}
# ```

# %% [markdown]
# ## Further reading
#
# - {cite:t}`zhang2018mixup`, whose tables have the control of equal epochs.
# - {cite:t}`maaten2008visualizing` for t-SNE, and {cite:t}`wattenberg2016tsne` for what its maps do not show.

# %% [markdown]
# ## Where the numbers come from

# %% tags=["remove-input"]
lab.provenance([*table, *alone])
