"""A scatter plot whose points tell their names under the pointer, without a script.

The picture is inline SVG and each point carries a <title>, which a browser shows by itself; nothing is
fetched, so it works in a book opened from a file. A pointer can hover, a finger cannot: the same numbers
follow in a table that unfolds, which is also what a screen reader gets."""

import html
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib.ticker import MaxNLocator

from lt_lib.lab.read.report import table_frame

_WIDTH, _HEIGHT = 560, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 14, 34, 52
_DASHES = ("7 4", "none", "2 3")
_INKS = ("#555", "#DE8F05", "#029E73")
_STYLE = (
    ".lt-hover{max-width:560px;margin:0 0 1rem}.lt-hover svg{width:100%;height:auto;font-family:sans-serif}"
    ".lt-hover g:hover circle.dot{stroke:#111;stroke-width:2.5;fill-opacity:1}"
)


@dataclass(frozen=True)
class HoverScatter:
    """The figure: `svg` and `table` as HTML, `alt` in words."""

    svg: str = field(repr=False)
    table: str = field(repr=False)
    alt: str

    def _repr_html_(self) -> str:
        return f'<div class="lt-hover"><style>{_STYLE}</style>\n{self.svg}\n{self.table}</div>'

    def __repr__(self) -> str:
        """The words, where no picture can be shown."""
        return self.alt


def scatter(
    x: Sequence[float],
    y: Sequence[float],
    names: Sequence[str],
    *,
    xlabel: str,
    ylabel: str,
    alt: str,
    lines: dict[str, tuple[float, float]] | None = None,
    decimals: int = 1,
) -> HoverScatter:
    """Draw named points.

    Args:
        x: N numbers.
        y: N numbers.
        names: N names, shown under the pointer and in the table.
        xlabel: axis label with its unit.
        ylabel: axis label with its unit.
        alt: what there is to see, in words; the picture's ARIA label.
        lines: label of a line -> (slope, intercept), for example {"identity": (1, 0)}; at most three.
        decimals: shown of x and y.

    Raises:
        ValueError: lengths disagree, no point, a number that is not finite, an empty alt, more than three
    lines."""
    x, y, lines = np.asarray(x, dtype=float), np.asarray(y, dtype=float), lines or {}
    if x.ndim != 1 or not len(x) == len(y) == len(names) > 0 or not np.isfinite([x, y]).all():
        raise ValueError(
            f"need equally many finite x, y and names, got {x.shape}, {y.shape} and {len(names)}"
        )
    if not alt.strip():
        raise ValueError("alt is empty; say in words what there is to see")
    if len(lines) > len(_DASHES):
        raise ValueError(f"at most {len(_DASHES)} lines can be told apart, got {len(lines)}")
    across, up = _Axis.around(x, _LEFT, _WIDTH - _RIGHT), _Axis.around(y, _HEIGHT - _BOTTOM, _TOP)
    parts = [f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>', *_frame(across, up)]
    for i, (label, (slope, intercept)) in enumerate(lines.items()):
        parts += _line(label, slope, intercept, i, across, up)
    for a, b, name in zip(x, y, names):
        told = html.escape(f"{name}: {a:.{decimals}f} → {b:.{decimals}f}")
        at = f'cx="{across.at(a):.1f}" cy="{up.at(b):.1f}"'
        parts.append(
            f'<g><title>{told}</title><circle class="dot" {at} r="5" fill="#0173B2" fill-opacity=".6" '
            f'stroke="#fff"/><circle {at} r="9" fill-opacity="0"/></g>'
        )
    middle = (_TOP + _HEIGHT - _BOTTOM) / 2
    parts.append(_text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 12, html.escape(xlabel), "middle", 15))
    parts.append(
        f'<text transform="translate(17 {middle}) rotate(-90)" text-anchor="middle" font-size="15" '
        f'fill="#222">{html.escape(ylabel)}</text>'
    )
    head = f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{html.escape(alt)}">'
    svg = "".join([head, *parts, "</svg>"])
    return HoverScatter(svg, _table(x, y, names, xlabel, ylabel, decimals), alt)


@dataclass(frozen=True)
class _Axis:
    """Values from low to high, laid on the page from start to end."""

    low: float
    high: float
    start: float
    end: float

    @classmethod
    def around(cls, values: np.ndarray, start: float, end: float) -> "_Axis":
        low, high = float(values.min()), float(values.max())
        margin = 0.05 * (high - low) or 1.0
        return cls(low - margin, high + margin, start, end)

    @property
    def ticks(self) -> list[float]:
        found = MaxNLocator(nbins=6, steps=[1, 2, 5, 10]).tick_values(self.low, self.high)
        return [v for v in found if self.low <= v <= self.high]

    def at(self, value: float) -> float:
        return self.start + (self.end - self.start) * (value - self.low) / (self.high - self.low)


def _frame(across: _Axis, up: _Axis) -> list[str]:
    parts = []
    for v in across.ticks:
        parts.append(f'<path d="M{across.at(v):.1f} {_TOP}V{_HEIGHT - _BOTTOM}" stroke="#e3e3e3"/>')
        parts.append(_text(across.at(v), _HEIGHT - _BOTTOM + 19, f"{v:g}", "middle"))
    for v in up.ticks:
        parts.append(f'<path d="M{_LEFT} {up.at(v):.1f}H{_WIDTH - _RIGHT}" stroke="#e3e3e3"/>')
        parts.append(_text(_LEFT - 7, up.at(v) + 5, f"{v:g}", "end"))
    return parts


def _line(label: str, slope: float, intercept: float, i: int, across: _Axis, up: _Axis) -> list[str]:
    """A line clipped to the frame, and its key above it; nothing where it misses the frame."""
    a, b = across.low, across.high
    if slope:
        crossings = sorted((v - intercept) / slope for v in (up.low, up.high))
        a, b = max(a, crossings[0]), min(b, crossings[1])
    if a >= b or not up.low <= slope * (a + b) / 2 + intercept <= up.high:
        return []
    stroke = f'stroke="{_INKS[i]}" stroke-width="2" stroke-dasharray="{_DASHES[i]}"'
    ends = [f"{across.at(v):.1f} {up.at(slope * v + intercept):.1f}" for v in (a, b)]
    start = _LEFT + 165 * i
    return [
        f'<path d="M{ends[0]}L{ends[1]}" {stroke}/>',
        f'<path d="M{start} 17h30" {stroke}/>',
        _text(start + 36, 22, html.escape(label), "start"),
    ]


def _text(x: float, y: float, words: str, anchor: str, size: int = 14) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="#222">{words}</text>'
    )


def _table(x, y, names, xlabel: str, ylabel: str, decimals: int) -> str:
    head = "".join(f'<th scope="col">{html.escape(h)}</th>' for h in ("", xlabel, ylabel))
    body = "".join(
        f'<tr><th scope="row">{html.escape(name)}</th><td>{a:.{decimals}f}</td><td>{b:.{decimals}f}</td></tr>'
        for a, b, name in zip(x, y, names)
    )
    title = f"All {len(names)} points as a table"
    table = table_frame(f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>", title)
    return f"<details><summary>{title}</summary>{table}</details>"
