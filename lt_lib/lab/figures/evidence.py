"""Which records a figure shows: those it is given, and beside or instead of them the committed evidence."""

from collections.abc import Mapping, Sequence

from lt_lib.lab.read.badges import Lines, by_kind, seeds_behind
from lt_lib.lab.read.evidence import STRENGTH, best_evidence, evidence_index, group, made_now
from lt_lib.lab.record.records import Record
from lt_lib.lab.record.spec import Experiment, load


def stronger_evidence(own: list[Record], index: dict, experiment: Experiment | None = None) -> list[Record]:
    """The best committed records of the row that records belong to, unless they are no stronger than these.

    Args:
        own: records of one row and variant; of none, there is no evidence.
        index: of the committed records, `evidence_index()`.
        experiment: that of the row; where none is given, it is read.
    """
    if not own or not made_now(own):
        return own
    experiment = experiment or load(own[0].experiment)
    row = next(r for r in experiment.rows if r.key == own[0].key)
    filed = best_evidence(experiment, row, own[0].variant, index)
    rank = [
        STRENGTH.index(kind) if (kind := (r.profile, r.data)) in STRENGTH else len(STRENGTH)
        for r in (*filed[:1], own[0])
    ]
    if rank[0] >= rank[-1]:
        return []
    names = {name: getattr(own[0], name) for name in ("experiment", "row", "key", "variant")}
    return [r.model_copy(update=names) for r in filed]


def strongest(records: list[Record]) -> list[Record]:
    """The committed evidence of these rows, where all of them have some of one kind that is stronger than
    these records; else the records themselves. So rows can be compared with each other."""
    return [r for own in _of_one_kind(list(group(records).values()), evidence_index()) for r in own]


def strongest_pairs(pairs: dict[str, tuple[list[Record], list[Record]]]) -> dict[str, tuple]:
    """Each pair of rows in its strongest records, of one kind for both; pairs that lack one left out."""
    index = evidence_index()
    return {name: tuple(_of_one_kind(pair, index)) for name, pair in pairs.items() if all(pair)}


def _of_one_kind(rows: Sequence[list[Record]], index: dict) -> Sequence[list[Record]]:
    """The committed records of all rows, if all have some of one kind that is stronger; else the rows."""
    filed = [stronger_evidence(own, index) for own in rows]
    kinds = {(r.profile, r.data) for own in filed for r in own}
    return filed if all(filed) and len(kinds) == 1 else rows


def panels_by_source(runs: dict[str, list[Record]]) -> dict[str, dict[str, list[Record]]]:
    """Runs by label, as panels: the committed evidence for them, if there is any, above this run."""
    index = evidence_index()
    filed = {label: found for label, own in runs.items() if (found := stronger_evidence(own, index))}
    own = {label: made_now(records) for label, records in runs.items() if made_now(records)}
    return {title: found for title, found in (("committed evidence", filed), ("this run", own)) if found}


def sources(shown: list[Record] | Lines) -> str:
    """What stands behind a figure, for its footnote: a line for each profile and data, with the number of
    seeds behind each mark.

    Args:
        shown: records by the name of their mark; or records alone, whose marks are their rows.
    """
    lines = shown if isinstance(shown, Mapping) else _by_row(shown)
    said = []
    for (profile, data), found in by_kind(lines).items():
        records = [r for of_mark in found.values() for r in of_mark]
        source = f"{'/'.join(dict.fromkeys(r.spec.data for r in records))}, a stand-in"
        if data == "real":
            other = any(b.stands_in_for for r in records for b in r.spec.backbones)
            source = "real data, by a stand-in network" if other else "real data"
        said.append(f"{profile} + {data} ({source}), {seeds_behind(found)}")
    return "\n".join(said)


def _by_row(records: list[Record]) -> dict[str, list[Record]]:
    """Records by the label of their row, with the variant where the row has several."""
    lines: dict[str, list[Record]] = {}
    for (name, key, variant), found in group(records).items():
        row = load(name).select(key)[0]
        label = row.label + (f" ({variant})" if len(row.variants) > 1 else "")
        lines.setdefault(label, []).extend(found)
    return lines
