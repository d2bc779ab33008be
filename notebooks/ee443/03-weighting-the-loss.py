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
# # Weighting the loss: class weights
#
# ```{admonition} This chapter
# :class: tip
# - **Question.** Is it enough to shout when a rare class is missed, and does it matter how loudly?
# - **Regenerates.** Fig 4 of `ee443`, the column *Weighted Loss* of its results, and claim EE1.
# - **You need.** [the first chapter](01-long-tail-and-baselines); cross-entropy as a mean over images.
# - **Time.** 12 minutes to read; 1 minute on a laptop, seconds once the records exist.
# ```
#
# Put a picture into the training list thirty times, or put it in once and multiply its loss by thirty: over
# the whole list, the gradient cannot tell. The second way needs no copies, no new list, and one line of code.
# Everyone tries it first.
#
# Which factor, then? {cite:t}`wong_ee443` tries three recipes and finds that they all do the same. This
# chapter asks why, and whether the three were ever different.

# %% [markdown] tags=["slide"]
# ## The claim
#
# Weights help, all of them alike. In numbers, where the report prints some:

# %% [markdown] tags=["notes", "remove-cell"]
# Let the room predict which of the three recipes will win, and by how much. Keep the tally. 2 min.

# %% tags=["keep_output", "hide-input", "fragment-slide"]
# nbval-check-output
from lt_lib.lab.read.published import value


def line(ratio):
    old, new = (
        value(work="ee443", table="Results", method=m, class_=ratio)
        for m in ("Baseline", "Weighted Loss")
    )
    error = (5000 * (old * (1 - old) + new * (1 - new))) ** 0.5
    gain = 5000 * (new - old)
    return f"{ratio:<5}  {old}  {new}  {gain:+4.0f} ± {error:.0f}"


print(
    "ratio  before  after   images",
    *map(line, (0.1, 0.02, 0.005)),
    sep="\n",
)

# %% [markdown] tags=["fragment-slide"]
# The last column counts test images, of 5000, with our standard error. On the hardest tail the weighted
# network stands *below* the baseline, though not by enough to call it worse. "Helps" fits two lines of three.

# %% [markdown] tags=["slide", "live"]
# ## A mean with weights
#
# Let $\ell_i$ be the cross-entropy of image $i$ and $y_i$ its class. Every class gets a weight $w_j$, and the
# loss is
#
# ```{math}
# :label: ee443-weighted
# L = \frac{\sum_i w_{y_i}\, \ell_i}{\sum_i w_{y_i}}.
# ```
#
# It is a mean: double all weights, and nothing happens. Only their proportions count. Weight two is the same
# as two copies:

# %% tags=["fragment-slide", "live"]
import torch
from torch.nn.functional import cross_entropy


def both_ways():
    logits = torch.tensor([[2.0, 0.0], [0.5, 1.0], [1.0, 0.5]])
    labels = torch.tensor([0, 0, 1])
    twice = [0, 1, 2, 2]  # the rare class, copied
    weights = torch.tensor([1.0, 2.0])
    weighted = cross_entropy(logits, labels, weight=weights)
    return weighted, cross_entropy(logits[twice], labels[twice])


# %% tags=["keep_output", "fragment-slide", "live"]
# nbval-check-output
print("weighted {:.4f}, copied {:.4f}".format(*both_ways()))

# %% [markdown] tags=["notes", "remove-cell"]
# The equality is the whole idea. Ask where it stops: with shuffled batches, and with copies that are
# augmented. 1 min.

# %% [markdown] tags=["slide", "live"]
# ## Three recipes
#
# ```{math}
# :label: ee443-schemes
# w_j \propto \underbrace{\frac{1}{n_j}}_{\text{INS}}, \quad
# \underbrace{\frac{1}{\sqrt{n_j}}}_{\text{ISNS}}, \quad
# \underbrace{\frac{1}{E_{n_j}}}_{\text{ENS}}.
# ```
#
# INS makes all classes equally loud: a tenth of the images, ten times the weight. ISNS goes half of that way.
# (The report calls it "inverse *square*" but prints a square root. A true square would make two images 62,500
# times as heavy as five hundred.)
#
# ENS is the idea of {cite:t}`cui2019classbalanced`. The second picture of a corncrake shows less that is new
# than the first, the third less again. Let each be worth $\beta$ times the one before; then $n$ pictures are
# worth
#
# ```{math}
# :label: ee443-effective
# E_n = 1 + \beta + \dots + \beta^{\,n-1} = \frac{1 - \beta^n}{1 - \beta}.
# ```
#
# The sum cannot exceed $1/(1 - \beta)$, however many pictures arrive. With $\beta = 0$ every class is worth
# one picture; as $\beta$ goes to 1, ENS becomes INS.

# %% tags=["keep_output", "slide", "live"]
# nbval-check-output
from lt_lib.losses import effective_number

print(
    "images     2    50   500",
    *(
        "beta {:5} {:3.1f} {:5.1f} {:5.1f}".format(
            beta, *effective_number([2, 50, 500], beta)
        )
        for beta in (0.99, 0.999)
    ),
    sep="\n",
)

# %% [markdown] tags=["fragment-slide", "live"]
# The report does not state its $\beta$. Its code has 0.999, and there 500 pictures still count as nearly 400.
# No class of this data is large enough to saturate.

# %% [markdown] tags=["slide", "live"]
# ## See it small
#
# So how different are the recipes? The weight of the last class over that of the first, at ratio 0.005:

# %% tags=["keep_output", "fragment-slide", "live"]
# nbval-check-output
from lt_lib.losses import class_weights
from lt_lib.sampling import ee443_counts


def steepness(scheme, beta=0.999):
    weights = class_weights(ee443_counts(0.005), scheme, beta)
    return weights[-1] / weights[0]


print(f"INS {steepness('ins'):.1f}, ISNS {steepness('isns'):.1f}")
print(f"ENS 0.999: {steepness('ens'):.1f}")
print(f"ENS 0.99: {steepness('ens', 0.99):.1f}")

# %% [markdown] tags=["slide", "live"]
# Better than weights, look at what they do: the share that each class has in the loss of a whole training
# list, $n_j w_j$ over the sum.

# %% tags=["fragment-slide", "live"] mystnb={"figure": {"name": "fig-ee443-03-shares", "caption": "Share of each class in the loss at ratio 0.005, under five weightings. Two per cent each would be equal shares. Computed, no data."}, "image": {"alt": "Five curves over fifty classes. Without weights the share falls from ten per cent to nearly none; INS is flat at two per cent and ENS with beta 0.999 almost covers it; ISNS and ENS with beta 0.99 lie in between."}}
from lt_lib import lab

lab.figure("weight-shares")

# %% [markdown] tags=["fragment-slide", "live"]
# In {numref}`fig-ee443-03-shares` INS and ENS as released are nearly one curve. That two of three recipes
# give the same result is no finding about long tails. It is the choice of $\beta$, with at most 500 images of
# a class. ISNS is another
# matter: it leaves the first class almost three times its fair share. So predict, before anything is trained:
# INS will tie with ENS, or nearly, and if a recipe stands apart it will be ISNS.

# %% [markdown] tags=["notes", "remove-cell"]
# The prediction is made before training. Ask someone to say it in their own words, and what result would
# prove it wrong. 2 min.

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

# %% [markdown] tags=["slide"]
# ## Does it help?
#
# Which recipe made the printed column, the report does not say. ENS with 0.999 is what its code does by
# default, so it is run here, with the baseline of the same seeds beside it.

# %%
names = [
    f"{method}-{ratio}"
    for method in ("baseline", "weighted")
    for ratio in (0.1, 0.02, 0.005)
]
claim = lab.run("ee443-results", rows=names, **options)

# %% tags=["fragment-slide"]
lab.compare(claim)


# %%
def rows(records, key):
    return [r for r in records if r.key == key]


# %% tags=["slide"] mystnb={"figure": {"name": "fig-ee443-03-gain", "caption": "Accuracy with ENS weights minus baseline, paired over seeds, with 95 % intervals. Hollow marks are by stand-ins."}, "image": {"alt": "Three horizontal intervals, one for each ratio, beside a vertical line at zero."}}
gains = {
    f"ratio {r}": (
        rows(claim, f"weighted-{r}"),
        rows(claim, f"baseline-{r}"),
    )
    for r in (0.1, 0.02, 0.005)
}
lab.figure("differences", gains)

# %% [markdown] tags=["slide"]
# ## Does the recipe matter?
#
# The report's Fig 4 draws training curves, and pairs of them coincide. Here are all recipes at all ratios,
# and their curves at ratio 0.02.

# %%
recipes = lab.run("ee443-fig4", **options)

# %% tags=["fragment-slide"] mystnb={"figure": {"name": "fig-ee443-03-curves", "caption": "The report's Fig 4, redrawn: training loss at ratio 0.02 under five weightings, mean over seeds with the range as a band. Committed evidence, where there is any, stands above this run."}, "image": {"alt": "Curves of training loss over training steps, one for each of five weightings."}}
lab.figure("ee443-fig4", recipes)

# %% [markdown] tags=["fragment-slide"]
# Beware of reading {numref}`fig-ee443-03-curves` from top to bottom. Each curve is a mean under its own
# weights, so each has its own yardstick; a lower one is not a better network. INS and ENS are nearly one loss,
# by {numref}`fig-ee443-03-shares`, and must have nearly one curve. Only test accuracy, the same for all, can
# answer:

# %% [markdown] tags=["notes", "remove-cell"]
# Ask which curve is the best network. The right answer is that this figure cannot say. 1 min.

# %% tags=["slide"]
lab.compare(recipes)

# %% tags=["slide"] mystnb={"figure": {"name": "fig-ee443-03-recipes", "caption": "Accuracy under INS and under ISNS, each minus accuracy under ENS with beta 0.999, paired over seeds, with 95 % intervals."}, "image": {"alt": "Six horizontal intervals, INS and ISNS at each of three ratios, beside a vertical line at zero."}}
against = {
    f"{scheme.upper()}, ratio {r}": (
        rows(recipes, f"{scheme}-{r}"),
        rows(recipes, f"ens-{r}"),
    )
    for r in (0.1, 0.02, 0.005)
    for scheme in ("ins", "isns")
}
lab.figure("differences", against)

# %% tags=["fragment-slide"]
print(lab.differences_in_words(against, "it", "ENS"))

# %% [markdown] tags=["slide"]
# Claim EE1 of the audit puts "hardly matters" to a test: at each ratio every two of the three recipes should
# differ by less than two standard errors of a difference of two test accuracies. First on the strongest
# records on file, then on this run:

# %% tags=["fragment-slide"]
from lt_lib.lab.read.claims import claims_table

claims_table("ee443", only=["EE1"])

# %% tags=["fragment-slide"]
claims_table("ee443", profile, data, recipes, only=["EE1"])

# %% [markdown] tags=["fragment-slide"]
# Mind what such a test can show. Its yardstick is what *one* run of each on 5000 test images could see, and
# the report had one run. The intervals of {numref}`fig-ee443-03-recipes` are paired over seeds instead.

# %% [markdown] tags=["slide"]
# ### Who pays this time
#
# A weight adds no picture. What it gives to the tail it takes from the head, and whether the exchange pays
# depends on how much there was to learn from two images.

# %% tags=["fragment-slide"] mystnb={"figure": {"name": "fig-ee443-03-recall", "caption": "Recall from the head to the tail at ratio 0.005, averaged over five neighbouring classes and over seeds, without weights and with two of the recipes. Committed evidence, where there is any, stands above this run."}, "image": {"alt": "Three curves of recall over class at ratio 0.005: no weights, INS, ISNS."}}
lab.figure(
    "recall-by-class",
    {
        "no weights": rows(recipes, "none-0.005"),
        "INS": rows(recipes, "ins-0.005"),
        "ISNS": rows(recipes, "isns-0.005"),
    },
)

# %% [markdown] tags=["notes", "remove-cell"]
# Ask who pays. If nobody asks whether the exchange is worth it, do: in a screening clinic, which errors are
# dear? 3 min.

# %% [markdown] tags=["slide"]
# By groups, from the strongest records there are:

# %% tags=["fragment-slide"]
from lt_lib.lab import strongest

best = strongest(recipes)
shown = {s: rows(best, f"{s}-0.005") for s in ("none", "ins", "isns")}
print(lab.badge(shown))
for scheme, found in shown.items():
    for group in ("many", "medium", "few"):
        if found and found[0].metric(group) is not None:
            mean = lab.estimate(r.metric(group) for r in found)
            print(f"{scheme:4} {group:6} {mean}")

# %% [markdown] tags=["slide"]
# ## What differs, and why
#
# | | paper says | code does | we ran |
# |---|---|---|---|
# | ISNS | "inverse square", with a root in the formula | the root | the root |
# | $\beta$ | not stated | 0.999; 0.99 as the alternative | both |
# | sum of the weights | not stated | 1 | the number of classes; no effect, {eq}`ee443-weighted` |
# | who gets which weight | its class | in order of first appearance: right if the list is sorted by class | its class |
# | counts | of the training data | of the training list | of what is left after holding out |
# | all recipes | the same improvement | one of them in the results | each at each ratio |
# | Fig 4 | curves that end near 0.3 after some 1200 steps, settings not named | | one setting for all five; see the axes |

# %% [markdown] tags=["slide"]
# ## Summary
#
# A class weight multiplies the loss of every image of its class; over a whole list that is the same as
# copies, and only the proportions of the weights count. The effective number of samples (ENS) lies between
# equal weights and inverse class size (INS), and its $\beta$ says where. At 500 images a class and $\beta =
# 0.999$ it is nearly INS, so two of the three recipes are hardly two.

# %% tags=["fragment-slide", "hide-input"]
lab.summary(claims=["EE1", "EE2"])

# %% [markdown]
# ## Exercises
#
# ```{exercise} Where do the curves begin?
# :label: ex-ee443-03-start
# A network that knows nothing gives all fifty classes the same probability. What is its loss without weights, under ISNS,
# under INS?
# ```
#
# ```{solution-start} ex-ee443-03-start
# :class: dropdown
# ```

# %%
counts = torch.tensor(ee443_counts(0.005))
labels = torch.arange(50).repeat_interleave(counts)
blank = torch.zeros(len(labels), 50)
for scheme in ("ins", "isns", "ens"):
    loss = cross_entropy(blank, labels, class_weights(counts, scheme))
    assert torch.isclose(loss, torch.tensor(50.0).log(), rtol=1e-4)
print(f"{loss:.3f} under every scheme")

# %% [markdown]
# $\ln 50$, always: the mean of a constant is the constant, whatever the weights. All curves start together,
# and part because each listens to other images.
#
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} ENS in the clothes of ISNS
# :label: ex-ee443-03-beta
# Which $\beta$ makes ENS exactly as steep as ISNS, from 500 images to 2? Solve equation {eq}`ee443-effective` by hand;
# $\beta^{500}$ may be neglected.
# ```
#
# ```{solution-start} ex-ee443-03-beta
# :class: dropdown
# ```

# %%
beta = (1 - (2 / 500) ** 0.5) ** 0.5
assert abs(steepness("ens", beta) - steepness("isns")) < 1e-3
print(f"beta = {beta:.3f}: both {steepness('ens', beta):.1f}")

# %% [markdown]
# $E_{500} \approx 1/(1-\beta)$ and $E_2 = 1 + \beta$, so their ratio is $1/(1-\beta^2)$. Set it to
# $\sqrt{250}$. ENS is a dial from no weights to INS; at about 0.97 it is as steep as ISNS, and at 0.999,
# where the code leaves it, it has all but arrived.
#
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} The loudest picture in the room
# :label: ex-ee443-03-loud
# Under INS at ratio 0.005, a batch of 128 is drawn from the 4878 images. How often does it hold a picture of the last class?
# And when it holds one, which share of the batch's loss weight is that single picture's?
# ```
#
# ```{solution-start} ex-ee443-03-loud
# :class: dropdown
# ```

# %%
weights = class_weights(counts, "ins")
chance = torch.Generator().manual_seed(0)
shares = []
for _ in range(2000):
    batch = torch.randperm(len(labels), generator=chance)[:128]
    if (labels[batch] == 49).any():
        shares.append(weights[49] / weights[labels[batch]].sum())
often, share = len(shares) / 2000, torch.stack(shares).mean()
assert 0.03 < often < 0.07 and 0.25 < share < 0.33
print(f"in {often:.0%} of batches, with {share:.0%} of the weight")

# %% [markdown]
# In about one batch of twenty, and then it owns more than a quarter of it. Over an epoch all classes are
# equally loud, within a batch they are not: nineteen steps do not mention the class, and in the twentieth it
# shouts the others down. Copies would be spread over many batches. So weights and copies pull alike over the
# whole list, but not step by step: one suspect for the loss that is printed at this ratio, where copies gain.
#
# ```{solution-end}
# ```

# %% [markdown]
# ## Further reading
#
# - {cite:t}`cui2019classbalanced` derive $E_n$ from the chance that a new sample overlaps the old ones; their
#   code uses $\beta$ up to 0.9999, for larger classes than ours.
# - {cite:t}`cao2019ldam` let the network learn unweighted first and weight only late, when the features have
#   settled. With a frozen backbone they have settled before the first step.

# %% tags=["remove-input"]
lab.provenance(claim + recipes)
