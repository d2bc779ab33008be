"""Plan: which records an experiment is made of, and what code stands behind each. Needs no data and trains
nothing."""

import functools
import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lt_lib.errors import LabError, nearest
from lt_lib.lab.record.digests import code_digest
from lt_lib.lab.record.records import record_id, spec_digest
from lt_lib.lab.record.spec import DATA, PROFILES, Experiment, Spec, load, resolve, seeds_of


def code_of(spec: Spec) -> str:
    """Digest of the code behind the numbers of a spec; a remedy that the spec does not use is not part of
    it."""
    return code_digest(*spec.rests_on())


@functools.cache
def definition(root: str) -> Any:
    """The function or class that "module:name" names."""
    module, _, name = root.partition(":")
    return getattr(importlib.import_module(module), name)


@dataclass(frozen=True)
class Item:
    """One record to be: where it belongs and what makes it."""

    experiment: str
    row: str
    key: str
    variant: str
    profile: str
    data: str
    seed: int
    spec: Spec
    spec_digest: str
    code: str

    def id(self, data_digest: str) -> str:
        """Id of its record, given the digest of the data."""
        return record_id(self.spec_digest, data_digest, self.code)


def plan(
    experiment: str | Experiment,
    rows=None,
    profile: str = "laptop",
    data: str = "embedded",
    seeds=None,
    variant: str | None = None,
) -> list[Item]:
    """The items of an experiment, row by row, variant by variant, seed by seed. Needs no data and trains
    nothing.

    Args:
        experiment: name of an experiment file, or a loaded one.
        rows: row keys or published row ids; None for all.
        profile, data: "smoke", "laptop" or "paper"; "embedded" or "real".
        seeds: how many (0, 1, ...), or a list of them; None for as many as the profile asks.
        variant: only this one; None for all that a row has.

    Raises:
        LabError: a name that does not exist; says which and the nearest that does.
    """
    for name, value, known in (("profile", profile, PROFILES), ("data", data, DATA)):
        if value not in known:
            raise LabError(
                f"{name} is {value!r}{nearest(value, known)}; it must be one of {', '.join(known)}"
            )
    loaded = load(experiment) if isinstance(experiment, (str, Path)) else experiment
    if isinstance(seeds, int):
        if seeds < 1:
            raise LabError(f"seeds is {seeds}; ask for at least 1, or give a list of seeds")
        seeds = range(seeds)
    items = []
    for row in loaded.select(rows):
        if variant not in (None, *row.variants):
            raise LabError(
                f"{loaded.experiment}/{row.key} has no variant {variant!r}{nearest(variant, row.variants)}; "
                f"there are: {', '.join(row.variants)}"
            )
        for name in row.variants if variant is None else (variant,):
            for seed in range(seeds_of(loaded, row, profile, data)) if seeds is None else seeds:
                spec = resolve(loaded, row, name, profile, data, int(seed))
                items.append(
                    Item(
                        loaded.experiment,
                        row.row,
                        row.key,
                        name,
                        profile,
                        data,
                        int(seed),
                        spec,
                        spec_digest(spec),
                        code_of(spec),
                    )
                )
    return items
