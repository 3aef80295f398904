import pyarrow as pa
import pytest

from repdyn.catalogue.measures import MEASURES, own
from repdyn.errors import RepdynError
from repdyn.records.cka import CKA, INTERVAL, further, of_study

MINE = own("mine", "my_code:mine", kernel=True)


def test_further_measures_are_those_of_activations_that_not_every_study_has_in_the_order_given():
    given = [MEASURES[name] for name in ("rsa", "cka", "regions:test", "knn", "cka_debiased", "kappa:test")]
    found = further([*given, MINE])
    assert [field.name for field in found] == ["rsa", "knn", "mine"]
    assert {field.type for field in found} == {pa.float64()}
    assert [field.metadata[b"unit"].decode() for field in found] == [
        each.unit for each in (MEASURES["rsa"], MEASURES["knn"], MINE)
    ]
    assert further([]) == []


def test_what_stands_behind_the_known_columns_should_be_numbers():
    found = pa.schema([("a", pa.string()), ("b", pa.int64()), ("c", pa.float64())])
    assert of_study(found, ["a"]) == [pa.field("b", pa.float64()), pa.field("c", pa.float64())]
    assert of_study(found, ["c", "a", "b", "d"]) == []


@pytest.mark.parametrize("interval", [[], list(INTERVAL)], ids=["no interval", "an interval"])
@pytest.mark.parametrize("names", [[], ["rsa", "knn"]])
def test_a_file_may_have_an_interval_and_behind_it_further_measures(interval, names):
    columns = [*CKA.schema, *interval, *further(MEASURES[name] for name in names)]
    CKA.check_schema("x.parquet", pa.schema(columns))


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ([*CKA.schema, INTERVAL.field(0)], "has no column where the table `cka` has `cka_high`"),
        ([*CKA.schema, *further([MINE]), *INTERVAL], r"has `mine` \(double\) where the table `cka` has `cka_low`"),
        ([*CKA.schema, pa.field("rsa", pa.float32())], r"`rsa` \(float\) where the table `cka` has `rsa` \(double\)"),
        (list(CKA.schema)[:-1], r"has no column where the table `cka` has `cka_debiased` \(double\)"),
    ],
    ids=["half an interval", "an interval behind", "short numbers", "no debiased CKA"],
)
def test_other_columns_are_refused_and_named(columns, words):
    with pytest.raises(RepdynError, match=words):
        CKA.check_schema("x.parquet", pa.schema(columns))
