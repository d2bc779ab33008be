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
# # Which remedy, when: all of them on one bench
#
# ```{admonition} This chapter
# :class: tip
# - **Question.** Your classes form a long tail. Which remedy should you use?
# - **Regenerates.** Nothing printed: no work tried all remedies on the same images with the same effort.
# - **You need.** [class weights](../ee443/03-weighting-the-loss); an interval over seeds.
# - **Time.** 20 minutes to read; a minute on a laptop, seconds once the records exist.
# ```
#
# A carpenter who buys a plane asks friends which is best. Each praises his own, tried on his own wood, with
# his own hands. So she puts all planes on one bench, gives each the same board and the same hour, and lets
# each be set on a spare piece before it counts.
#
# The works of this book praise weights, copies, bags, margins and mixtures. Here is the bench. Its answer in
# short: [which remedy should I use?](../../book/pages/which-remedy)

# %% [markdown] tags=["notes", "remove-cell"]
# Let the room vote for a remedy before any number is shown, and write the vote down. Most vote for the one
# they have heard of last. 2 min.

# %% tags=["parameters"]
profile = "laptop"  # smoke, laptop, overnight or paper
data = "embedded"  # embedded (digits) or real (CIFAR-100's even classes)
seeds = None  # None: as many as the profile asks for
budget = None  # minutes; None: no limit
store = None  # folder of records; None: the usual one

# %% tags=["live"]
from lt_lib import lab

options = lab.check_parameters(globals())

# %% [markdown] tags=["slide", "live"]
# ## What a remedy changes
#
# A frozen network gives each image $i$ a vector of features. A head turns it into logits $z_i$, one a class.
# Nearly all remedies for a long tail are one loss with other dials:
#
# ```{math}
# :label: bench-02-loss
# L = \frac{\sum_i w_{y_i}\, (1 - p_i)^{\gamma}\, (-\log p_i)}{\sum_i w_{y_i}}, \qquad
# p_i = \mathrm{softmax}\bigl(z_i + \tau \log n - m_{y_i} e_{y_i}\bigr)_{y_i},
# ```
#
# with $n$ the class sizes and $e_y$ one at class $y$, else zero. Plain cross-entropy has $w = 1$ and
# $\gamma = \tau = m = 0$.

# %% [markdown] tags=["fragment-slide"]
# - Weights {cite}`cui2019classbalanced,wong_ee443` turn $w$, the focal loss {cite}`lin2017focal` turns
#   $\gamma$, balanced softmax {cite}`ren2020balanced` sets $\tau = 1$, LDAM {cite}`cao2019ldam` turns $m$.
# - Samplers, copies and bags change which images the sum runs over; mixup {cite}`zhang2018mixup` changes the
#   images.
# - Logit adjustment {cite}`menon2021logit` and $\tau$-normalisation {cite}`kang2020decoupling` leave the
#   training alone and change the trained head.

# %% tags=["slide", "hide-input"]
from lt_lib.lab.bench.remedies import REMEDIES

for remedy in REMEDIES.values():
    print(f"{remedy.title:28} {remedy.source}")

# %% [markdown] tags=["fragment-slide"]
# LDAM comes with a head of its own, whose features and classes have length one. So plain cross-entropy is
# tried on that head as well; else the margin would be thanked for what the head does.

# %% [markdown] tags=["slide", "live"]
# ## See it small
#
# Two classes in the plane, 400 points and 20, and a linear head. Where does it draw the border?

# %% tags=["live"]
import numpy as np
from sklearn.linear_model import LogisticRegression

chance = np.random.default_rng(0)
y = np.repeat([0, 1], [400, 20])
x = chance.normal(size=(420, 2)) + 1.6 * y[:, None]
n = np.bincount(y)


def head(weights):
    found = LogisticRegression().fit(x, y, sample_weight=weights[y])
    return found.coef_[0], found.intercept_[0]


w, b = head(np.ones(2))
heads = {
    "cross-entropy": (w, b),
    "weighted loss, ISNS": head(n**-0.5),
    "weighted loss, INS": head(1 / n),
    "logit adjustment": (w, b - np.log(n[1] / n[0])),
}

# %% tags=["fragment-slide", "live"] mystnb={"figure": {"name": "fig-bench-02-borders", "caption": "Four hundred points of a frequent class, twenty of a rare one, and the borders of four heads."}, "image": {"alt": "A cloud of many points and one of few, overlapping, with four lines between them at different distances from the cloud of few points."}}
lab.figure("bench-borders", x, y, heads)

# %% tags=["keep_output", "fragment-slide", "live"]
# nbval-check-output
for name, (w, b) in heads.items():
    right = (x @ w + b > 0) == y
    frequent, rare = (right[y == c].mean() for c in (0, 1))
    print(f"{name:20} recall {frequent:.2f} and {rare:.2f}")

# %% [markdown] tags=["fragment-slide"]
# What a remedy moves first is the *border*: it buys recall of the rare with recall of the frequent. That is
# worth remembering when a table shows a gain.

# %% [markdown] tags=["slide"]
# ## Rules of the bench
#
# - The same long tails: the fifty even classes of `ee443` at its four ratios of the smallest class to the
#   largest, with the same test images, as many of each class.
# - The same features, the same number of steps and images a step, the same seeds.
# - One number to set a remedy, one of four values: the weight decay of a linear head, the scale of a cosine
#   head, the power of $\tau$-normalisation. It is chosen on a fifth of each class, by balanced accuracy; then
#   the head is trained on all images. Test images choose nothing.
#
# A record is one remedy, one ratio, one seed.

# %%
from textwrap import fill

from lt_lib.lab.read.evidence import made_now
from lt_lib.works.bench import ranking

results = lab.run("bench-frozen", **options)
best = ranking.by_ratio(lab.strongest(results))
this_run = ranking.by_ratio(made_now(results))
hardest = best[min(best)]

# %% [markdown] tags=["slide"]
# ## The ranking
#
# Remedies by their mean gain over the ratios. Fourteen tries will find some luck, so a difference counts as
# told only if it survives Holm's correction {cite}`holm1979simple` over the remedies of its ratio.

# %% tags=["fragment-slide"]
ranking.ranking(best, this_run=this_run)

# %% tags=["slide"] mystnb={"figure": {"name": "fig-bench-02-gains", "caption": "What each remedy adds to plain cross-entropy in balanced accuracy, paired by seed, with 95 % intervals; filled marks can be told from nothing."}, "image": {"alt": "A horizontal chart with a line for each remedy, the best on top, and on each line a mark for each ratio beside a vertical line at zero."}}
lab.figure("bench-gains", best)

# %% [markdown] tags=["slide"]
# ### Which for which aim
#
# For each ratio: the best remedy, and which of the others cannot be told from it.

# %% tags=["fragment-slide"]
for ratio, of in best.items():
    print(f"ratio {ratio:g}")
    for said in ranking.which_remedy(of):
        print(fill(said, 74, initial_indent="- ", subsequent_indent="  "))

# %% [markdown] tags=["slide"]
# ## Who pays?
#
# At the smallest ratio, by size of class:

# %% tags=["fragment-slide"]
ranking.groups(hardest)

# %% [markdown] tags=["notes", "remove-cell"]
# Ask who in the room would sign off a model whose *many* column fell: a shop with many customers of the
# frequent kind, a clinic that must not miss the rare. The aim decides, not the table. 2 min.

# %% [markdown] tags=["fragment-slide"]
# Read it line by line: a plus under *few* beside a minus under *many* is a border that moved; a plus without a
# minus would be something learned.

# %% [markdown] tags=["slide"]
# ## What does it cost?
#
# Seconds of one processor thread for one head: four tries on part of the images, then one training on all.
# The machine had other work as well, so a small difference in time says nothing.

# %% tags=["fragment-slide"]
ranking.costs(hardest)

# %% tags=["slide"] mystnb={"figure": {"name": "fig-bench-02-cost", "caption": "Gain in balanced accuracy over CPU seconds of a head at the smallest ratio; numbers are the ranks, named above."}, "image": {"alt": "A scatter of numbered points, gain upwards and seconds to the right, with plain cross-entropy as a square at zero gain."}}
lab.figure("bench-cost", hardest)

# %% tags=["fragment-slide"]
print(fill(ranking.cheapest(hardest), 76))

# %% [markdown] tags=["slide"]
# ## What changes between tasks
#
# Spearman's correlation of the gains between ratios: 1 where the remedies come in the same order, 0 where
# one order says nothing of the other.

# %% tags=["fragment-slide"]
ranking.rank_correlation(best).round(2)

# %% tags=["fragment-slide"]
print(fill(ranking.correlation_in_words(best), 76))

# %% [markdown] tags=["slide"]
# ## The works' own advice
#
# What each work tells its readers to use, on this bench, ratio by ratio:

# %% tags=["fragment-slide"]
ADVICE = {
    "ee443": ("isns", "ins", "ens", "artificial", "bags"),
    "spectrum": ("sampler", "ldam", "ldam-drw"),
    "lectures": ("mixup",),
}
for work, keys in ADVICE.items():
    said = ranking.advice(best, work, keys)
    print(fill(said, 76, subsequent_indent="  "))

# %% [markdown] tags=["fragment-slide"]
# And the best of what they advise against the best of three that a reader of today would try, balanced
# softmax, logit adjustment and $\tau$-normalisation:

# %% tags=["fragment-slide"]
THEIRS = [key for keys in ADVICE.values() for key in keys]
NEWER = ("softmax", "adjusted", "tau")
for ratio, of in best.items():
    print(f"ratio {ratio:g}: {ranking.against(of, THEIRS, NEWER)}")

# %% [markdown] tags=["slide"]
# ## When the whole network learns
#
# A head takes its features as they come. Mixtures, counterfeits and averaged weights change what the network
# learns, so here each remedy trains one from scratch: a ResNet-32 on the long tails 1:10 and 1:100 of CIFAR-10
# (`real`), or a ResNet-8 on those of handwritten digits (`embedded`).
#
# - The same images, steps, images a step, and seeds.
# - One number each: the learning rate, a third of the usual one, that one, or three times it
#   ($\tau$-normalisation: its power). It is tried with a third of the steps on four fifths of each class.
#   Where `lesson.tuned` of a record is false, the rate is the usual one for all.
# - What else a remedy has to set, its source says.
# - A stack is three trainings, SIGN trains the maker of its copies, a GAN its generators: the cost counts
#   them.

# %% tags=["slide", "hide-input"]
from lt_lib.works.bench.whole_remedies import WHOLE

for key in (key for key in WHOLE if key not in REMEDIES):
    print(f"{WHOLE[key].title:28} {WHOLE[key].source}")

# %% [markdown] tags=["fragment-slide"]
# The last of these are as the works print them, together.

# %%
trained = lab.run("bench-whole", **options)
now = {data: ranking.by_ratio(made_now(trained))}
found = now | ranking.filed("bench-whole")
digits, photographs = (found.get(kind, {}) for kind in ("embedded", "real"))
whole = ranking.fullest(photographs, digits)
shown = "photographs" if whole is photographs else "digits"

# %% [markdown] tags=["slide"]
# ### The ranking on digits

# %% tags=["fragment-slide"]
ranking.ranking(digits, this_run=now.get("embedded"))

# %% [markdown] tags=["slide"]
# ### The ranking on photographs
#
# Records are added one by one; what has none is left out.

# %% tags=["fragment-slide"]
ranking.ranking(photographs, this_run=now.get("real"))

# %% tags=["slide"] mystnb={"figure": {"name": "fig-bench-02-whole", "caption": "Whole networks, on photographs or digits, whichever have records of more remedies: what each adds to plain cross-entropy in balanced accuracy, paired by seed, with 95 % intervals; filled marks can be told from nothing."}, "image": {"alt": "A horizontal chart with a line for each remedy, the best on top, and on each line a mark for each ratio beside a vertical line at zero."}}
lab.figure("bench-gains", whole)

# %% [markdown] tags=["slide"]
# ### For which aim, and at what cost

# %% tags=["fragment-slide"]
for name, bench in {"digits": digits, "photographs": photographs}.items():
    for ratio, of in bench.items():
        print(f"{name}, ratio {ratio:g}")
        for said in [*ranking.which_remedy(of), ranking.cheapest(of)]:
            print(
                fill(said, 74, initial_indent="- ", subsequent_indent="  ")
            )

# %%
print(f"On {shown}, at ratio {min(whole):g}:")
ranking.groups(whole[min(whole)])

# %%
ranking.costs(whole[min(whole)])

# %% [markdown] tags=["slide"]
# ### Another task, another order?
#
# Rank correlation of the gains over the remedies that both tasks have: heads on frozen features against whole
# networks, a mild tail against a steep one, digits against photographs.

# %% tags=["fragment-slide"]
benches = {"heads": best, "digits": digits, "photographs": photographs}
compared = {
    f"{name}, {ratio:g}": of
    for name, bench in benches.items()
    for ratio, of in bench.items()
    if ratio in (0.1, min(bench))
}
ranking.between_tasks(compared).round(2)

# %% [markdown] tags=["fragment-slide"]
# The pairs that are least alike:

# %% tags=["fragment-slide"]
for said in ranking.moved(compared)[:3]:
    print(fill(said, 74, initial_indent="- ", subsequent_indent="  "))

# %% [markdown] tags=["slide"]
# ### The works' advice for a whole network

# %% tags=["fragment-slide"]
FOR_WHOLE = {
    "ee443": ("ens", "artificial", "bags", "stack", "stack-ens"),
    "spectrum": ("resampled", "ldam-drw", "cycles", "augmix", "gan"),
    "lectures": ("mixed",),
    "sign": ("sign",),
    "spectrum, together": ("ldam-cycles", "augmix-ldam", "gan-resampled"),
}
print(f"on {shown}:")
for work, keys in FOR_WHOLE.items():
    said = ranking.advice(whole, work, keys)
    print(fill(said, 76, subsequent_indent="  "))

# %% [markdown] tags=["slide"]
# ## What differs, and what is missing
#
# | | the works | heads here | whole networks here |
# |---|---|---|---|
# | network | whole (`spectrum`, `sign`) or frozen (`ee443`) | frozen | small, from scratch |
# | balanced copies | augmented | as they are | augmented |
# | mixup | of images | of features | of images |
# | sampler | with the network | with the head alone, which is cRT | both |
# | LDAM's head | linear (`spectrum`) | cosine, as its authors' | cosine |
# | stack | three kinds of network | none | three starts of one kind |
# | GAN, SIGN | thousands of steps, 100 | none | fewer, as the profile says |
# | settings | as printed | one number each, chosen on validation | the rate, chosen on validation |
#
# *Missing*: a whole network that begins with pre-trained weights, which most practitioners have, and stacks
# of different networks.
#
# With `embedded` data the images are numbers and the networks tiny: a stand-in, which shows how the bench
# works and not which remedy wins on photographs.

# %% [markdown]
# Four values are a coarse scale. A remedy whose best is the first or the last of them might do better beyond it:

# %%
print(fill(ranking.at_the_end(best), 76))

# %% [markdown] tags=["slide"]
# ## Summary
#
# Most remedies move the border between frequent and rare classes; a bench with the same images, effort and
# seeds tells which do it best, and a correction for many tries tells which only seemed to. At the smallest
# ratio:

# %% tags=["fragment-slide", "hide-input"]
lab.summary(
    *ranking.which_remedy(hardest),
    ranking.cheapest(hardest),
    f"with a whole network, on {shown}, "
    f"{ranking.which_remedy(whole[min(whole)])[0]}",
)

# %% [markdown]
# ## Exercises
#
# ```{exercise} Before or after
# :label: ex-bench-02-prior
# Balanced softmax adds $\log n$ to the logits in training; logit adjustment subtracts it after plain training.
# Show that the loss of the first, at logits $z$, is the loss of plain cross-entropy at $z + \log n$. Why do the
# two still end in different heads?
# ```
#
# ```{solution-start} ex-bench-02-prior
# :class: dropdown
# ```

# %%
import torch
from torch.nn.functional import cross_entropy

z = torch.randn(30, 3, generator=torch.Generator().manual_seed(0))
labels = torch.arange(30) % 3
sizes = torch.tensor([100.0, 10.0, 1.0])
odds = sizes * z.exp()
balanced = -(odds / odds.sum(1, keepdim=True))[range(30), labels].log()
plain = cross_entropy(z + sizes.log(), labels)
assert torch.isclose(balanced.mean(), plain)
print(f"{plain:.4f}")

# %% [markdown]
# The prior is a constant in the bias. If the head could reach the least loss, both would end at the same
# place: the one learns $z$, the other $z + \log n$ and takes $\log n$ off. Weight decay, few steps and a
# setting chosen for one of them part the two.
#
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} Fourteen tries
# :label: ex-bench-02-holm
# Fourteen remedies do nothing at all. How often does at least one of them get a $p$ below 0.05? How often
# after Holm's correction? Draw the $p$ as independent.
# ```
#
# ```{solution-start} ex-bench-02-holm
# :class: dropdown
# ```

# %%
from lt_lib.lab.read.findings import holm

draws = np.random.default_rng(0).random((4000, 14))
naive = (draws < 0.05).any(1).mean()
held_back = np.mean([any(holm(list(ps))) for ps in draws])
assert 0.48 < naive < 0.55 and held_back < 0.06
print(f"at least one by luck: {naive:.2f}, after Holm {held_back:.3f}")

# %% [markdown]
# $1 - 0.95^{14}$ is about one half: a coin decides whether a bench of useless remedies has a winner. Here the
# $p$ are not independent, since all share plain cross-entropy; Holm's rule holds all the same.
#
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} How many seeds?
# :label: ex-bench-02-seeds
# The paired differences of a remedy have a standard deviation of 0.006. How many seeds does it take until a
# mean difference of 0.01 has an interval that leaves out zero? And at the level of the first step of Holm,
# $0.05/14$?
# ```
#
# ```{solution-start} ex-bench-02-seeds
# :class: dropdown
# ```

# %%
from scipy import stats


def seeds_needed(level, mean=0.01, sd=0.006):
    n = 2
    while stats.t.ppf(1 - level / 2, n - 1) * sd / n**0.5 >= mean:
        n += 1
    return n


alone, among = seeds_needed(0.05), seeds_needed(0.05 / 14)
assert 3 <= alone < among <= 2 * alone
print(f"{alone} seeds for one remedy, {among} for the first of fourteen")

# %% [markdown]
# Twice as many, and not fourteen times as many: trying many is cheap if one is honest about it. What no number of
# seeds mends is that all of them are asked about the same test images.
#
# ```{solution-end}
# ```

# %% [markdown]
# ## Further reading
#
# - {cite:t}`kang2020decoupling`: that features learned on a long tail are good, and the head is to blame.
# - {cite:t}`menon2021logit`: why subtracting $\log n$ is right for the mean recall, before or after training.
# - {cite:t}`buda2018imbalance` have a bench of their own, for networks trained whole.

# %% tags=["remove-input"]
lab.provenance(results + trained)
