"""A compliance report as a chart: a bar of SVG for each post, beside its name in HTML (WeasyPrint
draws Urdu in SVG in the wrong order). No styles and no scripts: pages with a strict policy show it,
too. Pure."""
from __future__ import annotations

from archive.compliance import Line

# What a bar is made of, from the left: (a line's figure, its name, its colour).
PARTS = (("in_time", "done in time", "#2e7d5b"), ("late", "done late", "#d9a441"),
         ("waiting", "open", "#8fa3b5"), ("overdue", "overdue", "#b5382a"),
         ("refused", "refused", "#6d3b7b"), ("withdrawn", "withdrawn", "#b9b9b2"))
WIDTH, HEIGHT = 520, 16
SHOWN = 25  # bars


def bars(lines: tuple[Line, ...]) -> list[tuple[Line, str]]:
    """(line, its bar as SVG), as long as there are orders; at most SHOWN."""
    most = max((line.given for line in lines), default=0) or 1
    return [(line, _bar(line, (WIDTH - 40) / most)) for line in lines[:SHOWN]]


def legend() -> str:
    """What the colours mean, as SVG."""
    made, x = [], 0
    for _, name, colour in PARTS:
        made.append(f'<rect x="{x}" y="2" width="12" height="12" fill="{colour}"/>'
                    f'<text x="{x + 17}" y="12" fill="currentColor">{name}</text>')
        x += 34 + 7 * len(name)
    return _svg(WIDTH, "".join(made), "The colours of the bars")


def _bar(line: Line, scale: float) -> str:
    made, x, said = [], 0.0, []
    for figure, words, colour in PARTS:
        value = line.open - line.overdue if figure == "waiting" else getattr(line, figure)
        if value:
            width = value * scale
            made.append(f'<rect x="{x:.1f}" y="0" width="{width:.1f}" height="{HEIGHT}" '
                        f'fill="{colour}"/>')
            said.append(f"{value} {words}")
            x += width
    made.append(f'<text x="{x + 6:.1f}" y="12" fill="currentColor">{line.given}</text>')
    return _svg(WIDTH, "".join(made), ", ".join(said) or "none")


def _svg(width: int, inner: str, title: str) -> str:
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" '
            f'width="{width}" height="{HEIGHT}" role="img" font-family="Noto Sans, sans-serif" '
            f'font-size="12">'
            f"<title>{title}</title>{inner}</svg>")
