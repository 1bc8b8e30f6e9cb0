"""Plots as SVG, with nothing but strings: bars and lines."""

import math
from collections.abc import Sequence
from typing import NamedTuple

INK, GRID = "#444", "#ddd"
COLOURS = ("#1b6ca8", "#d1495b", "#66a182", "#edae49", "#8d6a9f", "#777")
WIDTH, HEIGHT = 720, 320
LEFT, RIGHT, TOP, BOTTOM = 60, 20, 30, 44


class Line(NamedTuple):
    """One curve."""

    name: str
    points: Sequence[tuple[float, float]]


class Axis(NamedTuple):
    """Values that are named, and what they are called."""

    title: str
    ticks: Sequence[float]
    log: bool = False


def bars(title: str, values: Sequence[tuple[str, float]]) -> str:
    """Parts of 1, one under the other."""
    height = TOP + 26 * len(values) + 14
    wide = WIDTH - 2 * RIGHT - 190
    drawn = [_text(LEFT - 40, 18, title, "start", bold=True)]
    for at, (name, value) in enumerate(values):
        top = TOP + 26 * at
        drawn.append(_text(130, top + 15, name, "end"))
        drawn.append(
            f'<rect x="140" y="{top}" width="{wide * value:.1f}" height="20" '
            f'fill="{COLOURS[1] if name == "dragoman" else COLOURS[0]}"/>'
        )
        drawn.append(_text(146 + wide * value, top + 15, f"{value:.1%}", "start"))
    return _svg(height, drawn)


def lines(title: str, across: Axis, up: Axis, curves: Sequence[Line]) -> str:
    """Curves over two axes, with their names on the right of the title."""
    drawn = [_text(LEFT - 40, 18, title, "start", bold=True)]
    for tick in across.ticks:
        x = _x(tick, across)
        drawn.append(_rule(x, TOP, x, HEIGHT - BOTTOM))
        drawn.append(_text(x, HEIGHT - BOTTOM + 16, f"{tick:,g}", "middle"))
    for tick in up.ticks:
        y = _y(tick, up)
        drawn.append(_rule(LEFT, y, WIDTH - RIGHT, y))
        drawn.append(_text(LEFT - 6, y + 4, f"{tick:,g}", "end"))
    drawn.append(_text(WIDTH / 2, HEIGHT - 8, across.title, "middle"))
    drawn.append(_text(LEFT - 40, TOP - 2, up.title, "start", size=11))
    for at, curve in enumerate(curves):
        colour = COLOURS[at % len(COLOURS)]
        path = " ".join(f"{_x(x, across):.1f},{_y(y, up):.1f}" for x, y in curve.points)
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        drawn.append(_text(LEFT + 10, TOP + 16 + 16 * at, curve.name, "start", colour=colour))
    return _svg(HEIGHT, drawn)


def _scale(value: float, axis: Axis) -> float:
    low, high = axis.ticks[0], axis.ticks[-1]
    if axis.log:
        value, low, high = math.log(value), math.log(low), math.log(high)
    return (value - low) / (high - low)


def _x(value: float, axis: Axis) -> float:
    return LEFT + _scale(value, axis) * (WIDTH - LEFT - RIGHT)


def _y(value: float, axis: Axis) -> float:
    return HEIGHT - BOTTOM - _scale(value, axis) * (HEIGHT - BOTTOM - TOP)


def _rule(x: float, y: float, to_x: float, to_y: float) -> str:
    return f'<path d="M{x:.1f} {y:.1f}L{to_x:.1f} {to_y:.1f}" stroke="{GRID}"/>'


def _text(x: float, y: float, text: str, anchor: str, **how: str | int) -> str:
    """``how``: ``colour``, ``size``, ``bold``."""
    weight = ' font-weight="bold"' if how.get("bold") else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{how.get("colour", INK)}" '
        f'font-size="{how.get("size", 12)}"{weight}>{text}</text>'
    )


def _svg(height: int, drawn: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'font-family="system-ui, sans-serif"><rect width="100%" height="100%" fill="#fff"/>'
        + "\n".join(drawn)
        + "</svg>\n"
    )
