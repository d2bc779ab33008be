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

# %% [markdown]
# # Judging a classifier: ROC curves, calibration, costs
#
# ```{admonition} This chapter
# :class: tip
# - **Question.** A test for cancer is right 97 times in 100. Is it a good test?
# - **Covers.** Lecture 3 of `lectures`: the confusion matrix and every criterion drawn from it; then what the slides leave to
#   the user: ties, costs, calibration, prevalence, long tails.
# - **You need.** fractions, and one sum over pairs.
# - **Time.** 25 minutes to read; 10 seconds on a laptop.
# ```

# %% [markdown] tags=["slide", "live"]
# ## A letter
#
# *Your screening picture was positive. Please come again.*
#
# The test finds nine tumours of ten. Of a hundred healthy women it clears ninety-nine. Of a hundred women
# screened, one is ill. How likely is it that you are?

# %% tags=["keep_output", "fragment-slide", "live"]
# nbval-check-output
def letters(women=10_000, ill=0.01, found=0.9, cleared=0.99):
    tp = women * ill * found
    fp = women * (1 - ill) * (1 - cleared)
    print(
        f"of {women} women, {tp:.0f} ill and {fp:.0f} healthy ones "
        f"get the letter: {tp / (tp + fp):.0%}"
    )


letters()

# %% [markdown] tags=["notes", "remove-cell"]
# Ask for guesses first. Most rooms, medical ones too, say about ninety per cent. Count heads instead of
# multiplying probabilities, and nobody gets it wrong.

# %% [markdown]
# Less than one half. Nobody lied: "finds nine of ten", "right 99 times in 100" and "one half" describe one
# and the same test. They divide the same four counts by different sums. Which sum is right depends on who
# asks.

# %% [markdown] tags=["slide"]
# ## Four counts
#
# | | called ill | called healthy |
# |---|---|---|
# | **ill** | TP, a tumour found | FN, a tumour missed |
# | **healthy** | FP, a false alarm | TN |
#
# Rows are the truth, columns the answer. Whoever looks along a *row* asks about the test; whoever looks down
# a *column* asks about the patient with the letter.

# %% [markdown] tags=["slide"]
# ## One table, many names
#
# | statistics | medicine | machine learning | formula |
# |---|---|---|---|
# | true positive rate (TPR) | sensitivity | recall | TP / (TP + FN) |
# | false positive rate (FPR) | 1 − specificity | – | FP / (FP + TN) |
# | true negative rate | specificity | – | TN / (FP + TN) |
# | – | positive predictive value (PPV) | precision | TP / (TP + FP) |
# | false discovery rate (FDR) | 1 − PPV | 1 − precision | FP / (TP + FP) |

# %% [markdown]
# (Statisticians call the last fraction the false discovery *proportion* and keep *rate* for what it is on
# average
# {cite}`benjamini1995fdr`. The slides, like most of machine learning, do not.) Three more put all four counts, or three of
# them, into one number:
#
# ```{math}
# :label: lectures-08-scores
# \begin{gathered}
# \text{accuracy} = \frac{TP + TN}{N}, \qquad
# F_1 = \frac{2\,TP}{2\,TP + FP + FN}, \\[.5em]
# \text{MCC} = \frac{TP \cdot TN - FP \cdot FN}
# {\sqrt{(TP + FP)(TP + FN)(TN + FP)(TN + FN)}} .
# \end{gathered}
# ```
#
# `binary_report` computes all of them. For the ten thousand women of the letter:

# %% tags=["keep_output"]
# nbval-check-output
from lt_lib.metrics import binary_report


def show(tp, fn, fp, tn):
    for name, value in binary_report(tp, fn, fp, tn).items():
        print(f"{name:18} {value:.3f}")


show(tp=90, fn=10, fp=99, tn=9801)

# %% [markdown] tags=["slide"]
# ## The larger, the better?
#
# The slides give each score a range and say that larger is better. The ranges first: printed, and over all
# tables of six people.

# %% tags=["keep_output", "fragment-slide"]
# nbval-check-output
from itertools import product

from lt_lib.lab.read.published import printed


def extremes(people=6):
    sizes = range(people + 1)
    found = [
        binary_report(tp, fn, fp, people - tp - fn - fp)
        for tp, fn, fp in product(sizes, repeat=3)
        if tp + fn + fp <= people
    ]
    for name, row in (("accuracy", "M.1"), ("f1", "M.2"), ("mcc", "M.4")):
        some = [r[name] for r in found if r[name] is not None]
        print(
            f"{name:9}",
            printed(work="lectures", row=row).ljust(7),
            f"found {min(some):g} to {max(some):g}",
        )


extremes()

# %% [markdown]
# They hold. "Larger is better" holds too, on *one* set of people. But a score of 0.9 here and one of 0.8
# there may belong to the same test, or to two of which the second is the better. The rest of the chapter
# takes the scores to where they part: to another threshold, another price of errors, another share of ill
# people, and to a long tail of classes.

# %% [markdown]
# ## Choose what to run
#
# Everything here is trained in seconds, on data that come with scikit-learn. Profiles differ in how often it
# is repeated.

# %% tags=["parameters"]
profile = "laptop"  # smoke, laptop or paper: how many seeds
data = "embedded"  # makes no difference: both data sets are real
seeds = None  # None: as many as the profile asks for
budget = None  # not needed: seconds
store = None  # folder of records; none are made

# %%
from lt_lib import lab

options = lab.check_parameters(globals())
many = {"smoke": 2, "paper": 30}.get(profile, 10)
splits = options["seeds"] or many
splits = splits if isinstance(splits, list) else list(range(splits))
resamples = {"smoke": 20, "paper": 5000}.get(profile, 300)

# %% [markdown] tags=["slide"]
# ## Real cells
#
# 569 lumps in a breast, each pricked with a fine needle. Thirty numbers describe the nuclei in the microscope
# image: radius, texture, concavity {cite}`street1993nuclear`. 212 lumps were malignant.

# %% tags=["keep_output"]
# nbval-check-output
from sklearn.datasets import load_breast_cancer

cancer = load_breast_cancer()
print(cancer.target_names.tolist())
features, ill = cancer.data, cancer.target == 0
print(f"{len(ill)} lumps, {ill.sum()} malignant")

# %% [markdown]
# Mind the first line. In this file class 1 is *benign*, and a program that takes class 1 for "positive"
# reports, without complaint, the sensitivity to health. We turn it round.
#
# Two classifiers, to have something to compare. Logistic regression weighs the thirty numbers. Naive Bayes
# takes them for independent, which they are not: radius, perimeter and area say the same thing three times,
# and it believes all three. Each is trained on one half of the lumps and tested on the other, for several
# ways of halving.

# %%
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

MODELS = {
    "logistic regression": make_pipeline(
        StandardScaler(), LogisticRegression()
    ),
    "naive Bayes": GaussianNB(),
    "naive Bayes, calibrated": CalibratedClassifierCV(
        GaussianNB(), method="isotonic", cv=5
    ),
}


# %%
def halves(seed):
    return train_test_split(
        features, ill, test_size=0.5, stratify=ill, random_state=seed
    )


runs = {name: [] for name in MODELS}
for seed in splits:
    train_x, test_x, train_y, test_y = halves(seed)
    for name, model in MODELS.items():
        model.fit(train_x, train_y)
        p = model.predict_proba(test_x)[:, 1]
        runs[name].append((test_y, p))


# %% tags=["slide", "live"]
def four_counts(y, p, threshold=0.5):
    called = p >= threshold
    return {
        "tp": int((called & y).sum()),
        "fn": int((~called & y).sum()),
        "fp": int((called & ~y).sum()),
        "tn": int((~called & ~y).sum()),
    }


reports = {
    name: [binary_report(**four_counts(*run)) for run in found]
    for name, found in runs.items()
}
print(four_counts(*runs["logistic regression"][0]))

# %%
for name in ("logistic regression", "naive Bayes"):
    print(name)
    for score in reports[name][0]:
        mean = lab.estimate(r[score] for r in reports[name])
        print(f"  {score:18} {mean}")

# %% [markdown]
# The intervals (95 %, Student's $t$ over the halvings) need a warning: all halvings share the same 569 lumps,
# so they say how much hangs on the halving, not how the test would do on other people. They are too short for
# the latter, and no formula mends it entirely {cite}`nadeau2003inference`.

# %% [markdown] tags=["slide"]
# ## Move the threshold
#
# A classifier gives a score, not a verdict. Call ill whoever scores at least $t$. As $t$ falls, tumours found
# and false alarms rise together:
#
# - the **ROC curve** shows the one over the other, and asks each *row* of the table;
# - the **precision-recall curve** asks a row and a *column*.

# %% tags=["slide", "live"] mystnb={"figure": {"name": "fig-lectures-08-curves", "caption": "ROC and precision-recall curves of two classifiers on one test half, with pointwise 95 % bands over resampled test cases; the corners that matter, enlarged. A score without knowledge would lie far outside, on the diagonal of the one and at the share of ill people in the other."}, "image": {"alt": "Two panels, the ROC curve left and the precision-recall curve right, each with a curve and a band for logistic regression and for naive Bayes."}}
first = {
    name: runs[name][0] for name in ("logistic regression", "naive Bayes")
}
lab.figure("roc-pr", first, resamples)

# %% [markdown]
# The bands of {numref}`fig-lectures-08-curves` resample the *cases* of one test half: draw as many with
# replacement, draw the curve again, and keep the middle 95 % at each place. Two smooth lines hide that a test
# half holds little more than a hundred tumours.

# %% [markdown] tags=["slide"]
# ## The area is a probability
#
# Take an ill and a healthy person at random. The area under the ROC curve is the probability that the ill one
# scores higher, with a tie counted as one half:
#
# ```{math}
# :label: lectures-08-auc
# \text{AUC} = \frac{1}{n_+ n_-} \sum_{i\,\text{ill}}\ \sum_{j\,\text{healthy}}
# \Bigl( [s_i > s_j] + \tfrac12 [s_i = s_j] \Bigr).
# ```
#
# Divide the rank statistic of Mann and Whitney by the number of pairs: the same {cite}`hanley1982auc`.

# %% [markdown]
# No threshold occurs in it, and no probability: only the order. The half matters when scores are coarse, such
# as a radiologist's five grades:

# %% tags=["keep_output", "slide"]
# nbval-check-output
import numpy as np
from scipy.stats import mannwhitneyu
from sklearn.metrics import roc_auc_score


def area(y, s, tie=0.5):
    gaps = s[y][:, None] - s[~y]
    return ((gaps > 0) + tie * (gaps == 0)).mean()


truth = np.repeat([True, False], [10, 20])
grades = np.repeat([5, 4, 3, 2, 4, 3, 2, 1], [4, 3, 2, 1, 2, 4, 6, 8])
for tie in (0, 0.5, 1):
    print(f"a tie counts {tie}: {area(truth, grades, tie):.4f}")
u = mannwhitneyu(grades[truth], grades[~truth]).statistic
print(
    f"Mann-Whitney {u / (10 * 20):.4f}, "
    f"scikit-learn {roc_auc_score(truth, grades):.4f}"
)

# %% [markdown]
# Ten points between ignoring ties and giving them away. For the two classifiers, over halvings, and with a
# bootstrap over the cases of the first half beside it:


# %%
def resampled(statistic, y, p, seed=0):
    rng, values = np.random.default_rng(seed), []
    while len(values) < resamples:
        i = rng.integers(len(y), size=len(y))
        if 0 < y[i].sum() < len(y):
            values.append(statistic(y[i], p[i]))
    return np.percentile(values, (2.5, 97.5))


for name, half in first.items():
    mean = lab.estimate(area(*run) for run in runs[name])
    low, high = resampled(roc_auc_score, *half)
    print(f"{name:20} {mean}; cases [{low:.3f}, {high:.3f}]")

# %% [markdown]
# Two things to take along. The area averages over all thresholds, also those that nobody would use. And it
# does not see whether a score of 0.9 means nine in ten. For the next question exactly that is needed.

# %% [markdown] tags=["slide"]
# ## What a mistake costs
#
# Let a false alarm cost $c_{FP}$ and a missed tumour $c_{FN}$. If a patient is ill with probability $p$,
#
# - calling her ill costs $(1 - p)\, c_{FP}$ on average,
# - calling her healthy costs $p\, c_{FN}$.
#
# Call her ill if the first is the smaller:
#
# ```{math}
# :label: lectures-08-threshold
# p \;\ge\; t^* = \frac{c_{FP}}{c_{FP} + c_{FN}} .
# ```
#
# With equal costs $t^* = 1/2$. If a miss costs as much as ten alarms, $t^* = 1/11$.

# %% [markdown] tags=["notes", "remove-cell"]
# Nobody likes to name the price of a missed tumour. But whoever uses 0.5 has named it: exactly one false
# alarm. The threshold is a decision of medicine; the classifier's part is to announce probabilities that mean
# something.

# %% [markdown]
# {cite:t}`elkan2001cost` gives the full argument, which takes one line because it is about one patient. Over a test set of $N$
# people the cost of a threshold is
#
# ```{math}
# :label: lectures-08-cost
# C(t) = \frac{c_{FP}\, FP(t) + c_{FN}\, FN(t)}{N},
# ```
#
# and $t^*$ makes it smallest *if* the scores are probabilities: if, of all patients told 0.2, one in five is
# ill. Are they?

# %% tags=["slide"] mystnb={"figure": {"name": "fig-lectures-08-reliability", "caption": "Share of malignant lumps over the probability announced, in ten groups of equal size, all test halves together. Dotted: announced is meant."}, "image": {"alt": "Three curves of shares over announced probabilities beside a diagonal: logistic regression, naive Bayes, calibrated naive Bayes."}}
pooled = {
    name: tuple(map(np.concatenate, zip(*found)))
    for name, found in runs.items()
}
lab.figure(
    "reliability",
    pooled,
    announced="announced probability of cancer",
    happened="share that had cancer",
)

# %% [markdown]
# Who counts the same evidence three times is too sure. {numref}`fig-lectures-08-reliability` also shows a remedy:
# learn, on held-out cases, a rising staircase from announced to observed (isotonic regression) and announce that.
# A staircase that rises keeps the order of patients, ties apart, and it is the order that the area sees; what
# changes is what the numbers mean. How far off they are on average is the expected calibration error
# {cite}`guo2017calibration`:

# %%
import torch

from lt_lib.metrics import classification_report


def calibration_error(y, p):
    both = torch.from_numpy(np.stack([1 - p, p], 1))
    return classification_report(both, torch.from_numpy(y * 1))["ece"]


for name, found in runs.items():
    error = lab.estimate(calibration_error(*run) for run in found)
    rank = lab.estimate(area(*run) for run in found)
    print(f"{name:24} ECE {error}   AUC {rank}")


def gap(score, name, other):
    pairs = zip(runs[name], runs[other], strict=True)
    return lab.estimate(score(*a) - score(*b) for a, b in pairs)


for words, score in (("ECE", calibration_error), ("AUC", area)):
    moved = gap(score, "naive Bayes, calibrated", "naive Bayes")
    print(f"{words}: {lab.in_words('calibrated', 'as announced', moved)}")


# %% tags=["live"]
def cost(y, p, threshold, miss=10, alarm=1):
    n = four_counts(y, p, threshold)
    return (alarm * n["fp"] + miss * n["fn"]) / len(y)


best = 1 / 11
thresholds = np.linspace(0.005, 0.995, 100)
costs = {
    name: np.array([[cost(*run, t) for t in thresholds] for run in found])
    for name, found in runs.items()
}

# %% tags=["slide", "live"] mystnb={"figure": {"name": "fig-lectures-08-cost", "caption": "Cost of a case, in false alarms, if a miss costs ten: mean over halvings with the range as a band. Dotted: the threshold of equal costs, and the one that calibrated probabilities ask for."}, "image": {"alt": "Three curves of cost over threshold, each with a band: logistic regression, naive Bayes, calibrated naive Bayes; two dotted lines mark thresholds."}}
lab.figure("cost-curves", thresholds, costs, best)

# %% [markdown]
# Where scores are all but zero or one, moving the threshold moves nobody, and a curve of
# {numref}`fig-lectures-08-cost` is flat. Calibrated scores obey. In numbers, with a third way to choose beside it:
# the threshold that was cheapest on the *training* half, by cross-validation.

# %%
from sklearn.model_selection import cross_val_predict


def tuned(model, seed):
    x, _, y, _ = halves(seed)
    p = cross_val_predict(model, x, y, method="predict_proba")[:, 1]
    return thresholds[np.argmin([cost(y, p, t) for t in thresholds])]


print(" " * 24, "at 0.5".ljust(13), "at 1/11".ljust(13), "tuned")
for name, found in runs.items():
    chosen = [tuned(MODELS[name], seed) for seed in splits]
    ways = [0.5] * len(found), [best] * len(found), chosen
    paid = [list(map(cost, *zip(*found), ts)) for ts in ways]
    print(f"{name:24}", *map(lab.estimate, paid))
    apart = lab.estimate(a - b for a, b in zip(*paid[1:]))
    print(" ", lab.in_words("at 1/11", "tuned", apart))

# %% [markdown]
# The rule {eq}`lectures-08-threshold` needs no data; it needs probabilities. (The cheapest threshold on the *test* half would look better still, in the table and only there: it
# has seen the answers.)

# %% [markdown] tags=["slide"]
# ## Take the test elsewhere
#
# In this clinic more than one lump in three is malignant. In a screening, one woman in a hundred is ill.
# Suppose that ill people look the same in both places, and healthy ones too: then TPR and FPR stay, for each
# looks along one row. A column mixes the rows. With $\pi$ the share who are ill,
#
# ```{math}
# :label: lectures-08-ppv
# \text{PPV} = \frac{\text{TPR}\; \pi}{\text{TPR}\; \pi + \text{FPR}\, (1 - \pi)} .
# ```

# %% tags=["slide", "live"] mystnb={"figure": {"name": "fig-lectures-08-prevalence", "caption": "One test, logistic regression at threshold 0.5, carried to places where fewer people are ill: true and false positive rate fixed at their mean over halvings. Broken grey: accuracy of calling everybody healthy."}, "image": {"alt": "Curves of precision, F1, MCC and accuracy over prevalence from 0.1 to 60 per cent, and a broken grey curve for the accuracy of calling everybody healthy."}}
usual = reports["logistic regression"]
tpr, fpr = (np.mean([r[score] for r in usual]) for score in ("tpr", "fpr"))
lab.figure(
    "prevalence-curves",
    tpr,
    fpr,
    {"screening": 0.01, "this clinic": ill.mean()},
)


# %% tags=["fragment-slide"]
def at_prevalence(share):
    tp, fp = tpr * share, fpr * (1 - share)
    return {
        "PPV": tp / (tp + fp),
        "accuracy": tp + 1 - share - fp,
        "accuracy, nobody ill": 1 - share,
    }


places = {"this clinic": ill.mean(), "screening": 0.01}
for place, share in places.items():
    print(
        f"{place}:",
        *(
            f"{name} {value:.3f}"
            for name, value in at_prevalence(share).items()
        ),
        sep="\n  ",
    )

# %% [markdown]
# The test has not changed; compare what its letter is worth in the two places, and then its accuracy. Worse: look
# for the place where the grey line of {numref}`fig-lectures-08-prevalence` crosses it. Among people who are nearly
# all healthy, the program that clears everybody unseen is *more accurate* than any test whose false alarms
# outnumber its finds. That is how accuracy flatters: it lets the many vote.
#
# Is {eq}`lectures-08-ppv` to be trusted? Draw a screening from the test cases, one ill woman in a hundred,
# and count:


# %%
def screening(y, p, share=0.01, women=50_000, seed=0):
    rng = np.random.default_rng(seed)
    drawn = rng.random(women) < share
    return drawn, np.where(
        drawn, rng.choice(p[y], women), rng.choice(p[~y], women)
    )


y, p = pooled["logistic regression"]
there = screening(y, p)
report = binary_report(**four_counts(*there))
print(
    f"PPV counted {report['precision']:.3f}, "
    f"by the formula {at_prevalence(0.01)['PPV']:.3f}"
)
print(
    f"AUC here {roc_auc_score(y, p):.4f}, there {roc_auc_score(*there):.4f}"
)

# %% [markdown]
# The premise deserves more doubt than the formula. A lump that a doctor decided to prick is not what a
# screening finds: tumours are smaller there, and TPR falls with them.

# %% [markdown] tags=["slide"]
# ## A long tail of classes
#
# Ten kinds of images, the last ones rare: digits stand in for ten diagnoses, each about two thirds as
# frequent as the one before. Two test sets:
#
# - **long-tailed** as the training images are: what tomorrow brings, if tomorrow is like today;
# - **balanced**: every class with one voice.

# %%
from sklearn.datasets import load_digits

from lt_lib.sampling import longtail_counts, longtail_indices

digits = load_digits()
TRAIN, TEST = (longtail_counts(n, 10, 0.02) for n in (110, 55))
print("training images:", TRAIN)
print("long-tailed test:", TEST)


def cut(labels, counts, seed):
    return longtail_indices(torch.from_numpy(labels), counts, seed)


# %%
def tail_task(seed):
    x, test_x, y, test_y = train_test_split(
        digits.data / 16,
        digits.target,
        test_size=600,
        stratify=digits.target,
        random_state=seed,
    )
    train, rare = cut(y, TRAIN, seed), cut(test_y, TEST, seed)
    tests = {
        "long-tailed test": (test_x[rare], test_y[rare]),
        "balanced test": (test_x, test_y),
    }
    return (x[train], y[train]), tests


def answers(train, x):
    yield "always the first", np.eye(10)[np.zeros(len(x), int)]
    for name, weight in (("plain", None), ("weighted", "balanced")):
        model = LogisticRegression(class_weight=weight, max_iter=1000)
        yield name, model.fit(*train).predict_proba(x)


# %%
from collections import defaultdict

tail = defaultdict(list)
for seed in splits:
    train, tests = tail_task(seed)
    for test, (x, y) in tests.items():
        for name, p in answers(train, x):
            tail[name, test].append(
                classification_report(
                    torch.from_numpy(p),
                    torch.from_numpy(y),
                    train_counts=TRAIN,
                )
            )

# %% tags=["slide", "live"] mystnb={"figure": {"name": "fig-lectures-08-tail", "caption": "Three classifiers of long-tailed digits on two test sets, by four criteria: mean over splits with 95 % intervals. Computed on scikit-learn's digits, a stand-in for rare diagnoses."}, "image": {"alt": "Four panels, accuracy, macro F1, balanced accuracy and MCC, each with a line for each of three classifiers, always the first class, plain and weighted logistic regression, and a mark on it for each of the two tests."}}
criteria = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "balanced_accuracy": "balanced accuracy",
    "mcc": "MCC",
}
lab.figure(
    "two-tests",
    {
        label: {
            name: {
                test: lab.estimate(r[score] for r in tail[name, test])
                for test in tests
            }
            for name in ("always the first", "plain", "weighted")
        }
        for score, label in criteria.items()
    },
)

# %% [markdown]
# Read the first panel of {numref}`fig-lectures-08-tail` from left to right. A long-tailed test hardly asks about
# the rare classes; a balanced one asks as much about them as about the others. Balanced accuracy asks on *either*
# test, because it averages over classes, but on the long-tailed one it rests on one or two images for a rare
# class. MCC is 0 for who never looked; who looked and neglects the tail, it need not expose. No formula replaces a
# test set that holds a tail worth counting. What the weights do by each of them:


# %%
def weights_add(score, test):
    pairs = zip(tail["weighted", test], tail["plain", test], strict=True)
    return lab.estimate(a[score] - b[score] for a, b in pairs)


for test in tests:
    for score, label in criteria.items():
        said = lab.in_words("weighted", "plain", weights_add(score, test))
        print(f"{test}, {label}: {said}")

# %% [markdown]
# By groups of classes (many: more than 100 training images; few: fewer than 20), on the balanced test:

# %%
for group in ("many", "medium", "few"):
    mean = lab.estimate(r[group] for r in tail["plain", "balanced test"])
    moved = weights_add(group, "balanced test")
    said = lab.in_words("weighted", "plain", moved)
    print(f"{group:7} plain {mean}; {said}")

# %% [markdown] tags=["slide"]
# ## F1 takes sides, MCC does not
#
# F1 leaves out TN. Rename the classes, and it becomes another number. MCC is a correlation between truth and
# answer: it stays, and is 0 for whoever does not look.


# %% tags=["keep_output", "fragment-slide"]
# nbval-check-output
def both_ways(label, tp, fn, fp, tn):
    here = binary_report(tp, fn, fp, tn)
    there = binary_report(tn, fp, fn, tp)
    print(
        f"{label:20} F1 {here['f1']:.2f} or {there['f1']:.2f}, "
        f"MCC {here['mcc']:.2f} or {there['mcc']:.2f}"
    )


both_ways("all called ill", tp=90, fn=0, fp=10, tn=0)
both_ways("a test that looks", tp=85, fn=5, fp=5, tn=5)

# %% [markdown]
# Ninety ill of a hundred, and calling everybody ill earns an F1 of 0.95. (MCC is 0/0 there; the usual convention makes it 0.)
# For several classes `classification_report` takes Gorodkin's MCC {cite}`gorodkin2004correlation`. MCC is not
# free of prevalence, as {numref}`fig-lectures-08-prevalence` shows; {cite:t}`chicco2020mcc` argue its case.

# %% [markdown] tags=["slide"]
# ## Top-k, and who wins a tie
#
# Sort the probabilities of an image; it counts as right if its class is among the first $k$:
#
# ```{math}
# :label: lectures-08-topk
# \text{top-}k = \frac1N \sum_{i=1}^N \bigl[\, y_i \in \{\text{the first } k \text{ of } \hat p_i\} \,\bigr].
# ```
#
# Which are the first $k$ if two are equal? The slides do not say. A network that knows nothing:

# %% tags=["keep_output", "fragment-slide"]
# nbval-check-output
from sklearn.metrics import top_k_accuracy_score

blank, labels = np.full((4, 5), 0.2), np.array([0, 0, 1, 4])
ours = classification_report(
    torch.from_numpy(blank), torch.from_numpy(labels)
)["topk"]
for k in (1, 3):
    theirs = top_k_accuracy_score(labels, blank, k=k, labels=range(5))
    print(
        f"top-{k}: lower class first {ours[str(k)]:.2f}, "
        f"scikit-learn {theirs:.2f}, ties all right 1.00"
    )

# %% [markdown]
# Ours ranks equal scores by class number, lower first, so that top-1 is the accuracy of `argmax`;
# scikit-learn ranks the higher class first. Neither is right; *which* is part of the number. Ties are rarer
# in full precision than in half, and rarest in logits. On the digits, rounded to one decimal as an old
# program might store them:

# %%
train, tests = tail_task(splits[0])
x, y = map(torch.from_numpy, tests["balanced test"])
p = torch.from_numpy(dict(answers(train, x.numpy()))["plain"])
rough = (10 * p).round()
own = rough.gather(1, y[:, None])
wins = {
    "ties lost": (rough >= own).sum(1),
    "ties won": (rough > own).sum(1) + 1,
}
print("full:", f"{classification_report(p, y)['topk']['3']:.3f}")
for rule, rank in wins.items():
    print(f"rounded, {rule}: {(rank <= 3).double().mean():.3f}")

# %% [markdown] tags=["slide", "live"]
# ## Before you believe a score
#
# 1. Which class is *positive*? Which share of the test is?
# 2. Which threshold, and chosen on which images?
# 3. Rows or columns: does the score survive another prevalence?
# 4. What would somebody get who never looked?
# 5. How many images of the rarest class were tested?
# 6. Where is the interval, and over what?

# %% [markdown] tags=["notes", "remove-cell"]
# End with the letter. Same test, three numbers; now they can say who would ask for which. If there are five
# minutes more, do the exercise on the second letter.

# %% [markdown]
# ## What differs, and why
#
# | | slides say | correct | we ran |
# |---|---|---|---|
# | F1 | two formulas, the second "can be expressed as" | equal where both are defined; see the second exercise | the first |
# | FDR | FP / (TP + FP) | its expectation; the fraction is the false discovery proportion | the fraction, under the slides' name |
# | MCC | a fraction | 0/0 if a row or column is empty | 0 there |
# | AUC | the area under the curve | ties count one half | Mann-Whitney, which is the area |
# | larger is better | for each score | on one set of people; below 0.5 an AUC gains by turning the score round | both |
# | top-k | the first $k$ after ordering | the order of equal scores must be stated | lower class first |
# | accuracy | a score like the others | depends on the mix of classes in the test | beside balanced accuracy, always |
# | uncertainty | none | | over splits; over resampled cases |

# %% [markdown] tags=["slide"]
# ## Summary
#
# All scores are made of the same four counts; what they are divided by decides whether a score speaks of
# the test or of the patient. The area under the ROC curve sees the order of scores alone, while the
# threshold that costs ask for needs scores that are probabilities. Precision and accuracy move with the
# share who are ill, and on a long tail balanced accuracy gives each class one voice.

# %% tags=["fragment-slide", "hide-input"]
less = gap(calibration_error, "naive Bayes, calibrated", "naive Bayes")
more = weights_add("balanced_accuracy", "balanced test")
lab.summary(
    "in calibration error "
    + lab.in_words("calibrated naive Bayes", "the plain one", less),
    "in balanced accuracy on the balanced test "
    + lab.in_words("the weighted loss", "the plain one", more),
)

# %% [markdown]
# ## Exercises
#
# ```{exercise} Worse than a coin
# :label: ex-lectures-08-coin
# A classifier has AUC 0.2 and MCC −0.4 at threshold 0.5. The slides: the larger, the better. Make of it a good classifier
# without any training, and say what becomes of both numbers. Test it on the grades above.
# ```
#
# ```{solution-start} ex-lectures-08-coin
# :class: dropdown
# ```


# %%
def judged(scores, threshold):
    counts = four_counts(truth, scores, threshold)
    return area(truth, scores), binary_report(**counts)["mcc"]


wrong = 6 - grades  # a reader who holds the scale upside down
bad, good = judged(wrong, 2.5), judged(6 - wrong, 3.5)
assert bad[0] < 0.2 and np.allclose(np.add(bad, good), (1, 0))
print(
    "AUC, MCC: {:.2f}, {:.2f}".format(*bad),
    "turned round:",
    "{:.2f}, {:.2f}".format(*good),
)

# %% [markdown]
# Turn the score round: AUC becomes 0.8 and MCC 0.4. The worst AUC is not 0 but 0.5: 0 is perfect knowledge
# with a wrong sign. In practice it is a mistake in the labels, as at the start of this chapter, where class 1
# is benign.
#
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} Find the slip
# :label: ex-lectures-08-f1
# The slides give $F_1 = 2TP/(2TP + FP + FN)$ and say that it can be expressed as the harmonic mean of recall and precision.
# Look for tables of up to six people where the first is a number and the second is not. What have they in common, and what do
# three programs return there?
# ```
#
# ```{solution-start} ex-lectures-08-f1
# :class: dropdown
# ```

# %%
from sklearn.metrics import f1_score


def harmonic(tp, fn, fp):
    recall, precision = tp / (tp + fn), tp / (tp + fp)
    return 2 * recall * precision / (recall + precision)


parted = []
for tp, fn, fp in product(range(7), repeat=3):
    if 0 < tp + fn + fp <= 6:
        first_formula = 2 * tp / (2 * tp + fp + fn)
        try:
            assert np.isclose(harmonic(tp, fn, fp), first_formula)
        except ZeroDivisionError:
            parted.append((tp, fn, fp))
assert parted and all(tp == 0 for tp, _, _ in parted)
print(f"{len(parted)} tables, all with TP = 0")
print(
    "no one ill, one alarm:",
    binary_report(tp=0, fn=0, fp=1, tn=5)["f1"],
    f1_score([0] * 6, [1] + [0] * 5),
)

# %% [markdown]
# All have TP = 0: then recall and precision are both 0, or one of them is 0/0. The first formula says 0 (and
# is itself 0/0 only if TP = FP = FN = 0). If nobody in the test is ill, scikit-learn returns that 0, and our
# report returns None, for there a class is scored that was not tested. In a mean over many rare classes these
# conventions are worth points; hence `classification_report` leaves such classes out and says so.
#
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} The same classifier, another clinic
# :label: ex-lectures-08-shift
# Logistic regression announces probabilities for a clinic where the share $\pi$ is ill. At a screening with share $\pi'$ they
# are too high. By Bayes' rule the odds $p/(1-p)$ must be multiplied by $\frac{\pi'}{1-\pi'} \big/ \frac{\pi}{1-\pi}$. Correct
# them, keep $t^* = 1/11$, and compare the cost with that of the uncorrected ones. Which threshold on the *old* probabilities
# is the same rule?
# ```
#
# ```{solution-start} ex-lectures-08-shift
# :class: dropdown
# ```

# %%
there_y, there_p = screening(*pooled["logistic regression"])
factor = (0.01 / 0.99) / (ill.mean() / (1 - ill.mean()))


def corrected(p):
    odds = factor * p / np.maximum(1 - p, 1e-12)
    return odds / (1 + odds)


same_rule = 1 / (1 + 10 * factor)  # odds of 1/10, over the factor
before = cost(there_y, there_p, best)
after = cost(there_y, corrected(there_p), best)
assert after < before
assert np.isclose(after, cost(there_y, there_p, same_rule))
print(
    f"cost {before:.4f}, corrected {after:.4f}; "
    f"old threshold {best:.2f}, new {same_rule:.2f}"
)

# %% [markdown]
# The correction is a change of threshold in disguise, and it goes *up*: where hardly anybody is ill, the same
# number on the screen is weaker evidence. No retraining, no new labels; but $\pi'$ must be known, and ill
# people must look alike in both places.
#
# ```{solution-end}
# ```

# %% [markdown]
# ```{exercise} The second letter
# :label: ex-lectures-08-second
# A woman with a letter is tested again, with the test of the first slide, and again it is positive. How likely is she ill, if the
# two tests err independently? And if of the healthy women who were once called ill half would be called ill again?
# ```
#
# ```{solution-start} ex-lectures-08-second
# :class: dropdown
# ```


# %%
def ppv(share, tpr=0.9, fpr=0.01):
    return tpr * share / (tpr * share + fpr * (1 - share))


once = ppv(0.01)
twice, alike = ppv(once), ppv(once, fpr=0.5)
assert 0.47 < once < 0.48 and twice > 0.98 and alike < 0.63
print(f"once {once:.2f}, twice {twice:.2f}, or {alike:.2f}")

# %% [markdown]
# The first result is the second test's prevalence. If errors are independent, two letters are nearly proof.
# If whatever fooled the test the first time is still in the picture, the second letter adds little. That is
# why a recall to screening brings another *kind* of test, a needle, rather than the same picture again.
#
# ```{solution-end}
# ```

# %% [markdown]
# ## Further reading
#
# - {cite:t}`fawcett2006roc`: how a ROC curve is built and averaged, ties included.
# - {cite:t}`saito2015pr`: why, for rare classes, precision and recall show more.
# - {cite:t}`elkan2001cost`: costs, thresholds and shifting prevalence on six pages.
# - {cite:t}`brodersen2010balanced`: an interval for balanced accuracy.
# - {cite:t}`yen2020lectures`, Lecture 3, for the taxonomy.

# %% tags=["remove-input"]
import sklearn

print(f"breast cancer and digits: scikit-learn {sklearn.__version__}")
print(
    f"torch {torch.__version__}; profile {profile}: "
    f"{len(splits)} splits, {resamples} resamples"
)
