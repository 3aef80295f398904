import pandas as pd
import pytest
from found_studies import finding, undecidable
from sample_tables import findings as sampled

from repdyn.catalogue.claims import CHANGE, CLAIMS, CONTRADICTED, MEMORIZED, SUPPORTED, SYNCHRONY, UNDECIDED
from repdyn.catalogue.factors import FACTORS
from repdyn.catalogue.measures import MEASURES
from repdyn.report import findings

IN_VIT = {"other": "arch", "level": "vit"}


@pytest.fixture(scope="module")
def found():
    frame, _ = sampled(6)
    return frame[frame["primary"].astype(bool)], findings.of_table(frame, 0.95, MEASURES)


def test_every_row_that_decides_has_one_sentence_and_an_address_of_its_own(found):
    primary, claims = found
    assert [claim.words.lower() for claim in claims] == [name.lower() for name in primary["claim"].unique()]
    said = [sentence for claim in claims for sentence in claim.sentences]
    assert len(said) == len(primary)
    addresses = [sentence.address for sentence in said] + [claim.address for claim in claims]
    assert len(set(addresses)) == len(addresses)
    assert sorted(sentence.decision for sentence in said) == sorted(primary["decision"])


def test_what_is_decided_comes_first(found):
    for claim in found[1]:
        order = [findings.DECISIONS.index(sentence.decision) for sentence in claim.sentences]
        assert order == sorted(order)
        assert claim.decided + claim.undecided == claim.sentences


def test_numbers_of_a_sentence_are_those_of_its_row(found):
    primary, claims = found
    row = primary[primary["decision"] == CONTRADICTED].iloc[0]
    (claim,) = [claim for claim in claims if claim.words.lower() == row["claim"]]
    low, high = (f"{row[end]:.3f}".replace("-", "−") for end in ("ci_low", "ci_high"))
    wanted = [f"estimate {row['estimate']:.3f}".replace("-", "−"), f"95 % interval {low} to {high}", "6 seeds"]
    assert any(sentence.evidence[:3] == wanted for sentence in claim.decided)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (IN_VIT, "under sgd than under adam, in vit"),
        (IN_VIT | {"matching": "equal_speed"}, "under sgd than under adam, in vit, at equal speed of fit"),
        (IN_VIT | {"level_second": "resnet"}, "under sgd than under adam, more so in vit than in resnet"),
        (
            IN_VIT | {"held": "data", "held_level": "noisy"},
            "under sgd than under adam, in vit, on noisy",
        ),
        (
            {"claim": SYNCHRONY.name, "factor": "arch", "first": "vit", "second": None, "other": "optimizer",
             "level": "sgd"},
            "in vit, under sgd",
        ),
        (
            {"claim": MEMORIZED.name, "factor": "data", "first": "noisy", "second": "clean", "held": "optimizer",
             "held_level": "sgd"} | IN_VIT,
            "on noisy, against clean, in vit, under sgd",
        ),
        ({"factor": None, "first": None, "second": None, "level": None}, ""),
    ],
)  # fmt: skip
def test_what_is_compared_goes_on_where_the_claim_ends(changes, words):
    assert findings.compared(finding(**({"contrast": "c"} | changes))) == words


def test_a_sentence_without_a_test_says_why():
    nothing = undecidable("not testable: no runs without wrong labels", claim=MEMORIZED.name, score=None, measure=None,
                          factor=None, n_seeds=0)  # fmt: skip
    (claim,) = findings.of_table(pd.DataFrame([nothing]), 0.95, MEASURES)
    (sentence,) = claim.sentences
    assert (claim.outcome, claim.by, sentence.words, sentence.evidence) == ("", "", "", [])
    assert sentence.reason == "not testable: no runs without wrong labels"


@pytest.mark.parametrize(
    ("decisions", "outcome"),
    [
        ([SUPPORTED], "Supported in the one comparison that there is."),
        ([UNDECIDED] * 3, "Undecided in all 3 comparisons."),
        (
            [UNDECIDED, SUPPORTED, CONTRADICTED],
            "Of 3 comparisons, supported in 1, contradicted in 1 and undecided in 1.",
        ),
    ],
)
def test_the_outcome_counts_comparisons(decisions, outcome):
    rows = [finding(decision, level=f"vit{i}", contrast=f"c{i}") for i, decision in enumerate(decisions)]
    (claim,) = findings.of_table(pd.DataFrame(rows), 0.95, MEASURES)
    assert claim.outcome == outcome
    assert CHANGE.null in claim.by


def test_a_sentence_knows_the_levels_that_it_concerns():
    row = finding(**IN_VIT, level_second="resnet", held="data", held_level="noisy")
    (claim,) = findings.of_table(pd.DataFrame([row]), 0.95, MEASURES)
    assert claim.sentences[0].levels == {"optimizer": ["sgd", "adam"], "arch": ["vit", "resnet"], "data": ["noisy"]}


def test_runs_that_are_left_out_are_counted():
    (claim,) = findings.of_table(
        pd.DataFrame([finding(n_left_out=1), finding(n_left_out=3, contrast="c")]), 0.95, MEASURES
    )
    assert ["1 run left out" in sentence.evidence for sentence in claim.sentences] == [True, False]
    assert "3 runs left out" in claim.sentences[1].evidence


def test_every_factor_of_a_claim_can_be_said():
    assert set(findings.AT) == set(FACTORS)
    assert {claim.test for claim in CLAIMS.values()} == {"levels", "cell", "twin", "fit"}, "each has words above"
