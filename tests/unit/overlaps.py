"""What a reader would stumble over: text on text, text on a panel that it does not belong to, text beyond the paper."""

import itertools

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text


def overlaps(figure):
    """Sentences about every overlap in a figure, none if it can be read."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    texts = [
        (text, text.get_window_extent(renderer))
        for text in figure.findobj(Text)
        if text.get_visible() and text.get_text().strip() and _seen(text)
    ]
    panels = [(axes, axes.get_window_extent(renderer)) for axes in figure.axes if axes.get_visible()]
    width, height = figure.bbox.width, figure.bbox.height
    for text, box in texts:
        if box.x0 < -1 or box.y0 < -1 or box.x1 > width + 1 or box.y1 > height + 1:
            yield f"{text.get_text()!r} leaves the figure"
        for axes, frame in panels:
            if text.axes is not axes and _overlap(box, frame):
                yield f"{text.get_text()!r} lies on the panel {axes.get_title() or axes.get_position().bounds!r}"
    for (one, a), (other, b) in itertools.combinations(texts, 2):
        if _overlap(a, b):
            yield f"{one.get_text()!r} overlaps {other.get_text()!r}"
    for (_, a), (_, b) in itertools.combinations(panels, 2):
        if _overlap(a, b):
            yield f"panels overlap at {a} and {b}"


def _overlap(a, b):
    return min(min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)) > 1


def _seen(text):
    """Whether a text's axes are shown, and, for a tick label, whether its tick lies within the view."""
    axes = text.axes
    if axes is None:
        return True
    if not axes.get_visible():
        return False
    for axis, limits in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
            if text in (tick.label1, tick.label2):
                return min(limits) - 1e-9 <= tick.get_loc() <= max(limits) + 1e-9
    return True
