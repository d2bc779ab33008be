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
# # How to teach with it
#
# A chapter is one lesson: a question, a claim with its printed number, the method, a small picture of it, the
# run, and what to make of the difference. Each is also a deck of slides, cut out of the same cells, with
# notes for the speaker and a set of a few cells to run in class. This page lays out three lectures of ninety
# minutes and a lab.

# %% tags=["remove-input"]
import pandas as pd

from lt_lib.lab.publish import book

from lt_lib.lab.publish import slides
from lt_lib.lab.publish.notebooks import read_notebook
from lt_lib.lab.read.report import Table

chapters = book.outline()
counted = {
    row["chapter"]: slides.outline(read_notebook(book.find_chapter(row["chapter"]))) for row in chapters
}

# %% [markdown]
# ## Three lectures
#
# They follow Yen's {cite}`yen2020lectures`, two decks each. **Prerequisites**: for the first, derivatives and
# the chain rule; for the second, the first; for the third, nothing but fractions. The third can stand alone,
# and is the one for an audience of clinicians.
#
# Minutes come from the decks as they are: one and a half for a slide, and for a stop what its note asks for.
# What the decks and their live sets leave goes to the exercises. *Find the slip* is an error in the slides
# that were given out; each chapter has one, and the solution asserts what is right.

# %% tags=["remove-input"]
LESSONS = {
    "1. How a network learns": ("lectures/01-descent", "lectures/02-backpropagation"),
    "2. Softer labels, calmer layers": (
        "lectures/04-softer-labels-mixed-images",
        "lectures/06-batch-normalization",
    ),
    "3. How far to trust it": ("lectures/08-judging-a-classifier", "lectures/07-new-test-sets"),
}
titles = {row["chapter"]: row["title"] for row in chapters}


def lesson(title):
    decks = [(titles[name], counted[name]["minutes"]) for name in LESSONS[title] if name in titles]
    lines = slides.minute_plan(decks, "exercise: <em>Find the slip</em>")
    shown = [{"minute": f"{line['from']}–{line['to']}", "what": line["what"]} for line in lines]
    return Table(pd.DataFrame(lines), shown, title)


# %% tags=["remove-input"]
lesson("1. How a network learns")

# %% tags=["remove-input"]
lesson("2. Softer labels, calmer layers")

# %% tags=["remove-input"]
lesson("3. How far to trust it")

# %% [markdown]
# **If time runs short**, keep the first slide of a deck, what is computed live, and the slide that judges the
# claim. **If there is more of it**, hand out the exercises after *Find the slip*. The two decks of the wing
# that are not named above, on [borrowed features](../../notebooks/lectures/03-borrowed-eyes) and [unlabelled
# images](../../notebooks/lectures/05-learning-from-the-unlabelled), are about as long as the second of
# lecture 2 and can take its place.
#
# ## A lab
#
# Ninety minutes, in pairs, one laptop a pair, after the third lecture. It needs what a class weight is, and
# no GPU.
#
# | minute | what | with |
# |---|---|---|
# | 0–10 | open the chapter on [weighting the loss](../../notebooks/ee443/03-weighting-the-loss) in Jupyter; find a badge and say what it says | its notebook, `profile = "smoke"` |
# | 10–20 | predict on paper: which of the three recipes wins at ratio 0.005, and who pays? | the slides *See it small* |
# | 20–50 | the three exercises, ten minutes each | `lt exercises ee443/03` |
# | 50–70 | run the tables and compare with the prediction; then change the seeds and say which differences stay | `profile = "laptop"`, `seeds = 5` |
# | 70–90 | each pair reports one difference with its interval, and one that it would not report | the board |
#
# A sheet (`lt exercises` writes one for each chapter) has the solutions blank; a cell that runs without an
# error is right.
#
# ## The evening before
#
# - `make slides` builds the book and all decks. <a href="../../slides/index.html">The list of decks</a> opens
#   by a double click, and so does each deck. Go through yours once, in the size of the projector.
# - Press `S` once and allow the window: the notes are in it, with the next slide and a clock.
# - Run each live set once, so that its records and compiled code are there: `NN-slug-live.ipynb` lies beside
#   its deck. Give its folder's Jupyter the project's environment, `.venv`.
# - Read the badges. A deck of `smoke` is for rehearsal only; show `laptop` or better.
# - For the lab: `lt exercises`, and `make book` on every laptop, or one address where the built folder is
#   served.
#
# **Without a network** all of this works: book, decks, formulas, live sets and the lab at `data =
# "embedded"`. What breaks is links to papers, setting up a laptop that has no environment yet, and `lt data
# download`; so fetch real data beforehand.
#
# ## All chapters
#
# *Read* is what the card says, *minutes* the talk, estimated as above; *notes* are stops, *live* the cells of
# the live set.

# %% tags=["remove-input"]
rows = [
    {
        "chapter": f"{row['title']}<br><code>{row['chapter']}</code>",
        "read": row["time"].split(" to read")[0],
        **{key: counted[row["chapter"]][key] for key in ("slides", "minutes", "notes", "live")},
        "exercises": row["exercises"],
    }
    for row in chapters
]
Table(pd.DataFrame(rows), rows)

# %% [markdown]
# **Exercises.** Solutions are folded. The code in them ends in assertions and runs with every build and every
# test, so it works.
