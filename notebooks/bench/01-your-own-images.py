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
# # Your own images: which remedy helps, and can you tell?
#
# ```{admonition} This chapter
# :class: tip
# - **Question.** You have a folder of pictures, a folder a class, and a long tail. Does any remedy help?
# - **Regenerates.** Nothing printed: it turns the remedies of all four works on images of your own.
# - **You need.** [class weights](../ee443/03-weighting-the-loss); what a bootstrap is helps.
# - **Time.** 20 minutes to read; a minute on a laptop.
# ```
#
# One command answers:
#
# ```
# lt compare my-pictures
# ```
#
# It reads every file, says what it leaves out, trains fifteen heads on features of a frozen network, several seeds
# each, and writes a page, a JSON file and a model. Often the answer is that nothing can be told. That is worth
# knowing before you tell a colleague that focal loss won by half a point.

# %% [markdown] tags=["notes", "remove-cell"]
# Ask the room how many test images of the rarest class their last project had. Most have never counted. Come back
# to the number when the intervals appear. 3 min.

# %% tags=["parameters"]
profile = "laptop"  # smoke, laptop, overnight or paper
data = "embedded"  # embedded (digits, a simulated scene) or real (ISIC 2017, Landsat-7)
seeds = None  # None: as many as the profile asks for
budget = None  # minutes; not used: a comparison takes a few
store = None  # folder of records; not used: a comparison makes none

# %% tags=["live"]
from lt_lib import lab

options = lab.check_parameters(globals())

# %% [markdown] tags=["slide", "live"]
# ## A folder as folders are
#
# Real folders hold copies, files cut short and notes. The digits here have a tail, and three such things among
# them.

# %% tags=["fragment-slide", "live"]
from lt_lib.works.bench import yours

images, name = yours.folder_of(options)
print(name, "in", ", ".join(sorted(path.name for path in images.iterdir())))

# %% tags=["slide", "live"] mystnb={"figure": {"name": "fig-bench-01-tail", "caption": "Files in each folder, the fullest first."}, "image": {"alt": "A bar chart of the number of files in each folder, falling from left to right."}}
lab.figure("own-tail", images)

# %% [markdown] tags=["slide"]
# ## What the command does
#
# 1. **Reads.** Broken, empty, doubled, deep, turned and animated files are listed with what was done. A picture
#    that lies in two classes leaves both. Nothing is written into the folder.
# 2. **Looks.** A network trained on ImageNet turns each image into a vector, once; the vectors are kept, so a second
#    question costs only the heads.
# 3. **Parts.** A quarter of each class is for the test; of the rest, a quarter chooses each remedy's one free
#    number.
# 4. **Trains.** One linear head a remedy and seed, [as on the bench](02-which-remedy-when).
# 5. **Judges.** With intervals that know how few test images there are, and how many remedies were tried.

# %% [markdown] tags=["slide", "live"]
# ## How sure is a difference?
#
# Let $d_b$ be the difference of a remedy from plain cross-entropy when the $n_c$ test images of each class $c$ are
# drawn anew from themselves, and so are the $S$ seeds {cite}`efron1993bootstrap`:
#
# ```{math}
# :label: bench-01-bootstrap
# d_b = \sum_{s} u_{bs} \, \frac1K \sum_c \sum_{i : y_i = c} v_{bi}
#   \bigl( [\hat y_{is}^{\text{remedy}} = c] - [\hat y_{is}^{\text{plain}} = c] \bigr),
# ```
#
# where $u$ and $v$ are the shares of multinomial draws, $S$ of the seeds and $n_c - 1$ of the images of a class (so
# they spread as fresh images would), the same for all remedies. Of 4,000 such differences the middle 95 % are the
# interval.

# %% [markdown]
# A remedy counts as *told* only if it passes twice: the lower end of a wider interval, $1 - 0.05/m$ for $m$ remedies,
# is above zero; and when its answers and those of plain cross-entropy are swapped on images drawn by chance, as large
# a gain comes out in at most $0.025/m$ of the draws. The second is for small classes, where a bootstrap alone is too
# sure.

# %% tags=["keep_output", "fragment-slide", "live"]
# nbval-check-output
import numpy as np

chance = np.random.default_rng(0)
for n in (5, 20, 80, 320):
    right = chance.random((4000, n)) < 0.7
    low, high = np.quantile(right.mean(1), (0.025, 0.975))
    print(f"{n:3} test images, recall 0.70: from {low:.2f} to {high:.2f}")

# %% [markdown] tags=["fragment-slide"]
# That is the recall of *one* class, by chance alone. A rare class with five test images says next to nothing, with
# any number of seeds.

# %% [markdown] tags=["slide", "live"]
# ## Ask

# %% tags=["fragment-slide", "live"]
from textwrap import fill

asked = yours.ask(images, options, name)
print(fill(asked.said, 76))
for note in asked.found["notes"]:
    print(fill(note, 74, initial_indent="- ", subsequent_indent="  "))

# %% tags=["slide"]
yours.table(asked)

# %% tags=["slide"] mystnb={"figure": {"name": "fig-bench-01-gains", "caption": "What each remedy adds to plain cross-entropy on these images, with 95 % intervals; filled marks can be told from nothing, as one of so many."}, "image": {"alt": "A horizontal chart with a line for each remedy and its interval beside a vertical line at zero."}}
lab.figure("own-gains", asked)

# %% [markdown] tags=["slide", "live"]
# ## The model it leaves
#
# Two files, `model.safetensors` and `model.json`: the network, the head of the first seed, the names of the classes.
# `lt predict` reads them, and the page ends with a dozen lines that need only torch and timm.

# %% tags=["fragment-slide", "live"]
from lt_lib.lab.bench.model import predict

files = sorted(images.rglob("*.png"))
for file, said, p in predict(asked.folder, files[5 :: len(files) // 6]):
    print(f"{file.parent.name}/{file.name}: {said}, {p:.2f}")

# %% [markdown] tags=["slide"]
# ## On skin lesions
#
# ISIC 2017: three classes, about a fifth melanoma. The organisers' training and validation images train, their test
# images test {cite}`codella2018isic`. Asked for balanced accuracy, with features of EfficientNet-Lite0, the answer
# kept in this book is:

# %% tags=["fragment-slide"]
lesions = yours.lesions()
print(fill(lesions.said, 76))
print(fill(lesions.badge, 76))

# %% tags=["slide"] mystnb={"figure": {"name": "fig-bench-01-lesions", "caption": "What each remedy adds to plain cross-entropy on the lesions of ISIC 2017, with 95 % intervals."}, "image": {"alt": "A horizontal chart with a line for each remedy and its interval beside a vertical line at zero, for skin lesions."}}
lab.figure("own-gains", lesions)

# %% tags=["slide"]
yours.table(lesions)

# %% tags=["fragment-slide"]
for said in yours.told(lesions):
    print(fill(said, 74, initial_indent="- ", subsequent_indent="  "))

# %% [markdown] tags=["slide", "live"]
# ## Patients, sites, days
#
# Two pictures of one mole are near copies. If one is in training and the other in the test, the test asks what the
# head has seen. The page shows such pairs: test images three times as near to a training image as is usual, by the
# network's features. `--split` names what must stay whole: a column of a table, or the folders below those of the
# classes.
#
# ```
# lt compare moles.csv --split patient
# lt compare fields --split folder
# ```

# %% tags=["fragment-slide"]
print(fill(yours.alike_in_words(lesions), 76))

# %% [markdown] tags=["fragment-slide"]
# How much is at stake? Below, tiles of nine by nine pixels and six bands are cut around the labelled pixels of a
# satellite scene, a folder a polygon. The tiles of a polygon overlap. (For six bands the network's first filters are
# repeated over them, and the page says so.)

# %% tags=["fragment-slide", "live"]
fields, scene = yours.tiles(options)
found = yours.leak(fields, options)
print(fill(yours.leak_in_words(found, scene), 76))

# %% [markdown] tags=["fragment-slide"]
# And on the Landsat-7 scene, as kept in this book:

# %% tags=["fragment-slide"]
tiles = yours.kept("tiles")
print(fill(yours.leak_in_words(tiles, tiles["of"]), 76))

# %% [markdown] tags=["notes", "remove-cell"]
# Ask before the number on Landsat appears: how much can a split be worth? Guesses of two or three points are
# common. 2 min.

# %% [markdown] tags=["slide"]
# ## What such a comparison cannot tell
#
# - **How a whole network would do.** Here a head learns and the features stay. `--finetune` trains the whole network
#   for plain cross-entropy and the two best remedies, with one seed.
# - **Another place or time.** All images come from one folder.
# - **Much about a rare class.** Look at the number of test images before the recall.
# - **Which remedy is best.** It is picked by the test images, so its gain is on the bright side. What is sure is that
#   it is above zero, if the page says so.
# - **Whether a label is right.** The page shows test images of which all seeds agree on another class, and training
#   images that a head which never saw them takes for another. Look at them.

# %% [markdown] tags=["slide"]
# ## Summary
#
# A difference between remedies counts only if it is larger than what another draw of test images would make of
# nothing, and than what the best of many tries gets by luck. Keep the pictures of a patient, a site or a day on one
# side.

# %% tags=["fragment-slide", "hide-input"]
lab.summary(
    asked.said,
    *yours.told(lesions),
    yours.leak_in_words(tiles, tiles["of"]),
)

# %% [markdown]
# ## Exercises
#
# ```{exercise} Twenty pictures
# :label: ex-bench-01-twenty
# A class has 20 test images, and a remedy raises its recall from 0.50 to 0.65, on the same images. Of the twenty,
# how many did change? Suppose that four became right and one wrong. What does a sign test say?
# ```
#
# ```{solution-start} ex-bench-01-twenty
# :class: dropdown
# ```

# %%
from scipy.stats import binomtest

by_luck = binomtest(4, 5).pvalue
assert round(20 * 0.15) == 4 - 1 and 0.3 < by_luck < 0.4
print(f"p = {by_luck:.3f}")

# %% [markdown]
# Three more are right: at least three changed. With four against one, a coin does as well in more than a third of all
# tries. Fifteen points, and nothing to tell.
#
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} Seeds are no images
# :label: ex-bench-01-seeds
# With 100 seeds the interval over seeds alone becomes very small. Why does the interval of
# {eq}`bench-01-bootstrap` not shrink with it? Simulate: 40 images that each head gets right with a probability of
# its own.
# ```
#
# ```{solution-start} ex-bench-01-seeds
# :class: dropdown
# ```

# %%
easy = chance.beta(2, 1, 40)
hits = chance.random((100, 40)) < easy
over_seeds = hits.mean(1)[chance.integers(100, size=(2000, 100))].mean(1)
over_images = hits.mean(0)[chance.integers(40, size=(2000, 40))].mean(1)
assert over_images.std() > 3 * over_seeds.std()
print(
    f"spread over seeds {over_seeds.std():.4f}, over images {over_images.std():.4f}"
)

# %% [markdown]
# All seeds answer the same forty questions. More heads tell more about these questions, nothing about others.
#
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} The same picture twice
# :label: ex-bench-01-twice
# In a folder of 1,000 images 200 are there twice, under different names. A quarter is drawn for the test. How many
# test images are in training too, on average? What does a head that only remembers gain by them?
# ```
#
# ```{solution-start} ex-bench-01-twice
# :class: dropdown
# ```

# %%
picture = np.concatenate([np.arange(800), np.arange(200)])
leaks = []
for _ in range(300):
    test = np.zeros(1000, bool)
    test[chance.choice(1000, 250, replace=False)] = True
    leaks.append(np.isin(picture[test], picture[~test]).sum())
assert abs(np.mean(leaks) - 400 * 0.25 * 0.75) < 3
print(f"{np.mean(leaks):.0f} of 250 test images")

# %% [markdown]
# Each of the 400 files of a pair is in the test with probability 1/4 and its twin in training with about 3/4: 75 of
# 250. A head that only remembers has 30 points for nothing. `lt compare` drops exact copies; near copies need
# `--split`.
#
# ```{solution-end}
# ```

# %% [markdown]
# ## Further reading
#
# - {cite:t}`efron1993bootstrap`: the bootstrap, from those who made it.
# - {cite:t}`kang2020decoupling`: why a head on frozen features is a fair place to start.
