"""The ledger as a page: a table that is whole without a script, and that DataTables, carried by the page
itself, makes searchable, sortable and filterable; the same as CSV and as JSON."""

import base64
import html
import json
import math
from dataclasses import dataclass
from importlib.resources import files

import pandas as pd

from lt_lib.lab.read.evidence import evidence
from lt_lib.lab.read.rounding import decimals, plus_minus, to_digits
from lt_lib.lab.read.verdicts import verdict_html

HEADS = ("where", "what", "printed", "ours", "difference", "verdict", "behind it, or why not")
_START = """
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const module = URL.createObjectURL(new Blob([bytes("%(script)s")], {type: "text/javascript"}));
const style = document.createElement("style");
style.textContent = new TextDecoder().decode(bytes("%(style)s"));
document.head.append(style);
const {default: DataTable} = await import(module);
const table = new DataTable("#lt-ledger", {
  paging: true, pageLength: 25, order: [], autoWidth: false,
  layout: {topStart: "search", topEnd: null, bottomStart: "info", bottomEnd: "paging"},
  });
const choices = [...document.querySelectorAll("#lt-ledger-filters select")];
table.search.fixed("choices", (text, data, index) => choices.every(
  ({value, name}) => !value || table.row(index).node().dataset[name] === value));
for (const choice of choices) {
  choice.disabled = false;
  choice.addEventListener("change", () => table.draw());
}
"""


@dataclass
class LedgerPage:
    """A ledger, as :func:`lt_lib.lab.read.ledger.ledger` gives it, to be shown by a notebook."""

    lines: pd.DataFrame

    def _repr_html_(self) -> str:
        choices = " ".join(_choice(name, self.lines[name]) for name in ("work", "verdict"))
        head = "".join(f'<th scope="col">{name}</th>' for name in HEADS)
        body = "\n".join(map(_row, self.lines.itertuples()))
        downloads = " ".join(
            f'<a download="ledger.{kind}" href="data:{mime};base64,{_coded(text)}">{kind.upper()}</a>'
            for kind, mime, text in (
                ("csv", "text/csv", self.csv()),
                ("json", "application/json", self.json()),
            )
        )
        return (
            f'<p id="lt-ledger-filters">{choices} Download all lines: {downloads}</p>\n'
            '<div class="lt-table lt-ledger" tabindex="0" role="region" aria-label="The ledger">'
            f'<table id="lt-ledger"><thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>\n'
            f'<script type="module">{_START % _library()}</script>'
        )

    def csv(self) -> str:
        """All lines, a column each; records by their ids, apart by spaces."""
        plain = self.lines.assign(records=[" ".join(ids) for ids in _ids(self.lines)])
        return plain.to_csv(index=False)

    def json(self) -> str:
        """All lines, and the records behind them: seed, value, commit, digest of the code, date, device."""
        wanted = {identity for ids in _ids(self.lines) for identity in ids}
        behind = {
            r.id: {
                "experiment": r.experiment,
                "key": r.key,
                "profile": r.profile,
                "data": r.data,
                "seed": r.seed,
                "code": r.digests["code"],
                **{name: r.env.get(name) for name in ("commit", "date", "device", "torch")},
            }
            for r in evidence()
            if r.id in wanted
        }
        lines = json.loads(self.lines.to_json(orient="records"))
        return json.dumps({"numbers": lines, "records": behind})


def _ids(lines: pd.DataFrame) -> list[list[str]]:
    return [found if isinstance(found, list) else [] for found in lines["records"]]


def _row(line) -> str:
    """A line as a row; `order` is what to sort a cell by where that is not its text."""
    where = html.escape(f"{line.work}: {line.table}, {line.row}")
    if line.chapter:
        place = f"{line.chapter}.html" + (f"#{line.figure}" if line.figure else "")
        where = f'<a href="../../notebooks/{place}">{where}</a>'
    words = (line.method or line.model, line.metric, "" if line[7] == "all" else line[7])
    ours, gap = "–", "–"
    if not math.isnan(line.ours):
        ours = plus_minus(line.ours, line.half).replace(" ± ", "&nbsp;±&nbsp;")
        gap = to_digits(line.difference, decimals(line.ours, line.half), sign=True)
    about = html.escape(line.behind if not math.isnan(line.ours) else line.why)
    if line.command:
        about += f" <details><summary>run it</summary><code>{html.escape(line.command)}</code></details>"
    cells = (
        (where, None),
        (" · ".join(html.escape(word) for word in words if word), None),
        (html.escape(line.printed), pd.to_numeric(line.printed, errors="coerce")),
        (ours, line.ours),
        (gap, line.difference),
        (verdict_html(line.verdict), None),
        (about, None),
    )
    names = f'data-work="{html.escape(line.work)}" data-verdict="{html.escape(line.verdict)}"'
    return f"<tr {names}>" + "".join(_cell(*cell) for cell in cells) + "</tr>"


def _cell(text: str, order: float | None) -> str:
    if order is None:
        return f"<td>{text}</td>"
    return f'<td data-order="{-1e9 if math.isnan(order) else order}">{text}</td>'


def _choice(name: str, texts: pd.Series) -> str:
    """A list of the different texts of a column."""
    options = "".join(f"<option>{html.escape(text)}</option>" for text in texts.unique())
    options = f'<option value="">all</option>{options}'
    return f'<label>{name} <select name="{name}" disabled>{options}</select></label>'


def _library() -> dict[str, str]:
    """DataTables as itables packs it (MIT): script and style."""
    packed = files("itables") / "html"
    return {
        "script": _coded((packed / "dt_bundle.js").read_text(encoding="utf-8")),
        "style": _coded((packed / "dt_bundle.css").read_text(encoding="utf-8")),
    }


def _coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
