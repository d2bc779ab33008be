"""The works that the book re-runs, a folder each; nobody knows one by name but itself.

How to add a work, say `toy`: make the package `lt_lib/works/toy`, or `toy` in the folder that the environment
variable LT_WORKS names. Then

1. `__init__.py`: TITLE; CITE, its key in references.bib; EXPERIMENTS, those that its claims rest on;
   CHAPTERS, which of them tests which claims; SWAPPED, cells printed in each other's column, if any; its
   options models, or an import of them. It is imported by all who ask for the work, so it imports neither
   torch nor pandas nor matplotlib.
2. `claims.py`: CLAIMS, a mapping from an id of claims.csv to a `lt_lib.lab.read.findings.Claim`; and
   MEASURED, what its differences are differences of, in words.
3. `audit.py`: `checks(facts)`, a mapping from an id of audit.csv to a function without arguments that returns
   what is published, what was recomputed and the verdict.
4. `figures.py` or `figures/`, and a module a topic, where it has any.
5. Its facts: `published-toy.csv`, `claims-toy.csv`, `audit-toy.csv` in book/published, with the columns of
   the shared files; its experiments, with `work: toy`, in book/experiments; its chapters in notebooks/toy.

All but `__init__.py` may be missing, and of that all but TITLE; modules are imported when they are asked
for."""

import os

if os.environ.get("LT_WORKS"):
    __path__.append(os.path.abspath(os.path.expanduser(os.environ["LT_WORKS"])))
