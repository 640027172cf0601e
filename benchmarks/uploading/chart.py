"""Draws the results as a plain SVG: for each size a block of bars, seconds on the left, memory on the right."""

from __future__ import annotations

from dataclasses import dataclass
from xml.sax.saxutils import escape

_WIDTH, _MARGIN, _NAME, _BAR, _GAP = 960, 20, 300, 230, 80
_ROW, _HEAD, _SPACE = 22, 46, 14
_OURS, _OTHER, _INK = "#2b6cb0", "#a0aec0", "#1a202c"


@dataclass(frozen=True)
class Bar:
    """One line of a block: a name, and what it took."""

    name: str
    seconds: float
    megabytes: float
    ours: bool


@dataclass(frozen=True)
class Block:
    """The bars of one size, under a title."""

    title: str
    bars: list[Bar]


def svg(blocks: list[Block]) -> str:
    """Return the chart. In each block the longest bar of a column has the full width."""
    parts, top = [], _MARGIN
    for block in blocks:
        parts += _block(block, top)
        top += _HEAD + _ROW * len(block.bars) + _SPACE
    height = top + _MARGIN - _SPACE
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="13" fill="{_INK}">'
    )
    background = f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>'
    title = "<title>Seconds and memory of each way to land an export, by size</title>"
    return "\n".join([opening, title, background, *parts, "</svg>", ""])


def _block(block: Block, top: int) -> list[str]:
    left, right = _MARGIN + _NAME, _MARGIN + _NAME + _BAR + _GAP
    parts = [
        _text(_MARGIN, top + 16, block.title, 'font-weight="600" font-size="15"'),
        _text(left, top + 38, "seconds"),
        _text(right, top + 38, "MB of memory above idle"),
    ]
    slowest = max(bar.seconds for bar in block.bars)
    largest = max(bar.megabytes for bar in block.bars)
    for number, bar in enumerate(block.bars):
        y = top + _HEAD + number * _ROW
        parts.append(_text(left - 8, y + 14, bar.name, 'text-anchor="end"'))
        parts += _bar(left, y, bar.seconds / slowest, f"{bar.seconds:.2f}", bar.ours)
        parts += _bar(right, y, bar.megabytes / largest, f"{bar.megabytes:,.0f}", bar.ours)
    return parts


def _bar(x: int, y: int, share: float, label: str, ours: bool) -> list[str]:
    width = max(1.0, share * _BAR)
    colour = _OURS if ours else _OTHER
    rect = f'<rect x="{x}" y="{y + 3}" width="{width:.1f}" height="{_ROW - 7}" rx="2" fill="{colour}"/>'
    return [rect, _text(x + round(width) + 6, y + 14, label)]


def _text(x: int, y: int, text: str, style: str = "") -> str:
    return f'<text x="{x}" y="{y}"{" " if style else ""}{style}>{escape(text)}</text>'
