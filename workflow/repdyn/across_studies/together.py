"""Several studies together: ``python -m repdyn compare results/digits results/digits-seeds``.

Reads the findings of each folder of results, and no config, because the tables say what made them. Writes

- ``comparison.parquet``: a row for each comparison of each claim, with what each study found and what they agree on;
- ``comparison.md``: the same for readers, with notes, which is printed, too, and goes into a page on request;
- ``comparison.png``, ``.svg`` and ``.pdf``: a forest plot of the same rows. The PDF has all its pages; the second of
  the others is ``comparison.page-2.png``.

The same findings give the same bytes. Time: some seconds, for the figure. Memory: that of drawing it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ..catalogue import stages
from ..catalogue.claims import CONTRADICTED, SUPPORTED, UNDECIDED
from ..errors import RepdynError
from ..figures import draw
from ..pipeline import provenance
from ..records.findings import COMPARED, FINDINGS
from ..storage import tables
from ..storage.files import atomic
from . import agreement, forest, markdown, remarks
from .studies import names_of, read

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .agreement import Comparison, Sharing
    from .studies import Found

# Where files go by default, beside the first study: no study's name begins with `_`.
FOLDER, NAME = "_comparison", "comparison"
# The columns of findings that the table has of each study, as `digits.estimate`.
OF_STUDY = ("estimate", "ci_low", "ci_high", "p_adjusted", "n_seeds", "decision", "reason", "holds_under", "holds_of")
COUNTS = {f"n_{decision}": decision for decision in (SUPPORTED, CONTRADICTED, UNDECIDED)}


def main(folders: Sequence[Path], output: Path | None = None, page: Path | None = None) -> None:
    """Compare studies; write table and figure, and print the table.

    Args:
        folders: the results of each study.
        output: where files go; None for ``FOLDER`` beside the first study.
        page: a Markdown page between whose marks the table is written.

    Raises:
        RepdynError: if there are too few studies, or too many, or one has no findings that can be read.
    """
    if not 2 <= len(folders) <= len(forest.MARKS):
        raise RepdynError(
            f"{len(folders)} folder{'s are' if len(folders) != 1 else ' is'} named, but 2 to {len(forest.MARKS)} "
            "studies can be compared; name the folders of their results."
        )
    names = names_of(folders)
    studies = [read(folder, name) for folder, name in zip(folders, names, strict=True)]
    comparisons, sharing = agreement.matched(studies), list(remarks.sharing(studies))
    said = remarks.of(studies, comparisons)
    text = markdown.table(studies, comparisons, sharing, said)
    into = folders[0].absolute().parent / FOLDER if output is None else output
    metadata = _metadata(studies, said)
    tables.write(into / f"{NAME}.parquet", columns(studies, comparisons, sharing), layout(names), metadata)
    _write(into / f"{NAME}.md", f"{text}\n".encode())
    figures = _figures(list(draw.pages(lambda: forest.forest(studies, comparisons, sharing, said))))
    for name, content in figures.items():
        _write(into / name, content)
    for left in into.glob(f"{NAME}.page-*.*"):  # of an earlier comparison with more pages
        if left.name not in figures:
            left.unlink()
    if page is not None:
        markdown.put_into(page, text)
    print(text)
    print(f"Table and figure: {into / NAME}.*", file=sys.stderr)


def _figures(pages: Sequence[Figure]) -> dict[str, bytes]:
    """File -> its bytes, for all pages of a figure in all formats."""
    found = {f"{NAME}.{draw.PAGED}": draw.bound(pages)}
    for number, page in enumerate(pages, 1):
        which = f".page-{number}" if number > 1 else ""
        found |= {f"{NAME}{which}.{of}": draw.encoded(page, of) for of in draw.METADATA if of != draw.PAGED}
    return found


def layout(names: Sequence[str]) -> pa.Schema:
    """The columns of the table of these studies."""
    own = {name: FINDINGS.schema.field(name) for name in (*COMPARED, "contrast", *OF_STUDY)}
    count = {"n_studies": "studies that make the comparison"} | {
        name: f"studies in which it is {decision}" for name, decision in COUNTS.items()
    }
    return pa.schema([
        *(own[name] for name in (*COMPARED, "contrast")),
        *(own[name].with_name(f"{study}.{name}") for study in names for name in OF_STUDY),
        *(pa.field(name, pa.int64(), metadata={"unit": unit}) for name, unit in count.items()),
        pa.field("agreement", pa.string(), metadata={"unit": "what the studies agree on, in words"}),
    ])  # fmt: skip


def columns(studies: Sequence[Found], comparisons: Sequence[Comparison], sharing: Sharing = ()) -> dict[str, list[Any]]:
    """The table: a row for each comparison; estimates have the sign that they have in the findings."""
    names = [study.name for study in studies]
    found: dict[str, list[Any]] = {name: [of.key[name] for of in comparisons] for name in COMPARED}
    found["contrast"] = [of.contrast for of in comparisons]
    for study in names:
        for column in OF_STUDY:
            found[f"{study}.{column}"] = [of.findings.get(study, {}).get(column) for of in comparisons]
    decisions = [[row["decision"] for row in of.findings.values()] for of in comparisons]
    found["n_studies"] = [len(of) for of in decisions]
    found |= {name: [of.count(decision) for of in decisions] for name, decision in COUNTS.items()}
    found["agreement"] = [agreement.in_words(of.states, names, sharing) for of in comparisons]
    return found


def _metadata(studies: Sequence[Found], said: Sequence[str]) -> dict[str, Any]:
    """What the table says of itself: what made it, and what made the findings of each study."""
    module = stages.module_of("compare")
    return {
        "table": NAME,
        "stage": "compare",
        "run": None,
        "code": provenance.code_digest(module),
        "versions": provenance.versions(module),
        "studies": {
            study.name: {
                "hyperparameters": dict(study.settings), "code": study.code, "versions": dict(study.versions)
            }
            for study in studies
        },
        "remarks": list(said),
    }  # fmt: skip


def _write(path: Path, content: bytes) -> None:
    with atomic(path) as temporary:
        temporary.write_bytes(content)
