"""The JSON schema of a study's config, by which editors complete settings and explain them.

``repdyn schema`` prints it; ``study.schema.json`` beside this module is a copy for editors, which a test holds in step.
A setting's description is the docstring beneath it. What needs more than one setting to be judged is not in it: a
config that it accepts may still be refused by ``check``.
"""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from .study import Study

COPY = Path(__file__).with_name("study.schema.json")


def descriptions(model: type) -> dict[str, str]:
    """What the docstring beneath each field of a model or dataclass says, in one line of Markdown."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(model))).body[0]
    assert isinstance(tree, ast.ClassDef)
    found = {}
    for field, beneath in zip(tree.body, tree.body[1:], strict=False):
        match field, beneath:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = _markdown(text)
    return found


def _markdown(docstring: str) -> str:
    return " ".join(docstring.replace("``", "`").split())


class _Schema(GenerateJsonSchema):
    """Pydantic's schema, with descriptions, and without titles that only repeat names."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 (pydantic's signature)
        return False

    def model_schema(self, schema: Any) -> dict[str, Any]:
        return _described(super().model_schema(schema), schema["cls"])

    def dataclass_schema(self, schema: Any) -> dict[str, Any]:
        return _described(super().dataclass_schema(schema), schema["cls"])


def _described(schema: dict[str, Any], cls: type) -> dict[str, Any]:
    schema["description"] = _markdown((cls.__doc__ or "").partition("\n\n")[0])
    schema.pop("title", None)
    for name, text in descriptions(cls).items():
        setting = schema["properties"][name]
        setting["description"] = text
        if isinstance(setting.get("default"), dict):
            setting["default"] = {}  # each setting of a section says its own
    return schema


def schema() -> dict[str, Any]:
    """The JSON schema of a whole study."""
    found = Study.model_json_schema(schema_generator=_Schema)
    found["required"].remove("measures")  # filled in before the model sees it
    return {"$schema": GenerateJsonSchema.schema_dialect, "title": "A study of repdyn", **found}


def main() -> None:
    """Print the schema."""
    print(json.dumps(schema(), indent=2, ensure_ascii=False))
