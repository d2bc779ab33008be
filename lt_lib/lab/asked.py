"""What a chapter asks for: records, loaded or trained, and for rows that its profile leaves out the committed
evidence."""

from pathlib import Path

from lt_lib.lab.read.evidence import best_evidence, evidence_index, group
from lt_lib.lab.record.records import Filed, Record
from lt_lib.lab.record.spec import Experiment, Row, load, seeds_of
from lt_lib.lab.train import run as training


def run(
    experiment,
    rows=None,
    profile: str = "laptop",
    data: str = "embedded",
    seeds=None,
    variant: str | None = None,
    **how,
) -> list[Record]:
    """As :func:`lt_lib.lab.train.run.run`, which see.

    A row whose `seeds` are 0 at the profile, or on the data, is not trained: for it come the strongest
    committed records, as :class:`~lt_lib.lab.record.records.Filed`. A number of seeds given here trains every
    row.
    """
    made = training.run(experiment, rows, profile, data, seeds, variant=variant, **how)
    loaded = load(experiment) if isinstance(experiment, (str, Path)) else experiment
    asked = loaded.select(rows)
    left_out = [row for row in asked if seeds is None and seeds_of(loaded, row, profile, data) == 0]
    if not left_out:
        return made
    index, own = evidence_index(), group(made)
    found: list[Record] = []
    for row in asked:
        for name in row.variants if variant is None else (variant,):
            found += own.get((loaded.experiment, row.key, name), [])
            if row in left_out:
                found += (_filed(r, loaded, row, name) for r in best_evidence(loaded, row, name, index))
    return found


def _filed(record: Record, experiment: Experiment, row: Row, variant: str) -> Filed:
    """A record under the name it was asked for: two rows can share one spec."""
    named = {"experiment": experiment.experiment, "row": row.row, "key": row.key, "variant": variant}
    return Filed.model_construct(**dict(record) | named)
