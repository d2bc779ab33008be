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
# # Between two images: mixup, and the push-forward
#
# ```{admonition} This chapter
# :class: tip
# - **Question.** What is wrong with a picture halfway between two others, and what would be a better way to move one?
# - **Regenerates.** Fig 1 and Fig 2 of `sign`, both drawings, here with numbers.
# - **You need.** mixup, from [softer labels, mixed images](../lectures/04-softer-labels-mixed-images); derivatives of several
#   variables.
# - **Time.** 20 minutes to read; ten seconds on a laptop.
# ```
#
# Two villages lie on the two horns of a bay. Both stand on dry land. Halfway between them is water.
#
# Now somebody makes a map by asking villagers only. A point halfway between two land points is land, he
# reasons, and a point three steps of four on the way to a fishing boat is water. Along a straight coast the
# first rule never fails. In the bay it drowns people. How often?

# %% [markdown] tags=["notes", "remove-cell"]
# Draw a bay on the board and ask for two land points whose middle is wet. Then ask for two wet points whose
# middle is dry. They will not find any; the word to wait for is *convex*. 2 min.

# %% [markdown] tags=["slide"]
# ## The claim
#
# *Mixup* {cite}`zhang2018mixup` trains on points between images, with labels between labels.
# {cite:t}`taghanaki_sign` hold three things against it: near a curved border it gives wrong labels, blended
# images look like nothing on earth, and networks become under-confident. Their own method moves an image not
# towards another one but along a derivative of the network. It leads to these numbers:

# %% tags=["keep_output", "hide-input", "fragment-slide"]
# nbval-check-output
from lt_lib.lab.read.published import printed


def line(name, row):
    counted = "count_correct_with_p<=0.5"
    mean = printed(work="sign", row=f"T1.{row}", class_="Mean")
    doubted = printed(
        work="sign", row=f"T2.{row}", metric=counted, class_="Mean"
    )
    return f"{name:10} accuracy {mean}   right but unsure {doubted:>3}"


print(line("classical", 1), line("mixup", 2), line("SIGN", 3), sep="\n")

# %% [markdown] tags=["fragment-slide"]
# CIFAR-10, ten thousand test images, one run each; *unsure* is a correct answer with a probability of at
# most one half, counted with a network that has a second head. Later chapters judge the numbers. This one
# judges the two drawings that argue for them.

# %% tags=["parameters"]
profile = "laptop"  # no difference in this chapter
data = "embedded"  # no difference in this chapter
seeds = None  # not needed: every draw has a seed of its own
budget = None  # not needed: nothing here takes minutes
store = None  # not needed: this chapter writes no records

# %% tags=["live"]
from lt_lib import lab

options = lab.check_parameters(globals())

# %% [markdown] tags=["slide", "live"]
# ## A coast with a bend in it
#
# The paper draws its border freehand. We need one that can be bent by a number $b$:
#
# ```{math}
# :label: sign-01-coast
# f(x, y) = y - b\,\bigl(x^2 - \tfrac13\bigr), \qquad f > 0: \text{water}, \qquad f < 0: \text{land},
# ```
#
# on the square from $-1$ to 1. Half of it is water for every $b$ up to 1.5; at the head of the bay the
# curvature is $2b$. With $b = 0$ the coast is straight. `bay.mixture` mixes each of $n$ random points with
# the next, which is as good as a random one; its labels are shares of land and water.

# %% tags=["slide", "live"] mystnb={"figure": {"name": "fig-sign-01-coast", "caption": "Fig 1 of the paper, redrawn with random points, a draw chosen for showing every kind: pairs (dashed), and on each a cross in the colour of its label, at a share of 0.6 of the point that gives it. Rings: wrong side. Computed, no data."}, "image": {"alt": "A bay opens upwards between two horns of land. Squares on land, circles on water, dashed lines between random pairs with a cross on each; some crosses of the land's colour lie in the water, some of the water's colour on land, and each of these has a black ring."}}
from lt_lib.works.sign import bay

drawn = bay.mixture(1.5, 0.6, n=14, seed=2921)
lab.figure("sign-fig1", *drawn[:4], lambda x: bay.coast(x, 1.5))

# %% [markdown] tags=["fragment-slide"]
# Two kinds of ring must be told apart in {numref}`fig-sign-01-coast`. Some crosses lie between a land point
# and a water point, and were named after the nearer *end*, which need not be the nearer *side*. Others lie
# between two land points, where no label but land was ever on offer.

# %% [markdown] tags=["slide"]
# ### Like pairs: what curvature does
#
# Put a mixture into {eq}`sign-01-coast`. Everything in $f$ is linear but the square, so
#
# ```{math}
# :label: sign-01-bulge
# f(\lambda p + (1 - \lambda) p') = \lambda f(p) + (1 - \lambda) f(p') + b\, \lambda (1 - \lambda) (x - x')^2 .
# ```

# %% [markdown] tags=["fragment-slide"]
# The last term is never negative. Two water points have a wet middle, always: water is convex. Two land
# points have two negative terms and the bulge against them, which grows with the bend, and with the *square*
# of the distance along the coast. A straight coast, $b = 0$, has no bulge. What curvature harms is like
# pairs of the class that is not convex, and only those that are far apart.

# %% [markdown] tags=["slide"]
# ### How often?
#
# A label is *hard* if the larger share takes all. Count how often it is wrong, over the share $\lambda$ of
# the giver, for four bends:


# %%
import pandas as pd
import torch


def wrong_rate(bend, lam, n=50_000):
    _, kinds, partners, mixed, _ = bay.mixture(bend, lam, n)
    wrong = (kinds != (bay.depth(mixed, bend) > 0)).double()
    sorts = {
        "two land points": (kinds == 0) & (kinds[partners] == 0),
        "two water points": (kinds == 1) & (kinds[partners] == 1),
        "one of each": kinds != kinds[partners],
    }
    return {name: wrong[of].mean().item() for name, of in sorts.items()}


bends, shares = (0, 0.5, 1, 1.5), torch.linspace(0.5, 0.95, 10)
rates = {b: pd.DataFrame([wrong_rate(b, s) for s in shares]) for b in bends}

# %% tags=["slide"] mystnb={"figure": {"name": "fig-sign-01-rates", "caption": "Share of mixed points whose hard label is wrong, over the share of the point that gives it, by bend of the coast. Left: both points on land. Right: one on land, one in the water. Fifty thousand pairs a mark; computed, no data."}, "image": {"alt": "Left, four lines that fall from the left; that of the straight coast is zero throughout, the more bent the coast the higher, up to about a quarter. Right, four lines close together that fall from one half to nearly zero, the straight coast lowest."}}
panels = {
    sort: {f"bend {b}": rates[b][sort] for b in bends}
    for sort in ("two land points", "one of each")
}
lab.figure("wrong-label-rates", shares, panels)

# %% tags=["keep_output", "fragment-slide"]
# nbval-check-output
for b in bends:
    land, water, each = rates[b].T.to_numpy()
    assert water.max() == 0 and (land.max() > 0) == (b > 0)
    print(
        f"bend {b:3}: two land points, halfway {land[0]:5.1%}; "
        f"one of each, at 3/4 {each[5]:5.1%}"
    )

# %% [markdown] tags=["fragment-slide"]
# So the drawing is right about the bay, and it hides half of the matter. With one point on each side a hard
# label is wrong a sixth of the time along a *straight* coast, with $\lambda$ at three quarters: a boat a
# stone's throw from the beach, mixed with a village far inland, is on land. Curvature adds to it, but does
# not cause it. [An exercise](ex-sign-01-straight) has the formula.

# %% [markdown] tags=["notes", "remove-cell"]
# Let the room bet on the right panel at bend 0 before it is shown; expect zero. Then ask what label one
# would write instead. The next slide is what mixup writes. 3 min.

# %% [markdown] tags=["slide"]
# ## To be fair
#
# Mixup gives no hard labels. A point with $\lambda = 0.75$ is labelled three quarters water, one quarter
# land, and no single such label is meant to be right. A network is asked for all of them at once, and the
# answer that makes its cross-entropy least is their average at each place $z$:
#
# ```{math}
# :label: sign-01-average
# \hat y(z) = \mathbb E\,\bigl[\, \lambda y + (1 - \lambda) y' \;\big|\; \lambda x + (1 - \lambda) x' = z \,\bigr] .
# ```
#
# No network is needed to know it: mix 400,000 pairs and average in small cells.

# %%
from torch.nn.functional import one_hot

from lt_lib.mixup import draw_lam


def mixed_by(alpha, bend, n=400_000):
    lam = draw_lam(alpha, torch.Generator().manual_seed(0), n)
    return bay.mixture(bend, lam, n)[3:]


# %% tags=["slide"] mystnb={"figure": {"name": "fig-sign-01-average", "caption": "The mean of mixup's soft labels, place by place, for a straight and a bent coast (black), with every share equally likely. Dashed: where the mean is one half, which is where the best network would draw its border. Computed, no data."}, "image": {"alt": "Two maps from orange for land below to purple for water above. With the straight coast the dashed line runs on the black one. With the bent coast it lies inside the bay, furthest from the black one at its head."}}
means = {b: bay.mean_label(*mixed_by(1, b)) for b in (0, 1.5)}
lab.figure("mean-labels", means, bay.coast)

# %% tags=["keep_output", "fragment-slide"]
# nbval-check-output
found = {}
print("alpha bend  one hard  mean hard  mean soft  sure")
for alpha, b in ((a, b) for a in (1, 0.2) for b in bends):
    mixed, soft = mixed_by(alpha, b)
    hard = one_hot(soft.argmax(1), 2).double()
    wrong = hard[:, 1] != (bay.depth(mixed, b) > 0)
    one = wrong.double().mean().item()
    of_hard, _ = bay.mean_wrong(bay.mean_label(mixed, hard), b)
    of_soft, sure = bay.mean_wrong(bay.mean_label(mixed, soft), b)
    found[alpha, b] = of_soft
    assert of_soft < of_hard < one / 2.5 and sure < 1 - of_soft
    wrongs = f"{one:9.1%} {of_hard:10.1%} {of_soft:10.1%}"
    print(f"{alpha:5} {b:4} {wrongs} {sure:5.2f}")
assert all(found[alpha, 0] < 0.002 for alpha in (1, 0.2))
assert all(found[0.2, b] < 0.4 * found[1, b] for b in bends[1:])

# %% [markdown] tags=["fragment-slide"]
# *One hard* counts labels that are wrong; the means are judged place by place. Along the straight coast a
# mean is right, up to the luck of the draw: what one pair says too much of water, another says too much of
# land. Round the bay it errs, less than half as often as a single hard label: the head of the bay silts up.
# With $\alpha = 0.2$, of the size recommended for ImageNet, about a third of that is left; `sign` does not
# say its $\alpha$. And softness is not what mends it, for the mean of hard labels is nearly as right. What
# mends it is that many pairs cross every place.
#
# The charge of under-confidence stands. Every true label here is certain, and the best network that mixup
# can make is less sure than it is right, whatever the bend.

# %% [markdown] tags=["slide", "live"]
# ## Pictures
#
# A plane is crowded. Small scans of real digits {cite}`alpaydin1998digits` have 64 dimensions. Two eights,
# and a three with an eight:

# %% tags=["live"]
from lt_lib.data import load

digits = load("digits8")
images = torch.tensor(digits.images("train")[..., 0]).double()
names = torch.tensor(digits.labels("train"))
eights, threes = images[names == 8], images[names == 3]

# %% tags=["fragment-slide", "live"] mystnb={"figure": {"name": "fig-sign-01-pictures", "caption": "Mixed digits, by share of the left one: two of a kind above, a three and an eight below. Real scans (scikit-learn); computed, no training."}, "image": {"alt": "Two rows of five small grey pictures. In each the left and the right one are clear digits, those between them overlays of both, the middle ones blurred."}}
steps = torch.tensor([1, 0.75, 0.5, 0.25, 0])
weight = steps.view(-1, 1, 1)
blends = {
    "like": weight * eights[0] + (1 - weight) * eights[5],
    "unlike": weight * threes[0] + (1 - weight) * eights[0],
}
lab.figure("mixed-pictures", blends, steps)

# %% [markdown] tags=["slide"]
# ### Implausible, by how much?
#
# Ask each middle for the nearest real digit that is none of its parents. How far is it, compared with the
# nearest neighbour of a real digit? And what does it say: one of the parents' names, or a third one?


# %%
def middles(like, n=1000, seed=0):
    """Parents (n, 2) of equal or of different names."""
    chance = torch.Generator().manual_seed(seed)
    pairs = torch.randint(len(images), (20 * n, 2), generator=chance)
    a, b = pairs.T
    return pairs[((names[a] == names[b]) == like) & (a != b)][:n]


def nearest(parents):
    """Of the mean of each row of parents: how far, and which."""
    points = images.flatten(1)
    apart = torch.cdist(points[parents].mean(1), points)
    return apart.scatter(1, parents, torch.inf).min(1)


# %% tags=["keep_output", "fragment-slide"]
# nbval-check-output
sorts = {
    "real digits": torch.arange(len(images))[:, None],
    "like middles": middles(True),
    "unlike middles": middles(False),
}
far, foreign = {}, {}
for name, parents in sorts.items():
    gap, neighbour = nearest(parents)
    own = (names[neighbour][:, None] == names[parents]).any(1)
    far[name], foreign[name] = gap.median().item(), 1 - own.double().mean()
    print(
        f"{name:15} distance {far[name]:3.0f}, "
        f"another name {foreign[name]:.1%}"
    )
assert far["like middles"] < 1.05 * far["real digits"]
assert far["unlike middles"] > 1.3 * far["real digits"]
assert foreign["like middles"] < foreign["real digits"] < 0.05
assert 0.1 < foreign["unlike middles"] < 0.2

# %% [markdown] tags=["fragment-slide"]
# Unlike middles *are* implausible: two fifths further from any real digit than real digits are from each
# other, and one in seven lies nearest to a third name, of which its label says nothing. Like middles are no
# stranger than a real digit, and this judge takes them for another name even less often than real ones.
# Whatever bend the coast of the eights has, a straight line between two eights hardly ever crosses it. Among
# 64 pixels there is more room than on a map, and the paper's drawing overstates that part of the trouble.
#
# These scans are centred. Photographs are not, and there a distance between pixels says little.

# %% [markdown] tags=["slide", "live"]
# ## Moving along a map
#
# SIGN asks for no second image. A trained network maps images $\mathbb R^n$ to features $\mathbb R^m$, call
# it $\Phi$. Attach to an image $p$ a small change $v$, a *tangent vector*. What does it become among the
# features? The chain rule answers: the matrix of partial derivatives,
#
# ```{math}
# :label: sign-01-jacobian
# J(p) = \Bigl( \frac{\partial \Phi^a}{\partial x^i} \Bigr)_{a = 1 \ldots m,\; i = 1 \ldots n}, \qquad
# \Phi_{*, p}\, v = J(p)\, v ,
# ```
#
# pushes $v$ forward. Take a map of the plane that can be drawn:

# %% tags=["live"]
from torch.func import jacrev


def phi(at):
    x, y = torch.as_tensor(at, dtype=torch.float64)
    return torch.stack([x + 0.5 * torch.sin(2 * y), y + 0.4 * x**2])


at = torch.tensor([-0.1, -0.6], dtype=torch.float64)
v = torch.tensor([0.6, 0.9], dtype=torch.float64)
J = jacrev(phi)(at)

# %% tags=["slide", "live"] mystnb={"figure": {"name": "fig-sign-01-push", "caption": "Fig 2 of the paper, redrawn by computation. Left: a grid, a point and a tangent vector. Right: where a small fixed map sends them. The grid (grey) bends; the tangent plane (orange) stays flat. Dashed: the image of the vector itself. Computed, no data."}, "image": {"alt": "Left, a straight grey grid with a small orange square around a black dot, and an arrow from it. Right, the grid is bent; the square has become an oblique parallelogram, the arrow leads out of the dot in a new direction, and a dashed curve leaves the dot along the arrow and turns away from it."}}
lab.figure("sign-fig2", phi, J, at, v)

# %% [markdown] tags=["slide"]
# ### The best of all matrices
#
# In what sense is $J$ *best*? Go $h v$, with $h$ ever smaller, and look at what a matrix $A$ leaves over,
#
# ```{math}
# :label: sign-01-remainder
# r(h) = \bigl\| \Phi(p + h v) - \Phi(p) - h A v \bigr\| .
# ```
#
# For $A = J$ it falls like $h^2$, for every other matrix only like $h$, as long as $A v \neq J v$. Try $J$,
# and its transpose:

# %%
import numpy as np

lengths = torch.logspace(-12, 0, 37, dtype=torch.float64)


def remainder(A):
    gaps = [phi(at + h * v) - phi(at) - h * A @ v for h in lengths]
    return torch.stack(gaps).norm(dim=1)


left = {"the Jacobian": remainder(J), "its transpose": remainder(J.T)}

# %% tags=["slide"] mystnb={"figure": {"name": "fig-sign-01-remainder", "caption": "What two matrices leave over of the small map, over the step, in double precision. Dotted: slopes 1 and 2. Computed, no data."}, "image": {"alt": "Two falling lines on logarithmic axes, seen from right to left. The Jacobian's is twice as steep and ends in a jagged floor near 1e-16 for steps below 1e-8; the transpose's falls along slope 1 to the left edge."}}
lab.figure("linear-remainder", lengths, left)

# %% tags=["keep_output", "fragment-slide"]
# nbval-check-output
large = (lengths > 1e-6) & (lengths < 1e-1)
for (name, values), power in zip(left.items(), (2, 1)):
    x, y = (t[large].log().numpy() for t in (lengths, values))
    slope = np.polyfit(x, y, 1)[0]
    assert abs(slope - power) < 0.02
    print(f"{name}: slope {slope:.2f}")

# %% [markdown] tags=["fragment-slide"]
# Below a step of $10^{-8}$ the square is smaller than the last digit of $\Phi$, and what is left is
# rounding. The other line is a warning. In the plane $J$ and its transpose have the same shape, and no
# library complains.

# %% [markdown] tags=["slide", "live"]
# ### Rows and columns
#
# The paper prints the transpose. Its (9) runs features from 1 to $n$ and pixels from 1 to $m$, after an $m
# \times n$ matrix before (7). A small network settles it, 64 pixels to five features, with weights as they
# are drawn:

# %% tags=["keep_output", "fragment-slide", "live"]
# nbval-check-output
from torch import nn

torch.manual_seed(0)
net = nn.Sequential(
    nn.Conv2d(1, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(144, 5)
).double()
digit = eights[0] / 255


def features(pixels):
    return net(pixels.view(1, 1, 8, 8))[0]


J = jacrev(features)(digit.flatten()).detach()
assert J.shape == (5, 64)
print("J has {} rows, one a feature, {} columns".format(*J.shape))

# %% [markdown] tags=["slide"]
# ## The arrow turns round
#
# Now the paper's step. Having defined how a change of the image is pushed *forward*, it adds up the rows:
#
# ```{math}
# :label: sign-01-delta
# \delta(p) = \sum_{a=1}^{m} \frac{\partial \Phi^a}{\partial x}\Big|_p = J(p)^\top \mathbf 1 .
# ```
#
# A vector with $m$ entries comes in and one with $n$ comes out. That is a *pull-back*: the gradient, with
# respect to the image, of the plain sum of all features. One backward pass gives it, with nothing but ones
# at the top. For the network of the paper's Table 1 at CIFAR's size, $J$ has 1,280 times 3,072 entries and
# takes 1,280 such passes.

# %% tags=["keep_output", "fragment-slide", "live"]
# nbval-check-output
from lt_lib.backprop import finite_differences
from lt_lib.sign import sensitivity

delta = sensitivity(net, digit.view(1, 1, 8, 8)).flatten()
tried = finite_differences(
    lambda x: features(torch.tensor(x)).sum().item(),
    digit.flatten().numpy(),
)
assert torch.allclose(delta, J.sum(0), atol=1e-12)
assert (delta - torch.tensor(tried)).abs().max() < 1e-8
print("agrees with the whole Jacobian and with differences")

# %% [markdown] tags=["slide"]
# ## What the sum does not know
#
# **Labels.** `sensitivity` takes a network and an image. A cat called a dog has the same $\delta$.
#
# **Which feature speaks for what.** The logit of class $k$ is $w_k^\top \Phi(p)$, and its gradient is
#
# ```{math}
# :label: sign-01-logit
# \nabla_p\, (w_k^\top \Phi) = J(p)^\top w_k .
# ```
#
# Compare with {eq}`sign-01-delta`. A step along $\delta$ climbs the logit of a class whose weights are all
# one, and there is no such class.

# %% tags=["keep_output", "fragment-slide"]
# nbval-check-output
torch.manual_seed(1)
head = nn.Linear(5, 10, bias=False).double()
by_logit = jacrev(lambda x: head(features(x)))(digit.flatten()).detach()
assert torch.allclose(by_logit, head.weight.detach() @ J)
head.weight.data[8] = 1
climbed = jacrev(lambda x: head(features(x))[8])(digit.flatten()).detach()
assert torch.allclose(climbed, delta)
print("delta is the gradient of a logit with weights of one")

# %% [markdown] tags=["fragment-slide"]
# What speaks for the sum is that the features of the paper's networks come out of a rectifier and are never
# negative. There the sum is a loudness: how much the network sees, of whatever it knows. A step along
# $\delta$ makes the image louder, for right and wrong answers alike. Whether that teaches anything is a
# question for measurements, and for the chapters to come.

# %% [markdown] tags=["notes", "remove-cell"]
# The step from push-forward to pull-back is where the paper's geometry stops working for it: everything it
# proves is about $J v$, and everything it uses is the transpose. Ask what vector $v$ would have to be pushed
# forward to get a new image. (None: images live on the other side.) 2 min.

# %% [markdown] tags=["slide"]
# ## What differs, and why
#
# | | paper says | correct | we ran |
# |---|---|---|---|
# | wrong labels | at a curved border, by random partners | with hard labels at a straight one, too; like pairs only where a class is not convex | both sorts of pairs, four bends |
# | mixup's labels | one class inside each dotted circle | $\lambda$ of one, $1 - \lambda$ of the other | hard ones, and the mean of the soft ones |
# | the border | freehand | | $y = b (x^2 - \frac13)$ |
# | implausible images | yes | | distance to the nearest real digit |
# | Jacobian | $n \times m$ in (9), $m \times n$ before (7) | $m \times n$ | $m \times n$ |
# | name of the step | push-forward | $J^\top \mathbf 1$ is a pull-back | $J^\top \mathbf 1$ |

# %% [markdown] tags=["slide"]
# ## Summary
#
# Mixup labels a point between two images with shares of both labels; a single hard label of that kind can
# be wrong, and not only where the border is curved. A network learns the average of the labels that cross a
# place, and that average is what must be judged. SIGN moves an image along the gradient of the sum of its
# features; no label enters.

# %% tags=["fragment-slide", "hide-input"]
lab.summary(
    f"round the bay with bend {bends[-1]} the mean label is wrong at "
    f"{found[1, bends[-1]]:.1%} of places with alpha 1 and at "
    f"{found[0.2, bends[-1]]:.1%} with alpha 0.2"
)

# %% [markdown]
# ## Exercises
#
# ```{exercise} A straight coast
# :label: ex-sign-01-straight
# Let the coast be straight, one point on land and one in the water, their distances to the coast drawn
# evenly from 0 to 1. How often is the hard label wrong at a share $\lambda \ge \frac12$? And over all shares
# from one half to one, each equally likely? Write a formula and a number, and test both on the points above.
# ```
#
# ```{solution-start} ex-sign-01-straight
# :class: dropdown
# ```

# %%
from math import log

for lam in (0.55, 0.75, 0.95):
    measured = wrong_rate(0, lam)["one of each"]
    assert abs(measured - (1 - lam) / (2 * lam)) < 0.01
whole = torch.linspace(0.5, 1, 21)
even = [wrong_rate(0, lam)["one of each"] for lam in whole]
over_all = 2 * torch.trapezoid(torch.tensor(even), whole)
assert abs(over_all - (log(2) - 0.5)) < 0.005
print(f"{over_all:.3f} measured, {log(2) - 0.5:.3f} predicted")

# %% [markdown]
# The giver at distance $d$ is outvoted if $\lambda d < (1 - \lambda) d'$, if $d'$ is more than $\lambda / (1
# - \lambda)$ times as large. For two even draws and a factor $k \ge 1$ that has probability $1 / 2k$. The
# mean over $\lambda$ is $\ln 2 - \frac12$: of all hard labels of unlike pairs one in five is wrong, along a
# ruler.
#
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} Far enough to drown
# :label: ex-sign-01-drown
# Two land points lie at $f = -0.2$ each, at bend 1.5. How far apart along $x$ must they be for their middle
# to be wet? Use {eq}`sign-01-bulge`, then test one pair just nearer and one just further.
# ```
#
# ```{solution-start} ex-sign-01-drown
# :class: dropdown
# ```

# %%
reach = (4 * 0.2 / 1.5) ** 0.5


def middle_depth(width):
    x = torch.tensor([-width / 2, width / 2], dtype=torch.float64)
    ends = torch.stack([x, bay.coast(x, 1.5) - 0.2], 1)
    return bay.depth(ends.mean(0, keepdim=True), 1.5).item()


assert middle_depth(reach - 0.01) < 0 < middle_depth(reach + 0.01)
print(f"from {reach:.2f} on")

# %% [markdown]
# At $\lambda = \frac12$ the bulge is $b (x - x')^2 / 4$, and it must beat 0.2. Pairs that are close together
# are safe at any bend. That is the idea of several descendants of mixup: choose partners nearby.
#
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} In disguise
# :label: ex-sign-01-disguise
# Multiply each feature by a positive number and divide its weights in the head by the same. No answer
# changes. Does $\delta$? Put the network above into such a disguise that its $\delta$ points elsewhere, and
# say by {eq}`sign-01-logit` where.
# ```
#
# ```{solution-start} ex-sign-01-disguise
# :class: dropdown
# ```

# %%
scale = torch.tensor([1e-3, 1e-3, 1e-3, 1e-3, 1e3], dtype=torch.float64)
pixels = digit.view(1, 1, 8, 8)
same = (net(pixels) * scale) @ (head.weight / scale).T
assert torch.allclose(same, head(net(pixels)))
other = sensitivity(lambda x: net(x) * scale, pixels).flatten()
assert torch.allclose(other, J.T @ scale)
alike = torch.cosine_similarity(other, delta, 0).item()
assert alike < 0.9
print(f"cosine between the two: {alike:.2f}")

# %% [markdown]
# It is $J^\top s$ with the scales $s$ for the ones, here next to the gradient of a single feature. Networks
# that answer alike can differ as much as they like in $\delta$. What fixes it is whatever training happens
# to make of the scales, batch norm and weight decay above all.
#
# ```{solution-end}
# ```

# %% [markdown]
# ## Further reading
#
# - {cite:t}`zhang2018mixup` for mixup itself, {cite:t}`guo2019mixup` for the wrong labels, there called
#   *manifold intrusion*, with a remedy.
# - {cite:t}`lee2013smooth`, chapter 3, for tangent vectors and push-forwards; pull-backs are in chapter 11.
# - {cite:t}`baydin2018automatic` on products with $J$ and with its transpose, and what each costs.

# %% tags=["remove-input"]
import platform
import time

from lt_lib.lab.read.report import Table

footer = {
    "data": f"{digits.name}, <code>{digits.digest[7:19]}</code>",
    "python / torch": f"{platform.python_version()} / {torch.__version__}",
    "made": time.strftime("%Y-%m-%d"),
}
Table(pd.DataFrame([footer]), [footer], "No records: computed on the spot")
