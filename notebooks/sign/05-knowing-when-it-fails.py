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
# # Knowing when it fails: doubt, noise and risk
#
# ```{admonition} This chapter
# :class: tip
# - **Question.** One network is in doubt about 26 of its right answers, another about 212. Which of them
#   knows better when it is wrong?
# - **Regenerates.** Table 2 of `sign`; tests claims SG4 and SG5.
# - **You need.** softmax and cross-entropy; calibration, from
#   [softer labels](../lectures/04-softer-labels-mixed-images).
# - **Time.** 20 minutes to read; two minutes on a laptop, seconds once the records exist.
# ```
#
# Two forecasters announce rain. In a year the first says on 212 days, rather hesitantly, that it will rain,
# and is right. The second does so on 26 days. Is the second one better?
#
# Perhaps she knows more about the weather. Perhaps she has only learned never to hesitate. The two numbers
# cannot tell, for they leave out every day on which it stayed dry.

# %% [markdown] tags=["notes", "remove-cell"]
# Let the room vote for a forecaster, then ask what they would want to know. Somebody says "how often was she
# wrong when she was sure"; that is the chapter. 2 min.

# %% [markdown] tags=["slide"]
# ## The claim
#
# {cite:t}`taghanaki_sign` give MobileNetV2 a second output, for noise, and count right answers whose
# probability is at most one half:

# %% tags=["keep_output", "hide-input", "fragment-slide"]
# nbval-check-output
from lt_lib.lab.read.published import printed, published, value


def of_table(row, kind, read=value):
    metric = {
        "doubtful": "count_correct_with_p<=0.5",
        "their p": "mean_p_of_correct_with_p<=0.5",
        "noise": "uncertainty",
    }.get(kind, kind)
    return read(work="sign", row=row, metric=metric, class_="Mean")


def line(name, row):
    kinds = ("accuracy", "doubtful", "their p", "noise")
    cells = (f"{kind} {of_table(row, kind, printed)}" for kind in kinds)
    return f"{name:9} {', '.join(cells)}"


print(*map(line, ("classical", "mixup"), ("T2.1", "T2.2")), sep="\n")
print(line("SIGN", "T2.3"))

# %% [markdown] tags=["fragment-slide"]
# Ten thousand test images, one run each. The fewer doubts, the better, says the paper, and where a network
# doubts it should report much noise.
#
# **In short.** A count of doubtful *right* answers can be lowered by multiplying all logits by two, which
# changes no answer. What a user needs is the number of wrong answers among those that the network was surest
# of. That is a curve, it is easily recorded, and it is below.

# %% tags=["parameters"]
profile = "laptop"  # smoke, laptop, overnight or paper
data = "embedded"  # embedded (digits) or real (CIFAR-10)
seeds = None  # None: as many as the profile asks for
budget = None  # minutes; None: no limit
store = None  # folder of records; None: the usual one

# %% tags=["live"]
from lt_lib import lab

options = lab.check_parameters(globals())
METHODS = {"classical": "T2.1", "mixup": "T2.2", "SIGN": "T2.3"}

# %% [markdown] tags=["slide", "live"]
# ## Two heads
#
# From the same features $\phi(x)$ come ten logits and one positive number:
#
# ```{math}
# :label: sign-05-heads
# z = W \phi(x) + b, \qquad \sigma = \log\bigl(1 + e^{w^\top \phi(x) + c}\bigr) > 0 .
# ```
#
# $\sigma$ is the size of a noise on the logits: the network may say of an image, whatever I answer here, let
# it count less. Softplus, and one $\sigma$ an image, are our reading; the paper says neither.

# %% [markdown] tags=["slide", "live"]
# ### The loss
#
# Draw the noise $T = 100$ times, average the probability of the label, take the logarithm (eq. 10 and 11 of
# the paper, after {cite:t}`kendall2017uncertainties`):
#
# ```{math}
# :label: sign-05-loss
# \ell = -\log \frac1T \sum_{t=1}^{T} \operatorname{softmax}\bigl(z + \sigma \varepsilon_t\bigr)_{y},
# \qquad \varepsilon_t \sim \mathcal N(0, I) .
# ```
#
# Under the logarithm stands a mean of tiny numbers, so `aleatoric_loss` sums exponentials with log-sum-exp.
# What noise does to the loss of one image, whose largest logit is 6 above all others:

# %% tags=["keep_output", "fragment-slide", "live"]
# nbval-check-output
import torch

from lt_lib.losses import aleatoric_loss

one = torch.zeros(1, 10)
one[0, 3] = 6
noise = torch.randn(
    10_000, 1, 10, generator=torch.Generator().manual_seed(0)
)
for size in (0.0, 1.0, 3.0, 6.0):
    right, wrong = (
        aleatoric_loss(
            one, torch.tensor([[size]]), torch.tensor([y]), noise
        )
        for y in (3, 7)
    )
    print(f"sigma {size:g}: label right {right:.1f}, wrong {wrong:.1f}")

# %% [markdown] tags=["fragment-slide", "live"]
# Noise costs where the answer is right and pays where it is wrong. In print the minus is missing, and what is
# printed is largest for the best network:

# %% tags=["hide-input", "fragment-slide"]
from textwrap import fill

from lt_lib.works.sign.audit import checks


def audited(*names):
    for name in names:
        said, found, verdict = checks(published())[name]()
        line = f"{name}, {verdict}: {said}; {found}"
        print(fill(line, 76, subsequent_indent="    "))


audited("B13")

# %% [markdown] tags=["slide"]
# ### Two knobs, one setting
#
# Say of a kind of image the label is right eight times in ten, and else any of the nine others. The best a
# network can do is to give the label a mean probability of .8. It has two knobs for that: the margin $m$ of
# its logit, and $\sigma$.

# %%
from lt_lib.works.sign.doubt import noisy_probability

margins, sigmas = torch.linspace(0, 16, 161), torch.linspace(0, 5, 26)
mean_p = torch.stack([noisy_probability(margins, s) for s in sigmas])
loss = -(0.8 * mean_p.log() + 0.2 * ((1 - mean_p) / 9).log())
best = margins[loss.argmin(1)]

# %% tags=["slide"] mystnb={"figure": {"name": "fig-sign-05-ridge", "caption": "The loss of images whose label is right eight times in ten, over the margin of its logit and the noise. Orange: where it is least, for each noise. Two thousand draws; computed, no data."}, "image": {"alt": "A map with a bright valley that rises from a margin of four without noise to the right: the more noise, the larger the margin. An orange line runs along its floor."}}
lab.figure("noise-ridge", margins, sigmas, loss, best)

# %% tags=["keep_output", "fragment-slide"]
# nbval-check-output
lowest = loss.min(1).values
assert lowest.max() - lowest.min() < 0.002
for at in (0, 10, 15, 25):
    plain = (best[at].exp() / (best[at].exp() + 9)).item()
    print(f"sigma {sigmas[at]:g}: p without noise {plain:.2f}")

# %% [markdown] tags=["fragment-slide"]
# The valley has a level floor. Where labels are wrong at random, $\sigma$ and the margin cannot be told apart
# by the loss; which point of the floor is reached is left to the way of training. Yet the $p$ that one reads
# off the logits differs along it from .8 to nearly 1. So "probability at most one half" has two readings:
# with the noise averaged in, which is what was trained, or without. The paper does not say. We count without,
# as its $\sigma^2$ near 7 would leave nobody sure otherwise ([exercise](ex-sign-05-average)).

# %% [markdown] tags=["notes", "remove-cell"]
# Ask what the loss can know about sigma. The floor of the valley answers: of images with noisy labels only
# the mean probability. Everything that is said about sigma afterwards has to be measured. 3 min.

# %% [markdown] tags=["slide", "live"]
# ## What sigma learns
#
# A case in which we know the truth. Small digits {cite}`alpaydin1998digits`; half of the training images are
# turned into negatives, and a negative gets a *random* label. No network can do better there than one in ten,
# and all it needs in order to know is to see that an image is a negative.

# %% tags=["live"]
from lt_lib.data import load

digits = load("digits8")


def part(split):
    images = torch.tensor(digits.images(split)[:, None, ..., 0])
    return images / 255, torch.tensor(digits.labels(split)).long()


(x, y), (test_x, test_y) = part("train"), part("test")
gen = torch.Generator().manual_seed(0)
negative = torch.rand(len(x), generator=gen) < 0.5
shown = torch.where(negative.view(-1, 1, 1, 1), 1 - x, x)
labels = torch.where(negative, torch.randint(10, y.shape, generator=gen), y)


# %% tags=["live"]
from lt_lib.models import TwoHeads
from lt_lib.works.sign.networks import NormCNN


def learn(images, labels, loss=aleatoric_loss, epochs=10, seed=0):
    torch.manual_seed(seed)
    net = TwoHeads(NormCNN(10, (8, 16, 32), bands=1), 10)
    adam = torch.optim.Adam(net.parameters(), lr=0.005)
    for _ in range(epochs):
        for batch in torch.randperm(len(images)).split(50):
            z, sigma = net(images[batch])
            noise = torch.randn(100, *z.shape)
            cost = loss(z, sigma, labels[batch], noise)
            adam.zero_grad(), cost.backward(), adam.step()
    return net.eval()


@torch.no_grad()
def ask(net, images):
    """Logits (N, 10) and sigma (N,), in double precision."""
    z, sigma = net(images)
    return z.double(), sigma[:, 0].double()


# %% tags=["live"]
from lt_lib.metrics import roc_auc

net = learn(shown, labels)
z, sigma = ask(net, test_x)
z_neg, sigma_neg = ask(net, 1 - test_x)
right = z.argmax(1) == test_y


def largest(logits):
    return logits.softmax(1).amax(1)


def found(score, which):
    return roc_auc(score, which.long())["auc"]


# %% tags=["fragment-slide", "live"]
is_negative = torch.arange(2 * len(z)) >= len(z)
p_both = largest(torch.cat([z, z_neg]))
tasks = {
    "negatives": (is_negative, torch.cat([sigma, sigma_neg]), -p_both),
    "wrong answers": (~right, sigma, -largest(z)),
}
medians = sigma.median(), sigma_neg.median()
print("sigma: images {:.3f}, negatives {:.3f} (medians)".format(*medians))
areas = {}
for name, (which, *scores) in tasks.items():
    areas[name] = [found(score, which) for score in scores]
    said = "by sigma {:.2f}, by probability {:.2f}".format(*areas[name])
    print(f"{name}: AUC {said}")
assert min(areas["negatives"]) > 0.9
assert areas["wrong answers"][0] < areas["wrong answers"][1]

# %% [markdown] tags=["fragment-slide", "live"]
# $\sigma$ finds the images whose labels were random, as it should: this is what *aleatoric* means, noise that
# sits in the data. The largest probability finds them as well, without a second head. And the *mistakes* that
# the network makes on ordinary images are found by the probability better than by $\sigma$. A mistake is no
# noise in the label. It is something that the network does not know, and of that, {cite:t}`kendall2017uncertainties` say,
# this $\sigma$ speaks little.
#
# Its size is another matter: far below one here, where the paper has squares near 7.

# %% [markdown]
# The public code that made such heads known trains on another loss, `aleatoric_elu_loss`
# {cite}`dorman2017bayesian`. On the same images:

# %%
from lt_lib.losses import aleatoric_elu_loss

other = learn(shown, labels, aleatoric_elu_loss)
pair = [ask(other, images)[1] for images in (test_x, 1 - test_x)]
print("images {:.3f}, negatives {:.3f}".format(*(s.median() for s in pair)))

# %% [markdown] tags=["slide"]
# ## Table 2
#
# MobileNetV2 with two heads, three ways to train; what stands in for it is in the badge.

# %%
results = lab.run("sign-table2", **options)

# %% tags=["fragment-slide"]
from lt_lib.works.sign.class_tables import by_class

by_class(results, "doubt_count", "Right answers of p up to 1/2", digits=1)

# %%
by_class(results, "doubt_p", "Mean p of these answers")

# %%
by_class(results, "doubt_uncertainty", "Mean sigma squared of these", 4)

# %%
by_class(results, "accuracy", "Accuracy, and recall by class")

# %% [markdown] tags=["slide"]
# ### The table against itself
#
# Its sums and weighted means are right, and two things about it are not as told:

# %% tags=["fragment-slide"]
audited("B02", "B03", "B06", "B11", "B18")

# %% [markdown] tags=["fragment-slide"]
# B06 is a slip of typesetting. B11 matters more: SIGN's noise on its doubtful images is *lower* than that of
# classical augmentation, on few images; it is high beside mixup's only. And B18 says what must stand beside
# every count: the methods differ in accuracy by more with the second head than without.

# %% [markdown] tags=["slide"]
# ### What 26 can mean
#
# Suppose each network means what it says: of its answers of probability $p$ a share $p$ is right. Then $n$
# right answers of mean probability $p$ come with about $n / p - n$ wrong ones. From print:

# %% tags=["keep_output", "fragment-slide"]
# nbval-check-output
shares = {}
for name, row in METHODS.items():
    n, p, accuracy = (
        of_table(row, kind) for kind in ("doubtful", "their p", "accuracy")
    )
    errors, doubted = 10_000 * (1 - accuracy), n / p - n
    shares[name] = doubted / errors
    print(
        f"{name:9} {errors:4.0f} wrong answers, about {doubted:3.0f} "
        f"of them doubtful: {shares[name]:.0%}"
    )
assert shares["SIGN"] < shares["classical"] / 5 < shares["mixup"] / 5

# %% [markdown] tags=["fragment-slide"]
# Had it been calibrated, SIGN's network would have made nearly all of its 1,409 mistakes with a probability
# above one half. Had it not been, then it was too sure. Few doubts are good news only beside few mistakes,
# and its accuracy explains a fifth fewer mistakes, not an eighth of the doubts.

# %% [markdown] tags=["slide", "live"]
# ## Turn up the logits
#
# How to lower the count without learning anything: multiply all logits by a factor. On the network from
# above, and ordinary test images:

# %% tags=["fragment-slide", "live"]
from lt_lib.metrics import classification_report


def doubts(logits, truth):
    """Right answers of probability up to one half."""
    p = logits.softmax(1)
    own = p[torch.arange(len(truth)), truth]
    return int(((p.argmax(1) == truth) & (own <= 0.5)).sum())


counts = []
for factor in (0.5, 1, 2, 4):
    report = classification_report((factor * z).softmax(1), test_y)
    counts.append(doubts(factor * z, test_y))
    said = "accuracy {accuracy:.3f}, ECE {ece:.3f}".format(**report)
    print(f"times {factor:g}: doubtful {counts[-1]}, {said}")
assert counts == sorted(counts, reverse=True)

# %% tags=["slide", "live"] mystnb={"figure": {"name": "fig-sign-05-reliability", "caption": "Share of right answers over the probability given to them, in ten groups of equal size: the small network as it is, and with all logits times four. Dotted: announced is meant. Digits, trained on the spot."}, "image": {"alt": "Two lines beside a dotted diagonal. With the logits times four every group lies to the right of where it lay, below the diagonal."}}
lab.figure(
    "reliability",
    {
        name: (right.numpy(), largest(factor * z).numpy())
        for name, factor in (("as trained", 1), ("times four", 4))
    },
    announced="probability of the answer",
    happened="share right",
)

# %% [markdown] tags=["fragment-slide", "live"]
# The same answers in nearly the same order, and no doubts. The calibration error (ECE) gives it away.

# %% [markdown] tags=["slide"]
# ## The same for the three methods
#
# Next to the count: how many answers are right, with what mean probability, and how far probability and
# truth lie apart.

# %% tags=["fragment-slide"]
columns = {
    "accuracy": "accuracy",
    "doubt_count": "doubtful",
    "p_right": "p of right answers",
    "ece": "ECE",
    "min_p_right": "smallest p of a right answer",
}
lab.sheet(results, columns)

# %% [markdown] tags=["slide"]
# ### Risk and coverage
#
# Let a network keep the $k$ answers it is surest of and hand the rest to a person. The *risk* is the share of
# wrong answers among those kept, the *coverage* is $k/N$ {cite}`geifman2017selective`:
#
# ```{math}
# :label: sign-05-risk
# R\bigl(\tfrac kN\bigr) = \frac1k \sum_{i=1}^{k} \bigl[\hat y_{(i)} \neq y_{(i)}\bigr],
# \qquad \text{AURC} = \frac1N \sum_{k=1}^{N} R\bigl(\tfrac kN\bigr),
# ```
#
# images sorted by falling certainty. Only the order matters, so no factor on the logits can hide in it. At
# full coverage the curve ends at the error rate. A network that knows when it fails has a curve that stays at
# zero for long.

# %% tags=["slide"] mystnb={"figure": {"name": "fig-sign-05-risk", "caption": "Share of wrong answers among the test images of which a network is surest, by its largest probability. Bands: 95 % intervals over seeds."}, "image": {"alt": "A panel for each source of records. Three curves rise from the left, where few images are kept, to the error rates of the three methods at the right."}}
keys = {name: f"{name.lower()}-doubt" for name in METHODS}
rows = {key: own for (_, key, _), own in lab.group(results).items()}
labelled = {name: rows[key] for name, key in keys.items()}
lab.figure("risk-coverage", labelled)

# %% [markdown] tags=["fragment-slide"]
# In one number each. The *excess* is the AURC less that of a perfect order with as many mistakes, $e + (1 - e)
# \ln (1 - e)$ for an error rate $e$ ([exercise](ex-sign-05-perfect)); it is about knowing alone.

# %% tags=["fragment-slide"]
from lt_lib.works.sign.doubt import excess_risk

best_rows = lab.group(lab.strongest(results))
strongest = {key: own for (_, key, _), own in best_rows.items()}
print(lab.badge(strongest))
for name, key in keys.items():
    area = lab.estimate(r.metric("aurc") for r in strongest[key])
    known = lab.estimate(map(excess_risk, strongest[key]))
    print(f"{name}: AURC {area}, excess {known}")

# %% tags=["fragment-slide"]
base = labelled["classical"]
pairs = {name: (labelled[name], base) for name in ("mixup", "SIGN")}
for metric in ("accuracy", "ece", "aurc"):
    print(lab.differences_in_words(pairs, "it", "classical", metric))

# %% [markdown] tags=["slide"]
# ### Does the second head add anything?
#
# The same curve with images sorted by $\sigma$, small first. Area by $\sigma$ less area by probability, of
# the same network; above zero, the probability sorts better:

# %% tags=["fragment-slide"]
print(lab.badge(strongest))
for name, key in keys.items():
    gap = lab.estimate(
        r.metric("aurc_sigma") - r.metric("aurc") for r in strongest[key]
    )
    said = lab.in_words("the area by sigma", "that by probability", gap)
    print(f"{name}: {said}")

# %% [markdown] tags=["slide"]
# ## The smallest of n
#
# The paper also compares the *smallest* probability of a right answer: a little above .1 for mixup, .26 for
# classical augmentation, .33 for SIGN. One image decides such a number, and the more images there are to
# choose from, the smaller it gets. Let doubts be distributed like a power of $p - 0.1$ between 0.1 and 0.5,
# with the mean that is printed for classical augmentation:
#
# ```{math}
# :label: sign-05-least
# F(p) = \Bigl(\frac{p - 0.1}{0.4}\Bigr)^{a}, \qquad
# \Pr(\text{smallest of } n \le p) = 1 - \bigl(1 - F(p)\bigr)^n .
# ```

# %%
from lt_lib.works.sign.doubt import least_of

mean, level = of_table("T2.1", "their p"), (0.05, 0.95)
smallest = {"mixup": "P10", "classical": "P11", "SIGN": "P12"}
marks = {
    name: (of_table(METHODS[name], "doubtful"), value(work="sign", row=p))
    for name, p in smallest.items()
}

# %% tags=["slide"] mystnb={"figure": {"name": "fig-sign-05-least", "caption": "The smallest of n doubtful probabilities, all from one distribution. Diamonds: what is printed, over the printed numbers of doubtful right answers. Computed from print."}, "image": {"alt": "A falling curve with a band; the diamonds of SIGN at 26 and of classical augmentation at 212 lie in the band, that of mixup at 363 far below it."}}
lab.figure("least-of-n", marks, mean, level)

# %% tags=["keep_output", "fragment-slide"]
# nbval-check-output
inside = {}
for name, (n, p) in marks.items():
    low, high = (least_of(n, q, mean) for q in level)
    inside[name] = bool(low <= p <= high)
    print(f"{name:9} {p:g}, of {n:3g}: expected {low:.2f} to {high:.2f}")
assert inside == {"mixup": False, "classical": True, "SIGN": True}

# %% [markdown] tags=["fragment-slide"]
# That .33 is above .26 follows from the counts, 26 and 212, and says nothing more. Mixup's .1 does: it is
# below anything that its number of doubts explains. A tenth is also as low as the largest of ten
# probabilities can be.

# %% [markdown] tags=["slide"]
# ## The claims
#
# On this run, and on the strongest committed records:

# %% tags=["fragment-slide"]
from lt_lib.lab.read.claims import claims_table

claims_table("sign", profile, data, results, only=["SG4", "SG5"])

# %% tags=["fragment-slide"]
claims_table("sign", only=["SG4", "SG5"])

# %% [markdown] tags=["fragment-slide"]
# SG4 is about a count that sharper logits lower too. Whether it holds or not, read it together with the ECE
# and the area under the curve above.

# %% [markdown] tags=["notes", "remove-cell"]
# End with the forecasters: which of them would the room now hire, and after which number? 2 min.

# %% [markdown] tags=["slide"]
# ## What differs, and why
#
# | | paper says | correct | we ran |
# |---|---|---|---|
# | loss | eq. 10, without a minus | with a minus | with a minus, log-sum-exp, $T = 100$ |
# | $\sigma$ | not said how it is kept positive | any way will do | one an image, softplus |
# | uncertainty | not defined | | $\sigma^2$ |
# | $p$ | of the logits or averaged over noise, not said | averaged, if it is to be what was trained | of the logits |
# | what is counted | doubtful right answers | wrong answers among the sure ones | both |
# | smallest $p$ | compared at 26, 212 and 363 doubts | compared at equal numbers | with the range that chance gives |

# %% [markdown] tags=["slide"]
# ## Summary
#
# A count of doubtful right answers falls when all logits are doubled, and no answer changes. What tells
# whether a network knows when it fails is the order of its certainty: the risk at each coverage, and the
# area under that curve (AURC). Where labels are wrong at random, the loss cannot tell the noise of a second
# head from the margin of the first.

# %% tags=["fragment-slide", "hide-input"]
lab.summary(
    lab.difference_in_words(pairs["SIGN"], "SIGN", "classical", "aurc"),
    claims=["SG4"],
)

# %% [markdown]
# ## Exercises
#
# ```{exercise} An honest count
# :label: ex-sign-05-average
# Of the two readings of $p$ take the other: average the softmax over a thousand draws of the noise. Where
# $\sigma$ is as small as in the network above, how many answers change sides? And if it were $\sqrt 7$ for
# all images?
# ```
#
# ```{solution-start} ex-sign-05-average
# :class: dropdown
# ```

# %%
thousand = torch.randn(
    1000, *z.shape, generator=torch.Generator().manual_seed(0)
)


def averaged(sizes):
    noisy = z + sizes[:, None] * thousand
    return doubts(noisy.softmax(2).mean(0).log(), test_y)


small, large = averaged(sigma), averaged(torch.full_like(sigma, 7**0.5))
assert abs(small - doubts(z, test_y)) <= 5 and large > 2 * small
print(f"without noise {doubts(z, test_y)}, averaged {small}, at 7 {large}")

# %% [markdown]
# With the paper's sizes the two readings are far apart. A table of doubts has to say which it counts.
#
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} Perfect knowledge
# :label: ex-sign-05-perfect
# A network is wrong on a share $e$ of many images and sorts all of them behind the right ones. What is its
# curve {eq}`sign-05-risk`, what the area under it? And with random order? Test both on 10,000 made-up answers
# with $e = 0.15$, by `risk_coverage`.
# ```
#
# ```{solution-start} ex-sign-05-perfect
# :class: dropdown
# ```

# %%
from math import log

from lt_lib.works.sign.measures import risk_coverage

e, n = 0.15, 10_000
truth = torch.arange(n) < (1 - e) * n  # right answers first
perfect = risk_coverage(-torch.arange(n), truth).mean().item()
chance = torch.rand(n, generator=torch.Generator().manual_seed(1))
random = risk_coverage(chance, truth).mean().item()
assert abs(perfect - (e + (1 - e) * log(1 - e))) < 1e-3
assert abs(random - e) < 0.02
print(f"perfect {perfect:.4f}, random {random:.3f}")

# %% [markdown]
# The curve is zero up to a coverage of $1 - e$ and then $1 - (1 - e) / c$. Its integral is $e + (1 - e) \ln
# (1 - e)$, about $e^2 / 2$. In random order every part has the same risk, $e$.
#
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} As few doubts as you like
# :label: ex-sign-05-factor
# Find a factor for the logits of `net` that leaves no doubtful right answer at all. How much does the area
# under the risk-coverage curve change by it?
# ```
#
# ```{solution-start} ex-sign-05-factor
# :class: dropdown
# ```

# %%
factor = 1
while doubts(factor * z, test_y):
    factor *= 2

before, after = (
    risk_coverage(largest(c * z), right).mean().item() for c in (1, factor)
)
assert doubts(factor * z, test_y) == 0 and factor > 1
assert abs(after - before) < 0.3 * before
print(f"times {factor}: AURC {before:.4f}, then {after:.4f}")

# %% [markdown]
# Order changes a little, since the largest probability depends on all ten logits. The knowledge is the same.
#
# ```{solution-end}
# ```

# %% [markdown]
# ## Further reading
#
# - {cite:t}`kendall2017uncertainties` for the loss, and for the other kind of uncertainty, which goes away
#   with more data.
# - {cite:t}`guo2017calibration` on networks that are too sure, and one number that mends most of it.
# - {cite:t}`geifman2017selective` on risk and coverage, with guarantees.

# %% tags=["remove-input"]
lab.provenance(results)
