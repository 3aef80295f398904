"""The fenced blocks of README and docs, and whether what a block prints is what is shown below it."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SAVED = re.compile(r"`(\w+\.(?:py|yaml))`\s*$")
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.])")
# What a page states: a number of training is no further from the one shown than this, on any processor.
SHARE, LEAST = 1 / 3, 0.1


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        place: page and line.
        language: as the fence names it; empty for what is shown.
        text: what stands inside.
        shown: the block without a language that follows it with nothing between, else empty.
        saved: the file that the words before it say it stands in, else empty.
        follows: whether it is what the block before it prints.
    """

    place: str
    language: str
    text: str
    shown: str = ""
    saved: str = ""
    follows: bool = False


def of_page(path: Path) -> list[Block]:
    """The blocks of a page, in order."""
    text = path.read_text(encoding="utf-8")
    found: list[Block] = []
    end = 0
    for match in _FENCE.finditer(text):
        between, (language, inside) = text[end : match.start()], match.groups()
        place = f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, match.start()) + 1}"
        follows = bool(found) and not language and not between.strip()
        if follows:
            before = found[-1]
            found[-1] = Block(before.place, before.language, before.text, inside, before.saved)
        saved = _SAVED.search(between)
        found.append(Block(place, language, inside, saved=saved[1] if saved else "", follows=follows))
        end = match.end()
    return found


def everywhere() -> list[Block]:
    """The blocks of all pages."""
    return [block for page in PAGES for block in of_page(page)]


def disagreement(shown: str, printed: str) -> str | None:
    """Where printed text is not what is shown, numbers within the bounds above; None if it is."""
    words, said = _form(shown), _form(printed)
    if words != said:
        return f"shown:\n{shown}\nprinted:\n{printed}"
    for wanted, found in zip(_NUMBER.findall(shown), _NUMBER.findall(printed), strict=True):
        if abs(float(found) - float(wanted)) > max(LEAST, SHARE * abs(float(wanted))):
            return f"{found} is too far from the {wanted} that is shown"
    return None


def _form(text: str) -> str:
    """Text without its numbers, and without the spaces and lines that are as long as they are."""
    return re.sub(r"[\s─]+", " ", _NUMBER.sub("#", text)).strip()
