"""Three sources of one's own data: a function, an ``.npz``, and a folder that Hugging Face's ``datasets`` saved.

Each gives a mapping with the parts ``train`` and, where there is one, ``test`` (``own_arrays.py`` says what a part is),
and perhaps ``classes`` and ``vocabulary``, where the data do not show all of them.

- ``my_data:load``: a function that returns this mapping, or the pair of the two parts, or one part alone.
- ``digits.npz``: arrays ``train_inputs`` or ``inputs_train``, ``train_labels`` and so on; or ``inputs`` and ``labels``
  of one part. ``x``, ``y``, ``images`` and other usual names are understood; ``data.columns`` names others.
- ``./folder``: with Arrow files, read without that library. A dictionary of splits gives ``train``, and ``test`` or
  else ``validation``, whichever has labels; a split alone is divided by the study. Images are decoded; all must have
  one size.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import RepdynError, named, no_access, one_line
from ..types import Array
from ..user_code import load
from .own_arrays import columns_of

if TYPE_CHECKING:
    import pyarrow as pa

    from ..config.sections import Columns
    from ..config.sections import Data as Settings

TESTS = ("test", "validation", "valid", "val")


def files(settings: Settings) -> list[Path]:
    """The files that a data set is read from, in order.

    Raises:
        RepdynError: if there are none where the config says that there are.
    """
    if ":" in settings.dataset:
        found: list[Path] = []
        for pattern in settings.files:
            there = sorted(path for path in _matches(pattern) if path.is_file())
            if not there:
                raise RepdynError(f"`data.files` names `{pattern}`, but there is no such file.")
            found += there
        return list(dict.fromkeys(found))
    path = Path(settings.dataset)
    if not path.exists():
        raise RepdynError(
            f"`data.dataset` is `{named(path)}`, but there is no such file or folder; what lies on Hugging Face's hub "
            "is first saved here, with `save_to_disk`."
        )
    if path.is_file():
        return [path]
    return sorted(file for file in path.rglob("*") if file.suffix in (".arrow", ".json") and file.is_file())


def _matches(pattern: str) -> Iterable[Path]:
    path = Path(pattern)
    return Path(path.anchor).glob(str(path.relative_to(path.anchor))) if path.anchor else Path().glob(pattern)


def read(settings: Settings) -> dict[str, Any]:
    """Read the user's data: part -> what it holds, with ``test`` None where there is one part; ``classes`` and so on.

    Raises:
        RepdynError: if the function fails, or a file holds something else.
    """
    if ":" in settings.dataset:
        return _of_function(settings)
    read_file = _of_npz if settings.dataset.endswith(".npz") else _of_folder
    found = read_file(Path(settings.dataset), settings.columns)
    named_columns = {} if settings.columns is None else settings.columns.model_dump(exclude_none=True)
    for key, column in named_columns.items():
        if key not in found["train"]:
            raise RepdynError(f"`data.columns.{key}` is `{column}`, which `{named(settings.dataset)}` does not have.")
    return found


def _of_function(settings: Settings) -> dict[str, Any]:
    try:
        given = load.load(settings.dataset)(**settings.kwargs)
    except RepdynError:
        raise
    except SystemExit as end:
        raise RepdynError(f"`{settings.dataset}` ends Python by itself, with sys.exit({end.code!r}).") from None
    except Exception as error:  # whatever the user's code raises
        what = f"with kwargs {settings.kwargs}" if settings.kwargs else "without arguments"
        raise RepdynError(f"`{settings.dataset}` fails when it is called {what}: {load.blame(error)}.") from None
    if isinstance(given, Mapping):
        if "train" not in given:
            given = {"train": given}
        unknown = [str(key) for key in given if key not in ("train", "test", "classes", "vocabulary")]
        if unknown:
            raise RepdynError(f"`{settings.dataset}` gives `{unknown[0]}` beside `train` and `test`; leave it out.")
        return {"test": None, **given}
    if isinstance(given, tuple | list) and len(given) == 2 and not all(_is_array(part) for part in given):
        return {"train": given[0], "test": given[1]}
    if isinstance(given, tuple | list) and len(given) != 2:
        raise RepdynError(
            f"`{settings.dataset}` gives {len(given)} things, but must give a training and a test part, or a mapping "
            "with `train` and `test`."
        )
    return {"train": given, "test": None}


def _is_array(part: Any) -> bool:
    return hasattr(part, "dtype") and hasattr(part, "shape")


def _of_npz(path: Path, columns: Columns | None) -> dict[str, Any]:
    try:
        with np.load(path, allow_pickle=False) as opened:
            arrays = {name: opened[name] for name in opened.files}
    except OSError as error:
        raise no_access(path, error) from None
    except (ValueError, zipfile.BadZipFile) as error:
        raise RepdynError(f"`{named(path)}` cannot be read as arrays of NumPy: {one_line(error)}.") from None
    scalars = {name: int(arrays[name]) for name in ("classes", "vocabulary") if name in arrays}
    parts: dict[str, Any] = {}
    for part, names in {"train": ("train",), "test": TESTS}.items():
        found = next((held for name in names if (held := columns_of(_of_part(arrays, name), columns))), None)
        parts[part] = found
    if parts["train"] is None:
        parts = {"train": columns_of(arrays, columns), "test": None}
    if not parts["train"]:
        there = ", ".join(arrays) or "nothing"
        raise RepdynError(
            f"`{named(path)}` has {there}, but no `train_inputs` or `inputs`; rename an array, or name it under "
            "`data.columns`."
        )
    return parts | scalars


def _of_part(arrays: Mapping[str, Any], part: str) -> dict[str, Any]:
    """The arrays of one part, under their names without it."""
    found = {}
    for name, array in arrays.items():
        if name.startswith(f"{part}_"):
            found[name.removeprefix(f"{part}_")] = array
        elif name.endswith(f"_{part}"):
            found[name.removesuffix(f"_{part}")] = array
    return found


def _of_folder(path: Path, columns: Columns | None) -> dict[str, Any]:
    splits = {name: path / name for name in _splits(path)}
    if not splits:
        splits = {"train": path}
    if "train" not in splits:
        raise RepdynError(f"`{named(path)}` has the splits {', '.join(splits)}, but no `train`.")
    train, classes = _of_split(splits["train"], columns)
    tests = (_of_split(splits[name], columns)[0] for name in TESTS if name in splits)
    parts: dict[str, Any] = {"train": train, "test": next((test for test in tests if _has_labels(test)), None)}
    return parts if classes is None else parts | {"classes": classes}


def _has_labels(part: Mapping[str, Any]) -> bool:
    """Whether a split's labels are known: where they are held back, all are -1."""
    return "labels" not in part or not bool((np.asarray(part["labels"]) == -1).all())


def _splits(path: Path) -> list[str]:
    """The splits of a dictionary of data sets; none if it is a data set alone."""
    try:
        content = json.loads((path / "dataset_dict.json").read_bytes())
        return [str(name) for name in content["splits"]]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RepdynError(f"`{named(path / 'dataset_dict.json')}` cannot be read: {one_line(error)}.") from None


def _of_split(path: Path, columns: Columns | None) -> tuple[dict[str, Any], int | None]:
    """The columns of one split, and the number of classes that its schema names."""
    table = _table(path)
    held = columns_of({name: name for name in table.column_names}, columns)
    if held is None:
        raise RepdynError(
            f"`{named(path)}` has the columns {', '.join(table.column_names)}; name the one of inputs as "
            "`data.columns.inputs`."
        )
    found = {key: _values(table[name], f"`{name}` in `{named(path)}`") for key, name in held.items()}
    return found, len(_class_names(table.schema, held.get("labels"))) or None


def _table(path: Path) -> pa.Table:
    """The rows of one split, on disk; nothing of them is read yet."""
    import pyarrow as pa  # here, because Snakemake reads this module with the rules

    try:
        state = json.loads((path / "state.json").read_bytes())
        tables = [_arrow(path / file["filename"]) for file in state["_data_files"]]
    except FileNotFoundError:
        raise RepdynError(
            f"`{named(path)}` is no folder that Hugging Face's `save_to_disk` left: it has no `state.json`."
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RepdynError(f"`{named(path)}` cannot be read: {one_line(error)}.") from None
    if state.get("_indices_files"):
        raise RepdynError(
            f"`{named(path)}` was saved with a selection beside its rows; save `dataset.flatten_indices()` instead."
        )
    return pa.concat_tables(tables)


def _arrow(path: Path) -> pa.Table:
    import pyarrow as pa

    with pa.memory_map(str(path)) as source:
        try:
            return pa.ipc.open_stream(source).read_all()
        except pa.ArrowInvalid:
            return pa.ipc.open_file(source).read_all()


def class_names(settings: Settings) -> list[str]:
    """The names of classes that a folder of Hugging Face's says; none of other data, or where it says none."""
    path = Path(settings.dataset)
    if ":" in settings.dataset or not path.is_dir():
        return []
    schema = _table(path / "train" if _splits(path) else path).schema
    held = columns_of({name: name for name in schema.names}, settings.columns) or {}
    return _class_names(schema, held.get("labels"))


def _class_names(schema: pa.Schema, labels: str | None) -> list[str]:
    """The classes that Hugging Face's metadata of a schema names; none where it names none."""
    try:
        feature = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"][labels]
        return [str(name) for name in feature["names"]] if feature.get("_type") == "ClassLabel" else []
    except (KeyError, ValueError, TypeError, AttributeError):
        return []


def _values(column: pa.ChunkedArray, what: str) -> Array | list[Array]:
    """A column as an array; encoded images as a list of arrays, channels first."""
    import pyarrow as pa
    from pyarrow import compute

    if column.null_count:
        raise RepdynError(f"{what} has {column.null_count:,} empty rows; fill or drop them.")
    whole = column.combine_chunks()
    if isinstance(whole, pa.ChunkedArray):  # as older versions give it
        whole = whole.chunk(0)
    if pa.types.is_struct(whole.type) and whole.type.get_field_index("bytes") >= 0:
        return _pictures(whole.to_pylist(), what)
    lengths: list[int] = []
    if isinstance(whole, pa.ExtensionArray):
        whole = whole.storage
    while pa.types.is_list(whole.type) or pa.types.is_large_list(whole.type) or pa.types.is_fixed_size_list(whole.type):
        sizes = np.unique(compute.list_value_length(whole).to_numpy(zero_copy_only=False))
        if len(sizes) != 1:
            raise RepdynError(
                f"{what} has rows of {sizes[0]:g} to {sizes[-1]:g} values; crop or pad them to one length."
            )
        lengths.append(int(sizes[0]))
        whole = whole.flatten()
    flat: Array = whole.to_numpy(zero_copy_only=False)
    return flat.reshape(len(column), *lengths)


def _pictures(rows: Sequence[Mapping[str, Any]], what: str) -> list[Array]:
    """Encoded images, decoded: grey ones have one channel, others three."""
    from io import BytesIO

    from PIL import Image

    found = []
    for number, row in enumerate(rows):
        try:
            content = row["bytes"] if row["bytes"] is not None else Path(row["path"]).read_bytes()
            with Image.open(BytesIO(content)) as image:
                image.load()
                array = np.asarray(image if image.mode in ("L", "I;16") else image.convert("RGB"))
        except Exception as error:  # each format fails in its own way
            raise RepdynError(f"{what}: the image of row {number:,} cannot be read: {one_line(error)}.") from None
        found.append(array[None] if array.ndim == 2 else array.transpose(2, 0, 1))
    return found
