"""Schools as marks on a plain plot of coordinates: where each stands in a picture, with lines of
whole degrees, a scale and the names of districts. Pure; the template draws it. No map from
elsewhere is needed.

The projection is equirectangular, true to scale at the middle latitude: over a province that is
as good as any."""
from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, quantiles

from archive.schools import STATES, Line

WIDTH, MOST_HEIGHT, LEAST_HEIGHT = 960, 900, 300
MARGIN = 46  # for the degrees beside the frame
MOST_MARKS = 3000  # beyond, schools close together become one mark
CELL = 9  # pixels that such a mark stands for
KM_A_DEGREE = 111.32  # of latitude
LEAST_SPAN = 0.1  # degrees, for a few schools close together
LETTER, LINE = 7.4, 17  # pixels of a label
ASIDE = (0, -10, 10, -20, 20, -30, 30, -42, 42)  # pixels that a name may move from the middle
STEPS = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
LENGTHS = (1, 2, 5, 10, 20, 50, 100, 200, 500)  # km, of the scale
_DRAWN = ("unvisited", "untold", "open", "closed")  # what is drawn later lies on top
assert set(_DRAWN) == set(STATES)


@dataclass(frozen=True)
class Mark:
    """A school, or `count` schools of one district and state close together. Pixels."""

    x: float
    y: float
    state: str
    line: Line
    count: int = 1


@dataclass(frozen=True)
class Label:
    """A district's name in the middle of its schools."""

    x: float
    y: float
    name: str


@dataclass(frozen=True)
class Degree:
    """A line of latitude or longitude: `29° N` at so many pixels."""

    at: float
    words: str


@dataclass(frozen=True)
class Plot:
    """A picture of `width` × `height` pixels. `far`: schools whose coordinates lie so far from all
    others that they are left out of it."""

    width: int
    height: int
    marks: tuple[Mark, ...]
    labels: tuple[Label, ...]
    north: tuple[Degree, ...]
    east: tuple[Degree, ...]
    scale_km: int
    scale: float  # pixels
    far: tuple[Line, ...]


def plot(lines: Sequence[Line]) -> Plot | None:
    """The plot of schools with coordinates; None when there is none."""
    placed = [line for line in lines if line.school.latitude is not None]
    if not placed:
        return None
    near, far = _without_far(placed)
    view = _View(near)
    marks = [Mark(*view.at(line), line.state, line) for line in near]
    labels = _labels(near, view)
    if len(marks) > MOST_MARKS:
        marks = _gathered(marks)
    marks.sort(key=lambda mark: (_DRAWN.index(mark.state), mark.y))
    km = max((km for km in LENGTHS if view.pixels(km) < WIDTH / 4), default=LENGTHS[0])
    return Plot(WIDTH, view.height, tuple(marks), tuple(labels), view.north(), view.east(), km,
                round(view.pixels(km), 1), tuple(far))


def _without_far(lines: Sequence[Line]) -> tuple[list[Line], list[Line]]:
    """(lines, those that lie more than the whole's width beside it): a digit too many would make
    a province into a dot."""
    if len(lines) < 20:
        return list(lines), []
    ranges = []
    for values in ([_lat(line) for line in lines], [_lon(line) for line in lines]):
        cuts = quantiles(values, n=20)
        span = max(cuts[-1] - cuts[0], LEAST_SPAN)
        ranges.append((cuts[0] - span, cuts[-1] + span))
    (south, north), (west, east) = ranges
    near, far = [], []
    for line in lines:
        inside = south <= _lat(line) <= north and west <= _lon(line) <= east
        (near if inside else far).append(line)
    return near, far


class _View:
    """Degrees to pixels."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._south, self._north = _span([_lat(line) for line in lines])
        self._west, self._east = _span([_lon(line) for line in lines])
        self._squeeze = math.cos(math.radians((self._south + self._north) / 2))
        room = WIDTH - 2 * MARGIN
        wide, high = (self._east - self._west) * self._squeeze, self._north - self._south
        self._scale = min(room / wide, (MOST_HEIGHT - 2 * MARGIN) / high)
        self.height = max(LEAST_HEIGHT, round(high * self._scale) + 2 * MARGIN)
        self._left = (WIDTH - wide * self._scale) / 2
        self._top = (self.height - high * self._scale) / 2

    def at(self, line: Line) -> tuple[float, float]:
        return round(self._x(_lon(line)), 1), round(self._y(_lat(line)), 1)

    def _x(self, degrees: float) -> float:
        return self._left + (degrees - self._west) * self._squeeze * self._scale

    def _y(self, degrees: float) -> float:
        return self._top + (self._north - degrees) * self._scale

    def pixels(self, km: float) -> float:
        return km / KM_A_DEGREE * self._scale

    def north(self) -> tuple[Degree, ...]:
        return tuple(Degree(round(self._y(value), 1), _degrees(value, "N", "S"))
                     for value in self._whole(self._south, self._north)
                     if 12 < self._y(value) < self.height - 12)

    def east(self) -> tuple[Degree, ...]:
        return tuple(Degree(round(self._x(value), 1), _degrees(value, "E", "W"))
                     for value in self._whole(self._west, self._east)
                     if MARGIN < self._x(value) < WIDTH - MARGIN)

    def _whole(self, first: float, last: float) -> list[float]:
        """The whole degrees, or parts of them, between; a little beyond the schools on each
        side."""
        step = next((s for s in STEPS if (last - first) / s <= 7), STEPS[-1])
        lowest, highest = math.floor(first / step), math.ceil(last / step)
        return [round(n * step, 2) for n in range(lowest, highest + 1)]


def _span(values: Iterable[float]) -> tuple[float, float]:
    every = list(values)
    low, high = min(every), max(every)
    room = max(0.0, LEAST_SPAN - (high - low)) / 2
    return low - room, high + room


def _labels(lines: Sequence[Line], view: _View) -> list[Label]:
    """Each district's name at the middle of its schools, or so near to it that it covers no other
    name and the fewest marks; the larger districts first."""
    places: dict[str, list[tuple[float, float]]] = defaultdict(list)
    rows: dict[int, set[float]] = defaultdict(set)  # marks by bands of CELL pixels
    for line in lines:
        x, y = view.at(line)
        rows[int(y // CELL)].add(round(x))
        if line.school.district:
            places[line.school.district].append((x, y))
    labels: list[Label] = []
    for name, points in sorted(places.items(), key=lambda pair: (-len(pair[1]), pair[0])):
        middle = fmean(x for x, _ in points), fmean(y for _, y in points)
        tries = [_label(name, middle, (right, down)) for down in ASIDE for right in ASIDE]
        labels.append(min(tries, key=lambda label: (
            sum(_cover(label, other) for other in labels), _covered(label, rows),
            math.dist((label.x, label.y), middle))))
    return labels


def _label(name: str, middle: tuple[float, float], aside: tuple[float, float]) -> Label:
    """The name beside the middle, moved into the picture where it would stick out."""
    half = len(name) * LETTER / 2
    x = min(max(middle[0] + 2 * aside[0], half + MARGIN), WIDTH - half - MARGIN)
    return Label(round(x, 1), round(max(LINE, middle[1] + aside[1]), 1), name)


def _covered(label: Label, rows: Mapping[int, set[float]]) -> int:
    """How many marks the name would cover; its letters stand on `label.y`."""
    half = len(label.name) * LETTER / 2 + 4
    bands = range(int((label.y - LINE + 2) // CELL), int((label.y + 6) // CELL) + 1)
    return sum(abs(x - label.x) < half for band in bands for x in rows.get(band, ()))


def _cover(one: Label, other: Label) -> bool:
    return abs(one.y - other.y) < LINE and abs(one.x - other.x) < (
        len(one.name) + len(other.name)) * LETTER / 2


def _gathered(marks: Sequence[Mark]) -> list[Mark]:
    """One mark for all schools of one state and district in a small square."""
    cells: dict[tuple[object, ...], list[Mark]] = defaultdict(list)
    for mark in marks:
        cells[mark.x // CELL, mark.y // CELL, mark.state, mark.line.school.district].append(mark)
    return [Mark(round(fmean(m.x for m in cell), 1), round(fmean(m.y for m in cell), 1),
                 cell[0].state, cell[0].line, len(cell)) for cell in cells.values()]


def _degrees(value: float, positive: str, negative: str) -> str:
    return f"{abs(value):g}° {positive if value >= 0 else negative}"


def _lat(line: Line) -> float:
    return line.school.latitude or 0.0


def _lon(line: Line) -> float:
    return line.school.longitude or 0.0
