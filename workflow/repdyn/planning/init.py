"""Write a study to start from: ``repdyn init``."""

from __future__ import annotations

import os
from pathlib import Path
from string import Template

from pydantic import TypeAdapter, ValidationError

from ..config import schema
from ..config.names import Name
from ..errors import RepdynError

TEMPLATE = Path(__file__).with_name("study.yaml")
IN_FOLDER = "config.yaml"  # what commands and Snakemake read by default
ENDINGS = (".yaml", ".yml")


def main(into: Path) -> None:
    """Write a study into a folder, or as a file that ends in ``.yaml``, and say what to do next.

    Raises:
        RepdynError: if there is such a file already, or it cannot be written.
    """
    path = into if into.suffix in ENDINGS else into / IN_FOLDER
    text = Template(TEMPLATE.read_text(encoding="utf-8")).substitute(name=_name(path), schema=_schema_of(path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        there = path if path.exists() else path.parent  # a file, where a folder was named
        raise RepdynError(f"`{there}` is there already; name another file or folder.") from None
    except OSError as error:
        raise RepdynError(f"`{path}` cannot be written: {error.strerror}.") from None
    print(f"{path} is a study to start from. When it says what you want:")
    print(f"    repdyn check --study {path}    what is wrong with it")
    print(f"    repdyn plan --study {path}     what it will take")
    print(f"    make run STUDY={path.resolve()}    run it, in a checkout of repdyn")


def _name(path: Path) -> str:
    """What the study is called: like its file, or like its folder if the file's name says nothing."""
    name = path.resolve().parent.name if path.name == IN_FOLDER else path.stem
    try:
        return TypeAdapter(Name).validate_python(name)
    except ValidationError:
        return "my-study"


def _schema_of(path: Path) -> str:
    """Where the schema is, as editors read it: relative within a checkout, which may be moved."""
    checkout = schema.COPY.parents[3]
    if path.resolve().is_relative_to(checkout):
        return Path(os.path.relpath(schema.COPY, path.resolve().parent)).as_posix()
    return schema.COPY.as_uri()
