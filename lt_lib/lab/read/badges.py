"""Badges: what stands behind a number, in words and in colour."""

import html
from collections.abc import Mapping

from lt_lib.lab.record.freshness import is_fresh
from lt_lib.lab.record.records import Record

Lines = Mapping[str, list[Record]]  # what stands in a figure or a table -> the records behind it


def badge(records: list[Record] | Lines) -> str:
    """What stands behind a number, as text: profile, data, stand-ins, seeds, device.

    Args:
        records: of one number; or of several by name, where some may have more seeds, or be of another
            profile or data, than others.
    """
    lines = records if isinstance(records, Mapping) else {"": records}
    return "; ".join(map(_badge, by_kind(lines).values())) or "no record"


def by_kind(lines: Lines) -> dict[tuple[str, str], dict[str, list[Record]]]:
    """Lines by the profile and data of their records."""
    kinds: dict[tuple[str, str], dict[str, list[Record]]] = {}
    for name, found in lines.items():
        for r in found:
            kinds.setdefault((r.profile, r.data), {}).setdefault(name, []).append(r)
    return kinds


def seeds_behind(lines: Lines) -> str:
    """How many seeds each line rests on: "n = 5", and by name those that rest on another number."""
    counts = {name: len({r.seed for r in found}) for name, found in lines.items()}
    numbers = list(counts.values())
    usual = max(numbers, key=lambda n: (numbers.count(n), n))
    others = [
        f"{n} for {'; '.join(name for name in counts if counts[name] == n)}"
        for n in sorted(set(numbers) - {usual})
    ]
    return f"n = {usual}" + (f", but {'; '.join(others)}" if others else "")


def _badge(lines: dict[str, list[Record]]) -> str:
    """The badge of lines of one profile and data."""
    records = [r for found in lines.values() for r in found]
    real, made = records[0].data == "real", dict.fromkeys(r.spec.data for r in records)
    networks = [b for r in records if r.spec.mode != "floor" for b in r.spec.backbones]
    stand_in = {b.stands_in_for: b.called for b in networks if b.stands_in_for}
    parts = [records[0].profile, "real" if real else f"{'/'.join(made)} (stand-in)"]
    if stand_in:
        parts.append(f"{'/'.join(dict.fromkeys(stand_in.values()))} for {'/'.join(short_names(stand_in))}")
    parts.append(seeds_behind(lines))
    parts.append("/".join(dict.fromkeys(str(r.env.get("device", "?")) for r in records)))
    if not all(is_fresh(r) for r in records):
        parts.append("stale")
    return " · ".join(parts)


def short_names(names) -> list[str]:
    """EfficientNet names in the short form of the report: b0, b1, b2."""
    return [n.removeprefix("efficientnet_") for n in names]


def badge_html(records: list[Record]) -> str:
    """The badge as HTML."""
    kind = (
        "lt-badge-none"
        if not records
        else "lt-badge-real"
        if records[0].data == "real"
        else "lt-badge-standin"
    )
    return f'<span class="lt-badge {kind}">{html.escape(badge(records))}</span>'
