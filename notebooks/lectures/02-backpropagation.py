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
# # Who is to blame? Backpropagation
#
# ```{admonition} This chapter
# :class: tip
# - **Question.** How does a network with a million weights learn what each of them should have done differently?
# - **Covers.** Lecture 1 of `lectures`: the deep network in matrix form, the forward and the backward pass, the computational
#   graph.
# - **You need.** the chain rule, matrix products; [the first chapter](01-descent) says what the gradient is for.
# - **Time.** 25 minutes to read; ten seconds on a laptop.
# ```
#
# A patient leaves hospital later than planned, and there is a meeting. The ward had him two days longer,
# because the wound healed badly. It healed badly, in part, because the operation took long. It took long, in
# part, because a scan was unclear. Nobody at the table can say at once what the scan cost in days. But each
# can say what *they* would have done with a better start, and that is enough: the ward tells the theatre what
# an hour costs, the theatre tells radiology what a blur costs, and the blame is worked out from the end to
# the beginning, each asking only the next.
#
# That is backpropagation. The rest is bookkeeping.

# %% [markdown] tags=["notes", "remove-cell"]
# Ask how many phone calls a meeting needs if every department wanted to know its share on its own: each would
# have to replay the whole stay with one thing changed. Keep the number of departments on the board; it
# becomes the number of parameters.

# %% [markdown] tags=["slide"]
# ## The claim
#
# A forward pass, then one pass backward of about twice its cost, give the derivative of the loss by *every*
# parameter. The slides print the recursion and no number. So we check it to the last digit: against PyTorch,
# against differences, and by counting multiplications.

# %% tags=["parameters"]
profile = "laptop"  # smoke, laptop, overnight or paper
data = "embedded"  # no difference in this chapter
seeds = None  # None: as many as the profile asks for
budget = None  # not needed: nothing here takes minutes
store = None  # not needed: this chapter writes no records

# %%
from lt_lib import lab

options = lab.check_parameters(globals())
count = {"smoke": 2, "laptop": 20}.get(profile, 100)
seeds = count if seeds is None else seeds
seeds = list(range(seeds)) if isinstance(seeds, int) else seeds

# %% [markdown] tags=["slide", "live"]
# ## Two steps and a loss
#
# The smallest network that is deep: one weight, a bend, another weight. The loss is $h = (w_2 \tanh(w_1 x) -
# y)^2$. Write down what each step makes,
#
# $$z = w_1 x, \qquad a = \tanh z, \qquad p = w_2 a, \qquad h = (p - y)^2,$$
#
# and ask from the end: what does $h$ lose per unit of $p$? Then of $a$? Then of $z$?
#
# $$\frac{\partial h}{\partial p} = 2(p - y), \qquad
# \frac{\partial h}{\partial a} = w_2 \frac{\partial h}{\partial p}, \qquad
# \frac{\partial h}{\partial z} = (1 - a^2) \frac{\partial h}{\partial a}.$$

# %% tags=["keep_output", "fragment-slide", "live"]
# nbval-check-output
import math

x, y, w1, w2 = 1.5, 1.0, 0.8, -0.5
a = math.tanh(w1 * x)
dp = 2 * (w2 * a - y)
da = w2 * dp
dz = (1 - a**2) * da
print(f"by w2: {a * dp:.4f}, by w1: {x * dz:.4f}")

# %% [markdown] tags=["fragment-slide", "live"]
# Each weight multiplies what came in from below with the blame that came in from above. Nothing is computed
# twice.

# %% [markdown] tags=["slide"]
# ### The graph
#
# PyTorch does the same. While it computes, it writes down which step used which. This is what it wrote, read
# off and drawn:

# %% tags=["fragment-slide"] mystnb={"figure": {"name": "fig-lectures-02-graph", "caption": "The computational graph of the two-step network, as PyTorch recorded it in the forward pass; arrows go the way of the numbers, the blame goes against them. Yellow: leaves, whose gradients are kept. Computed, no data."}, "image": {"alt": "A chain of boxes from top to bottom: w1 enters a multiplication, then tanh, then a multiplication into which w2 enters as well, then a subtraction and a square."}}
import torch

leaves = {
    "w1": torch.tensor(w1, requires_grad=True),
    "w2": torch.tensor(w2, requires_grad=True),
}
h = (leaves["w2"] * torch.tanh(leaves["w1"] * x) - y) ** 2
lab.figure("autograd-graph", h, leaves)

# %% tags=["keep_output", "live"]
# nbval-check-output
h.backward()
print({name: round(leaf.grad.item(), 4) for name, leaf in leaves.items()})

# %% [markdown]
# The same numbers. In {numref}`fig-lectures-02-graph` a box needs to know only how its own output depends on
# its own inputs. That is why a library can offer hundreds of boxes, and why any network built of them can be
# differentiated.

# %% [markdown] tags=["slide", "live"]
# ## Many weights: the same in matrices
#
# An $L$-layer network:
#
# ```{math}
# :label: lectures-02-forward
# a^{[0]} = x, \qquad z^{[l]} = \theta^{[l]} a^{[l-1]} + b^{[l]}, \qquad a^{[l]} = \sigma(z^{[l]}), \qquad \hat y = \hat y(z^{[L]}).
# ```
#
# Backward, with $D^{[l]}$ the diagonal matrix of the slopes $\sigma'(z^{[l]})$:
#
# ```{math}
# :label: lectures-02-backward
# \nabla_{z^{[l]}} h = D^{[l]} (\theta^{[l+1]})^\top \nabla_{z^{[l+1]}} h, \qquad
# \nabla_{\theta^{[l]}} h = \nabla_{z^{[l]}} h\, (a^{[l-1]})^\top, \qquad
# \nabla_{b^{[l]}} h = \nabla_{z^{[l]}} h.
# ```

# %% [markdown] tags=["fragment-slide"]
# Compare with the two steps: the transposed matrix is $w_2$, the diagonal matrix is $1 - a^2$, and each
# weight still multiplies what came from below with the blame from above. In the library these are `forward`
# and `backward`, in numpy, the loop as short as the formula:

# %% tags=["fragment-slide"]
import inspect

from lt_lib import backprop

source = inspect.getsource(backprop.backward)
print(source[source.index("    slope =") :])

# %% [markdown]
# (A batch is one row an image here, as in PyTorch, so everything stands transposed, and the sum over the
# batch is in the matrix product.)

# %% [markdown]
# ```{exercise} Find the slip
# :label: ex-lectures-02-shape
# The slides write $\nabla_{\theta^{[l]}} h = \mathcal{A}^{[l-1]} \nabla_{z^{[l]}} h$ and do not say what $\mathcal{A}^{[l-1]}$ is.
# Suppose it is the vector $a^{[l-1]}$: what is wrong for $m_{l-1} = 3$ and $m_l = 2$? Build, for these sizes, the
# matrix for which the line is true, if $\theta^{[l]}$ is read row by row as one long vector.
# ```
#
# ```{solution-start} ex-lectures-02-shape
# :class: dropdown
# ```

# %%
import numpy as np

below, blame = np.array([1.0, -2.0, 0.5]), np.array([3.0, 4.0])
lifted = np.kron(np.eye(2), below[:, None])
assert lifted.shape == (6, 2)
assert np.allclose(lifted @ blame, np.outer(blame, below).ravel())
print(lifted)

# %% [markdown]
# A vector of 3 cannot multiply one of 2; and the gradient must have as many entries as $\theta^{[l]}$, six.
# So $\mathcal{A}^{[l-1]}$ is a matrix of $m_l m_{l-1}$ rows and $m_l$ columns, mostly zeros: $I \otimes
# a^{[l-1]}$. Nobody builds it. The outer product {eq}`lectures-02-backward` has the same six numbers.
#
# ```{solution-end}
# ```

# %% [markdown] tags=["slide", "live"]
# ## A network for lumps
#
# The 569 lumps of [the last chapter](01-descent), thirty measurements each; two hidden layers, two answers.
# How many parameters are to blame?

# %% tags=["live"]
import numpy as np
from sklearn.datasets import load_breast_cancer

lumps = load_breast_cancer()
features = (lumps.data - lumps.data.mean(0)) / lumps.data.std(0)
labels = 1 - lumps.target  # 1: cancer


def start(sizes, seed, gain=2**0.5):
    """Random weights; each layer keeps the size of its input."""
    rng = np.random.default_rng(seed)
    shapes = list(zip(sizes[1:], sizes[:-1]))
    weights = [rng.normal(0, gain / k**0.5, (m, k)) for m, k in shapes]
    return weights, [np.zeros(m) for m, _ in shapes]


# %% tags=["keep_output", "fragment-slide", "live"]
# nbval-check-output
sizes = (30, 16, 8, 2)
weights, biases = start(sizes, seed=0)
total = sum(w.size for w in weights) + sum(b.size for b in biases)
print(f"{total} parameters")

# %% [markdown] tags=["slide", "live"]
# ### To the last digit
#
# By hand, and by PyTorch's autograd, in double precision:

# %% tags=["live"]
from lt_lib.backprop import backward, cross_entropy, forward


def by_hand(weights, biases, x, labels, activation="tanh"):
    cache = forward(x, weights, biases, activation)
    loss, dz = cross_entropy(cache.activations[-1], labels)
    dweights, dbiases, _ = backward(dz, cache)
    return loss, dweights, dbiases


def by_torch(weights, biases, x, labels):
    leaves = [
        torch.tensor(p, requires_grad=True) for p in (*weights, *biases)
    ]
    a = torch.tensor(x)
    for i, (w, b) in enumerate(zip(leaves[:3], leaves[3:])):
        a = (torch.tanh(a) if i else a) @ w.T + b
    loss = torch.nn.functional.cross_entropy(a, torch.tensor(labels))
    return torch.autograd.grad(loss, leaves)


# %% tags=["keep_output", "fragment-slide", "live"]
# nbval-check-output
loss, dweights, dbiases = by_hand(weights, biases, features, labels)
theirs = by_torch(weights, biases, features, labels)
for mine, other in zip((*dweights, *dbiases), theirs):
    assert np.abs(mine - other.numpy()).max() < 1e-12
print(f"loss {loss:.3f}; six gradients agree to 1e-12")

# %% [markdown] tags=["slide"]
# ## The other way: try every weight
#
# The meeting could do without phone calls. Replay the stay with one thing changed, see what comes out, change
# it back, next:
#
# ```{math}
# :label: lectures-02-difference
# \frac{\partial h}{\partial \theta_j} \approx \frac{h(\theta + s e_j) - h(\theta - s e_j)}{2s}.
# ```
#
# It needs no calculus and cannot be wrong in the way a derivation is wrong. It is the judge of every gradient
# in this book, and of the slides' batch norm in [chapter 6](06-batch-normalization). But which $s$?

# %%
from lt_lib.backprop import finite_differences


def one_sided(loss, at, step):
    moved = at + step * np.eye(at.size).reshape(at.size, *at.shape)
    ahead = np.array([loss(m) for m in moved]).reshape(at.shape)
    return (ahead - loss(at)) / step


def loss_of_last(w):
    return by_hand([*weights[:2], w], biases, features, labels)[0]


# %%
def error(found):
    true = dweights[2]
    return np.linalg.norm(found - true) / np.linalg.norm(true)


steps = np.logspace(-13, 0, 40)
errors = {
    "both sides": [
        error(finite_differences(loss_of_last, weights[2], s))
        for s in steps
    ],
    "one side": [
        error(one_sided(loss_of_last, weights[2], s)) for s in steps
    ],
}
assert min(map(min, errors.values())) > 1e-12

# %% tags=["slide"] mystnb={"figure": {"name": "fig-lectures-02-differences", "caption": "Error of the gradient of the last weight matrix by differences, over the step. To the right the curve of the loss shows, to the left the rounding of its last digit. The 569 lumps, double precision; no training."}, "image": {"alt": "Two V-shaped lines on logarithmic axes. Two-sided differences fall to about 1e-10 near a step of 1e-5, one-sided ones to about 1e-8 near 1e-8; both rise again for smaller steps."}}
lab.figure(
    "difference-errors", steps, {k: np.array(v) for k, v in errors.items()}
)

# %% [markdown] tags=["fragment-slide"]
# To the right the loss is not straight over the step: an error of order $s^2$ with two sides, $s$ with one.
# To the left there are too few digits: the loss is rounded at $\varepsilon \approx 10^{-16}$, and
# $\varepsilon / s$ is what is left of it. The sum is least near $s = \varepsilon^{1/3}$ and
# $\varepsilon^{1/2}$. No step gives more than twelve digits of sixteen.

# %% [markdown] tags=["slide"]
# ## What it costs
#
# Count multiplications, the ones in matrix products. Forward, layer $l$ needs $m_l m_{l-1}$ an image.
# Backward it needs that number twice, once for the weights and once for the blame to be passed on; the first
# layer passes on nothing. Differences run the network twice for each parameter.


# %% tags=["keep_output", "fragment-slide"]
# nbval-check-output
def multiplications(sizes):
    products = [m * k for m, k in zip(sizes[1:], sizes[:-1])]
    ahead = sum(products)
    back = 2 * ahead - products[0]
    parameters = ahead + sum(sizes[1:])
    return ahead, back / ahead, 2 * parameters


print("network            forward  backward  differences")
for some in ((30, 16, 8, 2), (784, 800, 800, 10), (4096, 4096, 1000)):
    ahead, back, tries = multiplications(some)
    print(
        f"{'-'.join(map(str, some)):18} {ahead:8,} {back:7.2f} x "
        f"{tries:10,} x"
    )

# %% [markdown]
# A backward pass is at most two forward passes, whatever the network. Differences cost one more forward pair
# for every parameter, so they are for checking small parts, and for nothing else.

# %% [markdown] tags=["slide"]
# ### Why from the end?
#
# The chain rule can be read in either direction. Forward, one follows a *change* from one input to all
# outputs; backward, one follows the *blame* of one output to all inputs. A loss is one number and its
# parameters are many, hence backward. With few inputs and many outputs it is the other way round. PyTorch has
# both:

# %% tags=["keep_output", "fragment-slide"]
# nbval-check-output
from torch.func import jvp, vjp

A = torch.tensor(weights[0])


def many(t):  # one number in, sixteen out
    return torch.tanh(A @ (t * torch.tensor(features[0])))


t = torch.tensor(1.0, dtype=torch.float64)
_, forward_way = jvp(many, (t,), (torch.ones_like(t),))
_, pull = vjp(many, t)
backward_way = torch.stack(
    [pull(row)[0] for row in torch.eye(16, dtype=torch.float64)]
)
assert torch.allclose(forward_way, backward_way)
print("1 pass forward, or", len(backward_way), "backward")

# %% [markdown] tags=["slide"]
# ## Blame fades
#
# In {eq}`lectures-02-backward` every layer multiplies the blame by $D^{[l]} (\theta^{[l+1]})^\top$. The slope of a sigmoid is at
# most a quarter. Do that twenty times, and the first layer hears nothing. A rectifier's slope is 0 or 1: half
# of the blame is lost, and weights drawn a little larger, by $\sqrt 2$, make up for it {cite}`he2015delving`.


# %%
def first_over_last(depth, activation, gain, seed):
    sizes = (30, *[64] * (depth - 1), 2)
    one = slice(seed, seed + 1)  # of one image, db is the blame of z
    _, _, blame = by_hand(
        *start(sizes, seed, gain), features[one], labels[one], activation
    )
    return np.linalg.norm(blame[0]) / np.linalg.norm(blame[-1])


depths = [2, 4, 8, 12, 16, 20]
kinds = {
    "sigmoid": ("sigmoid", 1),
    "tanh": ("tanh", 1),
    "relu": ("relu", 1),
    "relu, weights x 1.4": ("relu", 2**0.5),
}
ratios = {
    name: np.array(
        [[first_over_last(d, *kind, s) for s in range(20)] for d in depths]
    )
    for name, kind in kinds.items()
}

# %% tags=["slide"] mystnb={"figure": {"name": "fig-lectures-02-depth", "caption": "How long the blame of the first layer is, over that of the last, in fresh networks of more and more layers of 64; median over draws of the weights and as many lumps, band from the tenth to the ninetieth percentile. No training."}, "image": {"alt": "Four lines over depth on a logarithmic scale. That of the sigmoid falls by about twelve powers of ten over twenty layers, relu with small weights by about three, tanh by less, and relu with larger weights stays level."}}
lab.figure("gradient-depth", depths, ratios)

# %% tags=["keep_output"]
# nbval-check-output
for name in ("sigmoid", "relu", "relu, weights x 1.4"):
    powers = np.log10(np.median(ratios[name], 1))
    print(f"{name:20} a factor of about 10^{round(powers[-1])}")

# %% [markdown]
# Nothing is wrong with the algorithm in {numref}`fig-lectures-02-depth`; it reports truthfully that the loss
# hardly depends on the first layer. What helped was to change the network: other activations, the size of the
# first weights, shortcuts around layers, and batch normalisation, for which see [chapter
# 6](06-batch-normalization).

# %% [markdown] tags=["notes", "remove-cell"]
# Two minutes: let the room guess the factor for twenty sigmoid layers before the figure. A quarter to the
# power of twenty is 1e-12; random weights make it a little worse. Then ask who is being punished: the layer
# that saw the patient first.

# %% [markdown] tags=["slide", "live"]
# ## It learns
#
# Now let the gradient be used. Two thirds of the lumps to learn from, one third to be asked about; gradient
# descent by the rule of [chapter 1](01-descent), every derivative by hand. Several draws of the split and of
# the first weights.


# %% tags=["live"]
def learn(seed, lr=0.5, steps=300):
    order = np.random.default_rng(seed).permutation(len(labels))
    train, test = order[:380], order[380:]
    weights, biases = start(sizes, seed)
    for _ in range(steps):
        _, dw, db = by_hand(weights, biases, features[train], labels[train])
        weights = [w - lr * d for w, d in zip(weights, dw)]
        biases = [b - lr * d for b, d in zip(biases, db)]
    logits = forward(features[test], weights, biases, "tanh")
    said = logits.activations[-1].argmax(1)
    return (said != labels[test]).mean()


# %% tags=["fragment-slide", "live"]
wrong = [learn(seed) for seed in seeds]
print(
    f"test error {lab.estimate(wrong)} over {len(seeds)} splits, "
    f"always 'benign' {labels.mean():.3f}"
)

# %% [markdown] tags=["slide"]
# ## What differs, and why
#
# | | slides say | correct | we ran |
# |---|---|---|---|
# | $\nabla_{\theta} h$ | $\mathcal{A}^{[l-1]} \nabla_{z} h$, $\mathcal{A}$ not defined | outer product, or $I \otimes a^{[l-1]}$ on the long vector | outer product, summed over the batch |
# | a batch | one column an image | either | one row an image |
# | first weights | "randomly generated" | random, *and* of a size that fits the layer | $\sqrt 2 / \sqrt{m_{l-1}}$ |
# | derivative of $\hat y$ | $[\nabla_z \hat y][\nabla_{\hat y} h]$, two factors | right | softmax and cross-entropy in one: $p - y$, which cannot overflow |

# %% [markdown] tags=["slide"]
# ## Summary
#
# Backpropagation is the chain rule, read from the loss to the input: the derivative by a weight is what
# came in from below, times what came down from above. A backward pass costs at most two forward passes;
# differences cost two for every parameter and are for checking. Where every layer multiplies by less than
# one, the derivative by the first layers fades.

# %% tags=["fragment-slide", "hide-input"]
lab.summary(
    "descent by these derivatives errs on a share of "
    f"{lab.estimate(wrong)} of the test lumps, over {len(seeds)} splits, "
    f"and always saying 'benign' on {labels.mean():.3f}"
)

# %% [markdown]
# ## Exercises
#
# ```{exercise} Twins
# :label: ex-lectures-02-twins
# The slides let the first forward pass use random weights. Are random weights a convenience or a necessity? Start all weights of a
# layer at the same value and train. How many different hidden units does the network end with?
# ```
#
# ```{solution-start} ex-lectures-02-twins
# :class: dropdown
# ```


# %%
def grown(same):
    weights, biases = start(sizes, seed=0)
    if same:
        weights = [np.full_like(w, 0.1) for w in weights]
    for _ in range(50):
        _, dw, db = by_hand(weights, biases, features, labels)
        weights = [w - 0.5 * d for w, d in zip(weights, dw)]
        biases = [b - 0.5 * d for b, d in zip(biases, db)]
    return len(np.unique(weights[0].round(10), axis=0))


units = grown(same=True), grown(same=False)
assert units == (1, 16)
print(f"{units[0]} unit sixteen times, or {units[1]} units")

# %% [markdown]
# Equal units receive equal blame and change equally, for ever. Chance is needed to tell them apart.
#
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} The blame of an input
# :label: ex-lectures-02-input
# `backward` returns a third thing, the gradient with respect to $x$. Which measurement of lump 0 would change the loss most per
# standard deviation, and does a difference agree? (This gradient is what the wing `sign` of this book feeds back into images.)
# ```
#
# ```{solution-start} ex-lectures-02-input
# :class: dropdown
# ```

# %%
one, its_label = features[:1], labels[:1]
cache = forward(one, weights, biases, "tanh")
dx = backward(cross_entropy(cache.activations[-1], its_label)[1], cache)[2]
tried = finite_differences(
    lambda v: by_hand(weights, biases, v, its_label)[0], one
)
assert np.abs(dx - tried).max() < 1e-8
print(lumps.feature_names[np.abs(dx).argmax()])

# %% [markdown]
# The same recursion, one step further down: $\nabla_x h = (\theta^{[1]})^\top \nabla_{z^{[1]}} h$. No slope,
# for nothing bends the input.
#
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} The best step
# :label: ex-lectures-02-step
# Two-sided differences err by about $s^2 |h'''| / 6$ and by $\varepsilon |h| / s$. Which $s$ makes the sum least? Compare with
# {numref}`fig-lectures-02-differences`, taking $h$ and $h'''$ to be near 1.
# ```
#
# ```{solution-start} ex-lectures-02-step
# :class: dropdown
# ```

# %%
epsilon = np.finfo(float).eps
predicted = (3 * epsilon) ** (1 / 3)
best = steps[np.argmin(errors["both sides"])]
assert 0.05 < best / predicted < 20
print(f"predicted {predicted:.0e}, found {best:.0e}")

# %% [markdown]
# The derivative of the sum, $s/3 - \varepsilon/s^2$, is zero at $s = (3\varepsilon)^{1/3}$. The found minimum
# is within a power of ten; there the curve is jagged, because rounding is.
#
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} Large enough, not too large
# :label: ex-lectures-02-gain
# With rectifiers and twenty layers, find by trial the gain (1.41 above) at which the first layer hears about as much blame as the
# last. What happens at 1.2 and at 1.6?
# ```
#
# ```{solution-start} ex-lectures-02-gain
# :class: dropdown
# ```


# %%
def faded(gain):
    return np.median(
        [first_over_last(20, "relu", gain, s) for s in range(10)]
    )


weak, right, strong = faded(1.2), faded(2**0.5), faded(1.6)
assert weak < right / 5 and right < strong
print(f"{weak:.3f}, {right:.2f}, {strong:.2f}")

# %% [markdown]
# Each layer multiplies the blame by gain / 1.41, on average; twenty layers raise that to a power of about
# twenty. It is also what happens to the activations on the way up, so that with a large gain the logits grow,
# and the loss with them.
#
# ```{solution-end}
# ```

# %% [markdown]
# ## Further reading
#
# - {cite:t}`rumelhart1986learning`, four pages, made it known; {cite:t}`goodfellow2016deep`, which the slides
#   point to, has the graph and the matrix form in section 6.5.
# - {cite:t}`baydin2018automatic` on automatic differentiation in general: forward, backward, and what lies
#   between.
# - {cite:t}`he2015delving` derive the size of the first weights for rectifiers.

# %% tags=["remove-input"]
import platform
import time

import pandas as pd

from lt_lib.lab.read.report import Table

footer = {
    "profile": profile,
    "seeds": len(seeds),
    "data": "breast cancer (scikit-learn)",
    "python": platform.python_version(),
    "numpy": np.__version__,
    "torch": torch.__version__,
    "made": time.strftime("%Y-%m-%d"),
}
Table(
    pd.DataFrame([footer]),
    [footer],
    "No records: everything here is computed on the spot",
)
