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
# # From tiles to a map: land cover in a Landsat scene
#
# ```{admonition} This chapter
# :class: tip
# - **Question.** What does one classified tile tell a herder, how does a classifier become a map, and how far is the map to be
#   believed?
# - **Regenerates.** nothing in print; takes up the wish for dense predictions in `spectrum`, section 2.1.
# - **You need.** balanced accuracy; class weights, from [chapter 3 of `ee443`](../ee443/03-weighting-the-loss).
# - **Time.** 15 minutes to read; half a minute on a laptop.
# ```
#
# Somewhere within a day's walk there is grass for two cows. That is what a classified tile says, and it may
# well be right. A herder who hears it will ask one thing: *where?*
#
# {cite:t}`rawal2020spectrum` know it. They would like predictions at every pixel, they write, and train on tiles because the
# labels are sparse: one for each tile, about its centre. The tiles come without coordinates, so nobody
# outside can lay them side by side. This chapter therefore changes the landscape and keeps the problem: a
# whole scene, few labels, a long tail.

# %% [markdown] tags=["slide", "live"]
# ## A pixel with an address
#
# A picture becomes a map by six numbers. They take a pixel's column $c$ and row $r$, counted from the upper
# left corner, to coordinates on the ground:
#
# ```{math}
# :label: spectrum-affine
# \begin{pmatrix} x \\ y \end{pmatrix} =
# \begin{pmatrix} a & b \\ d & e \end{pmatrix} \begin{pmatrix} c \\ r \end{pmatrix} + \begin{pmatrix} x_0 \\ y_0 \end{pmatrix}.
# ```
#
# North is up if $b = d = 0$; rows run southwards, so $e$ is negative. A seventh piece, the coordinate system,
# says which metres $x$ and $y$ are. For pixels of 30 m, Landsat's size:

# %% tags=["keep_output", "fragment-slide", "live"]
# nbval-check-output
from rasterio.transform import from_origin, rowcol, xy


def there_and_back(row, column):
    grid = from_origin(462405, 1741815, 30, 30)
    x, y = xy(grid, row, column)
    print(f"row {row}, column {column}: centre at {x:.0f}, {y:.0f}")
    print("and back:", [int(i) for i in rowcol(grid, x, y)])


there_and_back(20, 100)

# %% [markdown] tags=["slide", "live"]
# Whatever is computed from a pixel inherits its address. If the classifier's answer is written to the same
# row and column of a file with the same seven pieces, a GIS will lay it over roads, wells and borders. The
# rest is bookkeeping, most of it about memory:


# %% tags=["keep_output", "fragment-slide", "live"]
# nbval-check-output
def memory(side, bands=8, bytes_each=4):
    size = side**2 * bands * bytes_each / 2**30
    return f"{side} x {side} x {bands}: {size:.3f} GiB"


print(memory(10_000), memory(512), sep="\n")

# %% [markdown] tags=["notes", "remove-cell"]
# Ask what a classified picture lacks to be a map. Six numbers and a name; the live set computes them. 1 min.

# %% [markdown] tags=["fragment-slide"]
# So a scene is read in windows, and the answers to one window are on disk before the next is read.
# `landsat.sweep` does that; `benchmarks/sweep.py` measures what it takes.

# %% [markdown]
# ## Choose what to run
#
# With `real`, the scene is one of Landsat-7: a square of southern Mexico in 1999, and the same place in 2002.
# It must be in the data store. With `embedded`, a simulated scene **stands in** for it: fields with a
# spectrum each, a few labelled, made by code. Profiles differ in the number of seeds only, and nothing here
# is compared with print.

# %% tags=["parameters"]
profile = "laptop"  # smoke, laptop or paper
data = "embedded"  # embedded (simulated scene) or real (Landsat-7)
seeds = None  # None: as many as the profile asks for
budget = None  # minutes; None: no limit
store = None  # folder of records; None: the usual one

# %% tags=["live"]
from lt_lib import lab

options = lab.check_parameters(globals())

# %% tags=["live"]
from lt_lib.data import landsat
from lt_lib.works.spectrum import maps

example = maps.example(options)
scene = landsat.Scene(example.scene)
labels = landsat.read_labels(example.labels, scene)
print(maps.badge(options))
print(f"{scene.width} x {scene.height} pixels, {scene.crs}")
print("bands:", ", ".join(scene.bands))

# %% [markdown] tags=["slide", "live"]
# ## Three bands of six
#
# An eye has three kinds of receptors, the satellite six reflective bands. A composite chooses. The paper's
# choice, *6-5-2* in Landsat-8's numbering, is called *agriculture*: short-wave infrared as red, near infrared
# as green, blue as blue. Leaves scatter near infrared and their water swallows short-wave infrared, so what
# grows is green. A number for the same contrast is the vegetation index
#
# ```{math}
# :label: spectrum-ndvi
# \text{NDVI} = \frac{\rho_{\text{nir}} - \rho_{\text{red}}}{\rho_{\text{nir}} + \rho_{\text{red}}}.
# ```
#
# Landsat-7 counts its bands otherwise. Names avoid the trap:

# %% tags=["fragment-slide", "live"]
numbers = [scene.band(n) for n in landsat.COMPOSITES["agriculture"]]
print("6-5-2 of Landsat-8 in this file:", "-".join(map(str, numbers)))

# %% tags=["slide", "live"] mystnb={"figure": {"name": "fig-spectrum-05-scene", "caption": "The scene in agriculture bands, in true colour, and its NDVI. White: not measured."}, "image": {"alt": "Three maps of one square. In agriculture bands vegetation is green and bare ground reddish; in true colour the scene is dark and low in contrast; in the index vegetation is light and water dark."}}
lab.figure("map-composites", scene, foot=maps.badge(options))

# %% [markdown] tags=["fragment-slide", "live"]
# In {numref}`fig-spectrum-05-scene` the true colours are the least telling of the three. That is the case for
# the paper's choice of bands, at least to an eye.

# %% [markdown] tags=["slide", "live"]
# ## The tail, once more
#
# Somebody drew polygons around places they knew, and gave each one of five classes.

# %% tags=["fragment-slide", "live"] mystnb={"figure": {"name": "fig-spectrum-05-tail", "caption": "Labelled pixels and polygons of each class."}, "image": {"alt": "Five bars on a logarithmic axis falling from several hundred forest pixels to some dozen water pixels, each with its number of pixels and of polygons."}}
lab.figure("map-labels", labels, example.classes, foot=maps.badge(options))

# %% [markdown] tags=["notes", "remove-cell"]
# Two numbers on each bar. Ask which of them is the sample size, pixels or polygons, and let them vote. In
# medicine: slices or patients? 3 min.

# %% [markdown] tags=["slide"]
# A long tail, again without anybody's intention: people label what there is. But {numref}`fig-spectrum-05-tail` prints two
# numbers on each bar, and their tails differ. Which of the two is the sample size?
#
# Pixels of one polygon are one patch of ground under one sky, photographed many times. If $m$ of them lie in
# each polygon and any two have correlation $\rho$, then $n$ pixels tell as much about the mean of a class as
#
# ```{math}
# :label: spectrum-kish
# n_{\text{eff}} = \frac{n}{1 + (m - 1)\,\rho}
# ```
#
# independent ones (Kish's design effect): $n$ if $\rho = 0$, the number of polygons if $\rho = 1$. With
# $\rho$ estimated by analysis of variance:

# %%
import numpy as np


def worth(values, polygon):
    _, polygon, sizes = np.unique(
        polygon, return_inverse=True, return_counts=True
    )
    n, k = len(values), len(sizes)
    means = np.bincount(polygon, values) / sizes
    within = ((values - means[polygon]) ** 2).sum() / (n - k)
    between = (sizes * (means - values.mean()) ** 2).sum() / (k - 1)
    typical = (n - (sizes**2).sum() / n) / (k - 1)
    rho = (between - within) / (between + (typical - 1) * within)
    return n / (1 + ((sizes**2).sum() / n - 1) * max(rho, 0))


# %% tags=["fragment-slide"]
polygons, index = landsat.polygons(labels), landsat.ndvi(scene)
print(maps.badge(options))
for k, name in enumerate(example.classes, 1):
    own = labels == k
    count = len(np.unique(polygons[own]))
    n_eff = worth(index[own], polygons[own])
    print(
        f"{name:10} {own.sum():4} pixels in {count:2} polygons, "
        f"worth {n_eff:.1f}"
    )

# %% [markdown] tags=["fragment-slide"]
# Compare the last two numbers of each line. The polygon is the sample; the pixel is its grain.

# %% [markdown] tags=["slide"]
# ## Two ways to hold out
#
# The usual split shuffles pixels, so that nearly every test pixel has a twin next door in training. The
# honest one shuffles polygons.

# %%
from sklearn.model_selection import train_test_split


def by_pixel(labels, seed=0):
    at = np.flatnonzero(labels)
    chosen, _ = train_test_split(
        at, train_size=0.5, stratify=labels.flat[at], random_state=seed
    )
    train = np.zeros(labels.shape, bool)
    train.flat[chosen] = True
    return train, (labels > 0) & ~train


def by_polygon(labels, seed=0):
    return landsat.polygon_split(labels, fraction=0.5, seed=seed)


SPLITS = {"by pixel": by_pixel, "by polygon": by_polygon}

# %% tags=["fragment-slide"] mystnb={"figure": {"name": "fig-spectrum-05-split", "caption": "The same labels split by pixel and by polygon, in the corner of the scene that holds most of them, over the pale agriculture composite."}, "image": {"alt": "Two maps of the same polygons. On the left train and test marks alternate inside every polygon; on the right each polygon has marks of one kind."}}
lab.figure(
    "map-split",
    scene,
    {name: how(labels) for name, how in SPLITS.items()},
    foot=maps.badge(options),
)

# %% [markdown] tags=["notes", "remove-cell"]
# Ask what an exam is worth whose questions hang next door to the answers. Then the next figure. 2 min.

# %% [markdown] tags=["slide"]
# ## A small network, three losses
#
# Six bands of a pixel, and their means over its 3 x 3 neighbours: twelve numbers. Where a neighbour was not
# measured, the mean is over the others.

# %%
import torch
from scipy.ndimage import uniform_filter
from torch import nn

torch.set_num_threads(1)


def features(x):
    """Bands (6, h, w), nan where missing, to (12, h, w)."""
    known = uniform_filter(
        np.isfinite(x[0]).astype(x.dtype), 3, mode="constant"
    )
    x = np.nan_to_num(x)
    near = uniform_filter(x, (0, 3, 3), mode="constant")
    return np.concatenate([x, near / np.maximum(known, 1e-3)])


def per_pixel(scene):
    return torch.from_numpy(features(scene.read()[0])).movedim(0, -1)


x, y = per_pixel(scene), torch.from_numpy(labels).long() - 1

# %% [markdown] tags=["fragment-slide"]
# The losses: plain cross-entropy; the same with class-balanced weights; and LDAM {cite}`cao2019ldam`, which
# asks for a wider margin where pixels are few, on the cosine head that it was made for.

# %% tags=["fragment-slide"]
from lt_lib.losses import LDAMLoss, class_weights
from lt_lib.models import CosineHead

LOSSES = {
    "plain": lambda n: nn.CrossEntropyLoss(),
    "weighted": lambda n: nn.CrossEntropyLoss(class_weights(n)),
    "LDAM": LDAMLoss,
}


# %%
def fit(x, y, loss, seed, steps=100):
    torch.manual_seed(seed)
    head = CosineHead if loss == "LDAM" else nn.Linear
    net = nn.Sequential(
        nn.BatchNorm1d(12, affine=False),
        nn.Linear(12, 32),
        nn.ReLU(),
        head(32, 5),
    )
    criterion = LOSSES[loss](y.bincount(minlength=5))
    optimizer = torch.optim.Adam(
        net.parameters(), lr=0.02, weight_decay=1e-3
    )
    for _ in range(steps):
        optimizer.zero_grad()
        criterion(net(x), y).backward()
        optimizer.step()
    return net.eval()


# %%
nets, tests = {}, {}
for seed in maps.seeds(options):
    for how, split in SPLITS.items():
        train, tests[how, seed] = split(labels, seed)
        for loss in LOSSES:
            net = fit(x[train], y[train], loss, seed)
            nets[loss, how, seed] = net

# %% [markdown] tags=["slide"]
# Each seed draws another split and another start.

# %%
from lt_lib.metrics import classification_report


@torch.no_grad()
def judged(loss, how, x=x, keep=True):
    """A report for each seed: the network on its test pixels."""
    found = []
    for (name, split, seed), net in nets.items():
        if (name, split) == (loss, how):
            test = tests[how, seed] & keep
            found.append(
                classification_report(
                    net(x[test]).argmax(1), y[test], num_classes=5
                )
            )
    return found


def balanced(loss, how, **more):
    return [r["balanced_accuracy"] for r in judged(loss, how, **more)]


def lead(first, second):
    return lab.estimate(a - b for a, b in zip(first, second))


# %% tags=["fragment-slide"]
num_seeds = len(balanced("plain", "by pixel"))
badge = maps.badge(options, num_seeds)
print(badge)
for loss in LOSSES:
    pixel, polygon = (balanced(loss, how) for how in SPLITS)
    print(
        f"{loss:9} by pixel {lab.estimate(pixel)}, by polygon "
        f"{lab.estimate(polygon)}"
    )
    said = lab.in_words("by pixel", "by polygon", lead(pixel, polygon))
    print(f"  {said}")
for loss in ("weighted", "LDAM"):
    gain = lead(*(balanced(n, "by polygon") for n in (loss, "plain")))
    print("by polygon:", lab.in_words(loss, "plain", gain))

# %% tags=["slide"] mystnb={"figure": {"name": "fig-spectrum-05-gap", "caption": "Balanced accuracy under both splits, mean over seeds with 95 % intervals."}, "image": {"alt": "Three lines, one for each loss, each with a mark and an interval for the split by pixel and for the split by polygon."}}
lab.figure(
    "map-scores",
    {
        loss: {how: lab.estimate(balanced(loss, how)) for how in SPLITS}
        for loss in LOSSES
    },
    "balanced accuracy on test pixels",
    foot=badge,
)

# %% [markdown] tags=["notes", "remove-cell"]
# Ask which question moves the marks more, which loss or which split. Then for a paper in the room's own field
# where the split is not stated. 3 min.

# %% [markdown] tags=["fragment-slide"]
# Read {numref}`fig-spectrum-05-gap` from side to side before you read it from top to bottom. From top to bottom
# is the question that papers fight over, which loss; from side to side the one that they seldom mention, which
# split. Where an interval by polygon is wide, the first thing to buy is not another loss but more polygons.
#
# And the intervals are too narrow, if anything. Seeds reshuffle the same polygons; another annotator would draw
# others, and somewhere else.

# %% [markdown] tags=["slide"]
# ### Who pays
#
# Recall of each class, with class-balanced weights:


# %% tags=["fragment-slide"]
def recalls(how, k):
    found = [r["recall"][k] for r in judged("weighted", how)]
    return lab.estimate(v for v in found if v is not None)


print(badge)
for k, name in enumerate(example.classes):
    print(
        f"{name:10} by pixel {recalls('by pixel', k)}, "
        f"by polygon {recalls('by polygon', k)}"
    )

# %% [markdown] tags=["fragment-slide"]
# By polygon it need not be the class with the fewest *pixels* that suffers: water is rare, but nothing else is
# black in infrared. It is the class whose polygons differ. On the real scene *urban* has two: one to learn from,
# one to be asked about, and two towns need not look alike. A weight makes one example
# louder, not two out of one. Here reweighting ends, and DroughtWatch's rarest class with its thousands of
# tiles is far from here.

# %% [markdown] tags=["slide"]
# ## The sweep
#
# For the map itself all polygons may teach. `sweep` hands over windows of bands with a margin, the *halo*, as
# wide as the features look: one pixel. It takes back probabilities.

# %%
net = fit(x[labels > 0], y[labels > 0], "weighted", seed=0)


@torch.no_grad()
def predict(window):  # (1, 6, h, w)
    seen = features(window[0])
    z = net(torch.from_numpy(seen).flatten(1).T)
    return z.softmax(1).T.unflatten(1, seen.shape[1:])[None]


# %%
def draw_map(path, name, **more):
    return landsat.sweep(
        path,
        predict,
        maps.workplace(options) / name,
        classes=example.classes,
        kind="dense",
        halo=1,
        fill=np.nan,
        tile=128,
        **more,
    )


first = draw_map(example.scene, "first")

# %% [markdown] tags=["fragment-slide"]
# Two files, since a colour table goes with a file of one band. This is what a GIS finds in them:

# %% tags=["fragment-slide"]
print(maps.summary(first.class_path))
print(maps.summary(first.confidence_path))

# %% [markdown] tags=["fragment-slide"]
# Same size, coordinates and pixels as the scene. *Blocks* let a GIS load the part that is on the screen, *overviews* a
# coarser copy when you zoom out: nearest neighbours for classes, since the mean of forest and barren is not
# water, averages for the confidence. Drag the files into QGIS, and they lie in place, in these colours.

# %% tags=["slide"] mystnb={"figure": {"name": "fig-spectrum-05-map", "caption": "The map read back from its files: class, and the probability that the network gives to it. White: not measured."}, "image": {"alt": "Left, a map in five colours, one for each class. Right, the same map in shades of confidence."}}
lab.figure("map-classes", first, foot=maps.badge(options, 1))

# %% [markdown] tags=["fragment-slide"]
# There it is, *where*. The right half of {numref}`fig-spectrum-05-map` adds how sure the network is. Look along
# borders, where a pixel of 30 m holds both neighbours. How sure, not how right: what certainty is worth, the split
# by polygon has just told us.

# %% [markdown] tags=["slide"]
# ### How much of it
#
# Counting pixels is tempting: share of the map, times its area.

# %% tags=["fragment-slide"]
total = sum(first.counts.values())
print(maps.badge(options, 1))
for name, count in first.counts.items():
    print(
        f"{name:10} {count / total:.3f} of the map, "
        f"{count * 30 * 30 / 1e6:.1f} square kilometres"
    )

# %% [markdown] tags=["slide"]
# Three decimals, no doubt. Now ask the networks that saw half of the polygons each, the same by every right:

# %% tags=["fragment-slide"]
seen = scene.read()[1]
shares = {
    seed: net(x[seen]).argmax(1).bincount(minlength=5) / seen.sum()
    for (loss, how, seed), net in nets.items()
    if (loss, how) == ("weighted", "by polygon")
}

print(badge)
for k, name in enumerate(example.classes):
    found = [float(share[k]) for share in shares.values()]
    print(
        f"{name:10} {lab.estimate(found)}, "
        f"from {min(found):.3f} to {max(found):.3f}"
    )

# %% [markdown] tags=["notes", "remove-cell"]
# An area with three decimals, and the spread of networks with equal rights. Ask what they would sign. 2 min.

# %% [markdown] tags=["fragment-slide"]
# Errors of the large classes spill into the small ones, and a small share may consist of little else; so mind the
# ± in proportion to the share. Class weights do not mend that, for they buy
# recall of the tail with false alarms. An area to be acted on needs a random sample of map pixels checked on
# the ground, class by class, and an estimate corrected by it. Polygons drawn where it was easy are no such
# sample.

# %% [markdown] tags=["slide"]
# ## Another day
#
# A map is drawn once and used for years. The same place at the later date, the same network:

# %% tags=["fragment-slide"]
later = draw_map(example.later, "later")
clear = draw_map(example.later, "clear", clear_only=True)
print(maps.badge(options, 1))
print(
    "without a class:",
    {
        name: f"{found.missing / labels.size:.3f}"
        for name, found in {
            "first": first,
            "later": later,
            "clear only": clear,
        }.items()
    },
)

# %% tags=["fragment-slide"] mystnb={"figure": {"name": "fig-spectrum-05-later", "caption": "The same network at the first date, at the later one, and there without clouds and shadows (band Fmask). White: not measured, saturated, or masked."}, "image": {"alt": "Three maps in the colours of the classes: the first date, the later date, and the later date with clouds and shadows left white."}}
lab.figure(
    "map-pair",
    {"first date": first, "later date": later, "later, clear only": clear},
    foot=maps.badge(options, 1),
)

# %% [markdown] tags=["notes", "remove-cell"]
# A cloud gets a class. Ask what the classifier should be allowed to answer instead. 2 min.

# %% [markdown] tags=["slide"]
# A cloud is no class, but {numref}`fig-spectrum-05-later` gives it one: the classifier knows five words and
# must use one of them. (Saturated pixels, at 16000, are no measurement, and `sweep` leaves them out by
# itself. Most of a cloud is not that bright.) A mask made by people who know clouds helps. What it cannot
# remove is that grass, sun and haze are not those of the training day. On test polygons, under a clear sky at
# both dates:

# %%
with landsat.Scene(example.later) as scene_later:
    x_later = per_pixel(scene_later)
    sky = scene_later.clear() & scene_later.read()[1]

print(badge)
both = {}
for loss in LOSSES:
    then, now = (
        balanced(loss, "by polygon", x=date, keep=sky)
        for date in (x, x_later)
    )
    both[loss] = {
        "first date": lab.estimate(then),
        "later date": lab.estimate(now),
    }
    said = lab.in_words("the later date", "the first", lead(now, then))
    print(f"{loss}: {said}")

# %% tags=["fragment-slide"] mystnb={"figure": {"name": "fig-spectrum-05-shift", "caption": "Balanced accuracy on test polygons that are clear at both dates, trained on the first: mean over seeds with 95 % intervals."}, "image": {"alt": "Three lines, one for each loss, each with a mark and an interval for the first and for the later date."}}
lab.figure(
    "map-scores", both, "balanced accuracy on clear test pixels", badge
)

# %% [markdown] tags=["fragment-slide"]
# A fall need not be all the network's fault. The labels are from the first date, and in between a field may have been
# cleared; nobody went to see. But neither split at the first date can foretell it. {numref}`fig-spectrum-05-gap` moved from
# twins to neighbours, {numref}`fig-spectrum-05-shift` moves from neighbours to strangers, and the herder's
# next season is a stranger.

# %% [markdown] tags=["slide"]
# ## What differs, and why
#
# | | paper says | code does | we ran |
# |---|---|---|---|
# | predictions | "dense", wished for | one label a tile | one label a pixel, with confidence |
# | place | tiles without coordinates | the same | another landscape, with coordinates |
# | classes | how many cows, four | four | land cover, five |
# | bands | 6-5-2 of Landsat-8 | bands 6, 5, 2 | all six reflective ones; 6-5-2 for the eye |
# | hold-out | validation tiles; how far from training tiles is not stated | as delivered | by polygon, against by pixel |
# | loss | LDAM + DRW | LDAM on a linear head | LDAM on a cosine head; plain; weighted |
#
# A tile classifier can be swept, too: `kind="patch"` gives its answer to the block at the centre of each
# patch.

# %% [markdown] tags=["slide"]
# ## Summary
#
# A pixel has an address, so answers written to the same rows and columns are a map. The pixels of a polygon
# are one patch of ground, photographed many times: hold out polygons, and count them as the sample. An area
# read off a map carries the errors of the classifier, and needs a random sample that is checked on the
# ground.

# %% tags=["fragment-slide", "hide-input"]
split = (balanced("weighted", how) for how in SPLITS)
dates = (
    balanced("weighted", "by polygon", x=date, keep=sky)
    for date in (x_later, x)
)
lab.summary(
    "in balanced accuracy of the weighted loss "
    + lab.in_words("the split by pixel", "that by polygon", lead(*split)),
    "on clear test pixels, with the same loss, "
    + lab.in_words("the later date", "the first", lead(*dates)),
)

# %% [markdown]
# ## Exercises
#
# ```{exercise} Without a halo
# :label: ex-spectrum-05-halo
# Sweep again with `halo=0`. How many pixels of the map change, and where do they lie?
# ```
#
# ```{solution-start} ex-spectrum-05-halo
# :class: dropdown
# ```

# %%
import rasterio


def confidence(halo, tile):
    made = landsat.sweep(
        example.scene,
        predict,
        maps.workplace(options) / "seams",
        kind="dense",
        halo=halo,
        tile=tile,
        fill=np.nan,
        classes=example.classes,
    )
    with rasterio.open(made.confidence_path) as file:
        return file.read(1).astype(int)


off = abs(confidence(0, 64) - confidence(1, 64)) > 1
rows, columns = np.nonzero(off)
at_edge = np.isin(rows % 64, (0, 63)) | np.isin(columns % 64, (0, 63))
assert off.any() and at_edge.all()
assert abs(confidence(1, 64) - confidence(1, 100)).max() <= 1
print(f"{off.sum()} pixels, all of them along edges of windows")

# %% [markdown]
# Only pixels at the edge of a window: their 3 x 3 mean misses what lies in the next window. With the halo,
# windows of any size give the same map.
#
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} Next door
# :label: ex-spectrum-05-twins
# Which share of the test pixels touches a training pixel of its class, corners included, under either split?
# ```
#
# ```{solution-start} ex-spectrum-05-twins
# :class: dropdown
# ```

# %%
from scipy.ndimage import binary_dilation


def with_twin(train, test):
    beside = np.zeros_like(test)
    for k in range(1, 6):
        own = labels == k
        beside |= own & binary_dilation(train & own, np.ones((3, 3)))
    return (beside & test).sum() / test.sum()


twins = {name: with_twin(*split(labels)) for name, split in SPLITS.items()}
assert twins["by pixel"] > 0.9 and twins["by polygon"] == 0
print({name: f"{share:.0%}" for name, share in twins.items()})

# %% [markdown]
# Nearly all, and none. A classifier that only copies the label of its neighbour would shine under the first
# split, and has learned nothing about land.
#
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} Which model would you buy?
# :label: ex-spectrum-05-model
# Compare the plain network with plain logistic regression on the same twelve numbers. Which one does each split recommend?
# ```
#
# ```{solution-start} ex-spectrum-05-model
# :class: dropdown
# ```

# %%
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def linear(how, seed):
    test = tests[how, seed]
    train = (labels > 0) & ~test
    model = make_pipeline(StandardScaler(), LogisticRegression())
    guess = model.fit(x[train], y[train]).predict(x[test])
    return classification_report(guess, y[test])["balanced_accuracy"]


ahead = {
    how: lead(
        balanced("plain", how),
        [linear(how, seed) for split, seed in tests if split == how],
    )
    for how in SPLITS
}
assert ahead["by pixel"].mean > 0
print(badge)
for how, gain in ahead.items():
    print(f"{how}:", lab.in_words("network", "regression", gain))

# %% [markdown]
# By pixel, memory is what is asked for, and the network can remember more. A flattering split does not only
# flatter, it recommends.
#
# ```{solution-end}
# ```

# %% [markdown]
# ## Further reading
#
# - {cite:t}`roberts2017crossvalidation` on splits for data with neighbours: how to block, and what happens if
#   you do not.
# - {cite:t}`olofsson2014area` on a map's areas: how they are corrected by a sample, with intervals.
# - {cite:t}`cao2019ldam` on margins for rare classes, made for a tail of independent images.

# %% tags=["remove-input"]
maps.provenance(example, options)
