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
# # Downhill: gradient descent and adaptive optimizers
#
# ```{admonition} This chapter
# :class: tip
# - **Question.** How far may one step go, and does a cleverer step make a better classifier?
# - **Covers.** Lecture 1 of `lectures`, up to backpropagation: gradient descent, its stochastic form, AdaGrad, RMSProp, Adam.
#   Tests claims LE1 and LE2.
# - **You need.** a gradient and a variance; logistic regression helps.
# - **Time.** 25 minutes to read; half a minute on a laptop.
# ```
#
# Nobody knows the right dose of insulin for a new patient. One starts low, looks at the blood sugar, changes
# the dose, looks again. Change too little, and the patient is thirsty for months. Change too much, and the
# next call is from an ambulance. All one ever knows is local: which way is better from here, and how steeply.
#
# Training a network is the same titration with a million doses at once. This chapter asks what is known about
# the size of the change.

# %% [markdown] tags=["notes", "remove-cell"]
# Ask the room first: would you rather halve the dose change or double it, if you had to choose blindly? Keep
# the answer; it comes back with figure 1, where caution costs little and boldness has no guarantee.

# %% [markdown] tags=["slide", "live"]
# ## The claims
#
# 1. A step of size $c$ has the largest guaranteed descent. Beyond $2c$ none is guaranteed.
# 2. Adaptive methods start faster and generalise worse ({cite:t}`wilson2017marginal`, as the slides report
#    them).
#
# The first is arithmetic about a parabola; what it says about a real loss must be measured. The second is an
# experiment. No number is printed for either, except one letter:

# %% tags=["keep_output", "hide-input"]
# nbval-check-output
from lt_lib.lab.read.published import printed

print("best step c^r =", printed(work="lectures", row="B.1"))

# %% [markdown]
# ## Choose what to run
#
# All embedded data here are real and ship with scikit-learn. The parameters matter to the last experiment
# alone, which is trained into records: how often it is repeated, how long, and on what. *Stand-in* at its
# numbers means that the digits stand in for the CIFAR-10 of the original comparison.

# %% tags=["parameters"]
profile = "laptop"  # smoke, laptop, overnight or paper
data = "embedded"  # embedded (digits8) or real (CIFAR-10)
seeds = None  # None: as many as the profile asks for
budget = None  # minutes; None: no limit
store = None  # folder of records; None: the usual one

# %% tags=["live"]
from lt_lib import lab

options = lab.check_parameters(globals())

# %% [markdown] tags=["slide", "live"]
# ## A loss to walk on
#
# The data are 569 breast lumps, each pricked with a fine needle; thirty numbers describe the cell nuclei that
# came out
# {cite}`street1993nuclear`. Was it cancer? With $y_i = 1$ for yes, $-1$ for no, and $x_i$ the standardised numbers and a
# constant, logistic regression minimises
#
# ```{math}
# :label: lectures-01-logistic
# l(\theta) = \frac1n \sum_{i=1}^{n} \log\bigl(1 + e^{-y_i x_i^\top \theta}\bigr) + \frac{\lambda}{2} \|\theta\|^2.
# ```
#
# It stands for the loss of a network because everything about it can be computed, the best place included.

# %% tags=["live"]
import torch
from sklearn.datasets import load_breast_cancer
from torch.nn.functional import softplus

lumps = load_breast_cancer()
y = 1 - 2 * torch.tensor(lumps.target, dtype=torch.float64)
x = torch.tensor(lumps.data)
x = (x - x.mean(0)) / x.std(0, correction=0)
x = torch.cat([x, torch.ones(len(x), 1)], 1)
n, ridge = len(x), 0.01


# %% tags=["live"]
def loss(theta):
    fit = softplus(-y * (theta @ x.T)).mean(-1)
    return fit + ridge / 2 * theta.square().sum(-1)


def each_gradient(theta):  # a row for each lump
    pull = -y * torch.sigmoid(-y * (x @ theta))
    return pull[:, None] * x + ridge * theta


def gradient(theta):
    return each_gradient(theta).mean(0)


# %% tags=["keep_output"]
# nbval-check-output
print(f"{n} lumps, {(y > 0).sum()} of them cancer")
start = torch.zeros(31, dtype=torch.float64)
print(
    f"loss at zero {loss(start):.3f} = ln 2, "
    f"gradient {gradient(start).norm():.2f} long"
)

# %% [markdown] tags=["slide", "live"]
# ## A bowl in place of the hill
#
# Nobody sees the whole hill. So put a bowl in its place that has the right height and slope here, at
# $\theta'$, and a width that we choose:
#
# ```{math}
# :label: lectures-01-bowl
# l(\theta) \approx l(\theta') + \nabla l(\theta')^\top (\theta - \theta') + \frac{1}{2c} \|\theta - \theta'\|^2.
# ```
#
# The bottom of the bowl is at $\theta' - c\, \nabla l(\theta')$. Go there, put up the next bowl, go on:
#
# ```{math}
# :label: lectures-01-gd
# \theta^{r+1} = \theta^r - c^r\, \nabla l(\theta^r).
# ```
#
# That is gradient descent. In the library it is `lt_lib.optimizers.gd`, one of four rules of one form: place,
# gradient and memory in, new place and memory out. This one has no memory.

# %% tags=["keep_output", "live"]
# nbval-check-output
from lt_lib.optimizers import adagrad, adam, gd, rmsprop

place, memory = start, None
for _ in range(3):
    place, memory = gd(place, gradient(place), memory, lr=0.3)
    print(f"loss {loss(place):.3f}")

# %% [markdown] tags=["slide", "live"]
# ### What a step is worth
#
# Take a step $c^r$ on a bowl of width $c$. Put {eq}`lectures-01-gd` into {eq}`lectures-01-bowl`:
#
# ```{math}
# :label: lectures-01-descent
# l(\theta^{r+1}) \approx l(\theta^r) - \Bigl(c^r - \frac{(c^r)^2}{2c}\Bigr) \|\nabla l(\theta^r)\|^2.
# ```
#
# The bracket is a parabola in $c^r$: zero at no step, highest at $c^r = c$, where it is $c/2$, and zero again
# at $2c$. If it is not negative, the slides conclude, then $l(\theta^{r+1}) \le l(\theta^r)$: the *descent
# property*.

# %% [markdown]
# ```{exercise} Find the slip
# :label: ex-lectures-01-approx
# The slides ask of $c$ only that it be positive. Choose a $c$ for which {eq}`lectures-01-descent` promises, at `start`, a
# descent that cannot be. Which sign in the derivation is to blame?
# ```
#
# ```{solution-start} ex-lectures-01-approx
# :class: dropdown
# ```

# %%
bold = 30.0
g = gradient(start)
promise = bold / 2 * g.square().sum()
arrived, _ = gd(start, g, lr=bold)
assert promise > loss(start) and loss(arrived) > loss(start)
print(
    f"loss {loss(start):.2f}, promised descent {promise:.1f}, "
    f"loss after the step {loss(arrived):.2f}"
)

# %% [markdown]
# The promise exceeds the whole loss, which cannot fall below zero; in truth the loss goes up. The sign is
# $\approx$. From "about as high as the bowl" nothing follows about higher or lower. Descent needs a bowl that
# lies *above* the hill.
#
# ```{solution-end}
# ```

# %% [markdown] tags=["slide", "live"]
# ### A bowl that lies above
#
# Suppose the slope never changes faster than $L$: $\|\nabla l(\theta) - \nabla l(\theta')\| \le L \|\theta -
# \theta'\|$. Then for every $c \le 1/L$ the sign in {eq}`lectures-01-bowl` may be written as $\le$, and with
# it {eq}`lectures-01-descent`
# {cite}`beck2017first`:
#
# ```{math}
# :label: lectures-01-bound
# l(\theta^{r+1}) \le l(\theta^r) - \Bigl(c^r - \frac{(c^r)^2}{2c}\Bigr) \|\nabla l(\theta^r)\|^2,
# \qquad c \le \frac1L.
# ```
#
# A bound, for every step length. The widest bowl allowed, $c = 1/L$, promises most. For a logistic loss $L$
# is known, because the second derivative of $\log(1 + e^{-z})$ is at most $\frac14$:

# %% tags=["keep_output", "fragment-slide", "live"]
# nbval-check-output
L = torch.linalg.eigvalsh(x.T @ x / n).max().item() / 4 + ridge
c = 1 / L
print(f"L = {L:.2f}, c = {c:.3f}")

# %% [markdown]
# ### Measured
#
# Walk downhill, and at places on the way try steps of every length. How far does the loss really fall?


# %% tags=["live"]
def descend(share, tolerance=1e-3, most=5000):
    """Walk with steps share * c until the slope is small."""
    theta, seen = start, [start]
    while (g := gradient(theta)).norm() > tolerance:
        theta, _ = gd(theta, g, lr=share * c)
        seen.append(theta)
        if len(seen) > most:
            break
    return torch.stack(seen)


# %% tags=["live"]
def decreases(theta, shares):
    """Fall of the loss in units of c |gradient|^2."""
    g = gradient(theta)
    tries = theta - c * shares[:, None] * g
    return (loss(theta) - loss(tries)) / (c * g @ g)


walk = descend(1.0)
shares = torch.linspace(0.05, 4, 80, dtype=torch.float64)

# %% tags=["slide", "live"] mystnb={"figure": {"name": "fig-lectures-01-bound", "caption": "Descent in one step of gradient descent on the loss of the 569 lumps, from three places on a walk, over the length of the step. Black: what is guaranteed; the dot is its best, at c. Grey: where nothing is. Computed from the data, no training."}, "image": {"alt": "A black parabola rises to one half at a step of c, falls to zero at 2c and below afterwards. Three measured lines all lie on or above it: that of the first step bends over near 3.5c, the later two rise almost straight to nearly 4 at 4c."}}
places = {f"step {r}": decreases(walk[r], shares) for r in (0, 10, 100)}
lab.figure("descent-bound", shares, places)

# %% [markdown]
# No measured line in {numref}`fig-lectures-01-bound` dips below the parabola. But each does better, and its
# best step is longer than $c$. *Guaranteed* is about the steepest bend anywhere, in any direction; a walk
# soon comes to where the ground bends less. So beyond $2c$ descent is not forbidden. One can no longer be
# sure.
#
# The bound cannot be improved, though. There is a loss that keeps to it exactly, the bowl itself, $l(\theta)
# = \frac L2 \theta^2$:

# %% tags=["keep_output"]
# nbval-check-output
at = torch.ones(1, dtype=torch.float64)
for share in (0.5, 1.0, 2.0, 2.5):
    after, _ = gd(at, L * at, lr=share * c)
    fall = L / 2 * (at**2 - after**2) / (c * (L * at) ** 2)
    print(
        f"step {share}c: measured {fall.item():+.3f}, "
        f"bound {share - share**2 / 2:+.3f}"
    )

# %% [markdown] tags=["fragment-slide"]
# ### Claim LE1, counted
#
# Many places, 80 lengths at each. And once more for somebody who believes in a wider bowl, $c' = k/L$ with $k > 1$:

# %% tags=["keep_output", "fragment-slide"]
# nbval-check-output
falls = torch.stack([decreases(theta, shares) for theta in walk[::10]])


def broken(k):
    promise = shares - shares**2 / (2 * k)
    return int((falls < promise - 1e-9).sum())


for k in (1, 2, 4, 16, 64):
    print(f"c = {k:2}/L: {broken(k):4} of {falls.numel()} steps fall short")

# %% [markdown]
# With $c = 1/L$ the bound holds for every step tried. With a wider bowl it is broken, and first at the start
# of the walk, where the ground bends most. LE1 holds, with the condition that the slides leave out.
#
# And there is their own warning in bold type: for a network nobody knows $c$. There is no $L$ to compute;
# learning rates are found by trial and error. Keep that in mind until the last section, where *who tried how
# much* decides a comparison.

# %% [markdown] tags=["notes", "remove-cell"]
# Ask before showing the count: will the bound break if we believe in a bowl twice as wide? Most say
# everywhere. It breaks only at the start, where the second derivatives of the logistic loss are at their
# largest; later the lumps are well sorted and the ground is nearly flat.

# %% [markdown] tags=["slide"]
# ## When to stop
#
# Each step is $c^r \|\nabla l(\theta^r)\|$ long. When the slope is small the walk has all but stopped anyway,
# so stop at
#
# ```{math}
# :label: lectures-01-stop
# \|\nabla l(\theta^r)\| \le \epsilon.
# ```
#
# A small slope is not yet a low place; think of a saddle. Here the ridge helps. It makes $l$ bend upwards by
# at least $\lambda$ in every direction, and then the loss lies at most $\|\nabla l\|^2 / (2\lambda)$ above
# its minimum. With $\epsilon = 0.001$:

# %% tags=["keep_output", "fragment-slide"]
# nbval-check-output
lowest = loss(descend(16, tolerance=1e-9)[-1])
print("step   steps  loss above minimum  at most")
for share in (0.25, 1, 1.9, 4, 16):
    path = descend(share)
    above, g = loss(path[-1]) - lowest, gradient(path[-1])
    print(
        f"{share:4}c  {len(path) - 1:5}  {above:18.1e}  "
        f"{g @ g / (2 * ridge):7.1e}"
    )

# %% [markdown]
# Caution is dear. A quarter of the step takes four times the steps, for the same slope and the same height.
# And sixteen times the step with the guarantee still arrives, and first.

# %% [markdown] tags=["slide"]
# ## A slope from a few patients
#
# The gradient of {eq}`lectures-01-logistic` asks all $n$ patients for every step. But it is a mean, and a
# mean can be estimated. Draw $B$ patients with replacement and average over them:
#
# ```{math}
# :label: lectures-01-sgd
# v = \frac1B \sum_{b=1}^{B} \nabla l(\theta; x_{i_b}),
# \qquad \mathbb{E}[v] = \nabla l(\theta),
# \qquad \mathbb{E}\|v - \nabla l(\theta)\|^2 = \frac{\sigma^2}{B},
# ```
#
# with $\sigma^2$ the mean squared distance of one patient's gradient from the mean gradient. Unbiased for every $B$, and the
# variance falls as $1/B$. Step along $v$, and it is *stochastic* gradient descent {cite}`robbins1951stochastic`: the rule is
# `gd`, only the gradient is another.

# %% [markdown]
# ```{exercise} Which index?
# :label: ex-lectures-01-index
# The slides write the batch gradient as $\frac1B \sum_{i=1}^{B} \nabla l(\theta^r; x_{i_r})$. Taken at its word, with $i_r$ the
# one patient drawn at step $r$, what would its variance be?
# ```
#
# ```{solution-start} ex-lectures-01-index
# :class: dropdown
# ```

# %%
chance = torch.Generator().manual_seed(1)
one = torch.randint(n, (1,), generator=chance)
literal = sum(each_gradient(start)[one[0]] for _ in range(16)) / 16
assert torch.allclose(literal, each_gradient(start)[one[0]])
print("16 times one patient is one patient")

# %% [markdown]
# $\sigma^2$, for any $B$: the summation index $i$ does not occur under the sum, so one patient is counted $B$
# times. The draw needs an index of its own, the $b$ of {eq}`lectures-01-sgd`. (The single-patient line has
# the same slip: its sum over $i$ must run over $x_i$, not $x_{i_r}$.)
#
# ```{solution-end}
# ```

# %% [markdown]
# Now measure. A thousand batches of each size, at the start of the walk; once with replacement, as on the
# slides, and once without, as data loaders draw.


# %%
def batch_gradients(size, replace, draws=1000):
    chance = torch.Generator().manual_seed(size)
    if replace:
        rows = torch.randint(n, (draws, size), generator=chance)
    else:
        ranks = torch.rand(draws, n, generator=chance)
        rows = ranks.argsort(1)[:, :size]
    share = torch.zeros(draws, n, dtype=torch.float64)
    ones = torch.ones(draws, size, dtype=torch.float64)
    return share.scatter_add_(1, rows, ones / size) @ patients


patients = each_gradient(start)

# %%
sizes = [1, 4, 16, 64, 256, 512]
errors = {
    (size, replace): batch_gradients(size, replace) - mean
    for mean in [patients.mean(0)]
    for size in sizes
    for replace in (True, False)
}
variance = {
    key: v.square().sum(1).mean().item() for key, v in errors.items()
}
single = (patients - patients.mean(0)).square().sum(1).mean().item()
for size in (1, 16, 256):
    off = errors[size, True].mean(0).norm()
    print(
        f"B = {size:3}: mean of the errors {off:.4f}, by chance "
        f"about {(single / size / 1000) ** 0.5:.4f}"
    )

# %% tags=["fragment-slide"] mystnb={"figure": {"name": "fig-lectures-01-variance", "caption": "Variance of the batch gradient over the batch size, at the start of the walk: a thousand batches a mark. Lines: what the formulas say. Drawn from the 569 lumps."}, "image": {"alt": "Two falling rows of marks on log scales, each on its line. With replacement the line is straight, down to about 1/500 of the first value at batch 512; without replacement it bends down at the end, to about a tenth of that."}}
exact = {
    "with replacement": [single / b for b in sizes],
    "without": [single / b * (n - b) / (n - 1) for b in sizes],
}
measured = {
    label: [variance[b, replace] for b in sizes]
    for label, replace in zip(exact, (True, False))
}
lab.figure("batch-variance", sizes, measured, exact)

# %% [markdown]
# The mean error is what chance leaves of a zero: no bias. Variance follows the straight line. Drawing without
# replacement gains the factor $(n-B)/(n-1)$, nothing for small batches and everything for a batch of all.
#
# The line is also a price list. A hundred times the patients make the error of a gradient ten times smaller.
# Early in the walk that is a poor bargain.

# %% [markdown] tags=["slide"]
# ### Fast, then stuck
#
# Count cost in passes through the data, and let batches of different size walk with the same step $c$.


# %%
def stochastic(size, shrink=None, passes=4, runs=5):
    """Loss above the minimum, runs walking side by side."""
    chance = torch.Generator().manual_seed(size)
    theta, gaps = start.repeat(runs, 1), []
    last = passes * n // size
    looks = torch.linspace(0, last - 1, 12 * passes).long().tolist()
    for r in range(last):
        rows = torch.randint(n, (runs, size), generator=chance)
        z = y[rows] * (x[rows] * theta[:, None]).sum(-1)
        pull = -y[rows] * torch.sigmoid(-z) / size
        v = (pull[..., None] * x[rows]).sum(1) + ridge * theta
        lr = c / (1 + r / shrink) if shrink else c
        theta, _ = gd(theta, v, lr=lr)
        if r in looks:
            gaps.append(loss(theta) - lowest)
    return torch.stack(gaps)


# %% tags=["fragment-slide"] mystnb={"figure": {"name": "fig-lectures-01-floor", "caption": "Loss above its minimum over passes through the data, for three batch sizes at the same step c, and for single patients with a step that falls as c / (1 + r / 100). Mean of five runs, the range as a band."}, "image": {"alt": "Full gradients fall slowly. Batches of 16 fall fast and far. Single patients fall fastest, then jump up and down around a high floor; with a falling step they keep going down."}}
passes = torch.linspace(0, 4, 48)
gaps = {
    "all 569": (loss(walk[passes.long()]) - lowest)[:, None],
    "16": stochastic(16),
    "1": stochastic(1),
    "1, falling": stochastic(1, shrink=100),
}
ends = {size: gap[-1].mean().item() for size, gap in gaps.items()}
assert gaps["1"][5].mean() < gaps["all 569"][5].mean()
assert max(ends["16"], ends["1, falling"]) < ends["1"]
lab.figure("noise-floor", passes, gaps)

# %% [markdown]
# One patient at a time is far ahead of the full gradient before the first pass is half over, and then goes
# nowhere: at a constant step the noise throws the walk up as fast as the slope brings it down. Smaller noise
# or smaller steps lower that floor. Theory asks for steps with $\sum_r c_r = \infty$, so that any place can
# be reached, and $\sum_r c_r^2 < \infty$, so that the noise dies out {cite}`bottou2018optimization`. The
# falling step of {numref}`fig-lectures-01-floor` satisfies both.

# %% [markdown] tags=["slide"]
# ## A step for each coordinate
#
# One $c$ for all coordinates must suit the steepest. Adaptive methods give each its own, by what its
# gradients have been like. All operations go coordinate by coordinate; $g^r$ is the gradient or its estimate.
#
# **AdaGrad** {cite}`duchi2011adagrad` divides by the root of all squared gradients so far:
#
# ```{math}
# :label: lectures-01-adagrad
# u^r = \Bigl[\sum_{s=1}^{r} g^s \circ g^s\Bigr]^{1/2},
# \qquad \theta^{r+1} = \theta^r - c^r \frac{g^r}{u^r + \epsilon}.
# ```
#
# Sums only grow, so its steps only shrink. **RMSProp** {cite}`tieleman2012rmsprop` lets old squares fade:
#
# ```{math}
# :label: lectures-01-rmsprop
# u^r = \gamma u^{r-1} + (1 - \gamma)\, g^r \circ g^r,
# \qquad \theta^{r+1} = \theta^r - c^r \frac{g^r}{\sqrt{u^r + \epsilon}}.
# ```

# %% [markdown] tags=["slide"]
# **Adam** {cite}`kingma2015adam` lets the gradient fade in, too. As on the slides:
#
# ```{math}
# :label: lectures-01-adam
# \tilde g^r = \beta \tilde g^{r-1} + (1 - \beta)\, g^r,
# \qquad \theta^{r+1} = \theta^r - c^r \frac{\tilde g^r}{\sqrt{u^r / (1 - \gamma^r)} + \epsilon},
# ```
#
# with $u^r$ from {eq}`lectures-01-rmsprop`, and $\tilde g^0 = u^0 = 0$. (The slides once say $v^r$ for this
# $u^r$; the formula below it has the right letter.)

# %% [markdown]
# ```{exercise} Find the slip in Adam
# :label: ex-lectures-01-adam
# Let the gradient be 1 for ever, $\epsilon = 0$, and the learning rate 1. Work out $\tilde g^1$, $u^1$ and the first step for
# $\beta = 0.9$. The factor $1/(1-\gamma^r)$ is there for a reason. Where is it missing?
# ```
#
# ```{solution-start} ex-lectures-01-adam
# :class: dropdown
# ```

# %%
zero, slope = torch.zeros(1), torch.ones(1)
by_slide, _ = adam(zero, slope, lr=1.0, eps=0, variant="slide")
standard, _ = adam(zero, slope, lr=1.0, eps=0)
assert torch.isclose(by_slide, 0.1 * standard)
print(f"slide {by_slide.item():+.1f}, standard {standard.item():+.1f}")

# %% [markdown]
# $\tilde g^1 = 0.1$ and $u^1 = 0.001$. Both began at zero and know a single gradient, so both are too small. The slides divide
# $u^1$ by $1 - \gamma$, which makes it 1, and leave $\tilde g^1$ at a tenth. {cite:t}`kingma2015adam` correct
# both, $\tilde g^r / (1 - \beta^r)$, and begin ten times faster. The factor is forgotten after some tens of
# steps: $0.9^{30}$ is 0.04.
#
# ```{solution-end}
# ```

# %% [markdown] tags=["slide", "live"]
# ### Three steps each
#
# The library has both readings, `variant="slide"` and `"standard"`. On a constant slope of 1, with learning
# rate 1 and the usual constants, the first three steps are

# %% tags=["keep_output", "fragment-slide", "live"]
# nbval-check-output
from functools import partial

rules = {
    "GD": gd,
    "AdaGrad": adagrad,
    "RMSProp": rmsprop,
    "Adam": adam,
    "Adam, slide": partial(adam, variant="slide"),
}
for name, rule in rules.items():
    at, state, steps = torch.zeros(1), None, []
    for _ in range(3):
        new, state = rule(at, torch.ones(1), state, 1.0)
        steps.append((at - new).item())
        at = new
    print(f"{name:11}", *(f"{step:6.2f}" for step in steps))

# %% [markdown]
# RMSProp begins with a jump of ten learning rates: its $u$ starts at zero as well, and nobody corrects it.
# Three ways to begin, then, from one idea: a tenth, one, ten.
#
# There is a smaller difference, and it hides in $\epsilon$. The slides have it inside RMSProp's root, PyTorch
# outside. Inside, $10^{-8}$ weighs as much as $10^{-4}$ does outside, so that gradients below $10^{-4}$ are
# no longer scaled up:

# %% tags=["keep_output"]
# nbval-check-output
for slope in (1e-2, 1e-4, 1e-6):
    g = torch.full((1,), slope, dtype=torch.float64)
    outside, inside = (
        abs(rmsprop(0 * g, g, lr=1.0, variant=v)[0].item())
        for v in ("standard", "slide")
    )
    print(
        f"gradient {slope:.0e}: first step {outside:5.2f} "
        f"outside, {inside:5.2f} inside"
    )

# %% [markdown]
# Who is right? Either, if it is said. The standard forms are those of `torch.optim`, which we check on 200
# steps through a curved valley, that of the next section:


# %% tags=["live"]
def valley(t):
    a, b = t.unbind(-1)
    return (1 - a) ** 2 + 10 * (b - a**2) ** 2


def slope_of(surface, t):
    t = t.detach().requires_grad_()
    return torch.autograd.grad(surface(t).sum(), t)[0]


# %%
def apart(rule, optimizer, steps=200, lr=0.002):
    ours = torch.tensor([-1.2, 1.0], dtype=torch.float64)
    theirs, state = ours.clone().requires_grad_(), None
    optimizer = optimizer([theirs], lr=lr)
    for _ in range(steps):
        theirs.grad = slope_of(valley, theirs)
        optimizer.step()
        ours, state = rule(ours, slope_of(valley, ours), state, lr)
    return (ours - theirs).abs().max().item()


# %% tags=["keep_output"]
# nbval-check-output
from torch import optim

for name, rule, theirs in (
    ("SGD", gd, optim.SGD),
    ("AdaGrad", adagrad, optim.Adagrad),
    ("RMSProp", rmsprop, optim.RMSprop),
    ("Adam", adam, optim.Adam),
    ("Adam, slide", rules["Adam, slide"], optim.Adam),
):
    same = apart(rule, theirs) < 1e-9
    print(f"{name:11} {'the same path' if same else 'another'}")

# %% [markdown] tags=["slide", "live"]
# ## Three landscapes
#
# A bowl thirty times as steep one way as the other. A valley with a bend. A saddle, entered almost along its
# ridge, where the stop rule {eq}`lectures-01-stop` could be content. Each rule walks 60 steps from the black
# dot, at the best of twelve learning
# rates: that whose walk is lowest on average.


# %% tags=["live"]
def bowl(t):
    return (t[..., 0] ** 2 + 30 * t[..., 1] ** 2) / 2


def saddle(t):
    a, b = t.unbind(-1)
    return a**2 / 2 - b**2 / 2 + b**4 / 8


surfaces = {
    "bowl": (bowl, (-3.2, 0.7), (-0.6, 1.1), [(0, 0)]),
    "valley": (valley, (-1.6, 1.5), (-0.6, 2.2), [(1, 1)]),
    "saddle": (
        saddle,
        (-1.7, 0.7),
        (-1.9, 1.9),
        [(0, 2**0.5), (0, -(2**0.5))],
    ),
}
starts = {
    "bowl": [-3.0, 0.7],
    "valley": [-1.2, 1.0],
    "saddle": [-1.5, 1e-3],
}


# %% tags=["live"]
def best_walk(rule, surface, start, steps=60):
    """All learning rates at once, a row each; the best."""
    lrs = torch.logspace(-3, 0.25, 12, dtype=torch.float64)
    at = torch.tensor(start, dtype=torch.float64).repeat(12, 1)
    path, state = [at], None
    for _ in range(steps):
        g = slope_of(surface, at)
        at, state = rule(at, g, state, lrs[:, None])
        path.append(at)
    heights = surface(torch.stack(path)).mean(0)
    best = heights.nan_to_num(float("inf")).argmin()
    return torch.stack(path)[:, best], lrs[best].item()


walks = {
    name: {
        rule: best_walk(step, surfaces[name][0], starts[name])
        for rule, step in rules.items()
    }
    for name in surfaces
}

# %% tags=["fragment-slide", "live"] mystnb={"figure": {"name": "fig-lectures-01-walks", "caption": "Sixty steps of five rules on three surfaces, each at the best of twelve learning rates. Black dot: start; stars: minima; coloured marks: where a rule ends. Computed, no data."}, "image": {"alt": "Three contour maps. In the bowl, gradient descent zigzags across the long axis while adaptive rules cut diagonally. In the valley all follow the bend, some not to its end. At the saddle, the adaptive rules leave the ridge early and gradient descent late, to one of two minima."}}
lab.figure(
    "trajectories",
    surfaces,
    {
        name: {rule: path for rule, (path, _) in found.items()}
        for name, found in walks.items()
    },
)

# %%
lows = {"bowl": 0.0, "valley": 0.0, "saddle": -0.5}
print("height above the minimum after 20 and 60 steps (rate)")
for name, found in walks.items():
    print(name)
    for rule, (path, lr) in found.items():
        early, late = surfaces[name][0](path[[20, 60]]) - lows[name]
        print(f"  {rule:11} {early:8.1e} {late:8.1e}  ({lr:.3g})")
print("steps until a walk is a tenth away from the ridge of the saddle")
for rule, (path, _) in walks["saddle"].items():
    print(f"  {rule:11} {int((path[:, 1].abs() > 0.1).nonzero()[0]):8}")

# %% [markdown]
# Read the table by columns: which rule would you take, not knowing the ground? What the adaptive ones share is the
# last list: a slope of 0.001 across the ridge is as good to them as a slope of 1, while gradient descent must
# wait for it to grow. Steps that ignore scale are a blessing on a saddle. Whether they are one
# when the coordinates are a patient's features is the next question.

# %% [markdown] tags=["notes", "remove-cell"]
# Let somebody trace the saddle walk of gradient descent with a finger: down to the ridge, a long rest, then
# sideways. During the rest the gradient is short. Where would the stop rule have stopped it?

# %% [markdown] tags=["slide"]
# ## A case made for them
#
# {cite:t}`wilson2017marginal` construct data on which adaptive methods *must* fail. Imagine a file card for every patient. The
# first box holds the finding, $+1$ or $-1$, and settles the case. The next two boxes are ticked on every
# card. Then come boxes that are ticked on one card only, like a serial number: one for a patient with $y =
# 1$, five for one with $y = -1$.
#
# Everything that generalises is in the first box. A rule that ignores scale cannot tell: a box that speaks
# once gets the same step as the box that speaks every time.


# %%
def cards(n, seed, ill=0.6):
    chance = torch.Generator().manual_seed(seed)
    y = torch.where(torch.rand(n, generator=chance) < ill, 1.0, -1.0)
    x = torch.zeros(n, 3 + 5 * n)
    x[:, 0], x[:, 1:3] = y, 1
    for i, sign in enumerate(y):
        own = 3 + 5 * i
        x[i, own : own + (1 if sign > 0 else 5)] = 1
    return x, y


# %% tags=["keep_output", "fragment-slide"]
# nbval-check-output
train_x, train_y = cards(60, seed=0)
test_x, test_y = cards(1000, seed=1)
print(f"always answering +1: {(test_y > 0).float().mean():.3f}")
for name, rule in rules.items():
    w, state = torch.zeros(303), None
    lr = 0.2 if name == "GD" else 0.01
    for _ in range(500):
        g = train_x.T @ (train_x @ w - train_y) / len(train_y)
        w, state = rule(w, g, state, lr)
    train = ((train_x @ w).sign() == train_y).float().mean()
    test = ((test_x[:, :3] @ w[:3]).sign() == test_y).float().mean()
    print(f"{name:11} training {train:.3f}, new cards {test:.3f}")

# %% [markdown]
# (A new card's private boxes were never ticked before; their weights are still zero, so three boxes decide.)
# All five rules learn the training cards by heart. Gradient descent also reads the first box. The adaptive
# rules give three boxes the same weight, and the two that are always ticked outvote the finding: every new
# patient is told +1.
#
# So the harm exists. But this file was made to show it. Does it happen to data that nobody made for the
# purpose?

# %% [markdown] tags=["slide"]
# ## Six rules, tuned alike
#
# The six that Wilson and colleagues compared. Two of them are gradient descent with a memory of its way, a
# velocity $v$:
#
# ```{math}
# :label: lectures-01-momentum
# v^r = \beta v^{r-1} + g^r, \qquad
# \theta^{r+1} = \theta^r - c^r v^r \ (\text{heavy ball}), \qquad
# \theta^{r+1} = \theta^r - c^r (g^r + \beta v^r) \ (\text{Nesterov}).
# ```
#
# The data are handwritten digits {cite}`alpaydin1998digits`, 8 by 8 pixels; the test digits are, most of them,
# by other writers. A small network, 32 hidden units, learns from a few hundred. Each seed is a new choice of digits, of
# first weights and of batches. Every rule gets **the same number of learning rates**, half a decade apart,
# and the one with the fewest errors on validation digits is kept.

# %%
runs = lab.run("lectures-rules", **options)

# %% tags=["fragment-slide"]
lab.sheet(
    runs,
    {
        "test_error": "test error",
        "tuned_rate": "rate chosen",
        "first_epoch": "log loss, 1 epoch",
        "steps_to_fit": "steps to loss 0.1",
        "edge": "at the edge",
    },
)

# %% [markdown]
# (*Log loss*: decimal logarithm of the training loss after the first epoch. *At the edge*: share of seeds for
# which validation chose the smallest or largest rate tried, so that a wider list might have done better. It
# should be small.)
#
# Each record holds the curves of all rates; these are the chosen ones, from the strongest records there are.


# %%
from lt_lib.lab import strongest

labels = {r.key: r.label for r in lab.load("lectures-rules").rows}
contest = {
    labels[key]: found
    for (_, key, _), found in lab.group(strongest(runs)).items()
}
task, foot = runs[0].spec.data, lab.badge(contest)


def at_chosen(record, curve):
    seen = record.history["learners"][0]
    best = seen["rates"].index(record.metric("tuned_rate"))
    return [row[best] for row in seen["by_rate"][curve]]


# %% tags=["fragment-slide"] mystnb={"figure": {"name": "fig-lectures-01-curves", "caption": "Six rules, each seed at the learning rate that its validation images chose: training loss (median over seeds) and test error (mean) over epochs. Profile and data at the foot."}, "image": {"alt": "Above, six curves of training loss on a log scale; below, six curves of test error; both over epochs."}}
import numpy as np

curves = {
    rule: [
        np.array([at_chosen(r, c) for r in found], float).T
        for c in ("train_loss", "test_error")
    ]
    for rule, found in contest.items()
}
epochs = list(range(len(curves["SGD"][0])))
lab.figure("optimizer-curves", epochs, {task: curves}, foot)


# %% tags=["slide"] mystnb={"figure": {"name": "fig-lectures-01-gaps", "caption": "Test error of each rule minus that of SGD after the last epoch, paired over seeds: same images, same first weights, same batches. 95 % intervals. Profile and data at the foot."}, "image": {"alt": "For each of five rules a horizontal interval beside a vertical line at zero."}}
def against_sgd(metric):
    return {
        rule: lab.difference(found, contest["SGD"], metric)
        for rule, found in contest.items()
        if rule != "SGD"
    }


gaps = against_sgd("test_error")
behind = lab.badge(
    {rule: lab.paired(contest[rule], contest["SGD"]) for rule in gaps}
)
lab.figure("optimizer-gaps", {task: gaps}, behind)

# %% [markdown] tags=["slide"]
# ### Claim LE2, judged
#
# "Start faster": the logarithm of the training loss after the first epoch, less SGD's (negative: faster).
# "Generalise worse": the test error above.


# %%
def word(gap, more, less):
    if gap.half is None or abs(gap.mean) <= gap.half:
        return "cannot tell"
    return more if gap.mean > 0 else less


# %% tags=["fragment-slide"]
print(f"{behind}\n{'':14} start              test error")
said = {}
for rule, first in against_sgd("first_epoch").items():
    said[rule] = (
        word(first, "slower", "faster"),
        word(gaps[rule], "worse", "better"),
    )
    print(
        f"{rule:11}",
        *(
            f"{gap!s:>15} {told:11}"
            for gap, told in zip((first, gaps[rule]), said[rule])
        ),
    )

# %% tags=["fragment-slide"]
adaptive = [said[rule] for rule in ("AdaGrad", "RMSProp", "Adam")]
for i, found in ((0, "faster"), (0, "slower"), (1, "worse"), (1, "better")):
    count = sum(told[i] == found for told in adaptive)
    print(f"adaptive rules {found:6}: {count} of {len(adaptive)}")

# %% [markdown]
# If LE2 were a law, *faster* and *worse* would count three each. Where a word other than *cannot tell*
# appears, remember that of six such intervals one or more miss zero by luck in a quarter of all experiments.
# One small set and one small network are also no test of a claim about large ones, which Wilson and
# colleagues trained with decaying rates. And the intervals speak of these digits and these writers, chosen
# anew, not of others: the test images are the same for all seeds.
#
# Later work with larger budgets found the same dependence on tuning. When every constant of a method is
# tuned, also those that people leave alone, Adam does not lose to SGD {cite}`choi2019empirical`. The verdict
# on the committed records:

# %% tags=["fragment-slide"]
from lt_lib.lab.read.claims import claims_table

claims_table("lectures", only=["LE2"])

# %% [markdown] tags=["slide"]
# ### And untuned?
#
# Everything above is at the rate that validation chose. What of the others?


# %% tags=["fragment-slide"] mystnb={"figure": {"name": "fig-lectures-01-untuned", "caption": "Test error of six rules at each of their learning rates, half a decade apart, mean over seeds. Filled: the training loss ended below 0.01. A run that broke down counts with the error it has. Profile and data at the foot."}, "image": {"alt": "Six lines of test error on a log scale, one for each rule, over learning rates from the smallest tried to the largest; marks are filled where the training images were learned."}}
def at_all(found, curve):
    ends = [r.history["learners"][0]["by_rate"][curve][-1] for r in found]
    return np.array(ends, float).mean(0)


lab.figure(
    "untuned",
    {
        rule: (at_all(found, "test_error"), at_all(found, "train_loss"))
        for rule, found in contest.items()
    },
    foot=foot,
)

# %%
best = lab.estimate([r.metric("test_error") for r in contest["SGD"]])
print(f"{foot}\nSGD, tuned: test error {best}")
for rule, found in contest.items():
    wrong, fit = (
        at_all(found, curve)[-1] for curve in ("test_error", "train_loss")
    )
    print(
        f"{rule} at its largest rate: training loss {fit:.1g}, "
        f"test error {wrong:.3f}"
    )

# %% [markdown]
# Look in the list for a small training loss beside a test error far above SGD's. A loss that explodes nobody can
# overlook. But the steps of an adaptive rule are about as long as its rate, whatever the loss does, so that too
# large a rate need not show in training. It may learn the training data to the last digit and err more on new
# ones, and the training loss says that all is well. Then the harm is not in the rule but in a rate that nobody
# checked *on data it was not trained on*.

# %% [markdown] tags=["slide"]
# ## What differs, and why
#
# | | slides say | correct | we ran |
# |---|---|---|---|
# | the bowl | $\approx$, any $c > 0$ | $\le$, if $c \le 1/L$ | the bound at $c = 1/L$, and broken with wider bowls |
# | batch gradient | $\sum_i \nabla l(\theta; x_{i_r})$ | an index for each draw | with replacement, and without |
# | Adam, $\tilde g$ | not corrected | divided by $1 - \beta^r$ | both |
# | Adam, second moment | $v^r$ once, $u^r$ after | $u^r$ | $u^r$ |
# | RMSProp, $\epsilon$ | inside the root | a convention; PyTorch outside | both |
# | RMSProp, $u^0$ | not stated | a convention; mostly 0 | 0 |
# | $\gamma$ | up to 1 | below 1, or $1 - \gamma^r$ is zero | below 1; else an error |
# | LE2 | Wilson's: large networks, tuned rates and decays | | a small network, constant rates, as many for each rule |

# %% [markdown] tags=["slide"]
# ## Summary
#
# A step of gradient descent leads to the bottom of a bowl that stands in for the loss, and its descent is
# guaranteed where the bowl lies above the loss. The gradient of a random batch is right on average, with a
# variance that falls as one over the batch size. AdaGrad, RMSProp and Adam give each coordinate a step of
# its own; to compare rules, tune each with the same number of learning rates.

# %% tags=["fragment-slide", "hide-input"]
lab.summary(claims=["LE1", "LE2"])

# %% [markdown]
# ## Exercises
#
# ```{exercise} The longest step
# :label: ex-lectures-01-longest
# The walk with steps of $16c$ arrived. How far could one go? Near the minimum the loss is a bowl whose steepest bend is the
# largest eigenvalue of the Hessian *there*, smaller than $L$. Predict the step at which walks no longer settle, in units of
# $c$, then try two per cent less and two per cent more.
# ```
#
# ```{solution-start} ex-lectures-01-longest
# :class: dropdown
# ```

# %%
bottom = descend(16, tolerance=1e-9)[-1]
p = torch.sigmoid(x @ bottom)
hessian = (x.T * (p * (1 - p))) @ x / n + ridge * torch.eye(31)
bends, directions = torch.linalg.eigh(hessian)
limit = 2 * L / bends[-1].item()
strayed = []
for share in (0.98 * limit, 1.02 * limit):
    theta = bottom + 1e-4 * directions[:, -1]
    for _ in range(100):
        theta, _ = gd(theta, gradient(theta), lr=share * c)
    strayed.append((theta - bottom).norm().item())
assert strayed[0] < 1e-4 < strayed[1]
print(f"2c becomes {limit:.1f}c")

# %% [markdown]
# A step multiplies the distance along the steepest direction by $1 - c^r h$, with $h$ the bend. It grows once
# $c^r h > 2$. The same 2 as in the bound, with the local bend in place of the worst: lumps that are
# classified with confidence, $p$ near 0 or 1, bend the loss very little.
#
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} How many patients?
# :label: ex-lectures-01-patients
# For which $B$ is the error of the batch gradient as long as the gradient itself? Use {eq}`lectures-01-sgd`, first at the start
# of the walk, then at step 30, then at its end. What follows for the batch size?
# ```
#
# ```{solution-start} ex-lectures-01-patients
# :class: dropdown
# ```


# %%
def enough(theta):
    rows = each_gradient(theta)
    mean = rows.mean(0)
    spread = (rows - mean).square().sum(1).mean()
    return (spread / mean.square().sum()).item()


needed = [enough(walk[r]) for r in (0, 30, -1)]
assert needed[0] < 10 < needed[1] < needed[2] and needed[2] > n
print(*(f"{b:,.0f}" for b in needed))

# %% [markdown]
# $B = \sigma^2 / \|\nabla l\|^2$. A handful of patients shows the way at first; near the minimum the whole
# hospital is too small, because the slope vanishes and the patients still disagree. So begin with small
# batches and end with large ones, or with short steps, which average over many batches.
#
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} Turn the map
# :label: ex-lectures-01-turn
# In {numref}`fig-lectures-01-walks` the axes of the bowl are the coordinate axes. Turn it by 45 degrees, the start with it. Which
# rules will not notice?
# ```
#
# ```{solution-start} ex-lectures-01-turn
# :class: dropdown
# ```

# %%
turn = torch.tensor([[1.0, -1.0], [1.0, 1.0]]).double() / 2**0.5


def turned(t):
    return bowl(t @ turn.T)


def mean_height(rule, surface, start):
    return surface(best_walk(rule, surface, start)[0]).mean().item()


begin = (torch.tensor(starts["bowl"]).double() @ turn).tolist()
ratio = {
    name: mean_height(rule, turned, begin)
    / mean_height(rule, bowl, starts["bowl"])
    for name, rule in rules.items()
}
assert abs(ratio["GD"] - 1) < 1e-6 and ratio["AdaGrad"] > 1.2
print({name: round(r, 2) for name, r in ratio.items()})

# %% [markdown]
# Gradient descent knows no axes; its walk turns with the map. The others scale coordinates, so they depend on
# which coordinates the problem was written in. A bowl along the axes is the case they are made for.
#
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} Tired steps
# :label: ex-lectures-01-tired
# On a constant slope of 1, how far does AdaGrad get in $r$ steps, and how far RMSProp? Does AdaGrad's sequence of steps satisfy
# the two conditions on $c_r$?
# ```
#
# ```{solution-start} ex-lectures-01-tired
# :class: dropdown
# ```


# %%
def distance(rule, steps):
    at, state = torch.zeros(1, dtype=torch.float64), None
    for _ in range(steps):
        at, state = rule(at, torch.ones_like(at), state, 1.0)
    return -at.item()


for steps in (100, 2500):
    tired, fresh = (distance(r, steps) for r in (adagrad, rmsprop))
    assert abs(tired - 2 * steps**0.5) < 2 and fresh > steps
    print(f"{steps} steps: AdaGrad {tired:.0f}, RMSProp {fresh:.0f}")

# %% [markdown]
# The sum of squares is $r$, so step $r$ is $1/\sqrt r$ and the distance $2\sqrt r$: it grows without end,
# which is the first condition. The squared steps are $1/r$, and their sum grows like $\ln r$: the second is
# missed, but only just. RMSProp's steps go to 1 and stay there; it is no rule for coming to rest.
#
# ```{solution-end}
# ```

# %% [markdown]
# ## Further reading
#
# - {cite:t}`beck2017first`, which the slides build on, proves the descent lemma behind {eq}`lectures-01-bound`; its chapter 8 has
#   the stochastic methods.
# - {cite:t}`bottou2018optimization` is the survey to read on noise, step lengths and batch sizes.
# - {cite:t}`wilson2017marginal` for the whole of LE2; the file cards are their section 3.
# - {cite:t}`choi2019empirical` on how much a ranking of optimizers depends on what was tuned.

# %% tags=["remove-input"]
lab.provenance(runs)
