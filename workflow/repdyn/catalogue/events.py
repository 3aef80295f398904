"""Events of a run, each an epoch: their names, and their marks in figures.

``analysis/events.py`` dates them, so that one bad evaluation moves none of them far, but for the first perfect fit. The
first intervention in training is where the config plans it.
"""

from __future__ import annotations

from dataclasses import dataclass

MEMORIZATION_ONSET = "memorization_onset"
TEST_DIP = "test_dip"
SECOND_DESCENT_END = "second_descent_end"
MEMORIZATION_END = "memorization_end"
PERFECT_FIT_FIRST = "perfect_fit_first"
PERFECT_FIT_SUSTAINED = "perfect_fit_sustained"
INTERVENTION = "intervention"

Dashes = tuple[int, tuple[float, ...]]
_DOTTED: Dashes = (0, (1, 1.2))
_DASHED: Dashes = (0, (4, 1.5))
_DASH_DOT: Dashes = (0, (4, 1.2, 1, 1.2))
_DASH_DOT_DOT: Dashes = (0, (4, 1.2, 1, 1.2, 1, 1.2))
_SOLID: Dashes = (0, ())


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that takes place in a run, or does not.

    Attributes:
        name: in the column ``score`` of the table of scores, whose value is its epoch.
        label: in legends and table headings.
        colour, dashes: of its line; two events differ in dashes or, in grey too, in lightness.
        marker, filled: the mark of one run.
        lower: offset of the mark below the middle of its run's row, in rows, so that coinciding events of three kinds
            do not hide one another.
        small: whether small panels show it; they have no room for lines that nearly coincide.
    """

    name: str
    label: str
    colour: str
    dashes: Dashes
    marker: str
    filled: bool
    lower: float
    small: bool = True


# In their usual order.
EVENTS: dict[str, Event] = {
    event.name: event
    for event in (
        Event(
            name=MEMORIZATION_ONSET,
            label="memorization begins",
            colour="#d55e00",
            dashes=_DOTTED,
            marker="o",
            filled=False,
            lower=0.0,
        ),
        Event(
            name=TEST_DIP,
            label="test accuracy dips",
            colour="#009e73",
            dashes=_DASH_DOT,
            marker="v",
            filled=True,
            lower=0.27,
        ),
        Event(
            name=SECOND_DESCENT_END,
            label="test accuracy recovered",
            colour="#009e73",
            dashes=_DASH_DOT_DOT,
            marker="^",
            filled=False,
            lower=0.27,
            small=False,
        ),
        Event(
            name=MEMORIZATION_END,
            label="memorization ends",
            colour="#d55e00",
            dashes=_DASHED,
            marker="o",
            filled=True,
            lower=0.0,
        ),
        Event(
            name=PERFECT_FIT_FIRST,
            label="first perfect fit",
            colour="#000000",
            dashes=_DOTTED,
            marker="D",
            filled=False,
            lower=-0.27,
            small=False,
        ),
        Event(
            name=PERFECT_FIT_SUSTAINED,
            label="lasting perfect fit",
            colour="#000000",
            dashes=_DASHED,
            marker="D",
            filled=True,
            lower=-0.27,
        ),
        Event(
            name=INTERVENTION,
            label="planned intervention",
            colour="#cc79a7",
            dashes=_SOLID,
            marker="X",
            filled=True,
            lower=0.0,
        ),
    )
}
