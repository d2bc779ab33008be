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
# # The morning calibration: batch normalization
#
# ```{admonition} This chapter
# :class: tip
# - **Question.** Why does a network learn faster when every layer is brought back to mean 0 and variance 1, and is it for the
#   reason its inventors gave?
# - **Covers.** Lecture 2 of `lectures`: batch normalisation, forward, backward, at prediction; its findings. Tests claim LE5.
# - **You need.** [backpropagation](02-backpropagation); mean and variance.
# - **Time.** 25 minutes to read; half a minute on a laptop.
# ```
#
# A ward reads the numbers of a laboratory downstairs. The laboratory is changing its machines: today sodium
# comes out a little high, tomorrow potassium in other units. The doctor on the ward relearns what is normal
# every week, and hardly gets to learn medicine. So the laboratory agrees to do something simple. Every
# morning it takes that morning's samples and reports each value as *so many standard deviations above today's
# mean*.
#
# Now the ward can learn. But two questions stay. What if the morning has two samples only? And was it really
# the changing units that held the doctor up?

# %% [markdown] tags=["notes", "remove-cell"]
# Let the room vote on the second question before anything is shown, and write the vote down. The textbook
# answer, changing units, is the one that Santurkar and others put to the test; the vote is opened at the last
# figure.

# %% [markdown] tags=["slide"]
# ## The claim
#
# {cite:t}`ioffe2015batch` gave the reason: layers suffer from *internal covariate shift*, their inputs drift while the layers below
# learn. {cite:t}`santurkar2018how` disagree, and the slides with them. Claim LE5 has two halves:
#
# 1. with batch norms the landscape of the loss is smoother: steps change the loss less abruptly, gradients
#    stay true for longer;
# 2. covariate shift is *not* what they remove.

# %% tags=["parameters"]
profile = "laptop"  # smoke, laptop, overnight or paper
data = "embedded"  # embedded (digits8) or real (cifar10)
seeds = None  # None: as many as the profile asks for
budget = None  # minutes; None: no limit
store = None  # folder of records; None: the usual one

# %%
from lt_lib import lab

options = lab.check_parameters(globals())

# %% [markdown] tags=["slide", "live"]
# ## Forward
#
# A batch of $n$ rows $x_i$, feature by feature:
#
# ```{math}
# :label: lectures-06-forward
# \mu = \frac1n \sum_i x_i, \qquad \sigma^2 = \frac1n \sum_i (x_i - \mu)^2, \qquad
# \hat x_i = \frac{x_i - \mu}{\sqrt{\sigma^2 + \epsilon}}, \qquad y_i = \gamma \circ \hat x_i + \beta.
# ```
#
# $\gamma$ and $\beta$ are learned, so that a layer may have another scale where it needs one.

# %% tags=["live"]
import numpy as np

from lt_lib.backprop import batchnorm_backward, batchnorm_forward

rng = np.random.default_rng(0)
x = rng.normal([5, -2, 0], [0.1, 30, 1], size=(8, 3))
gamma, beta = np.array([1.0, 2.0, 0.5]), np.array([0.0, 1.0, 0.0])

# %% tags=["keep_output", "fragment-slide", "live"]
# nbval-check-output
y, cache = batchnorm_forward(x, gamma, beta)
print("mean", y.mean(0).round(6) + 0.0)
print("sd  ", y.std(0).round(3))

# %% [markdown] tags=["fragment-slide"]
# Whatever the laboratory's units, the ward sees mean $\beta$ and standard deviation $\gamma$. (The slides
# call these two *scalar*. Then all features would share one scale, and the gradient that the slides give for
# $\gamma$, a vector, would not fit it. In the original, and in every library, there is one of each a
# feature.)

# %% [markdown] tags=["slide"]
# ## Backward
#
# A row's output depends on *every* row, through $\mu$ and $\sigma^2$. So blame comes to $x_i$ on three ways:
# directly, by way of the mean, and by way of the variance. With $\partial_v$ for the derivative of the loss
# of the batch by $v$, the slides print
#
# ```{math}
# :label: lectures-06-slide
# \partial_{\sigma^2} = \frac1n \sum_i \partial_{\hat x_i} \circ (x_i - \mu) \circ \tfrac{-1}{2} (\sigma^2 + \epsilon)^{-3/2},
# \qquad
# \partial_{\mu} = -\frac1n \sum_i \partial_{\hat x_i} \circ (\sigma^2 + \epsilon)^{-1/2},
# ```
#
# ```{math}
# :label: lectures-06-slide-x
# \partial_{x_i} = \partial_{\hat x_i} \circ (\sigma^2 + \epsilon)^{-1/2}
# + \partial_\mu \circ \tfrac2n (x_i - \mu) + \tfrac1n\, \partial_{\sigma^2}.
# ```
#
# Something is wrong with them.

# %% [markdown]
# ```{exercise} Find the slip
# :label: ex-lectures-06-slip
# You do not need calculus to see that {eq}`lectures-06-slide-x` fails. Move all rows of a batch by the same amount: what happens to
# $y$, and so what must $\sum_i \partial_{x_i}$ be? Test the slides' gradient (`variant="slide"`) for it, and against finite
# differences. Then find the two terms that have changed places.
# ```
#
# ```{solution-start} ex-lectures-06-slip
# :class: dropdown
# ```

# %%
from lt_lib.backprop import finite_differences

blame = rng.normal(size=x.shape)
unit = rng.normal(size=x.shape)  # the same scale for all features
_, unit_cache = batchnorm_forward(unit, 1.0, 0.0)
printed = batchnorm_backward(blame, unit_cache, "slide")[0]
tried = finite_differences(
    lambda v: (batchnorm_forward(v, 1.0, 0.0)[0] * blame).sum(), unit
)
off = np.linalg.norm(printed - tried) / np.linalg.norm(tried)
assert np.abs(printed.sum(0)).max() > 0.1 and off > 0.1
assert np.abs(tried.sum(0)).max() < 1e-6
print(f"sums {printed.sum(0).round(2)}, relative error {off:.2f}")

# %% [markdown]
# A batch that moves as a whole gives the same $y$, so the sum must be zero; the slides' is not. The derivative of the *mean* by
# $x_i$ is $1/n$, that of the *variance* is $2 (x_i - \mu)/n$: in {eq}`lectures-06-slide-x` each has the
# other's factor.
#
# ```{solution-end}
# ```

# %% [markdown] tags=["slide"]
# ### Put right
#
# ```{math}
# :label: lectures-06-backward
# \partial_{x_i} = \partial_{\hat x_i} \circ (\sigma^2 + \epsilon)^{-1/2}
# + \partial_{\sigma^2} \circ \tfrac2n (x_i - \mu) + \tfrac1n\, \partial_\mu,
# ```
#
# and the sums over the batch *without* $\frac1n$. The slides divide all four by $n$ (for $\gamma$ and $\beta$
# as well). As derivatives of a *mean* loss that would be a convention, had the first term of $\partial_{x_i}$
# been divided as well.

# %% tags=["keep_output", "fragment-slide"]
# nbval-check-output
from lt_lib.backprop import finite_differences

dy = np.random.default_rng(1).normal(size=x.shape)


def loss(v):
    return (batchnorm_forward(v, gamma, beta)[0] * dy).sum()


scale = x.std(0)  # one step a feature, in its own units
true = finite_differences(lambda u: loss(u * scale), x / scale) / scale
for variant in ("corrected", "slide"):
    dx, dgamma, _ = batchnorm_backward(dy, cache, variant)
    off = np.linalg.norm(dx - true, axis=0) / np.linalg.norm(true, axis=0)
    print(f"{variant:10} error by feature", off.round(3) + 0.0)

# %% [markdown]
# The first feature, whose scale is small, is hit hardest: the slide's mistake has the wrong *units*, too. A
# gradient by $\mu$ times a length is not a gradient by $x$. Checking units would have found it.

# %% [markdown] tags=["slide"]
# ## One patient
#
# At prediction there may be no batch, just one patient. So the layer keeps the means and variances of its
# training batches:
#
# ```{math}
# :label: lectures-06-inference
# \bar\mu = \frac1m \sum_j \mu_j, \qquad \bar\sigma^2 = \frac1m \sum_j \frac{n}{n-1} \sigma_j^2.
# ```
#
# The factor $n/(n-1)$ makes each batch *variance* right on average. The slides put it before the standard
# deviation. Small batches show the difference:

# %% tags=["keep_output", "fragment-slide"]
# nbval-check-output
print("n    variance, averaged   sd, averaged as printed, squared")
for n in (2, 4, 16, 64):
    many = np.random.default_rng(n).normal(0, 3, size=(40_000, n))
    variance = many.var(1)
    right = (n / (n - 1) * variance).mean()
    as_printed = (n / (n - 1) * variance**0.5).mean() ** 2
    print(f"{n:2}   {right:14.1f}   {as_printed:18.1f}")

# %% [markdown]
# The truth is 9.0. It is one reason why batch norms dislike small batches; another is that in training each
# row sees a mean that it is a large part of. (Libraries do not keep all batches, they keep a moving average.)

# %% [markdown] tags=["slide", "live"]
# ## What it does not see
#
# The slides remark that $\mathrm{BN}(ax) = \mathrm{BN}(x)$. Is that so?

# %% tags=["keep_output", "fragment-slide", "live"]
# nbval-check-output
for a in (10, 0.5, 0.01, -1):
    again, _ = batchnorm_forward(a * x[:, 2:], 1.0, 0.0)
    once, _ = batchnorm_forward(x[:, 2:], 1.0, 0.0)
    print(f"a = {a:5}: largest difference {np.abs(again - once).max():.3f}")

# %% [markdown] tags=["fragment-slide"]
# For $a > 0$, and as long as $a^2 \sigma^2$ is large beside $\epsilon$. A negative $a$ turns the sign.
#
# Within these limits the *length* of a weight vector does not matter to the layer, only its direction. So the
# gradient is at right angles to the weights, and halves when they double.

# %% tags=["keep_output"]
# nbval-check-output
inputs = rng.normal(size=(32, 5))
w = rng.normal(size=(5, 1))
seen = rng.normal(size=(32, 1))
for times in (1, 2, 4):
    _, kept = batchnorm_forward(inputs @ (times * w), 1.0, 0.0, 1e-12)
    dz = batchnorm_backward(seen, kept)[0]
    dw = inputs.T @ dz
    angle = abs((dw * w).sum()) / np.linalg.norm(dw) / np.linalg.norm(w)
    print(
        f"weights x {times}: gradient {np.linalg.norm(dw):.3f} long, "
        f"along the weights {angle:.3f}"
    )

# %% [markdown] tags=["notes", "remove-cell"]
# A good place for the question: what does weight decay do to a layer whose length does not matter? It raises
# the step in angle. The norm makes the learning rate a matter of lr over the square of the weights' length.

# %% [markdown] tags=["slide"]
# ## The trial
#
# Now the second question. A network of eight layers, trained by plain SGD on handwritten digits {cite}`alpaydin1998digits`: without
# norms, with them, and, following {cite:t}`santurkar2018how`, with norms whose output is *disturbed* by a
# scale and a shift drawn anew at every step. If steady inputs were the point, the third should be as bad as
# the first.
#
# At every few steps we stop and look along the gradient, up to four steps ahead: how much does the loss go up
# and down? How far does the gradient turn from what it was?

# %%
results = lab.run("lectures-norms", **options)
by_row = {key: found for (_, key, _), found in lab.group(results).items()}

# %% tags=["slide"] mystnb={"figure": {"name": "fig-lectures-06-traces", "caption": "Along the training of three networks at one learning rate: how far the loss ranges within four steps along the gradient; how much the gradient changes there, over its length; how much a layer's gradient changes when only the layers below it move (internal covariate shift). Mean over seeds, band: lowest to highest. Digits of 8 x 8 pixels."}, "image": {"alt": "Three panels over training steps, range of the loss, change of the gradient and covariate shift, each with a line for the network without norms, with norms, and with disturbed norms."}}
lab.figure("norm-traces", results)

# %% tags=["slide"]
columns = {
    "loss_range": "range of the loss",
    "gradient_change_relative": "change of the gradient",
    "curvature": "curvature",
    "shift": "covariate shift",
    "accuracy": "accuracy",
    "tuned_accuracy": "at its best rate",
}
lab.sheet(results, columns)

# %% [markdown]
# (Medians over the training. *At its best rate*: test accuracy with the learning rate that does best on
# validation images, from the same list for all rows.)

# %% [markdown] tags=["slide"]
# ### Claim LE5
#
# Difference to the network without norms, paired by seed, with 95 % intervals:


# %% tags=["fragment-slide"]
def less_plain(metric, key="bn"):
    return lab.difference(by_row[key], by_row["plain"], metric)


for metric, words in columns.items():
    for name, key in (("with norms", "bn"), ("disturbed", "bn-noisy")):
        said = lab.in_words(name, "without", less_plain(metric, key))
        print(f"{words}: {said}")
print(lab.badge(by_row))

# %% [markdown] tags=["fragment-slide"]
# The first three measures are the first half of the claim, *covariate shift* is the second: how much the layers
# depend on each other's steps. The disturbed network says whether steady inputs are needed. The verdict on the
# committed evidence:

# %% tags=["fragment-slide"]
from lt_lib.lab.read.claims import claims_table

claims_table("lectures", only=["LE5"])

# %% [markdown] tags=["slide"]
# ### And what it buys
#
# By learning rate, test accuracy at the end of training:

# %% tags=["fragment-slide"]
import pandas as pd

frame = pd.DataFrame(
    {
        key: {
            rate: str(lab.estimate(values))
            for rate, *values in zip(
                found[0].history["learners"][0]["rates"]["rate"],
                *(
                    r.history["learners"][0]["rates"]["test_accuracy"]
                    for r in found
                ),
            )
        }
        for key, found in by_row.items()
    }
).sort_index()
frame.rename_axis("learning rate")

# %% [markdown]
# Its inventors promised that a network with norms keeps learning at rates that the other does not survive. Read
# the last lines for it, and the first for the price of the disturbance.

# %% [markdown] tags=["slide"]
# ## What differs, and why
#
# | | slides say | correct | we ran |
# |---|---|---|---|
# | $\gamma$, $\beta$ | scalars | one a feature | one a feature |
# | $\partial_{x_i}$ | factors of mean and variance swapped | {eq}`lectures-06-backward` | both |
# | sums over the batch | divided by $n$ | not divided, for the loss of the batch | both |
# | chain rule | $\partial \hat x_i^\top / \partial \hat x_i$ and $\partial (\sigma^2)^\top / \partial \hat x_i$ | by $x_i$ | by $x_i$ |
# | prediction | $n/(n-1)$ times the standard deviation | times the variance | both |
# | $\mathrm{BN}(ax) = \mathrm{BN}(x)$ | always | $a > 0$, $\epsilon$ negligible | tried |
# | LE5 | a VGG and a linear network, CIFAR-10 | | linear layers with rectifiers, digits; at `real` CIFAR-10 |
# | disturbance | shift and scale drawn a step, then a value | | the same kind, milder; mean scale 1 |

# %% [markdown] tags=["slide"]
# ## Summary
#
# Batch normalisation brings each feature of a batch to mean 0 and variance 1, and then to a scale and shift
# that are learned; at prediction, statistics kept from training take the place of the batch's. Its gradient
# reaches a row directly, by way of the mean, and by way of the variance. Why it helps is a question to
# measure: how smooth the loss is along the gradient, beside how much the layers depend on each other's
# steps.

# %% tags=["fragment-slide", "hide-input"]
lab.summary(claims=["LE5"])

# %% [markdown]
# ## Exercises
#
# ```{exercise} A superfluous number
# :label: ex-lectures-06-bias
# A linear layer has a bias, and a batch norm follows. What is the bias' gradient? What should one do about it?
# ```
#
# ```{solution-start} ex-lectures-06-bias
# :class: dropdown
# ```

# %%
bias_gradient = batchnorm_backward(dy, cache)[0].sum(0)
assert np.abs(bias_gradient * x.std(0)).max() < 1e-12
print(bias_gradient.round(12) + 0.0)

# %% [markdown]
# Zero: the mean takes away what the bias adds. Leave it out (`bias=False`, as every ResNet does); $\beta$
#     does its work.
#
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} Two samples in the morning
# :label: ex-lectures-06-two
# With a batch of two and $\epsilon = 0$, what are the values of $\hat x$? What does the layer then know of a patient?
# ```
#
# ```{solution-start} ex-lectures-06-two
# :class: dropdown
# ```

# %%
pair = rng.normal(7, 2, size=(2, 5))
normal, _ = batchnorm_forward(pair, 1.0, 0.0, eps=0.0)
assert np.allclose(np.abs(normal), 1)
print(normal.round(3))

# %% [markdown]
# Always 1 and $-1$: which of the two is larger, and nothing else. And in the backward pass all gradients by
# $x$ are zero, since $y$ does not change. Of one row nothing is left at all.
#
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} The forgotten switch
# :label: ex-lectures-06-switch
# Take a PyTorch `BatchNorm1d` that has seen rows with mean 3, and ask it about four rows with mean 5, in training mode and in
# evaluation mode. Which answer depends on the other three rows? And what has happened to the layer after the first?
# ```
#
# ```{solution-start} ex-lectures-06-switch
# :class: dropdown
# ```

# %%
import torch

layer = torch.nn.BatchNorm1d(1)
for seed in range(100):
    gen = torch.Generator().manual_seed(seed)
    layer(3 + torch.randn(64, 1, generator=gen))
rows = 5 + torch.randn(4, 1, generator=torch.Generator().manual_seed(0))
remembered = layer.running_mean.item()
training = layer(rows).mean().item()
moved = layer.running_mean.item() - remembered
evaluated = layer.eval()(rows).mean().item()
assert abs(training) < 1e-5 and evaluated > 1 and moved > 0.05
print(
    f"mean of the answers: training {training:.2f}, "
    f"evaluation {evaluated:.2f}; memory moved by {moved:.2f}"
)

# %% [markdown]
# In training mode the answers have mean zero whatever is asked, so every answer depends on the others, and
# asking changes the memory. A hospital whose patients differ from the training data gets *normal* values. In
# evaluation mode each row is judged alone.
#
# ```{solution-end}
# ```

# %% [markdown]
# ## Further reading
#
# - {cite:t}`ioffe2015batch`: the method; section 3 has the backward pass, put right long before the slides.
# - {cite:t}`santurkar2018how`: the trial that this chapter repeats in small, and theorems about the
#   landscape.
# - {cite:t}`wu2021rethinking` collect what goes wrong with batches in practice: small ones, mixed ones, those
#   at prediction.

# %% tags=["remove-input"]
lab.provenance(results)
