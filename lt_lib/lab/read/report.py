"""The tables of a chapter and of the book, made of records.

Published value, best committed evidence, this run: side by side, each with what stands behind it. Only
`paper` + `real` is judged against a published value, and a stand-in network is called one."""

import html
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise

import pandas as pd

from lt_lib.lab.read.badges import badge, badge_html
from lt_lib.lab.read.estimates import OVER_SEEDS, estimate
from lt_lib.lab.read.evidence import best_evidence, evidence, evidence_index, group, made_now
from lt_lib.lab.read.published import printed_metrics, published_value
from lt_lib.lab.read.rounding import decimals, to_digits
from lt_lib.lab.read.verdicts import STAND_IN, at_published_size, verdict, verdict_html
from lt_lib.lab.record.freshness import is_fresh
from lt_lib.lab.record.records import Record
from lt_lib.lab.record.spec import Experiment, Row, experiments, load

SHOWN = {"last": "last epoch", "best_on_val": "validation-selected", "best_on_test": "test-selected"}


ACROSS = 3  # columns of numbers that a page has room for
LABELS = ("", "source")  # columns that say what a line is


@dataclass
class Table:
    """A comparison: `frame` to compute with, HTML to read; `folded` is a second table beneath, behind its
    caption. With more than `across` columns of numbers (0: any number) it is cut into tables that stand below
    each other, each with the labels of the lines."""

    frame: pd.DataFrame
    rows: list[dict] = field(repr=False, default_factory=list)
    caption: str = ""
    folded: "Table | None" = field(repr=False, default=None)
    across: int = 0

    def _repr_html_(self) -> str:
        return self._tables(self.caption) + (self.folded._behind_its_caption() if self.folded else "")

    def _behind_its_caption(self) -> str:
        title = f"<summary>{html.escape(self.caption)}</summary>"
        return f'<details class="lt-folded">{title}{self._tables()}</details>'

    def _tables(self, caption: str = "") -> str:
        heads = list(self.rows[0]) if self.rows else []
        labels = [head for head in heads if head in LABELS]
        numbers = [head for head in heads if head not in LABELS]
        parts = -(-len(numbers) // self.across) if self.across else 1
        size = -(-len(numbers) // parts) if parts > 1 else len(numbers)
        shown = [[*labels, *numbers[i : i + size]] for i in range(0, len(numbers), size or 1)] or [heads]
        names = [f" ({i + 1} of {len(shown)})" if len(shown) > 1 else "" for i in range(len(shown))]
        return "".join(
            self._table(heads, "" if i else caption, self.caption + names[i]) for i, heads in enumerate(shown)
        )

    def _table(self, heads: list[str], caption: str, name: str) -> str:
        head = "".join(f'<th scope="col">{html.escape(h)}</th>' for h in heads)
        body = ""
        for row in self.rows:
            first, *rest = (row[head] for head in heads)
            cells = "".join(f"<td>{cell}</td>" for cell in rest).replace(
                " ± ", "&nbsp;±&nbsp;"
            )  # a number stays on one line
            body += f'<tr><th scope="row">{first}</th>{cells}</tr>\n'
        caption = f"<caption>{html.escape(caption)}</caption>" if caption else ""
        inner = f"{caption}<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>"
        return table_frame(inner, name)

    def transposed(self) -> "Table":
        """The table with its lines as columns, headed by their labels; badges in a last line."""
        names = [head for head in self.rows[0] if head not in LABELS]
        labels = [[row[head] for head in LABELS if row.get(head)] for row in self.rows]
        for before, label in pairwise(labels):
            if len(label) < len(before):
                label.insert(0, before[0])
        heads, badges = [], []
        for label in labels:
            *first, last = label
            text, _, behind = last.partition("<br>")
            heads.append(html.unescape(", ".join(filter(None, [*first, text]))))
            badges.append(behind)
        lines = [
            {"": name} | {h: row[name] for h, row in zip(heads, self.rows, strict=True)} for name in names
        ]
        if any(badges):
            lines.append({"": "behind it"} | dict(zip(heads, badges, strict=True)))
        folded = self.folded and self.folded.transposed()
        return replace(self, rows=lines, folded=folded)


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
    """Printed number, ours, difference, verdict: one line a row and variant; this run folded beneath.

    "Ours" are the committed records that speak strongest, or this run where there are none or where it can be
    judged itself. What stands behind them is said once, and at a row only where it is something else.

    Args:
        records: what `run` returned; experiments may be mixed.
        metric: a key of the report, e.g. "accuracy", "balanced_accuracy".
        selection: "last", "best_on_val" or "best_on_test".
        variants: whether lines of the same row are marked with their variant.

    Returns:
        A table. Its frame: experiment, row, key, variant, published, evidence and run (each with _half and
        _n), difference (ours less published), verdict.
    """
    index = evidence_index()
    shown, runs, plain = [], [], []
    for experiment, row, variant, own in _by_row(records):
        value = published_value(experiment, row, metric)
        known = best_evidence(experiment, row, variant, index)
        ours, now = ours_of(own, known), made_now(own)
        est, here, there = (
            estimate(r.metric(metric, selection) for r in found) if found else None
            for found in (ours, now, known)
        )
        said = verdict(value, ours, metric, selection)
        gap = None if value is None or est is None else est.mean - value
        label = _label(row, variant, variants)
        line = {
            "": label,
            "printed": "–" if value is None else f"{value:g}",
            "ours": "–" if est is None else str(est),
            "difference": "–" if gap is None else to_digits(gap, decimals(est.mean, est.half), sign=True),
            "verdict": verdict_html(said),
        }
        shown.append((line, ours))
        if here:
            runs.append(({"": label, "this run": str(here)}, now))
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
                "difference": gap,
                "verdict": said,
            }
        )
    if all(plus["difference"] is None for plus in plain):
        for line, _ in shown:
            del line["printed"], line["difference"], line["verdict"]
    measured = f"{metric.replace('_', ' ')}, {SHOWN[selection]}; {OVER_SEEDS}"
    return with_this_run(pd.DataFrame(plain), shown, runs, measured, ("ours", "this run"))


Lines = list[tuple[dict, list[Record]]]  # of a table, each with the records behind it


def ours_of(own: list[Record], known: list[Record]) -> list[Record]:
    """Of what `run` returned and the committed evidence, what is shown beside print."""
    return known if known and not at_published_size(own) else own


def with_this_run(
    frame: pd.DataFrame, shown: Lines, runs: Lines, caption: str, columns: tuple[str, str]
) -> Table:
    """A table with this run folded beneath, unless it is what is shown; `columns` take the badges that differ
    from those of most lines, of `shown` and of `runs`."""
    lines, behind = _badge_once(shown, columns[0])
    folded = None
    if not _ids(r for _, found in runs for r in found) <= _ids(r for _, found in shown for r in found):
        own, own_behind = _badge_once(runs, columns[1])
        if not any(line.get("behind it", True) for line in own):
            own = [{k: v for k, v in line.items() if k != "behind it"} for line in own]
        folded = Table(pd.DataFrame(), own, f"This run: {own_behind}")
    return Table(frame, lines, f"{caption}. Ours: {behind}", folded)


def _badge_once(lines: Lines, column: str) -> tuple[list[dict], str]:
    """The lines, and the badge that most of them share; where another stands behind a line, its column says
    so."""
    badges = [badge(found) for _, found in lines if found]
    usual = max(badges, key=badges.count, default="no record")
    for line, found in lines:
        if found and badge(found) != usual:
            line[column] += f"<br>{badge_html(found)}"
    return [line for line, _ in lines], usual


def _ids(records: Iterable[Record]) -> set[str]:
    return {r.id for r in records}


def sheet(records: list[Record], columns: dict[str, str], selection: str = "last") -> Table:
    """Several metrics side by side: for each row what is printed and ours, a line each; this run folded
    beneath.

    "Ours", and what stands behind it, as in :func:`compare`.

    Args:
        records: what `run` returned.
        columns: metric, as in `Record.metric` -> heading.
        selection: "last", "best_on_val" or "best_on_test".

    Returns:
        A table; its frame has a line a row, variant and source ("published", "committed evidence", "this
        run"), a column a metric, and `n`. A number that stands in another column in print is marked with a
        dagger.
    """
    index = evidence_index()
    shown, runs, plain = [], [], []
    for experiment, row, variant, own in _by_row(records):
        label, here = _label(row, variant), made_now(own)
        which = {"experiment": experiment.experiment, "key": row.key, "variant": variant}
        printed = {m: published_value(experiment, row, m) for m in columns}
        moved = {m for m in columns if printed[m] != published_value(experiment, row, m, as_meant=False)}
        known = best_evidence(experiment, row, variant, index)
        if experiment.table != "none":
            cells = {
                columns[m]: "–" if printed[m] is None else f"{printed[m]:g}" + ("†" if m in moved else "")
                for m in columns
            }
            shown.append(({"": label, "source": "printed", **cells}, []))
            plain.append({**which, "source": "published", **printed, "n": 0})
            label = ""
        ours = ours_of(own, known)
        shown.append(({"": label, "source": "ours", **_cells(ours, columns, printed, selection)}, ours))
        if here:
            cells = _cells(here, columns, printed, selection)
            runs.append(({"": _label(row, variant), **cells, "behind it": ""}, here))
        for source, found in (("committed evidence", known), ("this run", here)):
            if found and not (source == "committed evidence" and _ids(found) == _ids(here)):
                means = {m: estimate(r.metric(m, selection) for r in found).mean for m in columns}
                plain.append({**which, "source": source, **means, "n": len(found)})
    daggers = any("†" in str(line.values()) for line, _ in shown)
    caption = f"{SHOWN[selection]}; {OVER_SEEDS}. Only paper + real is judged against print"
    caption += "; † read in its right column" if daggers else ""
    table = with_this_run(pd.DataFrame(plain), shown, runs, caption, ("source", "behind it"))
    return replace(table, across=ACROSS, folded=table.folded and replace(table.folded, across=ACROSS))


def _cells(
    found: list[Record], columns: dict[str, str], printed: dict[str, float | None], selection: str
) -> dict[str, str]:
    """A cell a column: the estimate, and its verdict where it is judged."""
    cells = {}
    for metric, heading in columns.items():
        said = verdict(printed[metric], found, metric, selection)
        mark = f" {verdict_html(said)}" if said.startswith(("agrees", "differs")) else ""
        cells[heading] = f"{estimate(r.metric(metric, selection) for r in found)}{mark}"
    return cells


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
    """Footer of a chapter: versions, device, dates, digests of the committed evidence shown and of this run.

    Args:
        records: what `run` returned.

    Returns:
        A table, a line for each experiment and kind of record.
    """
    index, by = evidence_index(), defaultdict(dict)
    for experiment, row, variant, own in _by_row(records):
        for source, found in (
            ("this run", made_now(own)),
            ("committed evidence", best_evidence(experiment, row, variant, index)),
        ):
            for r in found:
                by[source, r.experiment, f"{r.profile} + {r.data}"][r.id] = r
    lines = [_made(*kind, list(found.values())) for kind, found in sorted(by.items())]
    caption = "What stands behind this page; a star marks a working tree with uncommitted library code"
    return Table(pd.DataFrame(lines), lines, caption)


def _made(source: str, experiment: str, kind: str, records: list[Record]) -> dict:
    """A line of :func:`provenance`."""
    envs = [r.env for r in records]
    wall = sum(r.wall_s or 0 for r in records)

    def each(texts: Iterable[str], shown: int = 2) -> str:
        different = sorted(set(texts))
        more = f" and {len(different) - shown} more" if len(different) > shown else ""
        return ", ".join(different[:shown]) + more

    hours = f"{wall / 3600:.1f} h" if wall >= 3600 else f"{wall / 60:.1f} min"
    dates = _range(env.get("date", "?") for env in envs)
    devices = each(html.escape(_device(env)) for env in envs)
    versions = each(f"{env.get('python')} / {env.get('torch')} / {env.get('timm')}" for env in envs)
    data = each(f"<code>{r.digests['data'][7:19]}</code>" for r in records)
    code = each(f"<code>{r.digests['code'][4:16]}</code>" for r in records)
    return {
        "": f"{source}<br>{experiment}",
        "records": f"{len(records)} of {kind}, {dates}",
        "made": f"in {hours} on {devices}",
        "python / torch / timm": versions,
        "commit": each((env.get("commit") or "–") + ("*" if env.get("dirty") else "") for env in envs),
        "digests": f"data {data}<br>code {code}",
    }


def _range(dates: Iterable[str]) -> str:
    first, *_, last = sorted(dates) * 2
    return first if first == last else f"{first} to {last}"


def _device(env: dict) -> str:
    """The device of a record in words: the processor where it is known, and the number format."""
    return f"{env.get('processor') or env.get('device')} ({env.get('dtype')})"


def status_page() -> Table:
    """The committed records by experiment, profile and data: how many, seeds, dates, devices, fresh or
    stale."""
    grouped = defaultdict(list)
    for record in evidence():
        grouped[record.experiment, record.profile, record.data].append(record)
    lines = []
    for (name, profile, data), records in sorted(grouped.items()):
        lines.append(
            {
                "experiment": name,
                "profile + data": f"{profile} + {data}",
                "records": len(records),
                "seeds": len({r.seed for r in records}),
                "made": _range(r.env.get("date", "?") for r in records),
                "hours": f"{sum(r.wall_s or 0 for r in records) / 3600:.1f}",
                "device": ", ".join(sorted({str(r.env.get("device")) for r in records})),
                "torch": ", ".join(sorted({str(r.env.get("torch")) for r in records})),
                "stale": sum(not is_fresh(r) for r in records),
            }
        )
    return Table(pd.DataFrame(lines), lines, "Committed records")


def hardware() -> Table:
    """The machines behind the committed records: processor or card, memory, threads a run, records, wall
    time."""
    by = defaultdict(list)
    for r in evidence():
        card = r.env.get("device")
        name = r.env.get("processor") or "a CPU, not noted" if card == "CPU" else card
        by[name, r.env.get("memory", "not noted"), r.env.get("cores")].append(r.wall_s or 0)
    lines = [
        {
            "": html.escape(str(name)),
            "memory": memory,
            "threads a run": threads,
            "records": len(walls),
            "hours": f"{sum(walls) / 3600:.1f}",
            "longest run": f"{max(walls) / 60:.0f} min",
        }
        for (name, memory, threads), walls in sorted(by.items(), key=lambda kind: -sum(kind[1]))
    ]
    return Table(pd.DataFrame(lines), lines, "Machines behind the committed records; wall time of the runs")
