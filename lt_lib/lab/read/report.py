"""The tables of a chapter and of the book, made of records.

Published value, best committed evidence, this run: side by side, each with what stands behind it. Only
`paper` + `real` is judged against a published value, and a stand-in network is called one."""

import html
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import pandas as pd

from lt_lib.lab.read.badges import badge_html
from lt_lib.lab.read.estimates import OVER_SEEDS, estimate
from lt_lib.lab.read.evidence import best_evidence, evidence, evidence_index, group, made_now
from lt_lib.lab.read.published import printed_metrics, published_value
from lt_lib.lab.read.verdicts import STAND_IN, css_class, verdict
from lt_lib.lab.record.freshness import is_fresh
from lt_lib.lab.record.paths import project_root
from lt_lib.lab.record.records import Record
from lt_lib.lab.record.spec import Experiment, Row, experiments, load

LEFT_OUT = "–"  # a row that the profile does not run
SHOWN = {"last": "last epoch", "best_on_val": "validation-selected", "best_on_test": "test-selected"}


@dataclass
class Table:
    """A comparison: `frame` to compute with, HTML to read."""

    frame: pd.DataFrame
    rows: list[dict] = field(repr=False, default_factory=list)
    caption: str = ""

    def _repr_html_(self) -> str:
        heads = list(self.rows[0]) if self.rows else []
        head = "".join(f'<th scope="col">{html.escape(h)}</th>' for h in heads)
        body = ""
        for row in self.rows:
            first, *rest = row.values()
            cells = "".join(f"<td>{cell}</td>" for cell in rest).replace(
                " ± ", "&nbsp;±&nbsp;"
            )  # a number stays on one line
            body += f'<tr><th scope="row">{first}</th>{cells}</tr>\n'
        caption = f"<caption>{html.escape(self.caption)}</caption>" if self.caption else ""
        inner = f"{caption}<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>"
        return table_frame(inner, self.caption)


def table_frame(inner: str, name: str) -> str:
    """What a table holds, in a frame that scrolls where it is wider than the page, by the keyboard, too."""
    said = html.escape(name or "table", quote=True)
    return (
        f'<div class="lt-table" tabindex="0" role="region" aria-label="{said}"><table>{inner}</table></div>'
    )


def _by_row(records: list[Record]) -> Iterator[tuple[Experiment, Row, str, list[Record]]]:
    """Experiment, row, variant and its records, in the order they come."""
    files: dict[str, Experiment] = {}
    for (name, key, variant), own in group(records).items():
        experiment = files.setdefault(name, load(name))
        yield experiment, experiment.select(key)[0], variant, own


def _label(row: Row, variant: str, variants: bool = True) -> str:
    """The label of a row as HTML, with its variant where it has several."""
    return html.escape(row.label + (f" ({variant})" if variants and len(row.variants) > 1 else ""))


def compare(
    records: list[Record], metric: str = "accuracy", selection: str = "last", variants: bool = True
) -> Table:
    """Published, committed evidence and this run, side by side, one line a row and variant.

    Args:
        records: what `run` returned; experiments may be mixed.
        metric: a key of the report, e.g. "accuracy", "balanced_accuracy".
        selection: "last", "best_on_val" or "best_on_test".
        variants: whether lines of the same row are marked with their variant.
    """
    index = evidence_index()
    lines, plain = [], []
    for experiment, row, variant, own in _by_row(records):
        value = published_value(experiment, row, metric)
        known = best_evidence(experiment, row, variant, index)
        here, there = (
            estimate(r.metric(metric, selection) for r in found) if found else None
            for found in (made_now(own), known)
        )
        judged = known if known and verdict(value, own) == "not comparable" else own
        said = verdict(value, judged, metric, selection)
        lines.append(
            {
                "": _label(row, variant, variants),
                "published": "–" if value is None else f"{value:g}",
                "committed evidence": "–" if there is None else f"{there}<br>{badge_html(known)}",
                "this run": LEFT_OUT if here is None else f"{here}<br>{badge_html(own)}",
                "verdict": f'<span class="lt-verdict {css_class(said)}">{said}</span>',
            }
        )
        plain.append(
            {
                "experiment": experiment.experiment,
                "row": row.row,
                "key": row.key,
                "variant": variant,
                "published": value,
                "evidence": there and there.mean,
                "evidence_half": there and there.half,
                "evidence_n": there.n if there else 0,
                "run": here and here.mean,
                "run_half": here and here.half,
                "run_n": here.n if here else 0,
                "verdict": said,
            }
        )
    return Table(
        pd.DataFrame(plain),
        lines,
        f"{metric.replace('_', ' ')}, {SHOWN[selection]}; {OVER_SEEDS}",
    )


def sheet(records: list[Record], columns: dict[str, str], selection: str = "last") -> Table:
    """Several metrics side by side: for each row what is published, the committed evidence and this run, a
    line each.

    Args:
        records: what `run` returned.
        columns: metric, as in `Record.metric` -> heading.
        selection: "last", "best_on_val" or "best_on_test".

    Returns:
        A table; its frame has a line a row, variant and source, a column a metric, and `n`. A number that
        stands in another column in print is marked with a dagger.
    """
    index = evidence_index()
    lines, plain = [], []
    for experiment, row, variant, own in _by_row(records):
        label = _label(row, variant)
        which = {"experiment": experiment.experiment, "key": row.key, "variant": variant}
        printed = {m: published_value(experiment, row, m) for m in columns}
        moved = {m for m in columns if printed[m] != published_value(experiment, row, m, as_meant=False)}
        cells = {
            m: "–" if printed[m] is None else f"{printed[m]:g}" + ("†" if m in moved else "") for m in columns
        }
        if experiment.table != "none":
            lines.append({"": label, "source": "published", **{columns[m]: cells[m] for m in columns}})
            plain.append({**which, "source": "published", **printed, "n": 0})
        for source, found in (
            ("committed evidence", best_evidence(experiment, row, variant, index)),
            ("this run", made_now(own)),
        ):
            if found and not (
                source == "committed evidence" and {r.id for r in found} == {r.id for r in made_now(own)}
            ):
                said = {m: estimate(r.metric(m, selection) for r in found) for m in columns}
                judged = {m: verdict(printed[m], found, m, selection) for m in columns}
                marks = {
                    m: f' <span class="lt-verdict {css_class(judged[m])}">{judged[m]}</span>'
                    if judged[m].startswith(("agrees", "differs"))
                    else ""
                    for m in columns
                }
                lines.append(
                    {
                        "": label,
                        "source": f"{source}<br>{badge_html(found)}",
                        **{columns[m]: f"{said[m]}{marks[m]}" for m in columns},
                    }
                )
                plain.append(
                    {**which, "source": source, **{m: said[m].mean for m in columns}, "n": len(found)}
                )
    for before, line in reversed(list(pairwise(lines))):
        if before[""] == line[""]:
            line[""] = ""
    caption = f"{SHOWN[selection]}; {OVER_SEEDS}. Only paper + real is judged against print"
    return Table(
        pd.DataFrame(plain),
        lines,
        caption + ("; † read in its right column" if any("†" in str(x.values()) for x in lines) else ""),
    )


def selections(records: list[Record], metric: str = "accuracy") -> Table:
    """Last epoch, validation-selected and test-selected side by side: what choosing the epoch by looking at
    the test set buys."""
    lines, plain = [], []
    for experiment, row, variant, own in _by_row(records):
        cells = {s: estimate(r.metric(metric, s) for r in own) for s in SHOWN}
        lines.append(
            {
                "": _label(row, variant),
                **{SHOWN[s]: str(cells[s]) for s in SHOWN},
                "behind it": badge_html(own),
            }
        )
        plain.append(
            {
                "experiment": experiment.experiment,
                "key": row.key,
                "variant": variant,
                **{s: cells[s].mean for s in SHOWN},
            }
        )
    return Table(
        pd.DataFrame(plain),
        lines,
        f"{metric.replace('_', ' ')} by how the epoch is chosen; {OVER_SEEDS}",
    )


def scoreboard() -> Table:
    """For every experiment: how many published numbers there are, how many are judged, and what is shown
    beside the rest."""
    index = evidence_index()
    lines, plain = [], []
    for name in experiments():
        experiment = load(name)
        count = defaultdict(int)
        for row in experiment.rows:
            known = best_evidence(experiment, row, row.variants[0], index)
            count["rows"] += 1
            for metric in printed_metrics(experiment, row):
                value = published_value(experiment, row, metric)
                count["numbers"] += value is not None
                said = verdict(value, known, metric)
                count[said if value is not None else "no number"] += 1
                if known and said == "not comparable":
                    count[f"{known[0].profile} + {known[0].data}"] += 1
        beside = ", ".join(f"{n} {k}" for k, n in count.items() if "+" in k) or "–"
        near = [f"{n} {word[:-1]}" for word in ("agrees", "differs") if (n := count[word + STAND_IN])]
        lines.append(
            {
                "experiment": html.escape(f"{experiment.work}: {experiment.title}"),
                "rows": count["rows"],
                "published numbers": count["numbers"],
                "agree": count["agrees"],
                "differ": count["differs"],
                "by a stand-in network": ", ".join(near) or "–",
                "shown, not comparable": beside,
                "no record yet": count["not run"],
            }
        )
        plain.append({"experiment": name, "work": experiment.work, **count})
    return Table(
        pd.DataFrame(plain).fillna(0),
        lines,
        "Published numbers judged by committed paper + real records, and what stands beside the rest",
    )


def provenance(records: list[Record]) -> Table:
    """Footer of a chapter: versions, device, dates, digests of the records shown."""
    lines, seen = [], set()
    for record in records:
        env = record.env
        line = {
            "experiment": record.experiment,
            "profile + data": f"{record.profile} + {record.data}",
            "made": env.get("date", "?"),
            "device": f"{env.get('device')} ({env.get('dtype')})",
            "python / torch / timm": f"{env.get('python')} / {env.get('torch')} / {env.get('timm')}",
            "commit": (env.get("commit") or "–") + ("*" if env.get("dirty") else ""),
            "data digest": f"<code>{record.digests['data'][7:19]}</code>",
            "code digest": f"<code>{record.digests['code'][4:16]}</code>",
        }
        if tuple(line.values()) not in seen:
            seen.add(tuple(line.values()))
            lines.append(line)
    return Table(
        pd.DataFrame(lines),
        lines,
        f"{len(records)} records; a star marks a working tree with uncommitted library code",
    )


def status_page() -> Table:
    """The committed records by experiment, profile and data: how many, seeds, dates, devices, fresh or
    stale."""
    grouped = defaultdict(list)
    for record in evidence():
        grouped[record.experiment, record.profile, record.data].append(record)
    lines = []
    for (name, profile, data), records in sorted(grouped.items()):
        dates = sorted(r.env.get("date", "?") for r in records)
        lines.append(
            {
                "experiment": name,
                "profile + data": f"{profile} + {data}",
                "records": len(records),
                "seeds": len({r.seed for r in records}),
                "made": dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}",
                "device": ", ".join(sorted({str(r.env.get("device")) for r in records})),
                "torch": ", ".join(sorted({str(r.env.get("torch")) for r in records})),
                "stale": sum(not is_fresh(r) for r in records),
            }
        )
    return Table(pd.DataFrame(lines), lines, "Committed records")


def training_rates() -> Table:
    """What `benchmarks/training.py --write` measured last: our loop on a CPU against the official LDAM-DRW
    one."""
    path = project_root() / "benchmarks" / "training.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    lines = [
        {
            "network": html.escape(rate["network"]),
            "runs at once": rate["runs"],
            "official, images/s": f"{rate['official']:.0f}",
            "ours, images/s": f"{rate['ours']:.0f} ({rate['precision']})",
            "ratio": f"{rate['ratio']:.1f}",
        }
        for rate in found["rates"]
    ]
    caption = (
        f"Training on images of 32 pixels, batches of {found['batch']}; images a second of the wall clock, "
        "all runs together, theirs and ours one after the other in one call. "
        f"{found['processor']}, {found['cores']} cores, torch {found['torch']}"
    )
    return Table(pd.DataFrame(lines), lines, caption)
