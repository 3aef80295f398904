"""Read a config file into a dictionary: UTF-8 text, YAML or JSON (which is YAML except for tabs), every key once.

YAML silently takes the last of two equal keys, reads `010` as 8 and `1:30` as 90. The grid would not be what its author
wrote, so all three are refused. Whatever cannot be read is reported in one sentence.
"""

from __future__ import annotations

import contextlib
import json
import re
import stat
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import ConstructorError
from yaml.nodes import MappingNode, Node, ScalarNode
from yaml.reader import Reader

from ..errors import RepdynError, one_line
from .messages import dotted, shown

LARGEST = 2**20  # bytes; the largest study that comes with repdyn has 2¹²
MOST_ALIASES = 1_000
MOST_MERGED = 10_000  # keys of a section, those merged into it with `<<` included
_MERGE = "tag:yaml.org,2002:merge"
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_TAG = "tag:yaml.org,2002:"


def read(path: Path) -> Any:
    """Read a config file into plain Python types and dates, without validating it.

    Raises:
        RepdynError: if it cannot be read, is not YAML, or has a key twice; names file and line.
    """
    text = _text(path)
    of_json = None
    with contextlib.suppress(ValueError, RecursionError):
        of_json = json.loads(text)
        # JSON has tabs only between tokens, where YAML allows none.
        text = text.replace("\t", " ")
    try:
        of_yaml = yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}," if mark else ""
        raise RepdynError(f"`{path}`{where} {_complaint(error)}.") from None
    except RecursionError:
        raise RepdynError(f"`{path}` nests lists or sections by the hundreds; no study does.") from None
    except ValueError as error:  # an integer with more digits than Python converts, an impossible date
        raise RepdynError(f"`{path}` has a value that cannot be read: {one_line(error)}.") from None
    # `1e-3` is a number in JSON and text in YAML.
    return of_yaml if of_json is None else of_json


def _text(path: Path) -> str:
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise RepdynError(f"The study config `{path}` is a folder; name the file in it.")
        if not stat.S_ISREG(found.st_mode):
            raise RepdynError(f"The study config `{path}` is a pipe or a device; name a file.")
        if found.st_size > LARGEST:
            raise RepdynError(
                f"The study config `{path}` has {found.st_size:,} bytes; a study has at most {LARGEST:,}."
            )
        content = path.read_bytes()
    except FileNotFoundError:
        raise RepdynError(f"There is no study config at `{path}`.") from None
    except (OSError, ValueError) as error:  # a path with a null byte is a ValueError
        raise RepdynError(f"The study config `{path}` cannot be read: {getattr(error, 'strerror', error)}.") from None
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise RepdynError(f"`{path}` is UTF-16 text; save it as UTF-8.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise RepdynError(
            f"`{path}`, line {line}, is not UTF-8 text: it has a byte {content[error.start]:#04x}; save it as UTF-8."
        ) from None
    if (odd := Reader.NON_PRINTABLE.search(text)) is not None:
        line = text.count("\n", 0, odd.start()) + 1
        raise RepdynError(
            f"`{path}`, line {line}, has the character U+{ord(odd[0]):04X}, which YAML does not allow; is it text?"
        )
    return text


def _complaint(error: yaml.YAMLError) -> str:
    problem = str(getattr(error, "problem", None) or error)
    if isinstance(error, _Refused):
        return problem
    if "another document" in problem:
        return "begins a second document; a file holds one study, so take the `---` out"
    if isinstance(error, ConstructorError) and (tag := re.search(r"constructor for the tag '(.*)'", problem)):
        return f"has the tag `{tag[1].replace(_TAG, '!!')}`, but a study has only text, numbers, lists and sections"
    return f"is not YAML: {one_line(problem)}"


class _Refused(yaml.MarkedYAMLError):
    """YAML that does not mean what its author thinks."""

    def __init__(self, problem: str, node: Node) -> None:
        super().__init__(problem=problem, problem_mark=node.start_mark)


class _Loader(yaml.SafeLoader):
    """YAML's safe loader, without its traps."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._aliases = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        if self.check_event(yaml.AliasEvent):
            self._aliases += 1
        node: Node | None = super().compose_node(parent, index)
        if node is not None and self._aliases > MOST_ALIASES:
            raise _Refused(f"uses anchors for more than the {MOST_ALIASES:,}th time; write less by reference", node)
        return node

    def compose_scalar_node(self, anchor: Any) -> ScalarNode:
        node: ScalarNode = super().compose_scalar_node(anchor)
        is_trap = ":" in node.value or re.fullmatch(r"[-+]?0[0-7_]+", node.value)
        if node.style is None and node.tag in _NUMBERS and is_trap:
            kind = "a number to the base 60" if ":" in node.value else "an octal number"
            raise _Refused(
                f"has {shown(node.value)[1:-1]}, which is {kind} in YAML, {self.construct_object(node)}; write that, "
                "or put it in quotes",
                node,
            )
        return node

    def compose_mapping_node(self, anchor: Any) -> MappingNode:
        node: MappingNode = super().compose_mapping_node(anchor)
        lines: dict[Any, int] = {}
        for key_node, _ in node.value:
            if isinstance(key_node, ScalarNode) and key_node.tag != _MERGE:
                # Compare keys as Python's dictionaries do: `yes` and `true` are equal.
                key, line = self.construct_object(key_node), key_node.start_mark.line + 1
                if key in lines:
                    raise _Refused(
                        f"repeats `{dotted([key])}` of line {lines[key]}, but only the last would count; keep one",
                        key_node,
                    )
                lines[key] = line
        return node

    def flatten_mapping(self, node: MappingNode) -> None:
        super().flatten_mapping(node)
        if len(node.value) > MOST_MERGED:
            raise _Refused(f"merges more than {MOST_MERGED:,} keys into one section", node)
