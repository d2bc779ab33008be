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
# # Softer labels, mixed images: label smoothing, distillation, mixup
#
# ```{admonition} This chapter
# :class: tip
# - **Question.** Does a network become more honest, or harder to mislead, if its labels are less certain?
# - **Covers.** Lecture 2 of `lectures`: label smoothing, knowledge distillation, mixup, mixup for GANs. Tests claims LE3 and LE4.
# - **You need.** cross-entropy and softmax; the [chapter on judging](08-judging-a-classifier) for calibration helps.
# - **Time.** 30 minutes to read; 1 minute on a laptop.
# ```
#
# A radiologist who is always a hundred per cent sure is right nineteen times in twenty. Which of her reports
# do you check? You cannot tell; they all read alike. Her colleague writes "probably", "almost certainly", "I
# would do a biopsy". He is right no more often, and of more use.
#
# A network learns from labels that say *cancer*, never *probably*. No wonder that it sounds like the first
# radiologist. And when the label was wrong, it learns that too, just as surely. This chapter softens the
# labels in two ways and measures what it buys.

# %% [markdown] tags=["notes", "remove-cell"]
# Ask: two experts look at one scan, one says tumour, one says no tumour. What label do you write into the
# training list? Collect answers (majority, drop it, one half each); half-and-half is the chapter.

# %% [markdown] tags=["slide", "live"]
# ## The claims
#
# 1. Label smoothing improves calibration (LE3).
# 2. Mixup resists corrupted labels (LE4).
# 3. A teacher trained with smoothing teaches worse, because it has *erased* what the logits say beside the
#    answer.
#
# The slides report all three from papers, and print no number for any. What they print is one example:

# %% tags=["keep_output", "hide-input"]
# nbval-check-output
from lt_lib.lab.read.published import printed


def example():
    facts = [printed(work="lectures", row=f"L2.{i}") for i in range(1, 6)]
    print("K = {}, alpha = {}: ({}, {}, {})".format(*facts))


example()

# %% [markdown]
# ## Choose what to run
#
# Embedded data are real: small scans of handwritten digits {cite}`alpaydin1998digits`, the test digits mostly by
# other writers than the training digits. `data = "real"` is CIFAR-10.

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
# ## A label that admits doubt
#
# With $K$ classes let $y$ be the one-hot label: 1 at the true class, 0 elsewhere. Label smoothing moves a
# share $\alpha$ of the certainty to the others {cite}`szegedy2016rethinking`. The slides write
#
# ```{math}
# :label: lectures-04-slide
# y^{LS} = (1 - \alpha)\, y + \frac{\alpha}{K} (\mathbf 1 - y).
# ```

# %% tags=["live"]
import torch
from torch.nn.functional import one_hot

# %% [markdown]
# ```{exercise} Find the slip
# :label: ex-lectures-04-sum
# A target is a distribution. Check the slides' own example, $K = 3$ and $\alpha = 0.005$, by {eq}`lectures-04-slide`. What is
# missing, and from which class? Mend the formula in two ways.
# ```
#
# ```{solution-start} ex-lectures-04-sum
# :class: dropdown
# ```

# %%
y, alpha, K = torch.tensor([0.0, 0.0, 1.0]), 0.005, 3
as_printed = (1 - alpha) * y + alpha / K * (1 - y)
mended = [
    (1 - alpha) * y + alpha / K,
    (1 - alpha) * y + alpha / (K - 1) * (1 - y),
]
missing = 1 - as_printed.sum().item()
assert abs(missing - alpha / K) < 1e-6
assert all(abs(m.sum() - 1) < 1e-6 for m in mended)
assert not torch.equal(*mended)
print(f"sum {as_printed.sum():.4f}, missing {missing:.4f}")

# %% [markdown]
# It sums to $1 - \alpha/K$. Of the share $\alpha$ that the true class gives away, cut into $K$ pieces, the
# $\mathbf 1 - y$ hands out only $K - 1$. Either the true class takes its piece back (the standard form, with
# $\mathbf 1$ for $\mathbf 1 - y$), or $\alpha$ is cut into $K - 1$ pieces.
#
# ```{solution-end}
# ```

# %% [markdown] tags=["slide", "live"]
# ### Three variants
#
# | | target | sum |
# |---|---|---|
# | standard | $(1-\alpha)\, y + \frac{\alpha}{K}\mathbf 1$ | 1 |
# | slide | $(1-\alpha)\, y + \frac{\alpha}{K}(\mathbf 1 - y)$ | $1 - \frac{\alpha}{K}$ |
# | off-class | $(1-\alpha)\, y + \frac{\alpha}{K-1}(\mathbf 1 - y)$ | 1 |

# %% tags=["keep_output", "fragment-slide", "live"]
# nbval-check-output
from lt_lib.losses import smooth_labels

third = torch.tensor([2])
for variant in ("standard", "slide", "off-class"):
    soft = smooth_labels(third, 3, 0.005, variant)[0]
    print(
        f"{variant:10}",
        *(f"{v:.4f}" for v in soft),
        f" sum {soft.sum():.4f}",
    )

# %% [markdown]
# Does the slip matter? As a target, hardly. Cross-entropy with a target $t$ that does not sum to one is that
# with $t$ over its sum, times the sum, a constant. So the slides' formula *is* off-class smoothing with a
# slightly smaller $\alpha$ and a slightly smaller learning rate (an exercise below). Whoever reads the row as
# probabilities, or takes its entropy, gets a wrong number.

# %% [markdown] tags=["slide", "live"]
# ### A ceiling
#
# The loss is smallest where the answer equals the target. Hard labels put that place at infinity: $p = 1$
# needs an infinite lead of the true logit. Smoothed ones ask for a finite lead:
#
# ```{math}
# :label: lectures-04-lead
# z_y - z_k = \ln\Bigl(1 + \frac{K (1-\alpha)}{\alpha}\Bigr), \qquad p_y = 1 - \alpha + \frac{\alpha}{K}.
# ```

# %% tags=["keep_output", "fragment-slide", "live"]
# nbval-check-output
from math import log

for alpha in (0.02, 0.1, 0.3):
    lead = log(1 + 10 * (1 - alpha) / alpha)
    print(
        f"K = 10, alpha = {alpha}: lead {lead:.2f}, "
        f"confidence {1 - alpha + alpha / 10:.3f}"
    )

# %% [markdown]
# Keep the second number in mind. A network that follows its labels with $\alpha = 0.1$ never says more than 0.91. If it is
# right 96 times in 100, that is modesty beyond the facts.

# %% [markdown] tags=["slide"]
# ## Train
#
# The same network, images and order; only the targets differ:
#
# - clean labels: hard, smoothed with $\alpha$ of 0.02 and 0.1, the slides' formula, mixup;
# - 40 % wrong labels: hard, smoothed, mixup, dropout, mixup and dropout;
# - three students.
#
# Everything for several seeds, paired.

# %%
from lt_lib.lab import strongest

runs = lab.run("lectures-targets", **options)
best = strongest(runs)


def rows(records, key):
    return [r for r in records if r.key == key]


# %% [markdown]
# `best` is the strongest evidence there is: the records that came with the book if they cover every row, else
# this run. Each figure says which.

# %% [markdown] tags=["slide"]
# ## Does it mean what it says?
#
# Sort the test images by confidence, the largest probability. Of those announced with 0.8, are eight in ten
# right? Cut into bins $b$ and average the gaps {cite}`guo2017calibration`:
#
# ```{math}
# :label: lectures-04-ece
# \text{ECE} = \sum_b \frac{n_b}{N}\, \bigl| \text{acc}_b - \text{conf}_b \bigr| .
# ```

# %% tags=["slide"] mystnb={"figure": {"name": "fig-lectures-04-reliability", "caption": "Reliability of three networks on the test images, in 15 bins, seeds together; below, the share of images in each bin. Below the diagonal: too sure. Above: too modest. Sparse bins jump."}, "image": {"alt": "Three columns, one for hard labels and two for smoothed ones: above, the share right over confidence beside a diagonal; below, bars of the share of images in each bin."}}
targets = {
    "hard labels": rows(best, "hard"),
    "smoothed, 0.02": rows(best, "smoothed-mildly"),
    "smoothed, 0.1": rows(best, "smoothed"),
}
lab.figure("reliability-bins", targets)

# %% [markdown]
# What a curve does where a bin is nearly empty, a handful of images decides. On average over all images, how
# sure is each network, and how often right?


# %%
def sure(record):
    bins = record.history["learners"][0]
    return sum(bins["bin_confidence"]) / sum(bins["bin_count"])


print(lab.badge(targets))
for name, found in targets.items():
    gap = lab.estimate(sure(r) - r.metric() for r in found)
    said = lab.in_words("confidence", "the share right", gap)
    print(f"{name}: says {lab.estimate(map(sure, found))}; {said}")

# %% [markdown]
# The ceiling that {eq}`lectures-04-lead` gives for $\alpha = 0.1$ is 0.91.

# %% [markdown]
# ### How many bins?
#
# ECE is not a property of the network alone. More bins, more gaps that no longer cancel, more bins with three
# images whose share right is chance:

# %% mystnb={"figure": {"name": "fig-lectures-04-bins", "caption": "ECE of the same answers over the number of bins: mean over seeds, the range as a band."}, "image": {"alt": "Three curves of ECE over the number of bins, each with a band: hard labels, smoothing with 0.02, smoothing with 0.1."}}
lab.figure("ece-bins", targets)

# %% [markdown]
# So an ECE without its number of bins is half a number, and two that differ by a hundredth may trade places.
# Ours have 15 equal bins, here and in all records.

# %% [markdown] tags=["slide"]
# ### The plain alternative
#
# Leave the labels hard. When all is trained, divide every logit by one number $T$, chosen on validation
# images
# {cite}`guo2017calibration`:
#
# ```{math}
# :label: lectures-04-temperature
# T^* = \arg\min_T\; -\frac1V \sum_{i=1}^{V} \ln \operatorname{softmax}(z_i / T)_{y_i} .
# ```
#
# No answer changes, only how sure it sounds. $T > 1$ tones down, $T < 1$ speaks up.

# %% tags=["slide"] mystnb={"figure": {"name": "fig-lectures-04-temperature", "caption": "ECE (15 bins) and cross-entropy on the test images, as trained and after temperature scaling on the validation images; mean over seeds with 95 % intervals."}, "image": {"alt": "Two panels, ECE and cross-entropy, with four lines each: hard labels, two smoothings, mixup; two marks a line, as trained and after temperature scaling."}}
shown = targets | {"mixup": rows(best, "mixup")}
lab.figure("temperature-dots", shown)

# %%
print(lab.badge(shown))
for name, found in shown.items():
    heat = lab.estimate(r.metric("temperature") for r in found)
    print(f"{name:15} T = {heat}")

# %% [markdown]
# A temperature is above one for who was too sure, below for who was too modest. One caution: the validation
# digits come from the writers of the training digits, the test digits mostly from others. A temperature is as good as its validation
# images are like tomorrow's patients.

# %% [markdown] tags=["slide"]
# ### Claim LE3, judged
#
# ECE with smoothing minus ECE without, paired over seeds; negative is better. Twice: with clean labels, and with
# 40 % wrong training labels (more of them below).

# %% tags=["fragment-slide"] mystnb={"figure": {"name": "fig-lectures-04-le3", "caption": "ECE minus that of hard labels, as trained, paired over seeds, with 95 % intervals. Left of zero: better calibrated. Hollow: not the setting of the papers."}, "image": {"alt": "Four horizontal intervals beside a line at zero: smoothing with 0.02, with 0.1, with 0.1 in the slides' form, and with 0.1 at 40 % wrong labels."}}
hard = rows(runs, "hard")
lab.figure(
    "differences",
    {
        "smoothed, 0.02": (rows(runs, "smoothed-mildly"), hard),
        "smoothed, 0.1": (rows(runs, "smoothed"), hard),
        "0.1, as on the slide": (rows(runs, "smoothed-slide"), hard),
        "0.1, 40 % wrong": (
            rows(runs, "smoothed-40"),
            rows(runs, "hard-40"),
        ),
    },
    metric="ece",
)


# %%
def word(gap, less, more):
    if gap.half is None or abs(gap.mean) <= gap.half:
        return "cannot tell"
    return more if gap.mean > 0 else less


def against(key, base, metric, words, selection="last"):
    gap = lab.difference(
        rows(best, key), rows(best, base), metric, selection
    )
    print(f"{key:20} {metric:10} {gap!s:>16}  {word(gap, *words)}")


# %% tags=["fragment-slide"]
for key, base in (
    ("smoothed-mildly", "hard"),
    ("smoothed", "hard"),
    ("smoothed-40", "hard-40"),
):
    for metric in ("ece", "ece_scaled", "nll"):
        against(key, base, metric, ("better", "worse"))
    against(key, base, "accuracy", ("worse", "better"))

# %% [markdown]
# Read the blocks with {eq}`lectures-04-lead` in mind. **Smoothing lowers confidence**, towards its ceiling. That
# helps whoever was too sure and harms whoever was not, so LE3 cannot be a law. The papers' networks err on one
# image in four or five; there 0.91 is a high ceiling. For a network that is right 96 times in 100 it is low.
#
# The lines of `ece_scaled` say what temperature scaling leaves of the difference. What smoothing does for the
# *answers* is a separate question, and the accuracy line its answer.

# %% [markdown] tags=["notes", "remove-cell"]
# This is the moment to say that a result against the claim is a result. Ask which single number they would
# need to know in advance to choose alpha. (The test error. Then ask what one does who does not know it: a
# temperature.)

# %% [markdown] tags=["slide"]
# ## A teacher's asides
#
# A large network knows more than its answer. "A seven, and if not, then a one" is worth more to a student
# than "a seven". *Distillation* trains a small network on the probabilities of a large one, both softened by
# a temperature $T$
# {cite}`hinton2015distilling`:
#
# ```{math}
# :label: lectures-04-distil
# \ell = T^2\, \mathrm{KL}\bigl( \operatorname{softmax}(z^{\text{teacher}}/T) \,\big\|\, \operatorname{softmax}(z^{\text{student}}/T) \bigr).
# ```

# %% [markdown]
# Now smooth the teacher's labels. They say of every seven: all other digits alike. Does the teacher then
# forget its asides? The slides say so, after {cite:t}`muller2019smoothing`, who show it in pictures. Two
# numbers for it, on the training images:
#
# - **tightness**: of the variance of the features before the last layer, the share *within* classes;
# - **resemblance**: how much the logits of the other classes still vary from image to image of one class, in
#   units of the lead of the true class. Zero means that every seven looks the same to the network.

# %% tags=["slide"] mystnb={"figure": {"name": "fig-lectures-04-erased", "caption": "What is left of the differences between images of one class, by how the targets were made: mean over seeds with 95 % intervals. Both numbers are ours, for what the paper shows in pictures."}, "image": {"alt": "Two panels, tightness and resemblance, each with an interval for hard labels, two smoothings, and mixup."}}
lab.figure("erased-dots", shown)

# %% [markdown]
# (Mixup's targets differ from image to image; it has no reason to erase.) In words:

# %%
hard_best = rows(best, "hard")
erased = {
    f"alpha {a}": (shown[f"smoothed, {a}"], hard_best) for a in (0.02, 0.1)
}
for metric in ("tightness", "resemblance"):
    print(lab.differences_in_words(erased, "smoothed", "hard", metric))

# %% [markdown]
# And the consequence? A student of half the width learns alone, from a hard teacher, and from a smoothed one:

# %%
for metric in ("accuracy", "nll_scaled"):
    for key in ("student", "student-of-hard", "student-of-smoothed"):
        found = lab.estimate(r.metric(metric) for r in rows(best, key))
        print(f"{key:20} {metric:10} {found}")

# %% mystnb={"figure": {"name": "fig-lectures-04-students", "caption": "Test accuracy of students, paired over seeds, with 95 % intervals."}, "image": {"alt": "Three horizontal intervals beside a line at zero: the hard teacher's student and the smoothed teacher's student, each minus the student alone, and the smoothed teacher's student minus the hard teacher's."}}
alone, of_hard, of_smoothed = (
    rows(runs, f"student{suffix}")
    for suffix in ("", "-of-hard", "-of-smoothed")
)
lab.figure(
    "differences",
    {
        "hard teacher − alone": (of_hard, alone),
        "smoothed teacher − alone": (of_smoothed, alone),
        "smoothed − hard teacher": (of_smoothed, of_hard),
    },
)

# %%
taught = {
    "hard teacher": (of_hard, alone),
    "smoothed teacher": (of_smoothed, alone),
}
print(lab.differences_in_words(taught, "its student", "the student alone"))
rivals = {"against each other": (of_smoothed, of_hard)}
print(lab.differences_in_words(rivals, "smoothed", "hard"))

# %% [markdown]
# The last line is the claim's. A smoothed teacher has less to say; but its student is also a smoothed student,
# and on a thousand digits that may be worth more than the asides of a teacher who knows all its training images
# by heart. Müller and colleagues had larger sets, where teachers still have doubts.

# %% [markdown] tags=["slide", "live"]
# ## Between two images
#
# Training asks about the training images. Between them a network may do as it likes. *Mixup* asks there, too
# {cite}`zhang2018mixup`:
#
# ```{math}
# :label: lectures-04-mixup
# \tilde x = \lambda x + (1 - \lambda) x', \qquad
# \tilde y = \lambda y + (1 - \lambda) y', \qquad
# \lambda \sim \text{Beta}(\alpha, \alpha).
# ```
#
# Two images of the batch, one on top of the other; two labels in the same proportion.

# %% tags=["live", "slide"] mystnb={"figure": {"name": "fig-lectures-04-digits", "caption": "A three turns into an eight, and its label with it. Real digits (scikit-learn); computed, no training."}, "image": {"alt": "Five grey pictures from a clear three by way of overlays to a clear eight, each above a bar chart of its target: one bar at 3, then two bars of changing height, then one bar at 8."}}
from sklearn.datasets import load_digits

from lt_lib.mixup import draw_lam, mixup

digits = load_digits()
images = torch.tensor(digits.images[[3, 8]]).float()
labels = one_hot(torch.tensor(digits.target[[3, 8]]), 10).float()
shares = [1.0, 0.75, 0.5, 0.25, 0.0]
mixed = [mixup(images, labels, lam, torch.tensor([1, 0])) for lam in shares]
lab.figure(
    "mixed-images",
    torch.stack([x[0] for x, _ in mixed]),
    torch.stack([y[0] for _, y in mixed]),
    shares,
)

# %% [markdown]
# Nobody will ever see such a picture in a clinic. That is not the point; the straight line between the two
# is. How much is mixed depends on $\alpha$. How often is one image nearly alone, with the other below five
# per cent?

# %% tags=["keep_output", "live"]
# nbval-check-output
from scipy.stats import beta

for alpha in (0.1, 0.4, 1, 8):
    alone_share = 2 * beta(alpha, alpha).cdf(0.05)
    print(f"alpha = {alpha:3}: nearly unmixed {alone_share:6.1%}")

# %% [markdown]
# The values that the slides recommend for ImageNet, 0.1 to 0.4, leave much unmixed.

# %% [markdown]
# ```{exercise} At zero
# :label: ex-lectures-04-zero
# The slides admit $\alpha = 0$, where the density of the Beta distribution does not exist. Draw from Beta$(\alpha, \alpha)$ for
# $\alpha$ of 1, 0.1, 0.01 and 0.001 and count how often $\lambda$ lies within 0.01 of 0 or 1. What is the limit, and which
# well-known method is it?
# ```
#
# ```{solution-start} ex-lectures-04-zero
# :class: dropdown
# ```

# %%
chance = torch.Generator().manual_seed(0)
ends = []
for alpha in (1, 0.1, 0.01, 0.001):
    lam = draw_lam(alpha, chance, 10_000)
    ends.append(((lam - 0.5).abs() > 0.49).float().mean().item())
limit = draw_lam(0, chance, 10_000)
assert ends == sorted(ends) and ends[0] < 0.03 and ends[-1] > 0.98
assert (limit == 1).all()
print([round(share, 3) for share in ends])

# %% [markdown]
# A coin: $\lambda$ is 0 or 1, and the mixed image is one of the two, whole, with its own label. That is
# training without mixup, empirical risk minimisation. Our `draw_lam` returns this limit for $\alpha = 0$ (as
# $\lambda = 1$; which of two random images is kept makes no difference).
#
# ```{solution-end}
# ```

# %% [markdown] tags=["slide", "live"]
# ### In the plane
#
# Forty points of two interlocked half-moons, some astray. The same network, 600 steps, without and with
# mixup:


# %% tags=["live"]
from sklearn.datasets import make_moons
from torch import nn
from torch.nn.functional import cross_entropy


def moons(n, seed):
    x, y = make_moons(n, noise=0.3, random_state=seed)
    centred = torch.tensor(x).float() - torch.tensor([0.5, 0.25])
    return centred / torch.tensor([0.9, 0.6]), torch.tensor(y)


def plane_network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(2, 64),
        nn.ReLU(),
        nn.Linear(64, 64),
        nn.ReLU(),
        nn.Linear(64, 2),
    )


# %% tags=["live"]
def fit(alpha, x, y, steps=600, seed=0):
    net = plane_network(seed)
    chance = torch.Generator().manual_seed(seed)
    adam = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(steps):
        partners = torch.randperm(len(x), generator=chance)
        mixed_x, mixed_y = mixup(
            x, one_hot(y, 2).float(), draw_lam(alpha, chance), partners
        )
        adam.zero_grad()
        cross_entropy(net(mixed_x), mixed_y).backward()
        adam.step()
    return net


# %% tags=["live"]
points, kinds = moons(40, seed=0)
fresh, fresh_kinds = moons(4000, seed=1)
nets = {f"alpha = {alpha}": fit(alpha, points, kinds) for alpha in (0, 1)}


def report(net, x, y):
    p = net(x).softmax(1)
    right = (p.argmax(1) == y).float().mean().item()
    return right, p.max(1).values.mean().item()


# %% tags=["live", "fragment-slide"] mystnb={"figure": {"name": "fig-lectures-04-plane", "caption": "Probability of the class of the triangles without mixup (alpha 0) and with it (alpha 1), and the 40 training points. Computed on the spot; a toy."}, "image": {"alt": "Two maps of a plane. Without mixup it is cut into areas of full certainty with sharp, winding borders around single points. With mixup colours pass gradually into each other and the border runs smoothly, leaving some points on the wrong side."}}
lab.figure("certainty-maps", nets, points, kinds)

# %% tags=["live"]
for name, net in nets.items():
    for where, (x, y) in {
        "training": (points, kinds),
        "new": (fresh, fresh_kinds),
    }.items():
        right, sure = report(net, x, y)
        print(
            f"{name}, {where:8} points: {right:.2f} right, {sure:.2f} sure"
        )
too_sure = [
    sure - right
    for right, sure in (
        report(net, fresh, fresh_kinds) for net in nets.values()
    )
]
assert abs(too_sure[1]) < abs(too_sure[0])

# %% [markdown]
# Without mixup every stray point gets an island of certainty. With it the islands are gone and the colours
# fade; also some points of its own training set are answered "wrong". Whether the new points gain is a matter
# of luck with forty points; what is safe is that certainty and success have moved closer together.

# %% [markdown] tags=["slide"]
# ## Wrong labels
#
# Four labels in ten are replaced by a wrong class. Validation and test labels stay true. A stray point with
# an island of its own is a wrong label learned by heart, so {numref}`fig-lectures-04-plane` predicts: mixup
# should resist.

# %% tags=["fragment-slide"] mystnb={"figure": {"name": "fig-lectures-04-memory", "caption": "40 % wrong labels: above, the share of the wrong labels that the network answers as given; below, accuracy on the test images, whose labels are true. Mean over seeds, the range as a band; dotted: chance."}, "image": {"alt": "Two panels over epochs with four curves each, hard labels, mixup, dropout and both: above, the share of wrong labels learned; below, test accuracy."}}
noisy = {
    "hard labels": rows(best, "hard-40"),
    "mixup": rows(best, "mixup-40"),
    "dropout": rows(best, "dropout-40"),
    "both": rows(best, "mixup-dropout-40"),
}
lab.figure("memorisation", noisy)

# %% [markdown]
# Read the two panels of {numref}`fig-lectures-04-memory` together. What most images of a class have in common can
# be learned although four in ten labels lie. When it is learned, nothing is left to learn but the lies, one by
# one, and each is paid for below. Mixup makes that dear: a wrong label never comes alone, but with another image
# each time. It does not forbid it.

# %%
print(lab.badge(noisy))
for name, found in noisy.items():
    learned, found_out = (
        lab.estimate(r.metric(m) for r in found)
        for m in ("memorised", "recovered")
    )
    print(
        f"{name:12} wrong labels answered as given {learned}, "
        f"as true {found_out}"
    )

# %% [markdown]
# The last column deserves a second look. *As true* means that the network, asked about a training image whose
# label was wrong, gives the right answer all the same: it has corrected its teacher.

# %% [markdown] tags=["slide"]
# ### Claim LE4, judged
#
# Accuracy on test images, whose labels are true, after the last epoch.

# %%
lab.compare([r for r in runs if r.key.endswith("-40")])

# %% tags=["fragment-slide"] mystnb={"figure": {"name": "fig-lectures-04-le4", "caption": "Test accuracy after the last epoch with 40 % wrong labels, minus that of hard labels without any remedy, paired over seeds, with 95 % intervals."}, "image": {"alt": "Three horizontal intervals beside a line at zero: mixup, dropout, and both together."}}
noisy_runs = rows(runs, "hard-40")
lab.figure(
    "differences",
    {
        name: (rows(runs, f"{key}-40"), noisy_runs)
        for name, key in {
            "mixup": "mixup",
            "dropout": "dropout",
            "both": "mixup-dropout",
        }.items()
    },
)

# %% tags=["fragment-slide"]
for selection in ("last", "best_on_val"):
    print(f"selection: {selection}")
    for key in ("mixup-40", "dropout-40", "mixup-dropout-40"):
        against(key, "hard-40", "accuracy", ("worse", "better"), selection)

# %% [markdown]
# The first block is LE4, and the slides' remark that mixup and dropout together do better. The second is its
# rival. Whoever keeps validation images with *true* labels can stop at the epoch that does best on them, and
# stopping early also leaves the lies unlearned. Mixup's merit is that it needs no such images.

# %% [markdown] tags=["notes", "remove-cell"]
# A good question for the room: where would true validation labels come from, if 40 % of the others are wrong?
# A second reading by two experts of a hundred scans is affordable; of fifty thousand it is not.

# %% [markdown] tags=["slide"]
# ## Mixup for a forger and a judge
#
# In a GAN, $D$ judges whether a point is real (1) or made by $G$ (0). With mixup it would be asked *how much*
# of a mixture is real. The slides:
#
# ```{math}
# :label: lectures-04-game
# \max_G \min_D\; \mathbb E\, \ell\bigl( D(x + (1 - \lambda)\, G(z)),\, \lambda \bigr).
# ```

# %% [markdown]
# ```{exercise} Find the slip
# :label: ex-lectures-04-game
# Put $\lambda = 0$ and $\lambda = 1$ into the mixture of {eq}`lectures-04-game`. When does $D$ see a point of $G$? Then find
# the best $G$: a loss of $\ln 2$ on average is the most that $G$ can force, as $D = \frac12$ always has it if $\lambda$ is
# symmetric. Train $D$ against a $G$ that copies the real points, and against one that always makes zero, with the slides'
# mixture and with the right one.
# ```

# %%
from torch.nn.functional import binary_cross_entropy_with_logits


def real_points(n, chance):
    shape = torch.tensor([[0.6, 0.25], [0.0, 0.25]])
    noise = torch.randn(n, 2, generator=chance)
    return torch.tensor([2.0, 1.0]) + noise @ shape


def judge(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(2, 32),
        nn.Tanh(),
        nn.Linear(32, 32),
        nn.Tanh(),
        nn.Linear(32, 1),
    )


def slide_mixture(real, made, lam):
    return real + (1 - lam) * made


def game_loss(d, mixture, real, made, lam):
    mixed = mixture(real, made, lam)
    return binary_cross_entropy_with_logits(d(mixed), lam)


# %%
def judge_against(made, mixture, steps=300, n=512):
    """Loss of a judge after training against a fixed forger."""
    d, chance = judge(), torch.Generator().manual_seed(0)
    adam, losses = torch.optim.Adam(d.parameters(), lr=0.01), []
    for _ in range(steps):
        loss = game_loss(
            d,
            mixture,
            real_points(n, chance),
            made(n, chance),
            torch.rand(n, 1, generator=chance),
        )
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(loss.item())
    return sum(losses[-50:]) / 50


# %% [markdown]
# ```{solution-start} ex-lectures-04-game
# :class: dropdown
# ```


# %%
def right_mixture(real, made, lam):
    return lam * real + (1 - lam) * made


def zeros(n, chance):
    return torch.zeros(n, 2)


losses = {
    (mixture.__name__, made.__name__): judge_against(made, mixture)
    for mixture in (slide_mixture, right_mixture)
    for made in (real_points, zeros)
}
win = log(2)
assert abs(losses["right_mixture", "real_points"] - win) < 0.01
assert abs(losses["slide_mixture", "zeros"] - win) < 0.01
assert losses["slide_mixture", "real_points"] < win - 0.03
assert losses["right_mixture", "zeros"] < win - 0.03
for (mixture, made), loss in losses.items():
    print(f"{mixture:13} G makes {made:11} loss of D {loss:.3f}")

# %% [markdown]
# At $\lambda = 1$ the mixture is $x$, at $\lambda = 0$ it is $x + G(z)$: never $G(z)$. $D$ learns to tell
# real points from *shifted* real points, and the forger who shifts by nothing cannot be told. The missing
# factor is a $\lambda$ before $x$, in both places where the slides write the mixture: $\lambda x +
# (1-\lambda) G(z)$. With it, a $G$ that copies wins: exchange the two points and $\lambda$ for $1 - \lambda$,
# and nothing has changed.
#
# ```{solution-end}
# ```

# %% [markdown] tags=["slide"]
# ### Let both play
#
# A forger that may move, turn and stretch a cloud of noise, against the judge, in both games:


# %%
def play(mixture, steps=1000, n=256, lr=0.005):
    d, g = judge(), nn.Linear(2, 2)
    chance = torch.Generator().manual_seed(0)
    nn.init.eye_(g.weight).data.mul_(0.3)
    g.bias.data = torch.tensor([-1.0, 2.0])
    adams = [
        torch.optim.Adam(m.parameters(), lr, betas=(0.5, 0.9))
        for m in (d, g)
    ]
    way = [g.bias.detach().clone()]
    for step in range(2 * steps):  # D and G in turn
        sign = 1 if step % 2 == 0 else -1
        real, noise = (
            real_points(n, chance),
            torch.randn(n, 2, generator=chance),
        )
        share = torch.rand(n, 1, generator=chance)
        loss = sign * game_loss(d, mixture, real, g(noise), share)
        for adam in adams:
            adam.zero_grad()
        loss.backward()
        adams[step % 2].step()
        way.append(g.bias.detach().clone())
    made = g(torch.randn(150, 2, generator=chance)).detach()
    return made, torch.stack(way)


# %% tags=["fragment-slide"] mystnb={"figure": {"name": "fig-lectures-04-games", "caption": "A forger's points after 1000 turns of the two games, from the same start (cross), and the way of their mean. Computed on the spot; a toy."}, "image": {"alt": "A grey cloud of real points around (2, 1). From a cross at (-1, 2) one path leads into the cloud, and its triangles lie in it; the other, dashed, leads to the origin, where all its squares lie on one spot."}}
def mended(real, made, lam):
    return lam * real + (1 - lam) * made


forged = {
    "right mixture": play(mended),
    "slide's mixture": play(slide_mixture),
}
real = real_points(150, torch.Generator().manual_seed(5))
lab.figure("mixup-games", real, forged)

# %% [markdown]
# Played to the letter, the slides' game teaches the forger to make nothing: a black image, whatever the
# noise. No message tells of it. The losses look like those of any GAN in equilibrium, and $\ln 2$ is what the
# textbook promises at the end.

# %% [markdown]
# ## What differs, and why
#
# | | slides say | correct | we ran |
# |---|---|---|---|
# | smoothed label | $(1-\alpha)y + \frac{\alpha}{K}(\mathbf 1 - y)$ | sums to $1 - \alpha/K$; $\mathbf 1$ for $\mathbf 1 - y$ | all three variants; two trained |
# | its example | (0.0017, 0.0017, 0.995) | (0.0017, 0.0017, 0.9967) | both |
# | $\alpha$ of mixup | $[0, \infty)$ | above 0; 0 as a limit | 1; 0 returns no mixing |
# | mixture for a GAN | $x + (1-\lambda) G(z)$ | $\lambda x + (1-\lambda) G(z)$ | both |
# | LE3 | smoothing improves calibration | if the network was too sure | two $\alpha$; ECE with 15 bins, before and after a temperature |
# | LE4 | helps with corrupted labels | | 40 % of them; last epoch, and validation-selected |
# | dropout | with mixup | inside the blocks of a residual network, in the paper | before the last layer |
# | distillation | hurt by a smoothed teacher | | student half as wide, $T = 2$, no true labels |
# | outline | "label switching" | label smoothing | |

# %% [markdown] tags=["slide"]
# ## Summary
#
# Label smoothing gives a share of the target to the other classes and so puts a ceiling on confidence,
# which helps a network that is too sure and harms one that is too modest. A temperature, fitted on
# validation images, changes how sure a network sounds and none of its answers. Mixup trains on the line
# between two images and the line between their labels, so that a wrong label hardly comes twice with the
# same picture.

# %% tags=["fragment-slide", "hide-input"]
lab.summary(claims=["LE3", "LE4"])

# %% [markdown]
# ## Exercises
#
# ```{exercise} In disguise
# :label: ex-lectures-04-disguise
# Divide the slides' target by its sum. Which $\alpha'$ makes off-class smoothing the same? How much smaller is it, for $K = 10$
# and $\alpha = 0.1$, and which $\alpha$ makes *standard* smoothing the same?
# ```
#
# ```{solution-start} ex-lectures-04-disguise
# :class: dropdown
# ```

# %%
K, alpha = 10, 0.1
label = torch.tensor([4])
slide = smooth_labels(label, K, alpha, "slide")
off = alpha * (K - 1) / (K - alpha)
standard = off * K / (K - 1)
twin = smooth_labels(label, K, off, "off-class")
other = smooth_labels(label, K, standard)
assert torch.allclose(slide / slide.sum(), twin)
assert torch.allclose(slide / slide.sum(), other)
print(f"off-class {off:.4f}, standard {standard:.4f}")

# %% [markdown]
# The others hold $\alpha (K-1)/K$ of the mass, over a sum of $1 - \alpha/K$: $\alpha' = \alpha
# (K-1)/(K-\alpha)$. For the standard form it is $\alpha K / (K - \alpha)$: 0.101 in place of 0.1. So the two
# can hardly differ in
# {numref}`fig-lectures-04-le3`. With two classes and a large $\alpha$ it would show.
#
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} Two readers
# :label: ex-lectures-04-readers
# Of ten readers, seven call a lump malignant. Write it into the training list (a) ten times, each with one reader's label; (b)
# once, with target (0.3, 0.7). Which single logit minimises each loss? And (c), once with the majority's label and smoothing of
# 0.1?
# ```
#
# ```{solution-start} ex-lectures-04-readers
# :class: dropdown
# ```

# %%
from scipy.optimize import minimize_scalar


def best_probability(targets):
    def loss(z):
        logits = torch.tensor([[0.0, z]]).expand(len(targets), 2)
        return cross_entropy(logits, targets).item()

    z = minimize_scalar(loss, bounds=(-9, 9), method="bounded").x
    return torch.sigmoid(torch.tensor(z)).item()


votes = one_hot(torch.tensor([1] * 7 + [0] * 3), 2).float()
ten_times = best_probability(votes)
once = best_probability(votes.mean(0, keepdim=True))
smoothed = best_probability(smooth_labels(torch.tensor([1]), 2, 0.1))
assert abs(ten_times - 0.7) < 1e-3 and abs(once - 0.7) < 1e-3
assert abs(smoothed - 0.95) < 1e-3
print(f"{ten_times:.2f}, {once:.2f}, smoothed {smoothed:.2f}")

# %% [markdown]
# (a) and (b) are the same loss: cross-entropy is linear in the target. Disagreement among labels *is* a soft
# label, made by people who looked at this lump; smoothing is one made by a formula that looked at none, and
# it says 0.95 of every lump. If you have the votes, keep them.
#
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} Calibrated and useless
# :label: ex-lectures-04-useless
# Make a classifier of the digits that has an ECE of nearly zero and is of no use. Make another that is always right and has an
# ECE of 0.5. What does ECE not measure?
# ```
#
# ```{solution-start} ex-lectures-04-useless
# :class: dropdown
# ```

# %%
from lt_lib.metrics import classification_report

truth = torch.tensor(digits.target)
share = torch.bincount(truth) / len(truth)
useless = share.expand(len(truth), 10)
shy = torch.full((len(truth), 10), 0.5 / 9)
shy[range(len(truth)), truth] = 0.5
dull, timid = (classification_report(p, truth) for p in (useless, shy))
assert dull["ece"] < 1e-3 and dull["accuracy"] < 0.11
assert timid["accuracy"] == 1 and abs(timid["ece"] - 0.5) < 1e-3
print(f"ECE {dull['ece']:.3f} and {timid['ece']:.3f}")

# %% [markdown]
# Who always announces the share of each class is calibrated to the last digit, and knows nothing. Calibration
# is one half of honesty; the other is to say different things of different patients. Cross-entropy rewards
# both at once, which is why it stands beside ECE in this chapter.
#
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} On foreign ground
# :label: ex-lectures-04-foreign
# Halve the way between two points of the *same* moon ($\lambda = \frac12$). Mixup labels the middle with their class. How often
# do the nearest real points say otherwise? Ask the five nearest of many moon points.
# ```
#
# ```{solution-start} ex-lectures-04-foreign
# :class: dropdown
# ```

# %%
same = fresh[fresh_kinds == 1]
chance = torch.Generator().manual_seed(0)
partners = torch.randperm(len(same), generator=chance)
middle, _ = mixup(same, torch.ones(len(same), 1), 0.5, partners)
nearest = torch.cdist(middle, fresh).topk(5, largest=False).indices
foreign = fresh_kinds[nearest].float().mean(1) < 0.5
crossed = foreign.float().mean().item()
assert 0.03 < crossed < 0.5
print(f"{crossed:.0%} of the middles lie on the other moon")

# %% [markdown]
# A moon is bent, and the chord of a bend leaves it. Some of the middles lie among points of the other class
# and are labelled against all evidence. That is the price of the straight line, and a reason why the right
# map of {numref}`fig-lectures-04-plane` misses points of its own training set. In pictures with thousands of
# pixels such accidents are rarer, for there is more room.
#
# ```{solution-end}
# ```

# %% [markdown]
# ## Further reading
#
# - {cite:t}`szegedy2016rethinking`, section 7: label smoothing on one page, in the standard form.
# - {cite:t}`muller2019smoothing`: calibration, distillation and the pictures of clusters that tighten.
# - {cite:t}`guo2017calibration`: why modern networks are too sure, and the temperature.
# - {cite:t}`zhang2018mixup`: mixup, corrupted labels and the right formula for GANs.
# - {cite:t}`hinton2015distilling`: what a teacher says beside the answer.

# %% tags=["remove-input"]
lab.provenance(runs)
