"""Tests mirror the packages, so that whoever changes a module knows where its tests are."""

import ast
from pathlib import Path

import repdyn

LIBRARY, TESTS = Path(repdyn.__file__).parent, Path(__file__).parent


def has_functions(module: Path) -> bool:
    """Whether there is anything to test in it: tables and catalogues of constants have no functions."""
    return any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) for node in ast.walk(ast.parse(module.read_bytes()))
    )


def test_every_module_with_functions_has_tests_of_its_name_in_the_folder_of_its_package():
    modules = [path for path in sorted(LIBRARY.rglob("*.py")) if path.name != "__init__.py" and has_functions(path)]
    assert len(modules) > 200
    of_module = {
        module: TESTS / module.parent.relative_to(LIBRARY) / f"test_{module.stem.strip('_')}.py" for module in modules
    }
    assert [str(module.relative_to(LIBRARY)) for module, tests in of_module.items() if not tests.is_file()] == []
