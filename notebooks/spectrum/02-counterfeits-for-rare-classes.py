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

# %% [markdown]
# # Counterfeits for rare classes
#
# ```{admonition} This chapter
# :class: tip
# - **Question.** If a machine draws new pictures of a rare class, are they new, are they real enough, and are they of that class?
# - **Regenerates.** Fig 1b of `spectrum`; prepares claim SP6.
# - **You need.** [the first chapter](01-the-tiles-and-their-bands); cross-entropy; what a convolution does.
# - **Time.** 25 minutes to read; 3 minutes on a laptop, half a minute once the records exist.
# ```
#
# In a cellar someone prints banknotes. He has never held a real one. All he has is an inspector who looks at each note and says
# how false it is, and what would make it less so. The inspector is no master either. She learns her trade from each evening's
# pile, half from the bank and half from the cellar. Each is just good enough to teach the other. After some thousand evenings
# the notes may be good, though nobody ever told the forger what a note looks like.
#
# {cite:t}`rawal2020spectrum` keep such a cellar for each rare class and print until all classes are as large as the largest. No
# remedy of this book is more tempting: not copies, not weights, but *new* rare tiles. So let us ask what a bank would ask. Do
# they pass? Are they traced from real ones? And one thing that no bank need ask: is a forged ten a ten, or does it look as much
# like a five?

# %% [markdown]
# ## The claim
#
# Counterfeits make the accuracies of the classes more equal (claim SP6). Their spread is the paper's *ICV*: large when some
# classes fare worse than the whole, zero when all fare alike. Rows of Table 1 with counterfeits, each after a row without:

# %% tags=["keep_output", "hide-input"]
# nbval-check-output
from lt_lib.lab.published import printed


def said(row, metric):
    return printed(work="spectrum", row=f"T1.{row}", metric=metric,
                   class_="all")


def line(before, after):
    return "  ".join(f"{said(before, m)} to {said(after, m)}"
                     for m in ("icv", "balanced_acc"))


print("rows    ICV               balanced accuracy",
      *(f"{a} to {b}  {line(a, b)}"
        for a, b in ((4, 8), (6, 9), (7, 9))), sep="\n")

# %% [markdown]
# The spread falls in every line. But row 8 has a sampler, too, which row 4 has not, and both rows with counterfeits look at
# three bands, where rows 4 and 6 look at all. Only from 7 to 9 does nothing change but the tiles. The gain there is the
# smallest, and balanced accuracy falls with the spread: classes can also be made equal by making the good ones worse.
#
# Of the counterfeits themselves the paper shows a handful of pictures, its Fig 1b, and no number. Here are the pictures again,
# and the numbers.

# %% [markdown]
# ## Two players
#
# The inspector is a network $D$. It takes a tile $x$ to the probability that $x$ is real. The forger is a network $G$. It takes a
# vector $z$ of random numbers to a tile; other numbers, another tile. The two descend on two losses
# {cite}`goodfellow2014gan`:
#
# ```{math}
# :label: spectrum-02-losses
# L_D = -\mathbb{E}\log D(x) - \mathbb{E}\log\bigl(1 - D(G(z))\bigr),
# \qquad
# L_G = -\mathbb{E}\log D(G(z)).
# ```
#
# The first is the cross-entropy of a classifier with two classes, real and drawn. The second is the same with the label turned
# over: the forger is content when his tiles are taken for real. He never sees a tile. All he learns comes through $D$, as a
# gradient: which pixel, brighter or darker, would make this look less false.
#
# ### Do not silence the beginner
#
# If what one loses were what the other wins, the forger would descend on $\log(1 - D(G(z)))$. Nobody does. Here is what either
# loss tells him, as its slope in the inspector's logit:

# %% tags=["keep_output"]
# nbval-check-output
import torch
from torch.nn.functional import softplus


def slopes(probability):
    logit = torch.tensor(probability).logit().requires_grad_()
    for loss in (-softplus(logit), softplus(-logit)):
        yield torch.autograd.grad(loss, logit)[0].item()


print("D(G(z))  log(1 - D)  -log D")
print(*("{:7.2f}  {:10.2f}  {:6.2f}".format(p, *slopes(p))
        for p in (0.01, 0.1, 0.5, 0.9)), sep="\n")

# %% [markdown]
# The slopes are $-D$ and $-(1 - D)$: the same direction, another strength. A beginner's tiles are refused with near certainty, and
# the first loss then says almost nothing, just when there is most to learn. The second says most. It is called
# *non-saturating*, and it is the one in {eq}`spectrum-02-losses`.

# %% [markdown]
# ## See it small
#
# Let a "tile" be a single number. Real ones come in two sorts, half near −1 and half near +1. Sixteen forgers and sixteen
# inspectors, tiny networks all, play in pairs that never meet; batched together, they take seconds.


# %%
def networks(pairs, widths, gen):
    layers = []
    for a, b in zip(widths, widths[1:]):
        weight = torch.randn(pairs, a, b, generator=gen)
        layers += [weight * (2 / a) ** 0.5, torch.zeros(pairs, 1, b)]
    return [layer.requires_grad_() for layer in layers]


def answer(net, x):
    for weight, bias in zip(net[::2], net[1::2]):
        x = torch.baddbmm(bias, x, weight)
        if weight.shape[-1] > 1:
            x = torch.nn.functional.leaky_relu(x, 0.2)
    return x


def step(adam, loss, net):
    adam.zero_grad()
    loss.mean((1, 2)).sum().backward(inputs=net)  # pairs apart
    adam.step()


# %% [markdown]
# An evening is one step of the inspector, then one of the forger: {eq}`spectrum-02-losses`, line by line.

# %%
from functools import cache


@cache
def play(rate_forger, rate_inspector, steps=800, pairs=16, n=32):
    gen, path = torch.Generator().manual_seed(0), []
    forger, inspector = (networks(pairs, (1, 16, 16, 1), gen)
                         for _ in range(2))
    learn_f, learn_i = (
        torch.optim.Adam(net, rate, betas=(0.5, 0.999))
        for net, rate in ((forger, rate_forger),
                          (inspector, rate_inspector)))
    for evening in range(steps):
        side = torch.randint(2, (pairs, n, 1), generator=gen) * 2 - 1
        z, noise = torch.randn(2, pairs, n, 1, generator=gen)
        real, fake = side + 0.1 * noise, answer(forger, z)
        step(learn_i, softplus(-answer(inspector, real))
             + softplus(answer(inspector, fake.detach())), inspector)
        step(learn_f, softplus(-answer(inspector, fake)), forger)
        if evening % 10 == 0:
            path.append(fake.detach()[..., 0].clone())
    return torch.stack(path)  # (moments, pairs, n)


# %%
def games():
    return {"equal rates": play(2e-3, 2e-3),
            "a fast inspector": play(1e-3, 1e-2)}


def one_sided(path):
    above = (path[-1] > 0).float().mean(1)
    return int(((above < 0.05) | (above > 0.95)).sum())


print({name: f"{one_sided(path)} of 16 draw one sort only"
       for name, path in games().items()})

# %% mystnb={"figure": {"name": "fig-spectrum-02-forgers", "caption": "What forgers of one number draw, step by step. Thick lines: where the real numbers lie. Above, both learn at one rate; below, the inspector learns ten times as fast. Left the most even of sixteen at the last step, right the most one-sided. Computed, no data."}, "image": {"alt": "Four panels of dots over 800 steps with thick lines at minus one and plus one. In three panels dots gather on both lines; in the lower right one all end on a single line."}}
from lt_lib import lab

lab.figure("forgers", games(), every=10)

# %% [markdown]
# At equal rates the forgers find both sorts. With an inspector who is always far ahead, a good part of them settle on one and
# stay. Look at the lower right panel of {numref}`fig-spectrum-02-forgers`: no number drawn there is false. What is false is
# that half of the world is missing. This is *mode collapse*, and no inspector who judges notes one by one can object to it. It
# takes somebody who counts.
#
# Keep two things in mind. Whether it happens is a matter of settings that no paper would print, and of luck. And a picture of
# eight well-drawn tiles cannot show it.

# %% [markdown]
# ## The networks
#
# "DC-GAN" is all that the paper says of its networks. {cite:t}`radford2016dcgan` give the recipe, PyTorch's well-known example
# the sizes: 100 random numbers, then five *transposed* convolutions, each a convolution run backwards, which spreads a small
# picture over a larger one. The inspector walks the same way back. Channels and sides after each:

# %% tags=["keep_output"]
# nbval-check-output
from torch import nn

from lt_lib.gan import Discriminator, Generator


def shapes(net, x):
    for layer in net.eval():
        x = layer(x)
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            yield "x".join(map(str, x.shape[1:]))


def size(net):
    return sum(p.numel() for p in net.parameters())


print("G", *shapes(Generator(), torch.zeros(1, 100)))
print("D", *shapes(Discriminator(), torch.zeros(1, 3, 64, 64)))
print(f"{size(Generator()):,} and {size(Discriminator()):,} weights")

# %% [markdown]
# The tiles come out with 64 pixels a side, because four doublings make 64 of 4. Real ones have 65 and lose a line and a column.
# Between the convolutions stand batch normalisation and ReLU, leaky in the inspector.
#
# ### Brushes
#
# Drawings of such networks are known for a fine chequerboard. It begins with the brush. In a transposed convolution every pixel
# of the small picture is a brush set down on the large one, here two pixels further each time. How often is each pixel painted?

# %% tags=["keep_output"]
# nbval-check-output
from torch.nn.functional import conv_transpose1d


def strokes(brush, places=5):
    small, bristles = torch.ones(1, 1, places), torch.ones(1, 1, brush)
    paint = conv_transpose1d(small, bristles, stride=2)
    return [int(p) for p in paint.flatten()]


print("brush of 3:", *strokes(3))
print("brush of 4:", *strokes(4))

# %% [markdown]
# A brush three pixels wide paints every other pixel twice, one of four pixels paints all twice, but for the rim
# {cite}`odena2016deconvolution`. So DC-GAN takes four. But as many strokes are not as much paint: even pixels are painted by one half
# of the bristles, odd ones by the other. Until the two halves have learned to agree, the pattern stays. Look for it below.

# %% [markdown]
# ## One forger a class
#
# Which tiles may a forger see? We take the paper to mean one forger for each minority class, shown the training tiles of that
# class and no others, who then draws
#
# ```{math}
# :label: spectrum-02-missing
# m_j = \max_k n_k - n_j
# ```
#
# tiles, with $n_j$ the training tiles of class $j$. What he draws is given the label of his class, whatever it shows.
#
# At `data = "embedded"` simulated ground **stands in** for Kenya; below `profile = "paper"` the forger and the inspector have a
# quarter of the width, or less, and train on far fewer tiles. The pictures will show it.

# %% tags=["parameters"]
profile = "laptop"  # smoke, laptop or paper
data = "embedded"  # embedded (droughtsim) or real (droughtwatch)
seeds = None  # None: as many as the profile asks for
budget = None  # minutes; None: no limit
store = None  # folder of records; None: the usual one

# %%
options = lab.check_parameters(globals())

# %%
records = lab.run("spectrum-fig1b", **options)

# %%
from lt_lib.data import load

dataset = load(records[0].spec.data)
recipe = records[0].spec.recipe
cows = {1: "1 cow", 2: "2 cows", 3: "3 or more"}
print(dataset.name, dataset.splits)
print(recipe.gan)

# %% [markdown]
# What the list looks like when it is full, and how long the forgers were at school:

# %%
import pandas as pd

from lt_lib.lab.figures_spectrum import counterfeit_steps
from lt_lib.lab.report import Table

of_class = {k: [r for r in records if r.spec.target_class == k]
            for k in cows}


def filled(k, found):
    counts = [int(n) for n in found[0].per_class["train_counts"]]
    missing = max(counts) - counts[k]
    return {"class": cows[k], "real tiles": counts[k],
            "counterfeits": missing,
            "share of them": f"{missing / max(counts):.0%}",
            "steps of training": counterfeit_steps(found[0])[-1]}


frame = pd.DataFrame(filled(k, r) for k, r in of_class.items())
Table(frame, frame.to_dict("records"), "Filled up; first seed")

# %% [markdown]
# Most of each minority class will be counterfeit, and of the rarest nearly all. Now the last column. A forger does not learn from
# tiles, he learns from evenings: steps. With the published data there are many more of them in the same number of epochs, though
# the batches are eight times as large.

# %%
from lt_lib.data import describe
from lt_lib.lab.published import value

at_paper = lab.plan("spectrum-fig1b", "class-3", "paper", "real")
gan = at_paper[0].spec.recipe.gan
public = describe("droughtwatch").splits["train"][0]
for k in cows:
    share = value(work="spectrum", row="P1", class_=k)
    own = share * public * 0.9  # a tenth is held out
    steps = gan.epochs * own / gan.batch_size
    print(f"{cows[k]:9} about {own:6.0f} tiles, {steps:5.0f} steps")

# %% [markdown]
# (The shares are those that the paper prints, the settings those of PyTorch's example.) For the same reason our small profiles
# take small batches: with tiles as few as these, batches of 64 would mean a handful of evenings. Trying this out, we found that
# a class of some hundred tiles in batches of 8 gets as far in a given number of steps as a class of thousands; with fewer steps no
# number of tiles helps.
