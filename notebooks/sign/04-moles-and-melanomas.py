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

# %% [markdown] tags=["slide", "live"]
# # Moles and melanomas: an area, and how sure it is
#
# ```{admonition} This chapter
# :class: tip
# - **Question.** Does SIGN help to find melanomas, and can 117 of them tell?
# - **Regenerates.** Fig 4 of `sign`, and its four areas under the ROC curve; tests claim SG10.
# - **You need.** the ROC curve, from [judging a classifier](../lectures/08-judging-a-classifier); what SIGN adds to an image.
# - **Time.** 20 minutes to read; a minute on a laptop.
# ```
#
# Six hundred photographs of dark spots lie on a table. In 117 of them the spot is a melanoma. A doctor who
# sends everybody home is right four times out of five, and has missed all 117.
#
# So nobody counts right answers here. Put the photographs in a row, the most suspicious first, and ask how
# well the melanomas have come to the front. That has a number, the area under the ROC curve. The paper prints
# four of them.

# %% [markdown] tags=["notes", "remove-cell"]
# Let the room design the worst classifier with an accuracy above 80 %. It takes ten seconds. Then ask for a
# number that would have shown it up. 2 min.

# %% [markdown] tags=["slide"]
# ## The claim

# %% tags=["keep_output", "hide-input", "fragment-slide"]
# nbval-check-output
from lt_lib.lab.read.published import printed, value


def line(name, plain, sign):
    texts = [printed(work="sign", row=row) for row in (plain, sign)]
    gain = value(work="sign", row=sign) - value(work="sign", row=plain)
    print(f"{name:11} {' -> '.join(texts)}   {gain:+.4f}")


line("validation", "P1", "P2")
line("test", "P3", "P4")

# %% [markdown] tags=["fragment-slide"]
# Areas without and with SIGN, of an Inception-ResNet-v2 {cite}`szegedy2017inception` on the ISIC challenge of
# 2017 {cite}`codella2018isic`, one run each: 150 validation and 600 test images {cite}`taghanaki_sign`. In
# the paper's words, five per cent and two.
#
# **The answer first.** Both gains are within what the luck of the images does to two networks that are
# equally good, unless the two put the images in nearly the same order. That is arithmetic and needs no
# training; it comes first. Then Fig 4, then networks of our own.

# %% tags=["parameters"]
profile = "laptop"  # smoke, laptop, overnight or paper
data = "embedded"  # embedded (simulated lesions) or real (ISIC 2017)
seeds = None  # None: as many as the profile asks for
budget = None  # minutes; None: no limit
store = None  # folder of records; None: the usual one

# %% tags=["live"]
from lt_lib import lab

options = lab.check_parameters(globals())

# %% [markdown] tags=["slide", "live"]
# ## Few of many
#
# {numref}`fig-sign-04-before` has some of the pictures. First, how many there are:

# %% tags=["keep_output", "fragment-slide", "live"]
# nbval-check-output
from lt_lib.data import describe

for name in ("isic2017", "lesionsim"):
    for split, counts in describe(name).class_counts.items():
        share = counts[1] / sum(counts)
        lazy = f"never melanoma: accuracy {1 - share:.3f}, area 0.5"
        print(
            f"{name:9} {split:5} {counts[1]:3} of {sum(counts):4}; {lazy}"
        )

# %% [markdown] tags=["fragment-slide"]
# `lesionsim` is what ships with the book: simulated spots, whose melanomas are more lopsided, ragged, colourful and
# large *on average* {cite}`nachbar1994abcd`. It has the class shares of ISIC 2017 and nothing else of it.

# %% [markdown] tags=["slide", "live"]
# ### What the area says
#
# Draw one of the $m$ melanomas and one of the $n$ others. The area $A$ is how often the melanoma has the
# higher score {cite}`hanley1982auc`:
#
# ```{math}
# :label: sign-04-area
# A = \frac1m \sum_{i=1}^m v_i, \qquad
# v_i = \frac1n \sum_{j=1}^n \Bigl( [s_i > s_j] + \tfrac12 [s_i = s_j] \Bigr).
# ```
#
# $v_i$, the *placement* of melanoma $i$, is the share of the others that it beats. Constant scores give
# $\frac12$, at any class shares.

# %% tags=["keep_output", "fragment-slide", "live"]
# nbval-check-output
import numpy as np

from lt_lib.works.sign import lesions

labels = np.array([1, 1, 1, 0, 0, 0, 0])
suspicion = np.array([0.9, 0.6, 0.3, 0.8, 0.3, 0.2, 0.1])
placed, _ = lesions.placements(suspicion, labels)
print("placements", placed, "area", round(placed.mean(), 4))

# %% [markdown] tags=["slide"]
# ## How sure is an area?
#
# 117 melanomas and 483 others make 56,511 pairs. They are not 56,511 witnesses: one melanoma that looks like
# a freckle loses hundreds of them at once. It is images that are drawn, so images count
# {cite}`delong1988areas`. With $w_j$ the share of melanomas above the other image $j$,
#
# ```{math}
# :label: sign-04-delong
# \mathrm{SE}^2(A) = \frac{S^2(v)}{m} + \frac{S^2(w)}{n},
# ```
#
# $S^2$ the variance over images. The rare class has the small denominator, and decides.

# %% [markdown] tags=["fragment-slide"]
# Placements are not printed. But $S^2(v)$ and $S^2(w)$ depend on little more than $A$, and
# {cite:t}`hanley1982auc` give a formula with $A$, $m$ and $n$ alone:

# %% tags=["keep_output", "fragment-slide", "live"]
# nbval-check-output
sizes = {"validation": (30, 120), "test": (117, 483)}
rows = {"validation": ("P1", "P2"), "test": ("P3", "P4")}
areas = {k: [value(work="sign", row=r) for r in rows[k]] for k in rows}
errors = {
    k: [lesions.area_se(a, *sizes[k]) for a in areas[k]] for k in areas
}
for k, pair in areas.items():
    for area, error in zip(pair, errors[k]):
        print(f"{k:10} {area:.4f} ± {lesions.Z * error:.3f}")

# %% [markdown] tags=["fragment-slide"]
# Five points to either side on the test images, ten on the validation images. Each SIGN area lies well inside
# the interval of its baseline. Here is what that looks like: one and the same classifier, whose area is
# .7611 in truth, asked about thirty sets of 117 and 483 patients.

# %% tags=["slide", "live"] mystnb={"figure": {"name": "fig-sign-04-luck", "caption": "ROC curves of one simulated classifier with a true area of .7611 on thirty test sets of 117 melanomas and 483 others (thin), and on one set of a hundred times as many images that of a classifier with .7787, which is SIGN's area (dashed). Normal scores; computed, no data."}, "image": {"alt": "A sheaf of thirty thin rising curves, about a tenth wide in the middle, and in it one thick dashed smooth curve that runs a little above its centre and stays within it."}}
rng = np.random.default_rng(0)
both = areas["test"]


def on_patients(which, times=1):
    m, n = (times * k for k in sizes["test"])
    scores, truth = lesions.drawn_scores(both, m, n, 0, rng)
    return truth, scores[which]


sheaf = [on_patients(0) for _ in range(30)]
lab.figure(
    "roc-curves", {"area .7611": sheaf, "area .7787": [on_patients(1, 100)]}
)

# %% [markdown] tags=["slide"]
# ## Same images, shared luck
#
# That was unfair to the paper. Its two networks saw the *same* images. A melanoma that looks like a freckle
# costs both of them, and the difference of their areas is steadier than either:
#
# ```{math}
# :label: sign-04-gap
# \mathrm{SE}^2(A' - A) = \mathrm{SE}^2(A') + \mathrm{SE}^2(A) - 2 r\, \mathrm{SE}(A')\, \mathrm{SE}(A) .
# ```

# %% [markdown] tags=["fragment-slide"]
# The correlation $r$ of the two areas follows from the scores, image by image {cite}`hanley1983comparing`.
# The paper prints no scores. So we ask the other way round: from which $r$ on would its gain be more than
# luck?

# %% tags=["slide", "live"] mystnb={"figure": {"name": "fig-sign-04-needed", "caption": "The smallest gain in area that leaves its 95 % interval, by the correlation of the two areas, for as many images as ISIC 2017 has; dotted: the gains that are printed. Hanley and McNeil's formula; computed, no data."}, "image": {"alt": "Two curves that fall over the correlation, validation from about 0.14 and test from about 0.075, both to nearly zero at one. The dotted line of each meets its curve far to the right, at 0.88 for validation and at 0.94 for test."}}
r = np.linspace(0, 0.999, 200)
needed = {k: lesions.Z * lesions.gap_se(*errors[k], r) for k in errors}
gains = {k: areas[k][1] - areas[k][0] for k in areas}
lab.figure("gain-by-correlation", r, needed, gains)

# %% tags=["keep_output", "fragment-slide", "live"]
# nbval-check-output
for k, gain in gains.items():
    least = lesions.least_correlation(gain, *errors[k])
    bounds = [lesions.gap_se(*errors[k], c) for c in (0, 0.5, 0.8, 0.9)]
    z = ", ".join(f"{gain / b:.2f}" for b in bounds)
    print(f"{k}: from r = {least:.2f} on; z {z} at r = 0, .5, .8, .9")

# %% [markdown] tags=["notes", "remove-cell"]
# Ask for a guess of r for two networks of one build, trained twice. Write the guesses on the board; our
# records give the number further down. 2 min.

# %% [markdown] tags=["fragment-slide"]
# A gain counts at a $z$ of 1.96. And the two printed gains are not two witnesses either. The paper keeps the
# epoch that is best on the validation images, so the area on these is a winner's; that is a reason why it
# should be the larger gain, with or without SIGN.

# %% [markdown] tags=["slide"]
# ### Suppose that it is true
#
# Let SIGN really be worth its .0176. How often would 600 images show it? Draw test sets, compare the two
# classifiers by {eq}`sign-04-delong`, with the *differences* of their placements in place of $v$ and $w$, and
# count what leaves its interval:


# %% tags=["keep_output", "fragment-slide"]
# nbval-check-output
def how_often(
    correlation, truly=both, size=sizes["test"], draws=400, seed=1
):
    chance, z, r = np.random.default_rng(seed), [], []
    for _ in range(draws):
        drawn = lesions.drawn_scores(truly, *size, correlation, chance)
        gap = lesions.delong(*drawn[0], drawn[1])
        z.append(gap.difference / gap.se)
        r.append(gap.correlation)
    return np.mean(np.array(z) > lesions.Z), np.mean(r)


for correlation in (0.2, 0.5, 0.8, 0.95):
    share, of_areas = how_often(correlation)
    print(f"areas correlated by {of_areas:.2f}: found {share:4.0%}")

# %% [markdown] tags=["fragment-slide"]
# Unless the areas are correlated by more than nine tenths, the test set is more likely to miss a gain of this
# size than to show it. It was built for a challenge between teams that differ by more. More melanomas would
# help ([an exercise](ex-sign-04-many) counts them).

# %% [markdown] tags=["slide", "live"]
# ## Fig 4
#
# The paper shows lesions before and after SIGN, and says that SIGN "improves the dermoscopic features", as
# can be seen. What can be seen depends on who looks. Let us see, and then measure.
#
# A small network is trained on lesions of 32 pixels, for a few epochs, and makes copies as it does in the
# trial further down: ten steps, in which no pixel moves by more than a fifth of its range.

# %% tags=["live"]
import torch

epochs = 1 if profile == "smoke" else 3
shown = lesions.before_and_after(data, epochs)

# %% tags=["slide", "live"] mystnb={"figure": {"name": "fig-sign-04-before", "caption": "Fig 4 of the paper on the images of this run: lesions before (top) and after SIGN (middle). Bottom: how far each pixel was moved, dark for far, each picture on its own scale; orange: the lesion, as it was simulated, or by darkness on real images. By a small network trained on the spot."}, "image": {"alt": "Three rows of six small pictures, three melanomas and three other spots. The upper two rows look alike at first sight, the middle one a little stronger in places; the lowest shows where they differ, with an outline of each lesion."}}
six = torch.cat([(shown.ill == k).nonzero()[:3, 0] for k in (1, 0)])
lab.figure(
    "sign-fig4",
    shown.images[six],
    shown.copies[six],
    ["melanoma" if shown.ill[k] else "other" for k in six],
    shown.inside[six],
)

# %% [markdown] tags=["slide"]
# ### Where is the change?
#
# Of all squared change, which share lies inside the lesion? It must be compared with the share of *pixels*
# that lie there, and with noise that moves each image as far and knows nothing:

# %% tags=["fragment-slide"]
pixels = shown.inside.flatten(1).double().mean(1)
print(f"{len(pixels)} images. Inside the lesion: pixels", end=" ")
print(lab.estimate(pixels.tolist()))
within = {}
for name, changed in (("SIGN", shown.copies), ("noise", shown.noise)):
    moved = lesions.share_inside(changed - shown.images, shown.inside)
    within[name] = moved
    print(f"of the change by {name}: {lab.estimate(moved.tolist())}")
aim = lab.estimate((within["SIGN"] - within["noise"]).tolist())
print(lab.in_words("the share of SIGN", "that of noise", aim))

# %% [markdown] tags=["fragment-slide"]
# (± over images.) Nobody told SIGN that there is a spot. It goes where the network's features respond to
# pixels: to a spot, to its edge on one side, to the light. Look at {numref}`fig-sign-04-before` again with
# that in mind. And what lies inside a spot need not be *dermoscopic* for that, something that tells melanomas
# from moles.

# %% [markdown] tags=["slide"]
# ### Does it make a melanoma more of a melanoma?
#
# Ask the network that made the copies. What brings out a difference must let melanomas rise and moles fall, and
# put the copies in better order than the images:

# %% tags=["fragment-slide"]
before, after = shown.odds
ill = shown.ill.numpy()
for name, of in (("melanomas", shown.ill == 1), ("others", shown.ill == 0)):
    rise = lab.estimate((after - before)[of].tolist())
    print(f"log-odds of melanoma, {name}: {rise} from image to copy")
gap = lesions.delong(before, after, ill)
start = lesions.placements(before, ill)[0].mean()
print(
    f"area {start:.3f} on images, {gap.difference:+.3f} ± "
    f"{lesions.Z * gap.se:.3f} on copies (r = {gap.correlation:.2f})"
)

# %% [markdown] tags=["notes", "remove-cell"]
# The class of a mole is no secret of the step: the label never enters. Ask why both lines of log-odds may
# well move the same way, and who would profit if they did. 3 min.

# %% [markdown] tags=["fragment-slide"]
# No label enters SIGN, so it has no way to know which way is up. It makes *features* louder, whatever they
# speak for ([chapter 1](01-what-mixup-gets-wrong)). What moves melanomas and moles together brings out nothing
# between them. A copy is then another picture with its old label; whether that is good to train on is a
# question for a trial.

# %% [markdown] tags=["slide"]
# ## The trial
#
# Two networks that differ in nothing but SIGN's copies, and two controls that the paper lacks: images alone,
# shown three times as often, for SIGN's copies also make training three times as long; and copies that are
# moved as far by noise. No augmentation, as in the paper.
#
# What had to be chosen:
#
# - ISIC 2017 has three classes: nevus, melanoma, seborrheic keratosis. Our network tells all three apart, and
#   the area is that of the log-odds of melanoma against the rest. The paper asks "melanoma or not", so its
#   network presumably had two outputs.
# - The area is that of the last epoch. The paper keeps the epoch with the best validation accuracy.
# - At `overnight` a MobileNetV2 at 64 pixels **stands in** for Inception-ResNet-v2 at 299, at `laptop` a
#   network of eighteen thousand weights at 16. `paper` + `real` trains the printed network of 56 million
#   weights; it needs the weights that timm downloads, and a GPU.

# %%
results = lab.run("sign-lesions", **options)
by_key = {key: found for (_, key, _), found in lab.group(results).items()}

# %% tags=["slide"]
lab.compare(results, "auc")

# %% [markdown] tags=["fragment-slide"]
# On the validation images, which chose nothing here:

# %% tags=["fragment-slide"]
lab.compare(results, "val_auc")

# %% [markdown] tags=["slide"]
# ### SIGN less the others
#
# Paired by seed. These intervals hold the luck of the *training*, not that of the images, which all seeds
# share:

# %% tags=["fragment-slide"] mystnb={"figure": {"name": "fig-sign-04-gains", "caption": "Area under the ROC curve on test images: SIGN less images alone, less images alone shown thrice, less copies moved by noise. Paired over seeds, with 95 % intervals over seeds. Hollow marks are by stand-ins."}, "image": {"alt": "Up to three horizontal intervals of a difference in area, one for each row that SIGN is compared with, beside a vertical line at zero."}}
rivals = {
    "images alone": "lesions-plain",
    "images, thrice": "lesions-thrice",
    "noise": "lesions-noise",
}
pairs = {
    f"less {name}": (by_key.get("lesions-sign", []), by_key.get(key, []))
    for name, key in rivals.items()
}
lab.figure("differences", pairs, "auc")

# %% tags=["fragment-slide"]
print(lab.differences_in_words(pairs, "SIGN", "the other", "auc"))

# %% [markdown] tags=["slide"]
# ### How alike are two networks?
#
# Now $r$ of {eq}`sign-04-gap` can be measured, where the scores of this run are at hand: between the plain
# network and SIGN's of the same seed, and between two plain networks that differ by nothing but the seed.


# %%
def scores_of(key):
    scored = {}
    for record in by_key.get(key, []):
        odds = lesions.odds_of(record, options["store"])
        if odds is not None:
            scored[record.seed] = odds.numpy()
    return scored


plain, sign = scores_of("lesions-plain"), scores_of("lesions-sign")
real = lesions.truth(results[0].spec.data)
first = min(plain, default=None)
trials = {
    f"SIGN less plain, seed {s}": (plain[s], sign[s])
    for s in plain.keys() & sign.keys()
} | {
    f"plain, seed {s} less seed {first}": (plain[first], plain[s])
    for s in plain.keys() - {first}
}

# %% tags=["fragment-slide"]
correlations = []
for name, pair in sorted(trials.items()):
    gap = lesions.delong(*pair, real)
    correlations.append(gap.correlation)
    half = lesions.Z * gap.se
    print(f"{name}: {gap.difference:+.3f} ± {half:.3f}", end=" ")
    print(f"over images, r = {gap.correlation:.2f}")
if correlations:
    r = max(correlations)
    z = gains["test"] / lesions.gap_se(*errors["test"], r)
    print(
        f"with the largest r, {r:.2f}, the printed test gain has z {z:.2f}"
    )

# %% [markdown] tags=["fragment-slide"]
# The second kind of line is the measure of the first. Two runs of *one* method differ, too, and a paper with
# one run of each method has no way to tell its own gain from that. (Scores are kept in half precision, so that
# an area may differ from the record's in the third decimal.)

# %% tags=["slide"] mystnb={"figure": {"name": "fig-sign-04-curves", "caption": "ROC curves of this run on the test images, a line a seed: images alone and SIGN. Melanoma against the rest, by log-odds. Where this run has read its records from the book, whose scores are not kept, there are no curves."}, "image": {"alt": "A square with the diagonal of a coin and above it a few rising curves in two colours, solid for images alone and dashed for SIGN, that cross each other."}}
curves = {"images alone": plain, "SIGN": sign}
lab.figure(
    "roc-curves",
    {name: [(real, s) for s in of.values()] for name, of in curves.items()},
)

# %% [markdown] tags=["slide"]
# ## Claim SG10
#
# Judged on the test images; first on the records of this run, then on the strongest that come with the book.

# %% tags=["fragment-slide"]
from lt_lib.lab.read.claims import claims_table

claims_table("sign", profile, data, results, only=["SG10"])

# %% tags=["fragment-slide"]
claims_table("sign", only=["SG10"])

# %% [markdown] tags=["notes", "remove-cell"]
# Which single number, had the paper printed it, would have made this chapter shorter? (The standard error of
# the difference. Or a second run.) 2 min.

# %% [markdown] tags=["slide"]
# ## What differs, and why
#
# | | paper says | we ran |
# |---|---|---|
# | network | Inception-ResNet-v2, start and size not stated | timm's, ImageNet start, 299 pixels at `paper`; else the badge's |
# | classes | melanoma or not | three on ISIC, two on `lesionsim`; melanoma against the rest |
# | imbalance | named, nothing done about it | nothing done about it |
# | augmentation | none | none |
# | training | batches of 32, 100 epochs, optimizer not stated | Adam, one-cycle; batches of 32 and 100 epochs at `paper` |
# | epoch | best on validation | last |
# | test labels | the challenge's | inferred from their order in our copy of the images |
# | uncertainty | none | over seeds for ours; over images for both |
# | "dermoscopic features" | "can be seen" | share of the change inside the lesion; order of the copies |

# %% [markdown] tags=["slide"]
# ## Summary
#
# The area under the ROC curve is how often a melanoma gets a higher score than another lesion, and the
# number of melanomas sets its error. Two networks that are judged on the same images share their luck, so
# what a gain is worth depends on the correlation of the two areas, which has to be measured. A trial of
# SIGN needs images alone, shown as often, beside it.

# %% tags=["fragment-slide", "hide-input"]
lab.summary(
    lab.difference_in_words(
        pairs["less images alone"], "SIGN", "images alone", "auc"
    ),
    claims=["SG10"],
)

# %% [markdown]
# ## Exercises
#
# ```{exercise} How many melanomas?
# :label: ex-sign-04-many
# Let the true gain be .0176, the areas be correlated by .8, and one patient in five have a melanoma. How many
# must be in a test set so that the gain leaves its 95 % interval four times out of five? Use {eq}`sign-04-gap` with `area_se`; four
# times out of five means a true gain of 2.8 standard errors.
# ```
#
# ```{solution-start} ex-sign-04-many
# :class: dropdown
# ```


# %%
def melanomas_needed(gain, correlation, standard_errors=2.8):
    for m in range(10, 100_000, 10):
        one, two = (lesions.area_se(a, m, 4 * m) for a in both)
        if gain > standard_errors * lesions.gap_se(one, two, correlation):
            return m


enough = melanomas_needed(gains["test"], 0.8)
assert 8 * 117 > enough > 5 * 117
assert melanomas_needed(gains["test"], 0.9) < 0.6 * enough
print(f"{enough} melanomas, in {5 * enough} images")

# %% [markdown]
# The error shrinks with the root of the number of melanomas: half the error takes four times as many. A
# larger $r$ is cheaper. That is why one compares networks on the same images, from the same start, with the
# same order of batches.
#
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} Which score?
# :label: ex-sign-04-score
# A network with three classes gives three logits. Someone ranks lesions by the logit of melanoma instead of its log-odds. Is that the
# same order? And by the probability of melanoma? Find a reason or two images.
# ```
#
# ```{solution-start} ex-sign-04-score
# :class: dropdown
# ```

# %%
logits = torch.randn(1000, 3, generator=torch.Generator().manual_seed(0))
odds = lesions.log_odds(logits)
assert odds.argsort().equal(logits.double().softmax(1)[:, 1].argsort())
pair = torch.tensor([[0.0, 1.0, 0.0], [5.0, 2.0, 0.0]])
assert pair[1, 1] > pair[0, 1]
assert lesions.log_odds(pair)[1] < lesions.log_odds(pair)[0]
print("probability: the same order; logit: another")

# %% [markdown]
# Log-odds are $\log \frac{p}{1 - p}$, and rise with $p$: an area knows only the order, so the two are one. A
# logit alone says nothing until it is compared with the others. With *two* classes log-odds are the
# difference of two logits, which again is not one of them.
#
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} How many coins?
# :label: ex-sign-04-coins
# If all 56,511 pairs of the test set were independent, what would the standard error of .7611 be? How many independent pairs
# carry as much as the 600 images do?
# ```
#
# ```{solution-start} ex-sign-04-coins
# :class: dropdown
# ```

# %%
area, error = both[0], errors["test"][0]
m, n = sizes["test"]
as_coins = (area * (1 - area) / (m * n)) ** 0.5
worth = area * (1 - area) / error**2
assert error > 10 * as_coins
assert m < worth < m + n
print(f"{as_coins:.4f} in place of {error:.4f}; {worth:.0f} coins")

# %% [markdown]
# Fifteen times too small. The test set is worth about 240 tosses: more than it has melanomas, fewer than it
# has images. Whoever puts all pairs into a test for shares will find any difference significant.
#
# ```{solution-end}
# ```

# %% [markdown]
# ## Further reading
#
# - {cite:t}`hanley1982auc` for the area and its error, {cite:t}`hanley1983comparing` for two areas of the same
#   patients, {cite:t}`delong1988areas` without assumptions on the scores.
# - {cite:t}`codella2018isic` on the challenge, its three tasks and what its participants reached.
# - {cite:t}`nachbar1994abcd` on the four things that doctors look at, after which `lesionsim` is made.

# %% tags=["remove-input"]
lab.provenance(results)
