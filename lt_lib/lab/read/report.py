"""Reading records: means and intervals, badges, verdicts, and the table of a chapter with its three columns
of numbers.

Published value, best committed evidence, this run: side by side, each with what stands behind it. Only
`paper` + `real` is judged against a published value."""

import html
import math
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pandas as pd

from lt_lib import data as datasets
from lt_lib.errors import LabError
from lt_lib.lab.read.published import SWAPPED, published
from lt_lib.lab.record.paths import evidence_dir
from lt_lib.lab.record.plan import code_of
from lt_lib.lab.record.records import Record, Store, spec_digest
from lt_lib.lab.record.spec import Experiment, Row, experiments, load, resolve

STRENGTH = tuple(
    (profile, data) for data in ("real", "embedded") for profile in ("paper", "overnight", "laptop")
)
MOST_SEEDS = 50
PRINTED_AS = {
    "balanced_accuracy": "balanced_acc",
    "icv_used": "icv",
    "icv_printed": "icv",
}  # our metrics in published.csv
SHOWN = {"last": "last epoch", "best_on_val": "validation-selected", "best_on_test": "test-selected"}


@dataclass(frozen=True)
class Estimate:
    """Mean over seeds and the half-width of its 95 % interval (Student's t; None for a single seed)."""

    mean: float
    half: float | None
    sd: float | None
    n: int

    def __str__(self) -> str:
        return f"{self.mean:.3f}" + (f" ± {self.half:.3f}" if self.half is not None else "")


def estimate(values) -> Estimate:
    """Estimate from one value a seed."""
    from scipy import stats

    values = np.asarray(list(values), dtype=float)
    if not len(values):
        raise LabError("nothing to average: no record")
    if len(values) == 1:
        return Estimate(float(values[0]), None, None, 1)
    sd = float(values.std(ddof=1))
    return Estimate(
        float(values.mean()),
        float(stats.t.ppf(0.975, len(values) - 1) * sd / math.sqrt(len(values))),
        sd,
        len(values),
    )


def difference(
    first: list[Record], second: list[Record], metric: str = "accuracy", selection: str = "last"
) -> Estimate:
    """Paired difference first minus second over the seeds both have: same subset, same test images."""
    left, right = ({r.seed: r.metric(metric, selection) for r in records} for records in (first, second))
    return estimate(left[s] - right[s] for s in sorted(left.keys() & right.keys()))


def evidence() -> list[Record]:
    """All committed records."""
    return Store(evidence_dir()).all()


def group(records: list[Record]) -> dict[tuple[str, str, str], list[Record]]:
    """Records by (experiment, key, variant), in the order they come."""
    grouped = defaultdict(list)
    for record in records:
        grouped[record.experiment, record.key, record.variant].append(record)
    return dict(grouped)


def is_fresh(record: Record) -> bool:
    """Whether the record was made by the code as it is now, on data the registry knows."""
    accepted = datasets.describe(record.spec.data).digests
    return record.digests["code"] == code_of(record.spec) and (
        not accepted or record.digests["data"] in accepted
    )


def best_evidence(
    experiment: Experiment, row: Row, variant: str, index: dict[str, list[Record]] | None = None
) -> list[Record]:
    """The committed records that speak strongest for a row: paper before laptop, real before embedded; fresh
    before stale."""
    index = Store(evidence_dir()).by_spec() if index is None else index
    stale: list[Record] = []
    for profile, data in STRENGTH:
        if profile not in experiment.profiles or data not in experiment.data:
            continue
        found = []
        for seed in range(MOST_SEEDS):
            found += index.get(spec_digest(resolve(experiment, row, variant, profile, data, seed)), [])
        fresh = [r for r in found if is_fresh(r) and (r.profile, r.data) == (profile, data)]
        if fresh:
            return fresh
        stale = stale or found
    return stale


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


def verdict(
    value: float | None, records: list[Record], metric: str = "accuracy", selection: str = "last"
) -> str:
    """ "agrees", "differs", or why it cannot be said.

    A published value agrees when it lies in the 95 % prediction interval of one more run: t s sqrt(1 + 1/n),
    for it is one run itself."""
    if value is None:
        return "nothing published"
    if not records:
        return "not run"
    if {(r.profile, r.data) for r in records} != {("paper", "real")}:
        return "not comparable"
    est = estimate(r.metric(metric, selection) for r in records)
    if est.half is None:
        return "one run: no interval"
    return "agrees" if abs(value - est.mean) <= est.half * math.sqrt(est.n + 1) else "differs"


def published_value(
    experiment: Experiment, row: Row, metric: str = "accuracy", as_meant: bool = True
) -> float | None:
    """The printed number a row stands for, or None where only a figure without numbers is printed.

    Args:
        metric: as in `Record.metric`, e.g. "balanced_accuracy" or "recall.2".
        as_meant: cells that are swapped in print are read in their right columns.
    """
    ref = row.published
    kind, _, label = metric.partition(".")
    name = (ref and ref.metric) or experiment.metric if metric == "accuracy" else PRINTED_AS.get(kind, kind)
    if as_meant:
        name = SWAPPED.get((experiment.work, experiment.table, row.row), {}).get(name, name)
    found = published(
        work=experiment.work,
        table=experiment.table,
        row=row.row,
        metric=name,
        method=ref and ref.method,
        class_=label or (ref and ref.class_),
    )
    if len(found) > 1:
        raise LabError(
            f"{experiment.experiment}, row {row.key}: {len(found)} published numbers match; name method or class under "
            "`published`"
        )
    return float(found["value"].iloc[0]) if len(found) else None


def printed_metrics(experiment: Experiment, row: Row) -> list[str]:
    """Which of our metrics are printed for a row; ["accuracy"] where its experiment stands for one number a
    row."""
    ours = {
        experiment.metric: "accuracy",
        "balanced_acc": "balanced_accuracy",
        "icv": "icv_used",
        "macro_f1": "macro_f1",
        "recall": "recall",
        "precision": "precision",
    }
    if row.published:
        return ["accuracy"]
    found = published(work=experiment.work, table=experiment.table, row=row.row)
    cells = [(ours[m], c) for m, c in zip(found["metric"], found["class"]) if m in ours]
    return [name if label in ("", "all") else f"{name}.{label}" for name, label in cells] or ["accuracy"]


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
        return f'<div class="lt-table"><table>{caption}<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table></div>'


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
    index = Store(evidence_dir()).by_spec()
    lines, plain = [], []
    files: dict[str, Experiment] = {}
    for (name, key, variant), own in group(records).items():
        experiment = files.setdefault(name, load(name))
        row = next(r for r in experiment.rows if r.key == key)
        value = published_value(experiment, row, metric)
        known = best_evidence(experiment, row, variant, index)
        here, there = estimate(r.metric(metric, selection) for r in own), None
        if known:
            there = estimate(r.metric(metric, selection) for r in known)
        judged = known if known and verdict(value, own) == "not comparable" else own
        said = verdict(value, judged, metric, selection)
        label = row.label + (f" ({variant})" if variants and len(row.variants) > 1 else "")
        lines.append(
            {
                "": html.escape(label),
                "published": "–" if value is None else f"{value:g}",
                "committed evidence": "–" if there is None else f"{there}<br>{badge_html(known)}",
                "this run": f"{here}<br>{badge_html(own)}",
                "verdict": f'<span class="lt-verdict lt-{said.replace(" ", "-").replace(":", "")}">{said}</span>',
            }
        )
        plain.append(
            {
                "experiment": name,
                "row": row.row,
                "key": key,
                "variant": variant,
                "published": value,
                "evidence": there and there.mean,
                "evidence_half": there and there.half,
                "evidence_n": there.n if there else 0,
                "run": here.mean,
                "run_half": here.half,
                "run_n": here.n,
                "verdict": said,
            }
        )
    return Table(
        pd.DataFrame(plain),
        lines,
        f"{metric.replace('_', ' ')}, {SHOWN[selection]}; mean ± 95 % interval over seeds",
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
    index = Store(evidence_dir()).by_spec()
    lines, plain, files = [], [], {}
    for (name, key, variant), own in group(records).items():
        experiment = files.setdefault(name, load(name))
        row = next(r for r in experiment.rows if r.key == key)
        label = html.escape(row.label + (f" ({variant})" if len(row.variants) > 1 else ""))
        printed = {m: published_value(experiment, row, m) for m in columns}
        moved = {m for m in columns if printed[m] != published_value(experiment, row, m, as_meant=False)}
        cells = {
            m: "–" if printed[m] is None else f"{printed[m]:g}" + ("†" if m in moved else "") for m in columns
        }
        if experiment.table != "none":
            lines.append({"": label, "source": "published", **{columns[m]: cells[m] for m in columns}})
            plain.append(
                {"experiment": name, "key": key, "variant": variant, "source": "published", **printed, "n": 0}
            )
        for source, found in (
            ("committed evidence", best_evidence(experiment, row, variant, index)),
            ("this run", own),
        ):
            if found and not (
                source == "committed evidence" and {r.id for r in found} == {r.id for r in own}
            ):
                said = {m: estimate(r.metric(m, selection) for r in found) for m in columns}
                judged = {m: verdict(printed[m], found, m, selection) for m in columns}
                marks = {
                    m: f' <span class="lt-verdict lt-{judged[m]}">{judged[m]}</span>'
                    if judged[m] in ("agrees", "differs")
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
                    {
                        "experiment": name,
                        "key": key,
                        "variant": variant,
                        "source": source,
                        **{m: said[m].mean for m in columns},
                        "n": len(found),
                    }
                )
    for before, line in reversed(list(pairwise(lines))):
        if before[""] == line[""]:
            line[""] = ""
    caption = (
        f"{SHOWN[selection]}; mean ± 95 % interval over seeds. Only paper + real is judged against print"
    )
    return Table(
        pd.DataFrame(plain),
        lines,
        caption + ("; † read in its right column" if any("†" in str(x.values()) for x in lines) else ""),
    )


def selections(records: list[Record], metric: str = "accuracy") -> Table:
    """Last epoch, validation-selected and test-selected side by side: what choosing the epoch by looking at
    the test set buys."""
    lines, plain = [], []
    files: dict[str, Experiment] = {}
    for (name, key, variant), own in group(records).items():
        experiment = files.setdefault(name, load(name))
        row = next(r for r in experiment.rows if r.key == key)
        cells = {s: estimate(r.metric(metric, s) for r in own) for s in SHOWN}
        lines.append(
            {
                "": html.escape(row.label + (f" ({variant})" if len(row.variants) > 1 else "")),
                **{SHOWN[s]: str(cells[s]) for s in SHOWN},
                "behind it": badge_html(own),
            }
        )
        plain.append(
            {"experiment": name, "key": key, "variant": variant, **{s: cells[s].mean for s in SHOWN}}
        )
    return Table(
        pd.DataFrame(plain),
        lines,
        f"{metric.replace('_', ' ')} by how the epoch is chosen; mean ± 95 % interval over seeds",
    )


def scoreboard() -> Table:
    """For every experiment: how many published numbers there are, how many are judged, and what is shown
    beside the rest."""
    index = Store(evidence_dir()).by_spec()
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
        lines.append(
            {
                "experiment": html.escape(f"{experiment.work}: {experiment.title}"),
                "rows": count["rows"],
                "published numbers": count["numbers"],
                "agree": count["agrees"],
                "differ": count["differs"],
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


def status_frame(store: Store, profile: str, data: str) -> pd.DataFrame:
    """Done, missing, stale, by experiment, for one profile and data; committed and own records count
    alike."""
    from lt_lib.lab.record.plan import plan

    index: dict[str, list[Record]] = Store(evidence_dir()).by_spec()
    for spec, records in store.by_spec().items():
        index.setdefault(spec, []).extend(records)
    rows = []
    for name in experiments():
        counts = {"done": 0, "missing": 0, "stale": 0}
        for item in plan(name, profile=profile, data=data):
            records = index.get(item.spec_digest, [])
            state = "done" if any(is_fresh(r) for r in records) else "stale" if records else "missing"
            counts[state] += 1
        rows.append({"experiment": name, **counts})
    return pd.DataFrame(rows)


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
