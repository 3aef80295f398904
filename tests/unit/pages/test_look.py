"""That text can be read on both schemes: contrasts of the colours that stand on each other."""

import itertools
import re

import pytest

from repdyn.pages import look

STYLE = look.style()
TEXT = ("ink", "soft", "accent", "pressed", "supported", "contradicted", "undecided")


def schemes():
    """The colours of the light page, and what is other on the dark one and on paper."""
    light, dark, paper = (
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", part)) for part in re.split("@media", STYLE)[:3]
    )
    return {"light": light, "dark": light | dark, "print": light | paper}


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(a, b):
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", schemes())
def test_text_can_be_read(scheme):
    colours = schemes()[scheme]
    for text, ground in itertools.product(TEXT, ("paper", "ground")):
        assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    assert contrast(colours["on-accent"], colours["accent"]) >= 4.5
    assert contrast(colours["ink"], colours["notice"]) >= 4.5
    assert contrast(colours["accent"], colours["notice"]) >= 4.5
    assert contrast(colours["edge"], colours["paper"]) >= 3, "of controls"


def test_paper_has_every_colour_of_the_dark_page():
    """Else a page that is dark on the screen is printed with it."""
    light, dark, paper = (set(re.findall(r"--([\w-]+): ", part)) for part in re.split("@media", STYLE)[:3])
    assert dark <= light
    assert dark - {"shade"} <= paper
