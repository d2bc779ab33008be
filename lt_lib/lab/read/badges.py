"""Badges: what stands behind a number, in words and in colour."""

import html

from lt_lib.lab.record.freshness import is_fresh
from lt_lib.lab.record.records import Record


def badge(records: list[Record]) -> str:
    """What stands behind a number, as text: profile, data, stand-ins, seeds, device."""
    if not records:
        return "no record"
    first = records[0]
    stand_in = {b.stands_in_for: b.called for b in first.spec.backbones if b.stands_in_for}
    parts = [first.profile, "real" if first.data == "real" else f"{first.spec.data} (stand-in)"]
    if stand_in:
        parts.append(f"{'/'.join(dict.fromkeys(stand_in.values()))} for {'/'.join(short_names(stand_in))}")
    parts += [f"n = {len(records)}", str(first.env.get("device", "?"))]
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
