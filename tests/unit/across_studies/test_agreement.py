"""Which findings of several studies are of the same comparison, and what is said of them together."""

import itertools

import pytest
from found_studies import COMPARISON, finding, found, key, sampled, undecidable

from repdyn.across_studies import agreement
from repdyn.across_studies.agreement import CANNOT, STATES, in_words
from repdyn.catalogue.claims import CLAIMS, CONTRADICTED, SUPPORTED, SYNCHRONY, UNDECIDED
from repdyn.records.findings import COMPARED

S, C, U = SUPPORTED, CONTRADICTED, UNDECIDED
THREE = ("sgd", "sgd-slow", "adam")


@pytest.mark.parametrize(
    ("states", "words"),
    [
        ({"a": S, "b": S, "c": S}, "agree: supported in all 3"),
        ({"a": C, "b": C, "c": C}, "agree: contradicted in all 3"),
        ({"a": S, "c": S}, "agree: supported in both; not in b"),
        ({"a": U, "b": U, "c": U}, "undecided in all 3"),
        ({"a": CANNOT, "b": CANNOT, "c": CANNOT}, "cannot be decided in all 3"),
        ({"a": S, "b": C, "c": U}, "contradictory: supported in a; contradicted in b; undecided in c"),
        ({"a": C, "b": S}, "contradictory: supported in b; contradicted in a; not in c"),
        ({"a": U, "b": S, "c": S}, "supported in b, c; undecided in a"),
        ({"a": C, "b": CANNOT, "c": U}, "contradicted in a; undecided in c; cannot be decided in b"),
        ({"b": S}, "only in b: supported"),
        ({"c": CANNOT}, "only in c: cannot be decided"),
    ],
)
def test_what_studies_agree_on_is_said_in_plain_words(states, words):
    assert in_words(states, ["a", "b", "c"]) == words


def test_agreement_and_contradiction_are_said_where_there_are_and_nowhere_else():
    names = ["a", "b", "c"]
    for decided in itertools.product((None, *STATES), repeat=3):
        states = {name: state for name, state in zip(names, decided, strict=True) if state is not None}
        if not states:
            continue
        words, kinds = in_words(states, names), set(states.values())
        assert words.startswith("contradictory: ") == (kinds >= {S, C})
        assert words.startswith("agree: ") == (len(states) > 1 and kinds in ({S}, {C}))
        assert words.startswith("only in ") == (len(states) == 1)


def test_studies_that_share_runs_are_named_where_both_decide():
    sharing = [frozenset({"b", "a"})]
    assert in_words({"a": S, "b": S, "c": S}, "abc", sharing) == "agree: supported in all 3 (a and b share runs)"
    assert in_words({"a": S, "c": S}, "abc", sharing) == "agree: supported in both; not in b"
    assert in_words({"a": U, "b": U}, "ab", sharing) == "undecided in both"


def test_findings_are_matched_if_every_column_that_says_what_is_compared_is_equal():
    of_all = agreement.matched([found("a", [finding()]), found("b", [finding()])])
    assert [list(comparison.findings) for comparison in of_all] == [["a", "b"]]
    for column in COMPARED:
        other = {"claim": SYNCHRONY.name, "score": SYNCHRONY.primary[1]}.get(column, "something else")
        (apart, _) = agreement.matched([found("a", [finding()]), found("b", [finding(**{column: other})])])
        assert list(apart.findings) == ["a"], column


def test_every_primary_row_of_every_study_is_in_one_comparison():
    six, three = sampled(6, THREE), sampled(3)
    comparisons = agreement.matched([found("six", six), found("three", three)])
    for name, rows in (("six", six), ("three", three)):
        matched = [comparison for comparison in comparisons if name in comparison.findings]
        assert {tuple(comparison.key.values()) for comparison in matched} == {key(row) for row in rows}
        assert len(matched) == len(rows)
    assert {tuple(comparison.findings) for comparison in comparisons} == {("six",), ("three",), ("six", "three")}
    claims = [comparison.key["claim"] for comparison in comparisons]
    assert claims == sorted(claims, key=list(CLAIMS).index)


def test_a_reason_why_nothing_can_be_decided_is_a_state_of_its_own():
    (comparison,) = agreement.matched([found("a", [undecidable()]), found("b", [finding(U)])])
    assert comparison.states == {"a": CANNOT, "b": U}


def test_a_score_of_which_less_is_more_is_turned():
    (comparison,) = agreement.matched([found("a", [finding(score="progress_gap")])])
    assert comparison.direction == -1
    (comparison,) = agreement.matched([found("a", [finding()])])
    assert comparison.direction == 1
    assert comparison.key["level"] == COMPARISON["level"]
