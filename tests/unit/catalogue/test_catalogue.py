"""That what is declared is what is written, and stands nowhere else."""

import re
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

import repdyn
from repdyn.catalogue import claims, events, measures, scores
from repdyn.catalogue.plane_sets import IMAGES, SETS
from repdyn.records import cka, regions
from repdyn.records.findings import COMPARED
from repdyn.storage import tables

LIBRARY = Path(repdyn.__file__).parent
RECORDS: dict[str, tables.Table] = {table.name: table for table in (cka.CKA, regions.SIMILARITY)}


@pytest.mark.parametrize("measure", measures.MEASURES.values(), ids=measures.MEASURES)
def test_a_measure_is_a_column_of_its_table(measure):
    schema = RECORDS[measure.table].schema
    if measure.name not in measures.ALWAYS:
        schema = pa.schema([*schema, *cka.further([measure])])
    assert pa.types.is_floating(schema.field(measure.column).type)
    assert (measure.planes is not None) == ("planes" in schema.names)


def test_every_similarity_of_a_run_is_declared():
    declared = {(measure.table, measure.column, measure.planes) for measure in measures.MEASURES.values()}
    there = {("cka", name, None) for name in cka.CKA.names if name.startswith("cka")}
    there |= {("cka", column.name, None) for column in cka.further(measures.MEASURES.values())}
    there |= {("regions/similarity", name, planes) for name in ("similarity", "kappa") for planes in SETS}
    assert declared == there


def test_measures_stand_in_the_order_of_the_catalogue_and_an_unknown_one_raises():
    assert measures.in_order(["regions:clean", "cka", "regions:test", "cka"]) == [
        "cka",
        "regions:test",
        "regions:clean",
    ]
    with pytest.raises(KeyError, match="luck"):
        measures.in_order(["cka", "luck"])
    assert [measures.of_regions(name).planes for name in SETS] == list(SETS)
    with pytest.raises(KeyError, match="train"):
        measures.of_regions("train")


def test_kappa_and_procrustes_are_no_kernels_and_what_is_drawn_is_one():
    assert {measure.column for measure in measures.MEASURES.values() if not measure.kernel} == {"kappa", "procrustes"}
    assert set(measures.USUAL) < set(measures.KERNELS)


def test_no_two_of_a_kind_are_called_alike():
    for entries in (measures.MEASURES, events.EVENTS, scores.SCORES):
        labels = [entry.label for entry in entries.values()]
        assert len(set(labels)) == len(labels)
    assert not set(events.EVENTS) & set(scores.SCORES), "both are in the column `score`"


def test_claims_are_of_scores_and_measures_that_are_declared():
    for claim in claims.CLAIMS.values():
        assert (claim.test == "twin") == bool(claim.obstacle), "not every study has runs without wrong labels"
        measure, score = claim.primary
        assert measure is None or measure in measures.KERNELS
        assert {score, *claim.exploratory} <= set(scores.SCORES)
        assert scores.SCORES[score].scope != "history" and not scores.SCORES[score].descriptive
        assert set(claim.needs) <= set(events.EVENTS)
        assert claim.null, "a claim says what would be there if it were false"


_NOTHING = dict.fromkeys([*COMPARED][3:])  # the columns of a comparison
_AT_VIT = {"factor": "optimizer", "first": "sgd", "second": "adam", "other": "arch", "level": "vit"}
_VIT = {"factor": "arch", "first": "vit", "other": "optimizer", "level": "sgd"}


@pytest.mark.parametrize(
    ("of", "words"),
    [
        (_AT_VIT, "optimizer: sgd − adam, arch: vit"),
        (_AT_VIT | {"level_second": "resnet"}, "optimizer: sgd − adam, arch: vit − resnet"),
        (_AT_VIT | {"matching": "equal_speed"}, "optimizer: sgd − adam, arch: vit, at equal speed of fit"),
        (_AT_VIT | {"held": "data", "held_level": "noisy"}, "optimizer: sgd − adam, arch: vit, data: noisy"),
        ({"factor": "arch", "first": "vit"}, "arch: vit"),
        (_VIT, "arch: vit, optimizer: sgd"),
        (_VIT | {"held": "data", "held_level": "noisy"}, "arch: vit, optimizer: sgd, data: noisy"),
        ({}, "all runs"),
    ],
)
def test_a_contrast_in_words(of, words):
    assert claims.contrast(**_NOTHING | of) == words


def test_an_unknown_matching_raises():
    with pytest.raises(KeyError, match="luck"):
        claims.contrast(**_NOTHING | _AT_VIT | {"matching": "luck"})


# Words that stages and columns are called by, too.
WORDS = {"phases", "novelty", "synchrony"}


@pytest.mark.parametrize("name", sorted({*events.EVENTS, *scores.SCORES, *claims.CLAIMS} - WORDS))
def test_a_name_stands_once(name):
    quoted = re.compile(rf"""(?<![`\w])["']{re.escape(name)}["']""")
    found = [path for path in LIBRARY.rglob("*.[pj][ys]") for _ in quoted.findall(path.read_text(encoding="utf-8"))]
    assert [path.parent for path in found] == [LIBRARY / "catalogue"]


def test_the_sets_of_planes_stand_once():
    for words in IMAGES.values():
        assert [path.name for path in LIBRARY.rglob("*.py") if f'"{words}"' in path.read_text(encoding="utf-8")] == [
            "plane_sets.py"
        ] or words == "test images"  # which dynamics and check say of other things


def test_it_imports_nothing_heavy():
    code = (
        "import sys; from repdyn.catalogue import claims, events, measures, plane_sets, scores; "
        "print(*sorted({'numpy', 'pandas', 'pyarrow', 'matplotlib', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(LIBRARY.parent)},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert done.stdout.strip() == ""
