"""What figures tell by lines is told apart in grey and by deuteranopes, too.

Lightness is that of CIELAB, which print in grey keeps. Deuteranopes see as Machado, Oliveira & Fernandes (2009)
simulate it, at full severity.
"""

import itertools

import matplotlib as mpl
import numpy as np
import pytest

from repdyn.catalogue.events import EVENTS
from repdyn.figures import style, timelines, training

DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
LIGHTER, OTHER = 15.0, 20.0  # differences of lightness, and of colour (CIE 1976), that show in thin lines


def lab(colour, seen=None):
    """A colour in CIELAB, D65; as deuteranopes see it where their matrix is given."""
    rgb = np.asarray(mpl.colors.to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = linear if seen is None else np.clip(seen @ linear, 0, 1)
    t = XYZ @ linear / XYZ.sum(axis=1)
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def lightness(colour):
    return lab(colour)[0]


def are_told_apart(one, other):
    in_grey = abs(lightness(one) - lightness(other))
    in_colour = np.linalg.norm(lab(one, DEUTERANOPIA) - lab(other, DEUTERANOPIA))
    return in_grey >= LIGHTER and in_colour >= OTHER


def test_colours_are_compared_as_known_ones_are():
    assert lab("white") == pytest.approx([100, 0, 0], abs=0.01)
    assert lab("#ff0000") == pytest.approx([53.24, 80.09, 67.20], abs=0.1)
    assert not are_told_apart("#d55e00", "#009e73")  # vermilion and green, of one lightness


def dashes(style_of_line):
    return () if style_of_line == "-" else style_of_line[1]


CURVES = {name: (style.CURVES[name], dashes(style_of)) for name, (*_, style_of) in training.CURVES.items()}
MARKED = {name: (event.colour, dashes(event.dashes)) for name, event in EVENTS.items()}


@pytest.mark.parametrize("lines", [CURVES, MARKED], ids=["curves", "events"])
def test_two_lines_of_one_figure_differ_in_dashes_or_in_grey_and_in_colour(lines):
    alike = [
        (a, b)
        for (a, (colour, of_a)), (b, (other, of_b)) in itertools.combinations(lines.items(), 2)
        if of_a == of_b and not are_told_apart(colour, other)
    ]
    assert not alike


def test_the_end_of_a_phase_is_darker_than_the_bars_of_phases():
    assert all(lightness(shade) - lightness(style.BOUNDARY) >= LIGHTER for shade in timelines.SHADES)


def test_outlines_and_events_differ_from_a_matrix_or_their_halo_does():
    (stroke, _) = style.halo()
    halo = stroke._gc
    over = [np.array(mpl.colors.to_rgb(style.SIMILARITY(x))) for x in np.linspace(0, 1, 65)]
    drawn = {style.BOUNDARY, *(event.colour for event in EVENTS.values())}
    for background, line in itertools.product(over, drawn):
        around = halo["alpha"] * np.ones(3) + (1 - halo["alpha"]) * background
        seen = max(abs(lightness(background) - lightness(tone)) for tone in (line, around))
        assert seen >= LIGHTER
