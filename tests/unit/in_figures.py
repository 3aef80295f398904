"""What is seen in a figure: its panels, the marks of events, matrices and words."""

import numpy as np

from repdyn.catalogue.events import EVENTS


def panel(figure, title, loc="center"):
    """The one panel of a title, or with one of that beginning at the left or right."""
    (axes,) = [axes for axes in figure.axes if axes.get_title(loc=loc) == title]
    return axes


def marks(axes, names=EVENTS):
    return {line.get_gid(): line for line in axes.lines if line.get_gid() in names}


def matrix_of(axes):
    (image,) = axes.images
    return np.asarray(image.get_array())


def words(figure):
    """The texts written beside panels."""
    return [text.get_text() for text in figure.texts]
