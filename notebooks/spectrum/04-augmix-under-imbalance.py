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
# # AugMix under imbalance: augmentation and consistency
#
# ```{admonition} This chapter
# :class: tip
# - **Question.** Is a network that keeps its nerve when the picture is spoilt also fairer to rare classes?
# - **Regenerates.** Table 2 of `spectrum`, all eleven columns, and its Fig 2a; tests claims SP4, SP5 and SP7.
# - **You need.** balanced accuracy, from [the first chapter](01-the-tiles-and-their-bands); a rough idea of LDAM, deferred
#   re-weighting, cyclic rates and weight averages, from the chapters between.
# - **Time.** 25 minutes to read; 1 minute on a laptop, seconds once the records exist.
# ```
#
# A goalkeeper who has trained in rain, in fog and against the sun keeps his nerve when the weather turns. If
# nearly all shots of his training came from the right, he is late on the left, in any weather. Robustness is
# about what the same shot may look like, balance about which shots there are.
#
# AugMix {cite}`hendrycks2020augmix` is training in bad weather. {cite:t}`rawal2020spectrum` try it on tiles
# of which six in ten feed no cow, and ask whether it helps on the left.

# %% [markdown] tags=["slide", "live"]
# ## The claim
#
# It does not: in all three pairings of Table 2, AugMix lowers balanced accuracy. Each line below leads from a
# row to the same row with AugMix.

# %% tags=["keep_output", "hide-input", "fragment-slide", "live"]
# nbval-check-output
from lt_lib.lab.read.published import value


def said(row, metric):
    return value(
        work="spectrum", row=f"T2.{row}", metric=metric, class_="all"
    )


def claim(*metrics):
    for parent, mixed in ((2, 3), (4, 5), (6, 7)):
        line = f"({parent}) to ({mixed})"
        for metric in metrics:
            old, new = said(parent, metric), said(mixed, metric)
            line += f"  {old:.4f} {new - old:+.4f}"
        print(line)


print("            balanced acc    macro F1        accuracy")
claim("balanced_acc", "macro_f1", "test_acc")

# %% [markdown] tags=["notes", "remove-cell"]
# Ask for the mechanism before the evidence: why should more robustness cost the rare classes? Collect two or
# three. 2 min.

# %% [markdown] tags=["fragment-slide"]
# Accuracy stays where it was, within a point or two, and hides the loss. Robustness, the paper concludes,
# does not by itself bring generalisation to all classes.
#
# Two smaller claims ride in the same table: that three bands do as well as eleven (rows 1 and 2), and that
# margins with deferred weights buy recall of the rare classes with precision (rows 2 and 4).

# %% [markdown]
# ## Choose what to run
#
# Simulated tiles, `droughtsim`, **stand in** for Kenya unless `data = "real"`. Slim networks on the middle of
# each tile stand in for a pretrained ResNet-18 unless `profile = "paper"`. Only both together are judged
# against print.

# %% tags=["parameters"]
profile = "laptop"  # smoke, laptop or paper
data = "embedded"  # embedded (droughtsim) or real (droughtwatch)
seeds = None  # None: as many as the profile asks for
budget = None  # minutes; None: no limit
store = None  # folder of records; None: the usual one

# %% tags=["live"]
from lt_lib import lab

options = lab.check_parameters(globals())

# %% tags=["live"]
from lt_lib.data import load

spec = lab.plan("spectrum-table2", "T2.3", profile, data)[0].spec
tiles = load(spec.data)
print(tiles.name, tiles.splits)
print("AugMix:", spec.recipe.augmix)

# %% [markdown] tags=["slide", "live"]
# ## Three painters
#
# Train a network on fog, and it learns fog; show it snow, and it is as lost as before {cite}`geirhos2018generalisation`. So the
# picture must be spoilt in ways that cannot be learnt by heart.
#
# Give it to three painters. Each may take a few small liberties: tilt it, shove it to one side, work with
# fewer tones, turn up the contrast. Lay the three copies over one another like tinted glass, each as thick as
# chance decides, and the stack over the original. You would still know the place. But no two stacks are
# alike.

# %% tags=["fragment-slide", "live"] mystnb={"figure": {"name": "fig-spectrum-04-views", "caption": "Four tiles in bands 6-5-2, the copies of three painters, and the mixture that the network is shown. One brightness scale for all. Simulated ground, unless data is real."}, "image": {"alt": "Four rows of five square pictures. Some copies are only shifted or tilted, with black corners; others have glaring colours in place of muted red and green. The mixtures lie between the first picture and the copies."}}
lab.figure("augmix-views", tiles)

# %% [markdown] tags=["notes", "remove-cell"]
# Show the views and ask whether a radiologist would still read them alike. For some operators the answer is
# no, and that is the chapter. 2 min.

# %% [markdown] tags=["slide", "live"]
# In symbols, for an image $x$: every chain applies one to three operators, one after the other; then
#
# ```{math}
# :label: spectrum-04-mix
# x_{\text{mix}} = (1 - m)\, x + m \sum_{i=1}^{3} w_i\, \text{chain}_i(x),
# \qquad w \sim \text{Dirichlet}(1, 1, 1), \quad m \sim \text{Beta}(1, 1).
# ```
#
# For the first row of {numref}`fig-spectrum-04-views` chance said:

# %% tags=["keep_output", "fragment-slide", "live"]
# nbval-check-output
import torch

from lt_lib.augmix import OPERATORS, AugMix


def first_row():
    draws = AugMix().draw(4, torch.Generator().manual_seed(0))
    for i, depth in enumerate(draws.depths[0]):
        names = [OPERATORS[k] for k in draws.operators[0, i, :depth]]
        share = draws.m[0] * draws.weights[0, i]
        print(f"{share:.2f} x", " then ".join(names))
    print(f"{1 - draws.m[0]:.2f} x the tile itself")


first_row()

# %% [markdown] tags=["slide", "live"]
# There are nine operators. Their strength is a level between 0.1 and 3 of 10, drawn anew each time; the table
# says what level 3 means.
#
# | operator | what it does | at level 3 |
# |---|---|---|
# | autocontrast | darkest pixel of each band to black, brightest to white, the others between | has no level |
# | equalize | brightness replaced by rank, so that all tones are equally frequent | has no level |
# | posterize | keeps the leading bits of a brightness | 3 bits of 8 |
# | solarize | turns pixels above a threshold into their negative | from brightness 180 of 255 |
# | rotate | turns about the centre | by 9° |
# | shear x, shear y | slants | by a slope of 0.09 |
# | translate x, translate y | shoves | by a tenth of the side |
#
# What slides in from outside is black. Colour, contrast, brightness and sharpness would be operators too; the
# authors leave them out, because their exam for robustness consists of such corruptions.
#
# Their code mixes after the bands are normalised, ours before. The shares sum to one, so it is the same:

# %% tags=["keep_output", "fragment-slide", "live"]
# nbval-check-output
from lt_lib.augmix import mix


def order_of_mixing(n=4):
    gen = torch.Generator().manual_seed(0)
    x = torch.rand(n, 3, 8, 8, generator=gen)
    chains = torch.rand(n, 3, 3, 8, 8, generator=gen)
    draws = AugMix().draw(n, gen)
    shares = draws.weights, draws.m
    before = mix((x - 0.3) / 0.1, (chains - 0.3) / 0.1, *shares)
    after = (mix(x, chains, *shares) - 0.3) / 0.1
    return torch.allclose(before, after, atol=1e-4)


print("the same:", order_of_mixing())

# %% [markdown] tags=["slide", "live"]
# ## Three opinions
#
# A mixture is not put in the place of the tile. The network sees three pictures of the same ground, the clean tile and two
# mixtures, and should think the same of all of them. Let $p_0, p_1, p_2$ be its three probabilities over the classes and $M$
# their mean. How far they lie apart is the Jensen-Shannon divergence {cite}`lin1991divergence`, and it is
# added to the loss $\ell$ of the clean tile:
#
# ```{math}
# :label: spectrum-04-jsd
# L = \ell(p_0, y) + \lambda\, \text{JSD}, \qquad
# \text{JSD} = \frac13 \sum_{v=0}^{2} \sum_k p_{vk} \ln \frac{p_{vk}}{M_k}, \qquad \lambda = 12.
# ```
#
# It is 0 when the three agree, and at most $\ln 3$, when each is sure of something else. In nats, with the
# factor, and beside it the cross-entropy of the first opinion if class 0 is right:

# %% tags=["keep_output", "slide", "live"]
# nbval-check-output
from lt_lib.losses import jsd_consistency


def quarrel(*opinions):
    p = torch.tensor(opinions)
    jsd = jsd_consistency(*p.log()[:, None]).item()
    return f"{jsd:.4f}  {12 * jsd:7.3f}  {-p[0, 0].log():7.3f}"


a, b, c = [0.97, 0.01, 0.02], [0.01, 0.98, 0.01], [0.01, 0.02, 0.97]
print("                   JSD   x 12     cross-entropy")
print(
    "blind:         ", quarrel([0.6, 0.25, 0.15], *2 * [[0.6, 0.25, 0.15]])
)
print(
    "wavering:      ",
    quarrel([0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.65, 0.25, 0.1]),
)
print(
    "half of that:  ",
    quarrel([0.7, 0.2, 0.1], [0.65, 0.25, 0.1], [0.675, 0.225, 0.1]),
)
print("two against one", quarrel(a, a, b))
print("a quarrel:     ", quarrel(a, b, c))

# %% [markdown] tags=["fragment-slide", "live"]
# Why twelve? Near agreement the term is a square: half the wavering, a quarter of the divergence. What
# networks mostly do is waver, and that is worth half a hundredth of a nat, beside a cross-entropy of a few
# tenths. Twelve makes it audible. The value is AugMix's for everyday photographs; neither that paper nor this
# one derives it.
#
# Two properties bear on long tails.
#
# - The term knows no labels, hence no class weights. A tile that feeds nobody is heard as loudly as one that
#   feeds three cows, and there are almost seven of the former for each of the latter.
# - It has a perfect solution, the first line above: name the class frequencies whatever you are shown, and
#   you never contradict yourself. Cross-entropy forbids that, but it is the direction of the pull.

# %% [markdown] tags=["slide", "live"]
# ### A matter of scale
#
# LDAM multiplies the logits by 30 before its softmax. The consistency term, in the released scripts and so in
# ours, takes them as they come. To be as sure as its neighbour, a network under LDAM needs only a thirtieth
# of the logits, and of its quarrels this is left:


# %% tags=["keep_output", "fragment-slide", "live"]
# nbval-check-output
def scaled(factor):
    views = torch.tensor(
        [
            [2.0, 0.0, -1.0, -2.0],
            [1.0, 1.0, -1.0, -2.0],
            [1.5, 0.5, -1.0, -2.0],
        ]
    )
    return jsd_consistency(*(factor * views).double()[:, None])


print(
    f"under cross-entropy {scaled(1):.4f}, under LDAM {scaled(1 / 30):.6f}"
)
print(f"{scaled(1) / scaled(1 / 30):.0f} times less")

# %% [markdown] tags=["notes", "remove-cell"]
# The loss of scale is easily missed in code. Ask how one would notice it without reading: by printing both
# terms once. 1 min.

# %% [markdown] tags=["fragment-slide", "live"]
# So in rows (5) and (7), computed in this way, AugMix is all but switched off. What remains of it is that
# mixtures pass through the network together with the clean tiles and share their batch statistics. A
# prediction, before anything is trained: the effect of AugMix will be largest in the pair with plain
# cross-entropy. In print it is.

# %% [markdown] tags=["slide"]
# ## What the printed numbers weigh
#
# Before training anything, read the table once more. Its four-decimal recalls and precisions betray whole
# tiles: the class sizes, as the first chapter found, and for each row how many tiles of each class were
# answered rightly, and how many were answered *with* each class.

# %% tags=["keep_output", "fragment-slide"]
# nbval-check-output
from lt_lib.works.spectrum.audit import (
    balanced_error,
    reconstruct_table2,
)

counted = {m.row[-1]: m for m in reconstruct_table2()}
print("tiles    ", *(f"{n:5}" for n in counted["1"].counts))
for row, m in counted.items():
    print(
        f"({row}) right",
        *(f"{n:5}" for n in m.true_positives),
        "  answered",
        *(f"{n:5}" for n in m.predicted),
    )

# %% [markdown] tags=["fragment-slide"]
# All cells of the table follow from these integers, those for which they were not fitted as well:

# %% tags=["keep_output", "fragment-slide"]
# nbval-check-output
from lt_lib.lab.read.rounding import agrees

NAMES = {"test_acc": "accuracy", "balanced_acc": "balanced_accuracy"}


def again(cell):
    found = getattr(
        counted[cell.row_id[-1]], NAMES.get(cell.metric, cell.metric)
    )
    by_class = isinstance(found, tuple)
    return found[int(cell["class"])] if by_class else found


cells = lab.published("spectrum", "Table 2")
hits = sum(agrees(c.text, again(c)) for _, c in cells.iterrows())
print(f"{hits} of {len(cells)} printed numbers agree")

# %% [markdown] tags=["fragment-slide"]
# A rare consistency. (The sum of the tiles is the size of the public *validation* set; the table says
# "test".) And whole tiles have a standard error. Recall $r_j$ is a share of $n_j$ tiles, and the mean of $K$
# independent shares has
#
# ```{math}
# :label: spectrum-04-se
# \text{SE} = \frac1K \sqrt{\sum_{j=1}^{K} \frac{r_j (1 - r_j)}{n_j}}.
# ```

# %% tags=["keep_output"]
# nbval-check-output
import numpy as np


def recall_errors(m):
    r, n = np.array(m.recall), np.array(m.counts)
    return " ".join(f"{e:.4f}" for e in np.sqrt(r * (1 - r) / n))


for row in "23":
    print(
        f"({row}) recalls ± {recall_errors(counted[row])}, "
        f"balanced accuracy ± {balanced_error(counted[row]):.4f}"
    )

# %% [markdown] tags=["slide"]
# The rarest class contributes most: its 952 tiles count as much as the 6443 of class 0.
#
# For a *difference* of two rows, print leaves a range. Had they sat different exams, the errors would add as
# squares. They sat the same one, so their luck goes together; at best they part on as few tiles as the counts
# allow, $|d_j|$ of class $j$ where one row has $d_j$ right answers more. That gives a floor.


# %% tags=["keep_output", "fragment-slide"]
# nbval-check-output
def floor(mixed, parent):
    d = np.subtract(mixed.true_positives, parent.true_positives)
    n = np.array(mixed.counts, dtype=float)
    return np.sqrt((abs(d) / n**2 - d**2 / n**3).sum()) / len(n)


print("              gap   error between")
for parent, mixed in ("23", "45", "67"):
    old, new = counted[parent], counted[mixed]
    gap = new.balanced_accuracy - old.balanced_accuracy
    apart = np.hypot(balanced_error(old), balanced_error(new))
    print(
        f"({parent}) to ({mixed})  {gap:+.4f}   "
        f"{floor(new, old):.4f} and {apart:.4f}"
    )

# %% [markdown] tags=["fragment-slide"]
# The first gap is beyond doubt, the second beyond two standard errors at the worst. The third is not: even at
# the floor it is between one and two standard errors. "In every pairing" is two pairings and a tie. The same
# pair is the one in which AugMix "marginally outperforms" on F1:

# %% [markdown] tags=["notes", "remove-cell"]
# Two pairings and a tie. Ask how often they have read 'in every case' about three cases. 2 min.

# %% tags=["keep_output", "fragment-slide"]
# nbval-check-output
gain = said(7, "macro_f1") - said(6, "macro_f1")
least = floor(counted["7"], counted["6"])
print(
    f"F1 {gain:+.4f}, {gain / least:.1f} of the floor, "
    f"{gain / apart:.2f} of the larger error"
)

# %% [markdown] tags=["fragment-slide"]
# (Errors of balanced accuracy; those of macro F1 are of the same size.) That is a tie as well.
#
# All this is the error of the exam alone. Each row is one run. What another seed would have given, no printed
# table can say.
#
# One more thing can be read off the integers. Where does row (3) lose?

# %% tags=["keep_output", "slide"]
# nbval-check-output
for parent, mixed in ("23", "45", "67"):
    more = np.subtract(counted[mixed].predicted, counted[parent].predicted)
    print(
        f"({parent}) to ({mixed}): answers given more often:",
        *(f"{n:+5}" for n in more),
    )

# %% [markdown] tags=["fragment-slide"]
# Under cross-entropy, AugMix says *zero* to some eight hundred tiles more, and to fewer of everything else.
# That is the pull of the blind solution, or looks like it. Under LDAM nothing of the kind.

# %% [markdown] tags=["slide"]
# ## What a painter must not touch
#
# A cat stays a cat when the photograph is turned brighter. Is a pasture still the same pasture? What tells
# grass from bare ground is how bright near infrared is; the first chapter measured it in hundredths.
# Autocontrast stretches every tile to the full range and equalize replaces brightness by rank. Neither can
# know afterwards whether the tile was dark or bright. AugMix's promise, that its operators leave the label
# alone, was made for other pictures.
#
# That can be measured without a network. Take from each tile what the floor of
# [the first chapter](01-the-tiles-and-their-bands) takes, mean and spread of bands 6, 5 and 2, and let a logistic
# regression guess the class.


# %%
from lt_lib.augmix import Draws


def alone(name, x, level=3.0):
    """One operator at a fixed level, nothing mixed in."""
    one = (len(x), 1, 1)
    signs = torch.randint(
        2, one, generator=torch.Generator().manual_seed(0)
    )
    return AugMix().apply(
        x,
        Draws(
            operators=torch.full(one, OPERATORS.index(name)),
            levels=torch.full(one, level, dtype=torch.float64),
            signs=2 * signs - 1,
            depths=torch.ones(one[:2], dtype=torch.long),
            weights=torch.ones(one[:2]),
            m=torch.ones(len(x)),
        ),
    )


# %% tags=["fragment-slide"]
from lt_lib.lab.train.splits import centre_crops

at = np.arange(min(2000, len(tiles.labels("train"))))
y = torch.from_numpy(np.asarray(tiles.labels("train"))[at]).long()
x = (
    centre_crops(
        tiles.images("train"), at, (6, 5, 2), spec.backbones[0].resolution
    )
    / 255
)
print(
    f"{len(x)} tiles, {x.shape[-1]} px; brighter than solarize's "
    f"threshold: {(x >= 180 / 255).float().mean():.1%} of pixels"
)

# %% [markdown] tags=["fragment-slide"]
# (Solarize touches no other pixel.) Every operator is judged twice. First the regression learns plain tiles and is asked about painted ones: how surprised is it? Then it
# learns painted tiles and is asked about painted ones: what is left to be known? The tiles are dealt into
# five groups, each with a half to learn from and a half to be asked about, which gives an interval.

# %%
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lt_lib.lab.train.floor import band_moments
from lt_lib.metrics import classification_report


def judged(learn, ask, groups=5, score="balanced_accuracy"):
    found = []
    for g in range(groups):
        a, b = (at[at % groups == g][i::2] for i in (0, 1))
        model = make_pipeline(
            StandardScaler(),
            LogisticRegression(max_iter=2000, class_weight="balanced"),
        ).fit(learn[a], y[a])
        answer = torch.from_numpy(model.predict(ask[b]))
        found.append(classification_report(answer, y[b], 4)[score])
    return np.array(found)


# %%
plain = band_moments(255 * x)
painted = {name: band_moments(255 * alone(name, x)) for name in OPERATORS}
mixture = AugMix()(x, torch.Generator().manual_seed(0))
painted["the mixture"] = band_moments(255 * mixture)
base = judged(plain, plain)
costs = {
    name: {
        "learnt plain tiles": lab.estimate(judged(plain, z) - base),
        "learnt painted tiles": lab.estimate(judged(z, z) - base),
    }
    for name, z in painted.items()
}
print("plain tiles, balanced accuracy:", lab.estimate(base))

# %% tags=["slide"] mystnb={"figure": {"name": "fig-spectrum-04-operators", "caption": "What each operator at level 3, and a mixture as AugMix draws it, costs a logistic regression on means and spreads of three bands: balanced accuracy minus that on plain tiles, with 95 % intervals over five disjoint groups of tiles. Simulated ground, unless data is real."}, "image": {"alt": "Ten lines with two marks each, one line for each of nine operators and one for the mixture, beside a vertical line at zero."}}
lab.figure("operator-costs", costs, f"{tiles.name}, {len(x)} tiles")

# %% [markdown] tags=["notes", "remove-cell"]
# Read the figure by colour. Ask which operators they would drop for their own pictures, and what they would
# measure first. 3 min.

# %% [markdown] tags=["fragment-slide"]
# Read {numref}`fig-spectrum-04-operators` by colour. Where the first mark falls and the second does not, an
# operator has only moved the scale, and whoever trains on painted tiles can learn the new one. Where both
# fall, evidence is gone. (What slides in from outside is black, and so is water: an operator that moves pixels
# puzzles a rule that has not learnt of black rims.) The second marks in words, the last of them for the mixture, half of which is the tile
# itself on average:

# %% tags=["fragment-slide"]
for name, cost in costs.items():
    print(lab.in_words(name, "plain tiles", cost["learnt painted tiles"]))

# %% [markdown] tags=["fragment-slide"]
# And what would plain accuracy have said of the first two, to a regression that learnt plain tiles?

# %% tags=["fragment-slide"]
for name in ("autocontrast", "equalize"):
    moved = {
        score: lab.estimate(
            judged(plain, painted[name], score=score)
            - judged(plain, plain, score=score)
        )
        for score in ("accuracy", "balanced_accuracy")
    }
    for score, gap in moved.items():
        print(f"{score}: {lab.in_words(name, 'plain tiles', gap)}")

# %% [markdown] tags=["fragment-slide"]
# Where the two scores disagree, the regression says *zero* more or less often than before, and zero is right
# more often than not. That would be the pattern of row (3), in miniature.
#
# A network sees more than six numbers: texture, edges, what lies where. So this is a suspect, not a verdict.
# The trial is next.

# %% [markdown] tags=["slide"]
# ## Seven rows, eleven columns
#
# Above the seven stands the floor, on all bands and on three: no network, and not in print.

# %%
results = lab.run("spectrum-table2", **options)


# %%
def rows(key, records=results):
    return [r for r in records if (r.key, r.variant) == (key, "as-printed")]


columns = {
    "accuracy": "acc",
    "balanced_accuracy": "balanced",
    "macro_f1": "F1",
}
columns |= {
    f"{kind}.{k}": f"{kind} {k}"
    for kind in ("recall", "precision")
    for k in range(4)
}
lab.sheet(results, columns)

# %%
above = {
    "(1) CE": (rows("r18-ce"), rows("floor")),
    "(2) CE, bands 6-5-2": (rows("r18-652-ce"), rows("floor-652")),
}
print(
    lab.differences_in_words(
        above, "the network", "the floor", "balanced_accuracy"
    )
)

# %% [markdown] tags=["fragment-slide"]
# (Each network against the floor on its own bands. Below `paper` they are undertrained compared with the
# published one, as [the chapter before](03-margins-sampling-cycles-averages) says.)
#
# So many numbers are no picture. Fig 2a draws two of each row. Up is fairer, right is more often right, and
# an arrow leads from a row to the same row with AugMix; the claim says that all arrows point down.

# %% tags=["fragment-slide"] mystnb={"figure": {"name": "fig-spectrum-04-plane", "caption": "The paper's Fig 2a, redrawn: accuracy and balanced accuracy of the seven rows; arrows lead to the row with AugMix. Bars: 95 % intervals over seeds. Hollow marks are not comparable with print."}, "image": {"alt": "Panels of seven marks each, the published one first. In print all three arrows point down: a long one from the circle of cross-entropy, a shorter one to the left from LDAM, and one too short to see from SWA."}}
lab.figure("spectrum-fig2a", results)

# %% [markdown] tags=["slide"]
# ### AugMix, pair by pair
#
# Both rows of a pair had the same tiles, the same first weights and the same order of batches at each seed,
# so the difference is taken seed by seed.

# %%
LOSSES = {
    "CE, (2) to (3)": "ce",
    "LDAM+DRW, (4) to (5)": "ldam",
    "SWA+CLR, (6) to (7)": "swa-clr-ldam",
}
pairs = {
    label: (rows(f"r18-652-augmix-{loss}"), rows(f"r18-652-{loss}"))
    for label, loss in LOSSES.items()
}

# %% tags=["fragment-slide"] mystnb={"figure": {"name": "fig-spectrum-04-gaps", "caption": "Balanced accuracy with AugMix minus without, paired over seeds, with 95 % intervals. Hollow marks are not comparable with print."}, "image": {"alt": "Three horizontal intervals, one for each loss, beside a vertical line at zero."}}
lab.figure("differences", pairs, metric="balanced_accuracy")

# %% [markdown] tags=["slide"]
# In words, with the other two scores and the share of tiles that are answered with *zero*, from the strongest
# records there are:


# %%
def zeros(record):
    matrix = np.array(record.confusion)
    return matrix[:, 0].sum() / matrix.sum()


def more_zeros(mixed, parent):
    old = {r.seed: zeros(r) for r in parent}
    return lab.estimate(
        zeros(r) - old[r.seed] for r in mixed if r.seed in old
    )


# %%
for metric in ("balanced_accuracy", "macro_f1", "accuracy"):
    print(lab.differences_in_words(pairs, "AugMix", "none", metric))
best = lab.strongest_pairs(pairs)
for label, pair in best.items():
    words = lab.in_words("AugMix", "none", more_zeros(*pair))
    print(f"answered with zero, {label}: {words}")

# %% [markdown] tags=["slide"]
# ### Recall for precision
#
# Rows (2) and (4) differ in the loss alone: cross-entropy, then margins with deferred weights. Claim SP7 says
# that the three rare classes gain recall and lose precision. They should: weights move the borders between
# classes outwards around the rare ones, more of their tiles fall inside, and more of everybody else's. But
# rare classes are neighbours, too, and the rarest is weighted most. One in the middle may lose its own tiles
# to the next.

# %% tags=["fragment-slide"] mystnb={"figure": {"name": "fig-spectrum-04-classes", "caption": "Recall and precision by class under cross-entropy and under LDAM with deferred re-weighting. Bars: 95 % intervals over seeds. Hollow marks are not comparable with print."}, "image": {"alt": "Four panels of two marks for each class. In print, recall of the three rare classes is higher and precision lower under LDAM; class 0 the other way round."}}
lab.figure(
    "class-scores",
    {"CE, (2)": rows("r18-652-ce"), "LDAM+DRW, (4)": rows("r18-652-ldam")},
)

# %% [markdown] tags=["slide"]
# ### Three bands or eleven
#
# By claim SP4 bands 6-5-2 suffice. In Table 2 that rests on rows (1) and (2), in Table 1 on a pair of larger
# networks.

# %%
larger = lab.run("spectrum-table1", rows=["T1.6", "T1.7"], **options)
bands = {
    "ResNet-18, CE": (rows("r18-652-ce"), rows("r18-ce")),
    "EfficientNet-B4,\nSWA+CLR": (
        rows("b4-652-swa-clr-ldam", larger),
        rows("b4-swa-clr-ldam", larger),
    ),
}

# %% tags=["fragment-slide"] mystnb={"figure": {"name": "fig-spectrum-04-bands", "caption": "Balanced accuracy on bands 6-5-2 minus that on all bands, paired over seeds, with 95 % intervals. Hollow marks are not comparable with print."}, "image": {"alt": "Two horizontal intervals, one for each network, beside a vertical line at zero."}}
lab.figure("differences", bands, metric="balanced_accuracy")

# %% tags=["keep_output", "fragment-slide"]
# nbval-check-output
gap = said(2, "balanced_acc") - said(1, "balanced_acc")
error = np.hypot(*(balanced_error(counted[r]) for r in "12"))
print(f"in print, ResNet-18: {gap:+.4f}, at most ± {error:.4f}")

# %% [markdown] tags=["fragment-slide"]
# In print a tie; "suffice" is the right word for it. Two cautions. A pretrained ResNet takes three channels,
# so the row with all bands first passes through a learned layer that mixes them into three: three chosen
# bands stand against three learned ones. And on simulated ground the label was made from the same covers as
# the bands, so that what a band tells there is what the simulator put in.

# %% [markdown] tags=["slide"]
# ## As released
#
# The repository holds three scripts with AugMix. Each computes the loss, clips the gradient, takes a step.
# The call between, the one that *computes* a gradient, is missing from all three (audit A12). No weight ever
# changes. Whatever made the printed rows, it was another script. Ours can leave out the call as well:

# %% tags=["fragment-slide"]
released = lab.run("spectrum-variants", rows=["no-backward"], **options)
lab.sheet(
    released,
    {"macro_f1": "F1", "balanced_accuracy": "balanced"},
)


# %% tags=["fragment-slide"]
def majority(record):
    truth = np.sum(record.confusion, axis=1)
    return truth.max() / truth.sum(), 1 / len(truth)


print(
    "the majority vote: accuracy {:.3f}, balanced accuracy {:.3f}".format(
        *majority(released[0])
    )
)
chance = lab.estimate(
    r.metric("balanced_accuracy") - majority(r)[1]
    for r in lab.strongest(released)
)
print("balanced accuracy", lab.in_words("as released", "chance", chance))

# %% tags=["slide"] mystnb={"figure": {"name": "fig-spectrum-04-released", "caption": "Answers by truth, summed over seeds: AugMix without a backward pass, and row (3), the same with it. The strongest records there are; not comparable with print unless paper + real."}, "image": {"alt": "Two squares of four by four shares, truth in rows and answers in columns: a network without a backward pass, and the same row with one."}}
lab.figure(
    "confusions",
    {
        name: np.sum([r.confusion for r in lab.strongest(found)], axis=0)
        for name, found in (
            ("as released", released),
            ("with a backward pass", rows("r18-652-augmix-ce")),
        )
    },
)

# %% [markdown] tags=["notes", "remove-cell"]
# A script that never computes a gradient still prints accuracies. Ask what single check at the end of
# training would have caught it. 2 min.

# %% [markdown] tags=["fragment-slide"]
# Without a gradient the first weights choose a favourite class; where that is not class 0, accuracy must fall even
# below the vote that looks at nothing. Something does change in such a network: batch statistics, which need no
# gradient, and teach nothing about labels.

# %% [markdown]
# ## Honest confidence
#
# AugMix promises a second thing, which Table 2 does not look at: a network that knows how sure it may be.
# Sort the answers by the confidence $c$ that came with them into bins $b$, and compare it with the share of
# right answers {cite}`guo2017calibration`:
#
# ```{math}
# :label: spectrum-04-ece
# \text{ECE} = \sum_b \frac{|b|}{N} \bigl| \text{accuracy}(b) - \bar c(b) \bigr|.
# ```

# %%
networks = [r for r in results if r.spec.mode != "floor"]
lab.compare([r for r in networks if "652" in r.key], metric="ece")

# %% [markdown]
# Only the first two lines can be set against each other as they stand. LDAM trains thirty times the logits,
# while probabilities are taken here from the logits as the network gives them: those networks are pale by
# construction, less sure than they ought to be, with AugMix or without. For cross-entropy:

# %%
pair = best["CE, (2) to (3)"]
print("ECE:", lab.in_words("AugMix", "none", lab.difference(*pair, "ece")))
print(lab.badge(lab.paired(*pair)))

# %% [markdown]
# Lower is better. The promise was made, above all, for spoilt tiles; these are clean.

# %% [markdown]
# ## Which epoch
#
# Last, chosen on a tenth of the training tiles, chosen on the test tiles themselves. The paper had one set of
# tiles for choosing and for reporting, so its numbers may stand in the last column, and no reader can tell.

# %%
lab.selections(networks, "balanced_accuracy")

# %% [markdown] tags=["slide"]
# ## The claims
#
# On print and on the records that come with this book, then on this run:

# %% tags=["fragment-slide"]
from lt_lib.lab.read.claims import claims_table

names = ["SP4", "SP5", "SP7"]
claims_table("spectrum", "overnight", "embedded", only=names)

# %% tags=["fragment-slide"]
claims_table("spectrum", profile, data, results + larger, only=names)

# %% [markdown] tags=["notes", "remove-cell"]
# Ask of each verdict which intervals it rests on, and of a wide one how many seeds it would take; the exercise
# on a fairer exam gives one half of the answer. 2 min.

# %% [markdown] tags=["fragment-slide"]
# An interval that covers zero leaves a claim open; it does not refute it. And unless the table says `paper +
# real`, a verdict is about a direction on made ground: simulated tiles have no corruptions but cloud, and
# slim networks have less to lose. If AugMix hurts here, the suspicion against its brightness operators gains;
# if it does not, the printed loss may still be Kenya's.

# %% [markdown] tags=["slide"]
# ## What differs, and why
#
# | | paper says | code does | we ran |
# |---|---|---|---|
# | learning with AugMix | rows (3), (5), (7) | no backward pass in any script | with one; without, as a row of its own |
# | factor of the JSD | not stated | 12 | 12 |
# | supervised term | "standard cross-entropy", also in rows with LDAM | LDAM with deferred weights where used; clean tiles only | as the code |
# | JSD beside LDAM | – | logits not multiplied by 30 | as the code; see *A matter of scale* |
# | operators | not stated | the module is missing from the repository | the nine of AugMix's own code |
# | what they run on | – | tensors already normalised, on which they cannot run | 8-bit bands, as they were written for |
# | size of the image | – | not adapted to 65 px | translations relative to the side |
# | mixing | – | after normalisation | before; the same, {eq}`spectrum-04-mix` |
# | epoch length | – | 86,317 written in | the training list |
# | all bands | row (1) | an adapter to three channels | the same |
# | test set | the validation set, as the text says | the same; batch statistics of the average too | a tenth of the training tiles for choosing |
# | tiles and networks | 65 px, ResNet-18 from ImageNet | the same | those at `paper`; else the badge's, on the middle 25 or 33 px |
# | floor | none | none | a logistic regression on means and spreads of the bands |
# | runs | one | one | as many as the badge says |

# %% [markdown] tags=["slide"]
# ## Summary
#
# AugMix mixes chains of small operators into a tile and asks for the same answer to each version; its
# consistency term knows no labels, hence no rare classes. Operators that change brightness may take away
# what tells the classes apart, so measure that before training.

# %% tags=["fragment-slide", "hide-input"]
lab.summary(claims=["SP4", "SP5", "SP7"])

# %% [markdown]
# ## Exercises
#
# ```{exercise} How much of it is the tile?
# :label: ex-spectrum-04-share
# Under {eq}`spectrum-04-mix`, which share of a mixture is the original, on average, and which share is each chain? In how many
# mixtures does the original weigh more than any chain? Guess the last one first.
# ```
#
# ```{solution-start} ex-spectrum-04-share
# :class: dropdown
# ```

# %%
draws = AugMix().draw(100_000, torch.Generator().manual_seed(0))
chains = draws.m[:, None] * draws.weights
heaviest = (1 - draws.m > chains.amax(1)).float().mean()
assert abs(1 - draws.m.mean() - 1 / 2) < 0.01
assert (chains.mean(0) - 1 / 6).abs().max() < 0.01
assert 0.61 < heaviest < 0.64
print(f"tile {1 - draws.m.mean():.2f}, heaviest in {heaviest:.0%}")

# %% [markdown]
# One half, because Beta(1, 1) is uniform, and a third of the other half each. But uniform means spread: the
# original is the heaviest of the four in little more than six mixtures of ten, and in every tenth it has less
# than a tenth.
#
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} Divergence by hand
# :label: ex-spectrum-04-divergence
# Compute the divergence {eq}`spectrum-04-jsd` for three equal opinions; for three that are each sure of another class; and for
# two sure ones that agree against a third. Which of the three depends on the number of classes?
# ```
#
# ```{solution-start} ex-spectrum-04-divergence
# :class: dropdown
# ```


# %%
def divergence(*votes):
    sure = 100 * torch.eye(4)[list(votes)]
    return jsd_consistency(*sure[:, None]).item()


two_to_one = np.log(3) - 2 / 3 * np.log(2)
assert abs(divergence(1, 1, 1)) < 1e-6
assert abs(divergence(0, 1, 2) - np.log(3)) < 1e-5
assert abs(divergence(0, 0, 1) - two_to_one) < 1e-5
print(f"0, {np.log(3):.3f}, {two_to_one:.3f}")

# %% [markdown]
# For sure opinions only $M$ matters: the divergence is the entropy of $M$, which is 0, $\ln 3$, and that of a
# coin with sides ⅓ and ⅔. None depends on the number of classes. Three opinions cannot name more than three.
#
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} Blind to the light
# :label: ex-spectrum-04-light
# A tile, and the same tile with every pixel twice as bright. Which operators make the same picture of both? Which double
# with the tile? Try it on random pixels, and say what it means for a network that is shown band means.
# ```
#
# ```{solution-start} ex-spectrum-04-light
# :class: dropdown
# ```

# %%
levels = torch.randint(
    20, 60, (8, 3, 33, 33), generator=torch.Generator().manual_seed(0)
)
dark, light = levels / 255, 2 * levels / 255
blind = [
    name
    for name in OPERATORS
    if torch.equal(alone(name, dark), alone(name, light))
]
off = {
    name: (alone(name, light) - 2 * alone(name, dark)).abs().max()
    for name in OPERATORS
}
faithful = [name for name in OPERATORS if off[name] < 1.5 / 255]
assert blind == ["autocontrast", "equalize"]
assert faithful == [
    "rotate",
    "solarize",
    "shear_x",
    "shear_y",
    "translate_x",
    "translate_y",
]
print("blind:", blind, "faithful:", faithful)

# %% [markdown]
# Autocontrast forgets level and scale, equalize everything but the order. Light that falls on a slope is
# forgotten with them, which is what they are good for; so is how much the ground reflects. What moves pixels
# is faithful, up to rounding, and so is solarize below its threshold. Posterize is neither: it keeps the
# level, coarsely, and darkens.
#
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} A fairer exam
# :label: ex-spectrum-04-exam
# Somebody else draws a validation set for row (6), as large as the paper's but with equally many tiles of each class. How much
# smaller would the standard error {eq}`spectrum-04-se` be? Then show that hardly any other division could do better: the best
# one has $n_j \propto \sqrt{r_j (1 - r_j)}$.
# ```
#
# ```{solution-start} ex-spectrum-04-exam
# :class: dropdown
# ```

# %%
n, r = (np.array(counted["6"].counts), np.array(counted["6"].recall))
spread = np.sqrt(r * (1 - r))


def se(n):
    return np.sqrt((spread**2 / n).sum()) / len(spread)


as_is, equal = se(n), se(np.full(4, n.sum() / 4))
best = se(n.sum() * spread / spread.sum())
assert abs(as_is - balanced_error(counted["6"])) < 1e-12
assert best < equal < 0.8 * as_is and equal < 1.02 * best
print(f"as it is {as_is:.5f}, equal {equal:.5f}, best {best:.5f}")
print(f"as good as it is with {(equal / as_is) ** 2:.0%} of the tiles")

# %% [markdown]
# A quarter smaller, for the same number of labels, or as small for well under two thirds of them. A test set
# that mirrors the world measures accuracy well; to measure fairness it should not.
#
# ```{solution-end}
# ```

# %% [markdown]
# ## Further reading
#
# - {cite:t}`hendrycks2020augmix`: where the operators, the mixture and the factor come from, and what they do
#   against the corruptions that they were made for.
# - {cite:t}`geirhos2018generalisation`: networks that are trained on one distortion and tested on another.
# - {cite:t}`guo2017calibration`: how far confidence and accuracy lie apart in modern networks, and a cure
#   with one parameter, which would also cure the paleness of LDAM.
# - {cite:t}`lin1991divergence`: the divergence, for any number of opinions with any weights.

# %% tags=["remove-input"]
lab.provenance(results + larger + released)
