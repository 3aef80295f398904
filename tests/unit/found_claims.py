"""A grid of scores with known effects, and what the tests of claims find in it."""

import itertools

import numpy as np
import pandas as pd
from made_of import check_pairs

from repdyn.analysis import claim_tests
from repdyn.analysis.claim_tests import ClaimTests
from repdyn.catalogue import claims
from repdyn.catalogue.events import EVENTS
from repdyn.config.sections import Contrast, Findings

SETTINGS = Findings(resamples=2000)
OPTIMIZERS = Contrast(factor="optimizer", levels=("sgd", "adam"))
ARCHS = Contrast(factor="arch", levels=("vit", "resnet"))
SCORE = "distinguishability_2"


def grid(effect, seeds=6, noise=0.1, missing=(), score=SCORE, measures=("cka", "regions:test")):
    """A score that is greater under SGD by the effect of the architecture, where every seed has a level of its own."""
    random = np.random.default_rng(0)
    rows = []
    for seed in range(seeds):
        level = random.normal()
        for arch, optimizer, measure in itertools.product(effect, ("sgd", "adam"), measures):
            value = level + (effect[arch] if optimizer == "sgd" else 0) + noise * random.normal()
            rows.append(
                (arch, optimizer, seed, measure, score, np.nan if (arch, optimizer, seed) in missing else value)
            )
    return pd.DataFrame(rows, columns=["arch", "optimizer", "seed", "measure", "score", "value"])


def facts(frame, **events):
    runs = frame[["arch", "optimizer", "seed"]].drop_duplicates().reset_index(drop=True)
    happened = dict.fromkeys(EVENTS, 9.0) | {"test_accuracy_best": 0.9} | events
    return runs.assign(**happened)


def find(frame, contrasts=(OPTIMIZERS, ARCHS), of_runs=None, families=None, rates=None, synchrony_p=None):
    families = families or {name: name for name in frame["optimizer"].unique()}
    tests = ClaimTests(frame, facts(frame) if of_runs is None else of_runs, families, SETTINGS)
    return claim_tests.find(tests, contrasts, rates or {}, synchrony_p or {})


def tables(found):
    findings, pairs, left_out = claim_tests.tables_of(found, SETTINGS.confidence)
    check_pairs(findings, pairs)
    return findings.astype(object).where(findings.notna(), None), pairs, left_out


def row(findings, claim=claims.PHASES.name, measure="cka", **of):
    """The one row of a claim's score with these columns; those not named are null."""
    wanted = dict.fromkeys(("second", "level", "level_second", "matching")) | {"score": SCORE} | of
    there = findings[(findings["claim"] == claim) & (findings["measure"] == measure)]
    for name, value in wanted.items():
        there = there[there[name].isna() if value is None else there[name] == value]
    (found,) = there.to_dict("records")
    return found


def of_optimizers(level, level_second=None, **more):
    return {
        "factor": "optimizer",
        "first": "sgd",
        "second": "adam",
        "level": level,
        "level_second": level_second,
    } | more
