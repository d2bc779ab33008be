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
# # Bags that share the tail
#
# ```{admonition} This chapter
# :class: tip
# - **Question.** Can four learners, none of which sees all the common pictures, outvote one that does?
# - **Regenerates.** Fig 5, Fig 6 and the column *Bagging / WL* of the results table of `ee443`.
# - **You need.** the tails of [chapter 1](01-long-tail-and-baselines), the weights of [chapter 3](03-weighting-the-loss).
# - **Time.** 12 minutes to read; 1 minute on a laptop, seconds once the records exist.
# ```
#
# Bagging {cite}`breiman1996bagging` is a jury. Draw a bag of training images with replacement, train a network on it; do so a
# few times, and let the networks vote. Each has lived in a slightly different world, so each is wrong about different
# pictures, and what they are wrong about alone is voted down.
#
# A bag drawn from a long tail is a long tail again. Worse: at ratio 0.005 the last class owns two images, and not every bag
# will catch one.

# %% tags=["keep_output"]
# nbval-check-output
from lt_lib.sampling import ee443_counts


def missed(counts):
    return (1 - counts[-1] / sum(counts)) ** sum(counts)


print("{:.1%} of the bags miss it".format(missed(ee443_counts(0.005))))

# %% [markdown]
# ## The claim
#
# So the report deals its bags by hand, trains one learner on each, and sees the vote "yield additional performance". In
# addition to what?

# %% tags=["keep_output", "hide-input"]
# nbval-check-output
from lt_lib.lab.published import value


def printed(method, ratio):
    return value(work="ee443", table="Results", method=method,
                 class_=ratio)


for ratio_ in (0.1, 0.02, 0.005):
    print(f"{ratio_}:", ", ".join(
        f"{method} {printed(method, ratio_):.4f}"
        for method in ("Baseline", "Weighted Loss", "Bagging / WL")
    ))
