"""Measures of similarity: that each is a column of its table, and which there are."""

import pandas as pd
import pyarrow as pa
import pytest

from repdyn.catalogue import measures
from repdyn.catalogue.plane_sets import SETS
from repdyn.records import cka, regions
from repdyn.storage import tables

RECORDS: dict[str, tables.Table] = {table.name: table for table in (cka.CKA, regions.SIMILARITY)}


@pytest.mark.parametrize("measure", measures.MEASURES.values(), ids=measures.MEASURES)
def test_a_measure_is_a_column_of_its_table(measure: measures.Measure) -> None:
    schema = RECORDS[measure.table].schema
    if measure.name not in measures.ALWAYS:
        schema = pa.schema([*schema, *cka.further([measure])])
    assert pa.types.is_floating(schema.field(measure.column).type)
    assert (measure.planes is not None) == ("planes" in schema.names)


def test_every_similarity_of_a_run_is_declared() -> None:
    declared = {(measure.table, measure.column, measure.planes) for measure in measures.MEASURES.values()}
    there: set[tuple[str, str, str | None]] = {("cka", name, None) for name in cka.CKA.names if name.startswith("cka")}
    there |= {("cka", column.name, None) for column in cka.further(measures.MEASURES.values())}
    there |= {("regions/similarity", name, planes) for name in ("similarity", "kappa") for planes in SETS}
    assert declared == there


def test_measures_stand_in_the_order_of_the_catalogue_and_an_unknown_one_raises() -> None:
    assert measures.in_order(["regions:clean", "cka", "regions:test", "cka"]) == [
        "cka",
        "regions:test",
        "regions:clean",
    ]
    with pytest.raises(KeyError, match="luck"):
        measures.in_order(["cka", "luck"])
    assert [measures.of_regions(name).planes for name in SETS] == list(SETS)
    assert measures.of_regions("clean").name == "regions:clean", "not kappa, which is no kernel"
    with pytest.raises(KeyError, match="train"):
        measures.of_regions("train")


def test_kappa_and_procrustes_are_no_kernels_and_what_is_drawn_is_one() -> None:
    assert {measure.column for measure in measures.MEASURES.values() if not measure.kernel} == {"kappa", "procrustes"}
    assert set(measures.USUAL) < set(measures.KERNELS)


def test_of_a_table_with_planes_a_measure_has_the_rows_of_its_own_and_of_any_other_all() -> None:
    frame = pd.DataFrame({"planes": ["test", "clean", "test", None], "similarity": [0.1, 0.2, 0.3, 0.4]})
    assert measures.MEASURES["regions:test"].rows(frame)["similarity"].tolist() == [0.1, 0.3]
    assert measures.MEASURES["kappa:clean"].rows(frame).index.tolist() == [1]
    assert measures.MEASURES["regions:mislabelled"].rows(frame).empty
    plain = pd.DataFrame({"cka": [0.5, float("nan")]})
    assert measures.MEASURES["cka"].rows(plain) is plain


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("cka", "similarity, 0 to 1; null where it is not defined; by chance above 0, and more so"),
        ("cka_debiased", "similarity, -1 to 1; null where it is not defined; by chance 0; Song et al. 2012"),
    ],
)
def test_a_unit_says_range_chance_and_source(name: str, begins: str) -> None:
    assert measures.MEASURES[name].unit.startswith(begins)
    assert measures.MEASURES[name].unit.endswith(measures.MEASURES[name].source)


@pytest.mark.parametrize("kernel", [True, False])
def test_a_measure_of_ones_own_is_a_column_beside_the_others_and_has_phases_if_it_is_a_kernel(kernel: bool) -> None:
    mine = measures.own("gaussian", "my_code:gaussian", kernel)
    assert (mine.table, mine.column, mine.name, mine.label) == ("cka", "gaussian", "gaussian", "gaussian")
    assert mine.kernel is kernel and not mine.usual and mine.planes is None
    assert "my_code:gaussian" in mine.unit
    marks = {(measure.colour, measure.marker) for measure in measures.MEASURES.values()}
    assert (mine.colour, mine.marker) not in marks
    assert pa.types.is_floating(cka.further([mine])[0].type)


def test_the_order_is_that_of_the_measures_that_are_given() -> None:
    mine = {"b": measures.own("b", "a:b", True), "cka": measures.MEASURES["cka"], "a": measures.own("a", "a:a", True)}
    assert measures.in_order({"a", "b", "cka"}, mine) == ["b", "cka", "a"]
    assert measures.in_order([], mine) == []
    with pytest.raises(KeyError, match="knn"):
        measures.in_order(["knn"], mine)


def test_no_two_measures_have_the_same_mark() -> None:
    marks = [(measure.colour, measure.marker) for measure in measures.MEASURES.values()]
    assert len(set(marks)) == len(marks)


def test_the_default_measures_can_be_had_and_those_that_are_always_there_come_first() -> None:
    assert set(measures.DEFAULT) <= set(measures.OF_ACTIVATIONS)
    assert measures.DEFAULT[: len(measures.ALWAYS)] == measures.ALWAYS
    assert measures.in_order(measures.DEFAULT) == list(measures.DEFAULT)
