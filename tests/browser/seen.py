"""What is seen of a page: its texts with their boxes, what overlaps, and what axe-core finds."""

from typing import Any

import pytest

# Text that is seen: the boxes of its lines, with what is clipped away left out.
TEXTS = """() => {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const parent = node.parentElement;
    if (!node.textContent.trim() || parent.closest("script, style, noscript, select, title, .unseen")) continue;
    if (!parent.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true })) continue;
    const clip = parent.closest("#layers, .frame")?.getBoundingClientRect();
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const { left, right, top, bottom } of range.getClientRects()) {
      const [from, to] = clip ? [Math.max(left, clip.left), Math.min(right, clip.right)] : [left, right];
      if (to - from > 1 && bottom - top > 1) found.push([node.textContent.trim(), from, top, to, bottom]);
    }
  }
  return found;
}"""


def check_texts(page: Any, width: int) -> set[str]:
    """That no text overlaps another or leaves a page of this width, and nothing makes it scroll; returns the texts."""
    assert page.evaluate("() => document.documentElement.scrollWidth") == width
    texts = page.evaluate(TEXTS)
    for words, left, _, right, _ in texts:
        assert left >= 0 and right <= width, words
    by_top = sorted(texts, key=lambda text: text[2])
    for i, (one, *a) in enumerate(by_top):
        for other, *b in by_top[i + 1 :]:
            if b[1] >= a[3] - 3:
                break
            across, down = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
            assert across <= 1 or down <= 3, f"{one!r} overlaps {other!r}"
    return {words for words, *_ in texts}


def complaints(page: Any) -> list[str]:
    """What axe-core finds, by rule and element."""
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="needs axe-core: pip install axe-playwright-python"
    )
    found = axe.Axe().run(page).response["violations"]
    return [f"{rule['id']}: {node['html'][:200]}" for rule in found for node in rule["nodes"]]
