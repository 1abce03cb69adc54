"""Charts as SVG, drawn by hand: three kinds, in the page's own colours (CSS classes), without a library."""

from collections.abc import Sequence
from html import escape

import numpy as np
from markupsafe import Markup

BINS = 10
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 420, 260, 44, 34, 12
CELL, LABEL = 30, 150


def histogram(right: Sequence[float], wrong: Sequence[float]) -> Markup:
    """How sure the assistant was, of right guesses and of wrong ones stacked on them; ten bins from 0 to 1."""
    edges = np.linspace(0, 1, BINS + 1)
    rights, wrongs = (np.histogram(part, edges)[0] for part in (right, wrong))
    highest = max(int((rights + wrongs).max()), 1)
    parts = [_axes([f"{edge:.1f}" for edge in edges[::2]], [0, highest / 2, highest], "把握", "句")]
    step = (WIDTH - LEFT) / BINS
    for number, (good, bad) in enumerate(zip(rights, wrongs, strict=True)):
        x = LEFT + number * step + 2
        for count, below, kind in ((good, 0, "good"), (bad, good, "bad")):
            height, y = _height(count / highest), _y((below + count) / highest)
            title = f"{edges[number]:.1f}–{edges[number + 1]:.1f}：{'对' if kind == 'good' else '错'} {count} 句"
            parts.append(_rect(x, y, step - 4, height, kind, title))
    return _svg(parts, WIDTH, HEIGHT, "把握的分布")


def reliability(confidence: Sequence[float], right: Sequence[bool]) -> Markup:
    """Accuracy against confidence: on the diagonal a probability means what it says. A dot's size is its share."""
    sure, hits = np.array(confidence), np.array(right, dtype=float)
    ticks = [0, 0.5, 1]
    parts = [_axes(["0", "0.2", "0.4", "0.6", "0.8", "1.0"], ticks, "把握", "答对")]
    parts.append(f'<line class="ideal" x1="{LEFT}" y1="{_y(0):.1f}" x2="{WIDTH}" y2="{_y(1):.1f}"/>')
    points = []
    for number in range(BINS):
        inside = (sure >= number / BINS) & ((sure < (number + 1) / BINS) | (number == BINS - 1))
        if inside.any():
            points.append((float(sure[inside].mean()), float(hits[inside].mean()), int(inside.sum())))
    path = " ".join(f"{_x(x):.1f},{_y(y):.1f}" for x, y, _ in points)
    parts.append(f'<polyline class="line" points="{path}"/>')
    for x, y, count in points:
        radius = 3 + 9 * (count / len(sure)) ** 0.5
        title = f"把握 {x:.2f}，答对 {y:.0%}，{count} 句"
        parts.append(f'<circle class="dot" cx="{_x(x):.1f}" cy="{_y(y):.1f}" r="{radius:.1f}">{_title(title)}</circle>')
    return _svg(parts, WIDTH, HEIGHT, "校准曲线")


def confusion(names: Sequence[str], counts: Sequence[Sequence[int]]) -> Markup:
    """A row for what it is, a column for what it was taken for."""
    size = CELL * len(names)
    parts = []
    for row, name in enumerate(names):
        y = LABEL + row * CELL
        parts.append(_text(LABEL - 8, y + CELL * 0.65, name, "end"))
        x = LABEL + row * CELL + CELL * 0.6
        parts.append(f'<g transform="translate({x:.0f},{LABEL - 8}) rotate(-45)">{_text(0, 0, name, "start")}</g>')
        total = max(sum(counts[row]), 1)
        for column, count in enumerate(counts[row]):
            kind = "good" if row == column else "bad"
            strength = 0.0 if not count else 0.12 + 0.88 * min(count / total, 1)
            x = LABEL + column * CELL
            title = f"{name} → {names[column]}：{count}"
            parts.append(_rect(x + 1, y + 1, CELL - 2, CELL - 2, "cell", title))
            if count:
                opacity = f' style="opacity:{strength:.2f}"'
                parts.append(_rect(x + 1, y + 1, CELL - 2, CELL - 2, kind, title, opacity))
                parts.append(_text(x + CELL / 2, y + CELL * 0.65, str(count), "middle", "count"))
    return _svg(parts, LABEL + size + 90, LABEL + size + 4, "混淆矩阵")


def _axes(columns: Sequence[str], rows: Sequence[float], below: str, beside: str) -> str:
    highest = max(rows)
    parts = []
    for value in rows:
        y = _y(value / highest)
        label = f"{value:g}" if highest <= 1 else f"{value:.0f}"
        parts.append(f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH}" y2="{y:.1f}"/>')
        parts.append(_text(LEFT - 6, y + 4, label, "end"))
    for number, name in enumerate(columns):
        anchor = "start" if number == 0 else "end" if number == len(columns) - 1 else "middle"
        parts.append(_text(_x(number / (len(columns) - 1)), HEIGHT - BOTTOM + 16, name, anchor))
    parts.append(_text((LEFT + WIDTH) / 2, HEIGHT - 3, below, "middle"))
    parts.append(_text(LEFT - 40, TOP + 4, beside, "start"))
    return "".join(parts)


def _x(share: float) -> float:
    return LEFT + share * (WIDTH - LEFT)


def _height(share: float) -> float:
    return float(share * (HEIGHT - BOTTOM - TOP))


def _y(share: float) -> float:
    return HEIGHT - BOTTOM - _height(share)


def _rect(x: float, y: float, width: float, height: float, kind: str, title: str, more: str = "") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="2"'
    return f'<rect class="{kind}" {place}{more}>{_title(title)}</rect>'


def _text(x: float, y: float, text: str, anchor: str, kind: str = "label") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _title(text: str) -> str:
    return f"<title>{escape(text)}</title>"


def _svg(parts: Sequence[str], width: float, height: float, label: str) -> Markup:
    head = (
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" style="max-width:{width:.0f}px" role="img" aria-label="{label}">'
    )
    return Markup(head + "".join(parts) + "</svg>")
