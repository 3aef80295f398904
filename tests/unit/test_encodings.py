"""Text is UTF-8 in every locale: whoever opens a file or reads what a program prints says so."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = [
    path
    for folder in ("workflow", "tests", "envs", ".ci")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if "assets" not in path.parts
]


def unspecified(tree: ast.Module) -> Iterator[ast.Call]:
    """Calls that open text in the locale's encoding."""
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        given = {keyword.arg: keyword.value for keyword in call.keywords}
        if "encoding" in given or None in given:
            continue
        of_module = isinstance(call.func, ast.Attribute) and getattr(call.func.value, "id", "") in OTHERS
        if name in ("read_text", "write_text"):
            # read_text(encoding), write_text(text, encoding)
            if len(call.args) < (1 if name == "read_text" else 2):
                yield call
        elif name in ("open", "fdopen", "NamedTemporaryFile", "FileHandler") and not of_module:
            place = 0 if isinstance(call.func, ast.Attribute) and name == "open" else 1
            mode = given.get("mode", call.args[place] if len(call.args) > place else None)
            if "b" not in getattr(mode, "value", "b" if name == "NamedTemporaryFile" else "r"):
                yield call
        elif name in ("run", "Popen", "check_output") and "text" in given:
            yield call


OTHERS = ("Image", "os", "pa", "pq", "zipfile", "tarfile")  # whose `open` is another


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_text_names_its_encoding(path):
    calls = unspecified(ast.parse(path.read_text(encoding="utf-8")))
    assert [call.lineno for call in calls] == []


@pytest.mark.parametrize(
    ("code", "number"),
    [
        ("p.read_text()", 1),
        ("p.write_text(text)", 1),
        ("open(p)", 1),
        ("open(p, 'w')", 1),
        ("p.open('a')", 1),
        ("subprocess.run(c, text=True)", 1),
        ("logging.FileHandler(p)", 1),
        ("p.read_text(encoding='utf-8')", 0),
        ("p.write_text(text, 'utf-8')", 0),
        ("open(p, 'rb')", 0),
        ("p.open('wb')", 0),
        ("Image.open(p)", 0),
        ("subprocess.run(c, encoding='utf-8')", 0),
        ("f(**settings).read_text(**settings)", 0),
    ],
)
def test_what_counts_as_an_encoding_that_is_missing(code, number):
    assert len(list(unspecified(ast.parse(code)))) == number
