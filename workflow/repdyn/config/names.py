"""Names that become part of paths: that of the study, and those of levels, by which tables are partitioned.

pyarrow, pandas, DuckDB and polars read a level's name back from ``arch=…/optimizer=…``, and each guesses another type
for some texts: a folder `18` is a number, `1e-3` a number to polars, `3.2.1` a date, `inf` a day of the year 9999 to
DuckDB. Filters then match nothing, and `0.1` and `0.10` become one. Every text that any of them takes for another type
is refused; tested on 50,000 names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from .messages import shown

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9_-])?")  # some disks drop a dot at the end
_NUMBER = r"\d[\d_.]*e[-_]?\d[\d_]*|0x[\da-f_]+|0b[01_]+|0o[0-7_]+|inf|infinity|nan"
_DATE = r"[\d._-]+(t[\d._-]*)?z?|epoch"  # and every plain number
_WORD = r"true|false|null"
_NO_TEXT = re.compile(f"{_NUMBER}|{_DATE}|{_WORD}", re.IGNORECASE)


def is_text(name: str) -> bool:
    """Whether every reader gets a name back from a hive partition as text."""
    return not _NO_TEXT.fullmatch(name)


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError(
            f"{shown(value)} is not allowed; a name has letters without accents, digits, `_`, `-` and `.`, and begins "
            "with a letter or digit and ends without `.`"
        )
    return value


def _level(value: Any) -> Any:
    if isinstance(value, str) and is_text(value):
        return value
    name = value if isinstance(value, str) else shown(value)
    raise ValueError(
        f"`{name}` is a number, a date or a truth value to YAML or to a reader of partitioned "
        "tables; a name needs letters that make it text, as in `resnet18` or `sgd-0.1`"
    )


# A folder's name may have 255 bytes, `arch=` included.
Name = Annotated[str, Field(max_length=200), AfterValidator(_name)]
# The name of a level of a factor of the grid.
Level = Annotated[Name, BeforeValidator(_level)]


def refuse_twins(names: Iterable[str], key: str) -> None:
    """Refuse names that differ only in case: on some disks they share a folder.

    Raises:
        ValueError: naming two.
    """
    seen: dict[str, str] = {}
    for name in names:
        if (other := seen.setdefault(name.lower(), name)) != name:
            raise ValueError(
                f"`{key}` has `{other}` and `{name}`, which are one folder on disks that do not tell upper case from "
                "lower; rename one"
            )
