"""What a reader would stumble over: text on text, text on a panel that it does not belong to, text beyond the paper."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text


def overlaps(figure):
    """Sentences about every overlap in a figure, none if it can be read."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    unseen = _beyond_the_view(figure)
    texts = [
        text
        for text in figure.findobj(Text)
        if text.get_visible() and text.get_text().strip() and text not in unseen
        and (text.axes is None or text.axes.get_visible())
    ]  # fmt: skip
    panels = [axes for axes in figure.axes if axes.get_visible()]
    at, frames = ([item.get_window_extent(renderer) for item in items] for items in (texts, panels))
    width, height = figure.bbox.width, figure.bbox.height
    for text, box in zip(texts, at, strict=True):
        if box.x0 < -1 or box.y0 < -1 or box.x1 > width + 1 or box.y1 > height + 1:
            yield f"{text.get_text()!r} leaves the figure"
    for i, j in _crossing(at, frames):
        if texts[i].axes is not panels[j]:
            where = panels[j].get_title() or repr(panels[j].get_position().bounds)
            yield f"{texts[i].get_text()!r} lies on the panel {where}"
    for i, j in _crossing(at, at):
        if i < j:
            yield f"{texts[i].get_text()!r} overlaps {texts[j].get_text()!r}"
    for i, j in _crossing(frames, frames):
        if i < j:
            yield f"panels overlap at {frames[i]} and {frames[j]}"


def _crossing(some, others):
    """The pairs of boxes that share more than a pixel."""
    if not some or not others:
        return []
    (ax0, ay0, ax1, ay1), (bx0, by0, bx1, by1) = (np.array([box.extents for box in all]).T for all in (some, others))
    across = np.minimum(ax1[:, None], bx1) - np.maximum(ax0[:, None], bx0)
    down = np.minimum(ay1[:, None], by1) - np.maximum(ay0[:, None], by0)
    return np.argwhere(np.minimum(across, down) > 1).tolist()


def _beyond_the_view(figure):
    """Labels of ticks that lie outside their axis."""
    return {
        label
        for axes in figure.axes
        for axis, limits in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim()))
        for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]
        if not min(limits) - 1e-9 <= tick.get_loc() <= max(limits) + 1e-9
        for label in (tick.label1, tick.label2)
    }
