"""What the benchmarks and the fault campaign measured last, benchmarks/results.json and
tests/faults/counts.json, as tables of the book."""

import html
import json
import re

import pandas as pd

from lt_lib.errors import LabError
from lt_lib.lab.read.report import Table
from lt_lib.lab.record.paths import project_root


def results() -> dict[str, dict]:
    """By benchmark: `processor`, `cores`, `torch`, `figures` and `curves`, as benchmarks/results.py describes
    them, and what else it keeps.

    Raises:
        LabError: the file is missing or damaged.
    """
    path = project_root() / "benchmarks" / "results.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LabError(f"{path} cannot be read ({error}); `python benchmarks/all.py` makes it") from None


def speed() -> Table:
    """Every ratio, beside its goal where it has one."""
    found = results()
    lines = [
        {
            "": _named(figure["what"]),
            "against": html.escape(figure["peer"]),
            "times": f"{_ratio(figure['ratio'])} {figure['kind']}",
            "goal": _goal(figure),
        }
        for one in found.values()
        for figure in one["figures"]
    ]
    machines = sorted(
        {f"{one['processor']}, {one['cores']} cores, torch {one['torch']}" for one in found.values()}
    )
    return Table(pd.DataFrame(lines), lines, f"Each line measured in one run. {'; '.join(machines)}")


def _ratio(value: float) -> str:
    return f"{value:.2f}" if value < 100 else f"{value:,.0f}"


def _goal(figure: dict) -> str:
    goal = figure["goal"]
    if goal is None:
        return ""
    met = figure["ratio"] <= goal if figure["at_most"] else figure["ratio"] >= goal
    return f"{'at most' if figure['at_most'] else 'at least'} {goal:g}: {'met' if met else 'missed'}"


def missed() -> list[str]:
    """What misses its goal, for a sentence; where there are several rivals, against how many of them."""
    found: dict[str, list[bool]] = {}
    for figure in (figure for one in results().values() for figure in one["figures"]):
        found.setdefault(figure["what"], []).append(_goal(figure).endswith("missed"))
    return [
        what if len(misses) == 1 else f"{what} (against {sum(misses)} of {len(misses)})"
        for what, misses in found.items()
        if any(misses)
    ]


def growth() -> Table:
    """What is there more of, from what to what, and the power of it that a cost grows with."""
    lines = [
        {
            "": _named(curve["what"]),
            "by": html.escape(curve["by"]),
            "sizes": f"{curve['sizes'][0]:,} to {curve['sizes'][-1]:,}",
            "cost": " to ".join(_cost(curve["values"][end], curve["unit"]) for end in (0, -1)),
            "power": f"{curve['exponent']:.2f}",
        }
        for one in results().values()
        for curve in one["curves"]
    ]
    said = "1 is in proportion, 0 not at all, 2 with the square."
    missing = "Nothing measured yet: `python benchmarks/all.py growth sweep store`."
    return Table(pd.DataFrame(lines), lines, said if lines else missing)


def _cost(value: float, unit: str) -> str:
    if unit == "bytes":
        return f"{value / 2**20:,.0f} MiB"
    if unit == "s" and 0 < value < 1:
        return f"{value * 1e6:.3g} µs" if value < 1e-3 else f"{value * 1e3:.3g} ms"
    return f"{value:,.3g} {html.escape(unit)}"


def _named(what: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(what))


def campaign() -> Table:
    """Damaged inputs by kind: how many were read correctly, met a clear error, or found a fault."""
    path = project_root() / "tests" / "faults" / "counts.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LabError(
            f"{path} cannot be read ({error}); `python -m tests.faults inputs --long` makes it"
        ) from None
    lines = [
        {"": html.escape(kind), "tried": f"{sum(counts.values()):,}"}
        | {name: f"{count:,}" for name, count in counts.items()}
        for kind, counts in found["inputs"].items()
    ]
    tried = sum(sum(counts.values()) for counts in found["inputs"].values())
    kills = found["kills"]
    caption = (
        f"{tried:,} damaged inputs; beside them {kills['kills']} kills of a small grid, which ended "
        f"{kills['grids ended bit-identical']} times, each time bit by bit as one that nobody touched. "
        f"Python {found['python']}, torch {found['torch']}"
    )
    return Table(pd.DataFrame(lines), lines, caption)


def training_rates() -> Table:
    """Our loop on a CPU against the official LDAM-DRW one, in images a second."""
    found = results()["training"]
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
