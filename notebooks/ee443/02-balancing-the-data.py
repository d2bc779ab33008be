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
# # Balancing the data: over- and undersampling
#
# ```{admonition} This chapter
# :class: tip
# - **Question.** Can a lopsided training list be repaired by throwing away and photocopying?
# - **Regenerates.** Fig 3 of `ee443`, and the column *Artificial Balancing* of its results.
# - **You need.** [the first chapter](01-long-tail-and-baselines); expectation and variance of a coin toss.
# - **Time.** 12 minutes to read; 1 minute on a laptop, seconds once the records exist.
# ```
#
# The oldest remedy against a long tail needs no theory, only scissors and a photocopier. Of what is plenty,
# throw some away. Of what is scarce, make copies, each turned, shifted and tinted a little. Stop when all
# piles are equally high.
#
# A copy shows nothing new, and what was thrown away is lost. So why should this work at all? And when it
# seems to work, who is being fooled?

# %% [markdown] tags=["slide"]
# ## The claim
#
# {cite:t}`wong_ee443` reports a gain at every ratio:

# %% [markdown] tags=["notes", "remove-cell"]
# Ask: a copy shows nothing new, so why could copying help? Take answers, do not judge them. The one to wait
# for is that the head meets every class equally often. 2 min.

# %% tags=["keep_output", "hide-input", "fragment-slide"]
# nbval-check-output
from lt_lib.lab.read.published import printed, value


def accuracies(ratio):
    return [
        value(work="ee443", table="Results", method=m, class_=ratio)
        for m in ("Baseline", "Artificial Balancing")
    ]


def line(ratio):
    old, new = accuracies(ratio)
    error = (5000 * (old * (1 - old) + new * (1 - new))) ** 0.5
    gain = 5000 * (new - old)
    return f"{ratio:<5}  {old}  {new:<6}  {gain:+4.0f} ± {error:.0f}"


print(
    "ratio  before  after   images",
    *map(line, (0.1, 0.02, 0.005)),
    sep="\n",
)

# %% [markdown] tags=["fragment-slide"]
# The last column counts test images, of 5000. The standard error behind the ± is ours; by its measure the
# first gain cannot be told from luck, the other two can. And one slip of the pen:

# %% tags=["keep_output", "hide-input", "fragment-slide"]
# nbval-check-output
print(
    "average gain, printed:",
    printed(
        work="ee443",
        table="Results",
        row="R.avg",
        method="Artificial Balancing",
    ),
)
print(
    "of the three above: {:.4f}".format(
        sum(new - old for old, new in map(accuracies, (0.1, 0.02, 0.005)))
        / 3
    )
)

# %% [markdown] tags=["slide", "live"]
# ## One rate a class
#
# Let class $j$ have $n_j$ images and let $T$ be the height all piles should have. Each image of the class
# should then appear
#
# ```{math}
# :label: ee443-rate
# r_j = \frac{T}{n_j}
# ```
#
# times. An image cannot appear 2.4 times, but it can appear twice for sure and a third time with probability 0.4. With $u$
# drawn evenly from $[0, 1)$ for each image,
#
# ```{math}
# :label: ee443-appearances
# m = \lfloor r_j \rfloor + \bigl[\, u < r_j - \lfloor r_j \rfloor \,\bigr]
# ```
#
# is the number of its appearances. One line serves both ends of the tail: where $r_j < 1$ it keeps an image
# with probability $r_j$, above it makes copies. The mean of $m$ is $r_j$, so on average every class ends at
# $n_j r_j = T$.

# %% tags=["keep_output", "slide", "live"]
# nbval-check-output
from lt_lib.sampling import balance_rates

balance_rates([500, 100, 10], target=300).tolist()

# %% [markdown] tags=["fragment-slide", "live"]
# The first of these is the report's own example. But its formula is written with `//`, and whoever types that
# in gets the second of these two:

# %% tags=["keep_output", "fragment-slide", "live"]
# nbval-check-output
print(300 / 500, 300 // 500)

# %% [markdown] tags=["notes", "remove-cell"]
# The slip is one character. Let the room say what `300 // 500` is to the largest class before the exercise
# does. 1 min.

# %% [markdown] tags=["fragment-slide"]
# Rate zero: the *largest* class vanishes first. What is left then is [an exercise](ex-ee443-02-floor).

# %% [markdown] tags=["slide", "live"]
# ## See it small
#
# Eight images of one class, three of another, target four. What comes back are positions in the list:

# %% tags=["keep_output", "fragment-slide", "live"]
# nbval-check-output
import torch

from lt_lib.sampling import artificial_balance

artificial_balance(
    torch.tensor([0] * 8 + [1] * 3), target=4, seed=9
).tolist()

# %% [markdown] tags=["fragment-slide", "live"]
# For each of the positions 0 to 7 a coin was tossed. Positions 8 to 10 all stay, and one stands there twice,
# the second time for an augmented copy. The report gives the method up because balanced data fill the memory;
# a list of positions does not.
#
# {numref}`fig-ee443-02-histograms` does it to fifty classes at ratio 0.02.

# %% tags=["slide", "live"] mystnb={"figure": {"name": "fig-ee443-02-histograms", "caption": "The report's Fig 3, redrawn: ratio 0.02 and three targets (dashed). Left, classes above the target are cut and classes below it filled. Right, images and copies after one draw. Computed, no data."}, "image": {"alt": "Six histograms over fifty classes in three rows, for targets 200, 300 and 400. On the left a falling tail with a dashed line across; on the right all bars end near the line, and most of their area on the right half is copies."}}
from lt_lib import lab

lab.figure("ee443-fig3")

# %% [markdown] tags=["fragment-slide", "live"]
# On the right the tops are ragged where classes are cut, since coins were tossed. And no target is free: a
# low one throws away more, a high one copies more.

# %% [markdown]
# ## Choose what to run
#
# As before, digits stand in for CIFAR unless `data = "real"`, small networks for EfficientNet-B0 unless
# `profile = "paper"`, and only both together are judged against print.

# %% tags=["parameters"]
profile = "laptop"  # smoke, laptop or paper
data = "embedded"  # embedded (digits) or real (CIFAR-100)
seeds = None  # None: as many as the profile asks for
budget = None  # minutes; None: no limit
store = None  # folder of records; None: the usual one

# %% tags=["live"]
options = lab.check_parameters(globals())

# %% [markdown] tags=["slide", "live"]
# The photocopier itself: a shift, zoom and turn, a tint, a change of brightness and contrast, each with
# probability one half.

# %% tags=["fragment-slide", "live"] mystnb={"figure": {"name": "fig-ee443-02-copies", "caption": "Three images of a rare class, each followed by seven of its augmented copies."}, "image": {"alt": "Three rows of eight small images; within a row all show the same picture, slightly turned, shifted, tinted, brightened or darkened."}}
from lt_lib.data import load

images = load(lab.load("ee443-fig3").data[data])
lab.figure("copies", images, label=48)

# %% [markdown] tags=["notes", "remove-cell"]
# Tell them to remember this row of pictures. It comes back as a trap. 1 min.

# %% [markdown] tags=["fragment-slide", "live"]
# Nobody would take a row of {numref}`fig-ee443-02-copies` for eight pictures. Remember the row; it comes back
# as a trap.

# %% [markdown] tags=["slide"]
# ## Does it help?
#
# The claim first: target 300, three ratios, with the baseline of the same seeds beside it.

# %%
names = [
    f"{method}-{ratio}"
    for method in ("baseline", "balancing")
    for ratio in (0.1, 0.02, 0.005)
]
claim = lab.run("ee443-results", rows=names, **options)

# %% tags=["fragment-slide"]
lab.compare(claim)


# %%
def rows(records, key, variant="as-released"):
    return [r for r in records if (r.key, r.variant) == (key, variant)]


# %% tags=["slide"] mystnb={"figure": {"name": "fig-ee443-02-gain", "caption": "Accuracy with artificial balancing (target 300, as released) minus baseline, paired over seeds, with 95 % intervals. Hollow marks are by stand-ins."}, "image": {"alt": "Three horizontal intervals, one for each ratio, beside a vertical line at zero."}}
gains = {
    f"ratio {r}": (
        rows(claim, f"balancing-{r}"),
        rows(claim, f"baseline-{r}"),
    )
    for r in (0.1, 0.02, 0.005)
}
lab.figure("differences", gains)

# %% [markdown] tags=["fragment-slide"]
# Intervals to the right of the line are gains these seeds agree on. Where a gain can come from is no secret:
# a head that meets every class equally often stops betting on the frequent ones. It knows little more about a
# corncrake than before, but it dares to say the word.
#
# ## Which target?
#
# The report's Fig 3 shows three targets and gives no accuracy for any of them. Here they are, at ratio 0.02.

# %%
targets = lab.run("ee443-fig3", **options)

# %% tags=["slide"]
lab.compare(targets)

# %% [markdown] tags=["fragment-slide"]
# Each target stands there twice, which brings back the row of copies.

# %% [markdown] tags=["slide"]
# ## The trap
#
# To pick an epoch or a target, a part of the training list is held out, a fifth at random, and what scores
# best on it wins. In the released code the list is balanced *first*, and then split. The copies of one
# picture are dealt to both sides. What the head has learned by heart comes back as an exam question, slightly
# tinted.
#
# That is the variant *as-released*. The variant *ours* holds the fifth out first and balances what remains. A
# third run is the control: full data, where nothing is copied and nothing lopsided.

# %%
control = lab.run("ee443-fig2", rows="full", **options)

# %% tags=["slide"] mystnb={"figure": {"name": "fig-ee443-02-leak", "caption": "Accuracy of the last epoch on the held-out images (triangles) and on the test images (circles): the full data, then three targets, split after balancing (as released) and before (ours). Committed evidence, where there is any, stands above this run."}, "image": {"alt": "Seven lines, one for the full data and two for each target, each with a triangle for validation accuracy and a circle for test accuracy, joined by a grey bar."}}
lab.figure("validation-gap", control + targets)

# %% [markdown] tags=["notes", "remove-cell"]
# Stop here longest. Ask who has split after augmenting, or knows a paper that did; with slices of one patient
# it is the same mistake under another name. 4 min.

# %% [markdown] tags=["fragment-slide"]
# The grey bars of {numref}`fig-ee443-02-leak` need care. The uppermost is what separates training from test
# pictures anyway (on digits, mostly other hands wrote the test). *As released*, both sides are balanced, and what
# the bar exceeds the uppermost by is copies, recognised again. *Ours* leaks nothing, yet its bar can be long
# as well: its held-out fifth is lopsided like the tail, and the frequent classes, which count most in it, are
# easy. One triangle is a cheat, the other answers a different question. Neither is asked what the circle is.
#
# The report's test accuracy is no cheat: no test image is ever copied. *As released* may even score higher
# there than *ours*, since copies of nearly every picture reach its training part, while *ours* gives up a
# fifth of the pictures. What suffers is every choice made by a triangle, such as that of the epoch. (From the
# strongest records there are.)

# %% tags=["slide"]
from lt_lib.lab import strongest

lab.selections(strongest(targets))

# %% [markdown] tags=["slide"]
# ## What differs, and why
#
# | | paper says | code does | we ran |
# |---|---|---|---|
# | rate | $T$ `//` $n_j$, with an example that needs `/` | `/`, cut to three decimals | `/`, not cut |
# | its name | "Sampling Threshold"; the threshold is $T$ | | rate $r_j$, target $T$ |
# | copies | upsampled, no word on how | shift, zoom, turn, tint, brightness, contrast | the same ranges, drawn once for each copy |
# | target | 300 in the example; 200, 300, 400 in Fig 3 | 300; the others tried | all three at ratio 0.02; 300 elsewhere |
# | held out | nothing | a random fifth, after balancing: copies on both sides | that, and a fifth held out before |

# %% [markdown] tags=["slide"]
# ## Summary
#
# Balancing lets every class appear equally often: images of large classes are dropped, and those of small
# ones come again as augmented copies. A copy shows nothing new; it changes how often the classifier expects
# a class. Hold the validation images out before balancing, or copies of training images are among them.

# %% tags=["fragment-slide", "hide-input"]
lab.summary(
    lab.difference_in_words(
        gains["ratio 0.005"],
        "at ratio 0.005 balancing",
        "the baseline",
    ),
    claims=["EE2"],
)

# %% [markdown]
# ## Exercises
#
# ```{exercise} Rounding down
# :label: ex-ee443-02-floor
# Take the formula as printed, with `//`, at ratio 0.02 and target 300. How many classes vanish? And is the rest balanced?
# Guess the size of the class that comes out smallest.
# ```
#
# ```{solution-start} ex-ee443-02-floor
# :class: dropdown
# ```

# %%
from lt_lib.sampling import ee443_counts

counts = ee443_counts(0.02)
left = [n * (300 // n) for n in counts]
assert left.count(0) == sum(n > 300 for n in counts) == 7
smallest = min(n for n in left if n)
assert smallest == 152 and max(left) == 300
print(f"{left.count(0)} classes vanish, the rest: {smallest} to 300")

# %% [markdown]
# The seven largest are gone. The others lie between 152 and 300: a class just above $T/2$ gets rate 1 and
# keeps what it has. Only where images are few is rounding harmless.
#
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} How far off the target?
# :label: ex-ee443-02-spread
# Equation {eq}`ee443-appearances` hits $T$ on average. What is the standard deviation of the size of a class, and which class
# strays most at ratio 0.02, target 300?
# ```
#
# ```{solution-start} ex-ee443-02-spread
# :class: dropdown
# ```

# %%
n = torch.tensor(counts)
odd = balance_rates(counts, 300).frac()
deviation = (n * odd * (1 - odd)).sqrt()
labels = torch.arange(50).repeat_interleave(n)
sizes = torch.tensor(
    [
        (labels[artificial_balance(labels, 300, seed)] == 0).sum()
        for seed in range(200)
    ]
).double()
assert deviation.argmax() == 0 and abs(deviation[0] - 10.95) < 0.01
assert abs(sizes.std() - deviation[0]) < 1
print(f"class 0: {deviation[0]:.1f}, in 200 draws {sizes.std():.1f}")

# %% [markdown]
# Only the fraction $f = r_j - \lfloor r_j \rfloor$ is left to chance: $n_j$ coins with probability $f$ stray
# by $\sqrt{n_j f (1 - f)}$. That is most for the largest class, eleven images of three hundred, and nothing
# at all for the class of ten, whose rate is 30 sharp.
#
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} Twins
# :label: ex-ee443-02-twins
# Balance at ratio 0.02 to target 300, shuffle, hold out a fifth. Which share of the held-out entries has a twin, another copy
# of the same picture, in the training part? Guess, then count.
# ```
#
# ```{solution-start} ex-ee443-02-twins
# :class: dropdown
# ```

# %%
entries = artificial_balance(labels, 300, seed=0)
chance = torch.Generator().manual_seed(0)
shuffled = entries[torch.randperm(len(entries), generator=chance)]
fifth = len(shuffled) // 5
held, kept = shuffled[:fifth], shuffled[fifth:]
twins = torch.isin(held, kept).double().mean()
assert 0.74 < twins < 0.78
print(f"{twins:.0%} of the held-out entries have a twin")

# %% [markdown]
# Three in four. With $m$ copies of a picture in the list, one that is held out has no twin only if the other
# $m - 1$ are held out too, with probability about $0.2^{m-1}$. The quarter without a twin are images of large
# classes, which appear once.
#
# ```{solution-end}
# ```

# %% [markdown]
# ## Further reading
#
# - {cite:t}`cui2019classbalanced`: even real images of a class repeat each other, so that each is worth less
#   than the one before. [The next chapter](03-weighting-the-loss) turns that into weights.
# - {cite:t}`kang2020decoupling` balance only while the last layer is trained, which is all that is trained
#   here.

# %% tags=["remove-input"]
lab.provenance(claim + targets + control)
