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
# # A long tail and its baselines: class imbalance in CIFAR-100
#
# ```{admonition} This chapter
# :class: tip
# - **Question.** What does a classifier lose when most of its classes run short of pictures?
# - **Regenerates.** Fig 1 (seven backbones) and Fig 2 (four baselines) of `ee443`.
# - **You need.** softmax and cross-entropy; what a pretrained network is.
# - **Time.** 15 minutes to read; 2 minutes on a laptop, seconds once the records exist.
# ```
#
# Ask a bird archive for sparrows and it returns ten thousand pictures. Ask for a corncrake and it returns
# two, one of them mostly grass. CIFAR-100 {cite}`krizhevsky2009cifar` is not like that: every class gets the
# same five hundred.
#
# So {cite:t}`wong_ee443` spoils it on purpose. Fifty classes stay. The first keeps its 500 training images,
# each following one is cut shorter, until the last has fifty, or ten, or two. The exam stays fair: 100 test
# images of every class. What does an ordinary classifier lose?

# %% [markdown] tags=["slide"]
# ## The claim
#
# As printed, with the smallest class divided by the largest as the *ratio*:

# %% [markdown] tags=["notes", "remove-cell"]
# Before the numbers appear, ask for a bet: how many points does a network lose when the last class keeps two
# pictures? Write the bets on the board. 2 min.

# %% tags=["keep_output", "hide-input", "fragment-slide"]
# nbval-check-output
from lt_lib.lab.read.published import value


def baseline(ratio):
    return value(work="ee443", table="Fig 2", class_=ratio)


print(
    *(f"{r}: accuracy {baseline(r)}" for r in ("Full", 0.1, 0.02, 0.005)),
    sep="\n",
)
lost = "lost in all: {:.1f} points of accuracy".format
print(lost(100 * (baseline("Full") - baseline(0.005))))

# %% [markdown] tags=["fragment-slide"]
# A quarter of the exam, lost to a lopsided course of study.

# %% [markdown] tags=["slide", "live"]
# ## A tail is one formula
#
# Draw a curve that falls by the same factor at each step, from 500 down to $500\mu$, and read it at a hundred points, one for
# each class of CIFAR-100. That is the tail of {cite:t}`cui2019classbalanced` and {cite:t}`cao2019ldam`. The
# report's code starts from their files and then keeps the even labels, so that every second point remains:
#
# ```{math}
# :label: ee443-tail
# n_j = \left\lfloor 500\, \mu^{\,2j/99} \right\rfloor
# ```
#
# images of class $j$, for $j$ from 0 to 49.

# %% tags=["keep_output", "fragment-slide", "live"]
# nbval-check-output
from lt_lib.sampling import ee443_counts

for_ratio = "{}: {} images, last class {}".format
print(
    *(
        for_ratio(r, sum(ee443_counts(r)), ee443_counts(r)[-1])
        for r in (1, 0.1, 0.02, 0.005)
    ),
    sep="\n",
)

# %% [markdown] tags=["slide", "live"]
# {numref}`fig-ee443-01-tails` shows the four lists. The axis is logarithmic; on an ordinary one the right half of the lowest
# curve would lie on the floor.

# %% tags=["fragment-slide", "live"] mystnb={"figure": {"name": "fig-ee443-01-tails", "caption": "Training images of each class at the four ratios, and how many there are in all. Computed from the formula, no data."}, "image": {"alt": "Four lines over fifty classes on a logarithmic axis: the full data stay at 500; the three tails fall in straight lines to 51, 10 and 2 images."}}
from lt_lib import lab

lab.figure("long-tails")

# %% [markdown] tags=["notes", "remove-cell"]
# Ask for one hand each: who has worked with data whose rarest class had fewer than ten examples? Then ask
# what that class was, and what became of it in the results. 2 min.

# %% [markdown] tags=["slide", "live"]
# The report gives neither formula nor labels, only that fifty classes were cut to a long tail. From that one
# would rather write down the fifty-class curve, with $j/49$ in the exponent:

# %% tags=["keep_output", "fragment-slide", "live"]
# nbval-check-output
from lt_lib.sampling import longtail_counts

print([sum(longtail_counts(500, 50, r)) for r in (0.1, 0.02, 0.005)])

# %% [markdown] tags=["fragment-slide", "live"]
# Some fifty images fewer at each ratio. Whether anyone would notice is settled [below](#which-tail).

# %% [markdown] tags=["slide", "live"]
# ## A network that hardly learns
#
# The classifier is an ImageNet network $\phi$ without its last layer, and one new layer on top:
#
# ```{math}
# :label: ee443-head
# p(x) = \operatorname{softmax}\bigl(W \phi(x) + b\bigr),
# ```
#
# with a row of $W$ and an entry of $b$ for each of the fifty classes. Does $\phi$ learn too? The report is
# silent. Its released code is not: the backbone stands in evaluation mode under `no_grad`, and only $W$ and
# $b$ move. For EfficientNet-B0
# {cite}`tan2019efficientnet` that leaves

# %% tags=["keep_output", "fragment-slide", "live"]
# nbval-check-output
from lt_lib.models import create

print(
    "{:,} weights to learn".format(
        50 * create("efficientnet_b0", 0).num_features + 50
    )
)

# %% [markdown] tags=["fragment-slide", "live"]
# out of five million. It makes the experiments cheap: an image's features $\phi(x)$ are computed once and
# kept, and every head trained on them afterwards takes seconds.

# %% [markdown]
# ## Choose what to run
#
# The defaults need no connection and no GPU, at a price that every number below carries on its badge. At
# `data = "embedded"` two-digit numbers, made of real handwriting, **stand in** for CIFAR: again fifty classes
# of 32-pixel images, 500 each, but another world. At `profile = "laptop"` one small network at several image
# sizes stands in for the seven backbones. Only `paper` with `real` is ever judged against print. There
# EfficientNet-Lite0, 1 and 2
# {cite}`liu2020lite` stand in for B0, B1 and B2: the same family, built for telephones, without the
# squeeze-and-excitation blocks. Every verdict by them says so.

# %% tags=["parameters"]
profile = "laptop"  # smoke, laptop or paper
data = "embedded"  # embedded (digits) or real (CIFAR-100)
seeds = None  # None: as many as the profile asks for
budget = None  # minutes; None: no limit
store = None  # folder of records; None: the usual one

# %% tags=["live"]
options = lab.check_parameters(globals())

# %% [markdown] tags=["slide", "live"]
# What two images in the last class mean is best seen:

# %% tags=["fragment-slide", "live"] mystnb={"figure": {"name": "fig-ee443-01-images", "caption": "Training images of five classes at ratio 0.005, head to tail, at most eight of each. The last row is the whole class."}, "image": {"alt": "Five rows of small images; the upper four rows are full, the last one holds two images and then stays empty."}}
from lt_lib.data import load

images = load(lab.load("ee443-fig2").data[data])
lab.figure("subset-images", images)

# %% [markdown] tags=["fragment-slide", "live"]
# And who is rare? Equation {eq}`ee443-tail` goes by label, and CIFAR's labels go by the alphabet:

# %% tags=["keep_output", "fragment-slide", "live"]
# nbval-check-output
from lt_lib.data import describe

names = describe("cifar100_even50").classes
print("head:", *names[:3], "\ntail:", *names[-3:])

# %% [markdown] tags=["notes", "remove-cell"]
# Let the room name two classes that are hard though not rare. The control for this comes later: the curve of
# the full data. 1 min.

# %% [markdown] tags=["fragment-slide"]
# *Apple* keeps 500 pictures, *woman* two. A class can be missed because it is rare or because it is hard; the
# two must be told apart.

# %% [markdown] tags=["slide"]
# ## Seven backbones
#
# First the report looks for a good $\phi$: full data, ten epochs, one learning rate for all. One call finds
# the records of the experiment, or trains what is missing. (A fifth of the training images is always held
# out; small profiles use fewer.)

# %%
sweep = lab.run("ee443-fig1", **options)

# %%
for r in sweep[:1]:
    count, epochs = r.sizes["train"][0], r.spec.optimizer.epochs
    print(f"{count} training images, {epochs} epochs")

# %% tags=["fragment-slide"]
lab.compare(sweep)

# %% [markdown] tags=["fragment-slide"]
# A line holds what is printed, the strongest run on file, and the run behind this page. Where they cannot
# fairly be compared, the last column says so.

# %% tags=["slide"] mystnb={"figure": {"name": "fig-ee443-01-sweep", "caption": "The report's Fig 1, redrawn: test accuracy of a linear head on seven frozen backbones, full data. Under each printed name stands, in brackets, what was really used. Bars: 95 % intervals over seeds. Hollow marks are by stand-ins."}, "image": {"alt": "Dot plot with one line for each of seven backbones, from efficientnet_b2 at the top to resnet34d; diamonds mark the published accuracy, circles this run, squares committed evidence."}}
lab.figure("ee443-fig1", sweep)

# %% [markdown] tags=["fragment-slide"]
# Mind the brackets in {numref}`fig-ee443-01-sweep`. At `laptop` the lines are *one* network at several
# image sizes: a sweep over resolution in the place of a sweep over architectures. On real data it is a
# MobileNetV2 {cite}`sandler2018mobilenetv2` at seven sizes; on digits a tiny EfficientNet at three, which
# learned from other numbers, at 32 pixels, and is at a loss with any other size. Neither can say which of the
# printed seven is best. Where `paper` with `real` is on file, the lines of B0, B1 and B2 are three different
# networks; of the other four no weights can be had from the package index.
#
# In print EfficientNet-B2 leads, and the report goes on with B0, somewhat behind, for its size. Sizes can be
# counted.

# %% tags=["keep_output", "slide"]
# nbval-check-output
from lt_lib.works.ee443.audit import parameter_count

sizes = lab.published("ee443", "Fig 1", metric="params_M")
print(
    *(
        f"{name}: {text} M, counted {parameter_count(name) / 1e6:.2f}"
        for name, text in zip(sizes["model"], sizes["text"])
    ),
    sep="\n",
)

# %% [markdown] tags=["fragment-slide"]
# (Counted with the usual 1000-class head.) B0 is indeed the lightest. But DenseNet is printed at two and a
# half times its size and the ResNets too light, which will matter when [stacks are
# weighed](05-stacking-and-results) against them.

# %% [markdown] tags=["slide"]
# ## Four baselines
#
# Now B0 alone, trained on each of the four lists. Every seed draws its own images, its own first weights and
# its own order.

# %%
baselines = lab.run("ee443-fig2", **options)

# %% tags=["fragment-slide"]
lab.compare(baselines)

# %% tags=["fragment-slide"] mystnb={"figure": {"name": "fig-ee443-01-baselines", "caption": "The report's Fig 2 as a picture: test accuracy on the full data and on the three tails. Bars: 95 % intervals over seeds. Hollow marks are by stand-ins."}, "image": {"alt": "Test accuracy over four data sets; the published diamonds step down from 0.79 for the full data to 0.54 at ratio 0.005, with this run and the committed evidence beside them."}}
lab.figure("ee443-fig2", baselines)

# %% [markdown] tags=["notes", "remove-cell"]
# Read the badge aloud once, and say that every number of the deck carries one. What is a stand-in can show
# that the machinery works and which way an effect points; it does not judge print. 1 min.

# %% [markdown] tags=["slide"]
# ### Who pays
#
# One number for fifty classes hides the bill. In a fair exam accuracy is the mean recall, so split it by
# class. The curve of the full data is the yardstick: all classes have equally many images there, and what
# separates them is difficulty. Where the other curve leaves it, to either side, the tail is at work.


# %%
def rows(records, key):
    return [r for r in records if r.key == key]


full, tail = rows(baselines, "full"), rows(baselines, "ratio-0.005")

# %% tags=["fragment-slide"] mystnb={"figure": {"name": "fig-ee443-01-recall", "caption": "Recall from the head to the tail, averaged over five neighbouring classes and over seeds, after training on the full data and at ratio 0.005. Committed evidence, where there is any, stands above this run."}, "image": {"alt": "Two curves of recall over class: one for the full data, one for ratio 0.005."}}
runs = {"full data": full, "ratio 0.005": tail}
lab.figure("recall-by-class", runs)

# %% [markdown] tags=["notes", "remove-cell"]
# Cover the legend and ask which curve is which. Then ask what an average over fifty classes would have told.
# 2 min.

# %% [markdown] tags=["slide"]
# The usual summary is the recall of classes with more than 100, with 20 to 100, and with fewer than 20
# training images. From the strongest records there are:

# %% tags=["fragment-slide"]
from lt_lib.lab import strongest

best = strongest(tail)
print(lab.badge(best))
for group in ("many", "medium", "few"):
    if best and best[0].metric(group) is not None:
        print(group, lab.estimate(r.metric(group) for r in best))

# %% [markdown] tags=["slide"]
# ### Which epoch
#
# Every epoch leaves another network, and the report does not say which one it tested. Our tables take the
# last; choosing by validation is honest too. Choosing by *test* is grading your own exam, and the third
# column shows what it pays. (Again from the strongest records.)

# %% tags=["fragment-slide"]
lab.selections(strongest(baselines))

# %% [markdown] tags=["slide"]
# ## Two things left open
#
# In two places the report can be read in two ways. All were run with the same seeds, so that accuracies can
# be subtracted seed by seed.

# %%
variants = lab.run("ee443-variants", **options)
tuned = lab.run("ee443-finetuned", **options)

# %% tags=["fragment-slide"]
lab.compare(variants + tuned)

# %% [markdown] tags=["slide"]
# (which-tail)=
# ### Which tail
#
# Every second point of a hundred-class curve, as the code does, or the fifty-class curve, as the text
# suggests?

# %% tags=["fragment-slide"] mystnb={"figure": {"name": "fig-ee443-01-profile", "caption": "Accuracy with the 50-class curve minus accuracy with the even labels of the 100-class curve, paired over seeds, with 95 % intervals."}, "image": {"alt": "Three horizontal intervals, one for each ratio, beside a vertical line at zero."}}
curves = {}
for ratio in (0.1, 0.02, 0.005):
    curves[f"ratio {ratio}"] = (
        rows(variants, f"50-class-{ratio}"),
        rows(variants, f"frozen-{ratio}"),
    )
lab.figure("differences", curves)

# %% [markdown] tags=["fragment-slide"]
# An interval that crosses zero in {numref}`fig-ee443-01-profile` means that these seeds cannot tell the two
# apart. With forty to seventy images fewer the 50-class list should do a little worse, if anything. (And of
# three sound intervals at 95 %, one misses by chance alone once in seven times.) The book goes on with the
# even labels, as released.

# %% [markdown] tags=["notes", "remove-cell"]
# A place for intervals: three sound ones at 95 % miss once in seven times. Who reports three rows and finds
# one effect has found what chance would give. 2 min.

# %% [markdown] tags=["slide"]
# ### Frozen or fine-tuned
#
# Here there is more to lose. A frozen $\phi$ knows ImageNet and will not hear of anything else; a fine-tuned
# one can adapt, or, with two pictures of a class, learn those two by heart. The settings, from the records:

# %% tags=["fragment-slide"]
for records in (variants, tuned):
    for r in records[:1]:
        run, size = r.spec.optimizer, r.spec.backbones[0].resolution
        print(f"{r.key}: {size} px, {run.epochs} epochs, lr {run.lr}")

# %% tags=["slide"] mystnb={"figure": {"name": "fig-ee443-01-finetuned", "caption": "Accuracy of the fine-tuned network minus that of the linear head on the frozen one, paired over seeds, with 95 % intervals."}, "image": {"alt": "Three horizontal intervals, one for each ratio, beside a vertical line at zero."}}
learning = {}
for ratio in (0.1, 0.02, 0.005):
    learning[f"ratio {ratio}"] = (
        rows(tuned, f"finetuned-{ratio}"),
        rows(variants, f"frozen-{ratio}"),
    )
lab.figure("differences", learning)

# %% [markdown] tags=["fragment-slide"]
# At `laptop` + `real` the comparison is lame: two cores allow the fine-tuned network small images, few epochs and two seeds,
# while the frozen one sees large images. Read {numref}`fig-ee443-01-finetuned` there as what *this* much
# fine-tuning does, not as what fine-tuning can do. And where two seeds make the interval, its width is mostly
# ignorance: Student's $t$ asks for thirteen standard errors to either side. At `paper` both see 224 pixels,
# five times.

# %% [markdown] tags=["slide"]
# ## What differs, and why
#
# | | paper says | code does | we ran |
# |---|---|---|---|
# | what learns | nothing | a linear head; the backbone is frozen | the head; the whole network beside it |
# | the tail | fifty classes, sampled | even labels of the 100-class tail | even labels; the 50-class curve beside it |
# | backbones | six in the text, seven in Fig 1 | any of timm's | seven at `paper`; below, one at several sizes |
# | images | CIFAR's 32 pixels | saved as JPEG, enlarged to 224 | lossless; 224 at `paper`, less below |
# | epochs | 10 for the sweep, none given for Fig 2 | 5 by default, 50 in a note | 10 for the sweep at `paper`; else see the cells above |
# | optimizer | swept, outcome not given | Adam, 0.0004, batch 16; the slides praise 0.002 and 128 | Adam, 0.002, batch 128 for every head |
# | held out | nothing | a random fifth of the training list | the same fifth, drawn anew for each seed |
# | runs | one number, no interval | | as many as the badge says |
#
# One trap for whoever reads both printed figures: B0 on the full data stands in either, with two accuracies,
# since only the second was tuned.

# %% [markdown]
# ## Exercises
#
# ```{exercise} Can the sweep rank them?
# :label: ex-ee443-01-rank
# The report's Fig 1 rests on 5000 test images. Treat each answer as a coin toss: how large is the standard error of an
# accuracy, and of a difference of two? Guess first how many of its six rivals can be told from EfficientNet-B0 at two
# standard errors.
# ```
#
# ```{solution-start} ex-ee443-01-rank
# :class: dropdown
# ```

# %%
printed = lab.published("ee443", "Fig 1", metric="test_accuracy")
accuracy = printed.set_index("model")["value"]
variance = accuracy * (1 - accuracy) / 5000
base = "efficientnet_b0"
z = (accuracy - accuracy[base]) / (variance + variance[base]) ** 0.5
apart = sorted(z.index[z.abs() > 2])
assert apart == ["densenet121", "resnet34d", "resnet50"]
print(z.round(2).to_string())

# %% [markdown]
# Three, all of them below B0. One accuracy is uncertain by about 0.006, a difference by 0.008; even B2's lead
# is only 1.99 of those. (All networks saw the same images, so a paired test would be sharper; it needs the
# answers, which are not printed.)
#
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} Is the tail given up?
# :label: ex-ee443-01-ceiling
# Suppose a head trained at ratio 0.005 never names a class with fewer than 20 training images. Which mean recall must it have
# on all others to reach the printed baseline? Is that believable, and what would settle the matter?
# ```
#
# ```{solution-start} ex-ee443-01-ceiling
# :class: dropdown
# ```

# %%
few = sum(n < 20 for n in ee443_counts(0.005))
needed = baseline(0.005) * 50 / (50 - few)
assert few == 19 and round(needed, 3) == 0.878
assert needed > baseline("Full")
print(f"{few} classes given up: {needed:.3f} on the others")

# %% [markdown]
# More than the full-data baseline has with all its images. Hard to believe, though not impossible: whoever
# never says nineteen of the fifty words errs less often in the rest, so the frequent classes may well rise
# above the yardstick of {numref}`fig-ee443-01-recall`. One accuracy cannot settle it. Recall by class can: look
# at the line *few*.
#
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} Small or lopsided?
# :label: ex-ee443-01-control
# At ratio 0.005 two things have changed at once: the images are unevenly spread, and there are five times fewer. Which
# training list, of all that `longtail_counts` can make, would show what the second alone costs?
# ```
#
# ```{solution-start} ex-ee443-01-control
# :class: dropdown
# ```

# %%
tail_size = sum(ee443_counts(0.005))
even = longtail_counts(round(tail_size / 50), 50, ratio=1)
assert set(even) == {98} and abs(sum(even) - tail_size) < 25
print(f"{tail_size} images in the tail, {sum(even)} spread evenly")

# %% [markdown]
# An even list of the same length, 98 images of every class. In an experiment file it is `subset: {ratio: 1,
# n_max: 98}`. The report has no such row, so its falling staircase is never split into *less* and *uneven*.
#
# ```{solution-end}
# ```

# %% [markdown]
# ## Further reading
#
# - {cite:t}`cui2019classbalanced` and {cite:t}`cao2019ldam` made this tail the common yardstick.
# - {cite:t}`kang2020decoupling` take the network apart as the report's code does, without having to: good
#   features come from the plain long tail, and the last layer is where it hurts.
# - {cite:t}`brodersen2010balanced` on what to print when the exam is *not* fair.

# %% tags=["remove-input"]
lab.provenance(sweep + baselines + variants + tuned)
