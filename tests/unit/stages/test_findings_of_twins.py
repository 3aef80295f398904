"""The stage findings, of simulated studies of runs and their twins without wrong labels."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import yaml
from made_of import KEYS, check_pairs
from running import TINY
from simulated_factors import EPOCHS, LAYERS, Seed, Wave, waved

from repdyn.analysis import twins
from repdyn.catalogue.claims import DESCENT, MEMORIZED
from repdyn.catalogue.events import EVENTS, MEMORIZATION_ONSET, PERFECT_FIT_SUSTAINED, SECOND_DESCENT_END, TEST_DIP
from repdyn.catalogue.paths import Paths
from repdyn.catalogue.scores import CHANGE_BEYOND_SHIFTED, CHANGE_BEYOND_TWIN, DISTINGUISHABILITY, TREND_BEYOND_SHIFTED
from repdyn.config import study as studies
from repdyn.pipeline.jobs import Job
from repdyn.records import phases, regions
from repdyn.records.cka import CKA
from repdyn.records.findings import BY_DEPTH, FINDINGS, LEFT_OUT, PAIRS, TREND_VALUES, TRENDS, TWINS
from repdyn.records.layers import LAYERS as OBSERVED
from repdyn.records.train import HISTORY
from repdyn.stages import findings
from repdyn.storage import tables
from repdyn.storage.origin import Origin

SEEDS = range(6)
NOISES = {"n10": 0.1, "n20": 0.2, "n40": 0.4}  # the first has no perfect fit in a seed, the last no dip in any
COMMON = {"dataset": "digits", "train_size": 300, "test_size": 100}
DATA = {level: COMMON | {"label_noise": noise} for level, noise in ({"clean": 0.0} | NOISES).items()}
NO_FIT, NO_DIP = ("n10", 2), "n40"
RECORDS = (FINDINGS, PAIRS, LEFT_OUT, TWINS, TRENDS, TREND_VALUES, BY_DEPTH)
# Nothing in the runs that is not in their twins, or deeper layers ten times as fast in the dip.
LAWS = {"alike": Wave(height=0.0), "faster": Wave(height=0.0, extra=1.0)}


def config(law):
    study = yaml.safe_load(TINY.read_text(encoding="utf-8"))
    study |= {"name": law, "seeds": list(SEEDS), "data": DATA, "measures": ["cka"]}
    study |= {"optimizers": {"sgd": {"opt": "momentum", "lr": 0.05}}, "findings": {"resamples": 500}}
    study["archs"].pop("resnet")
    return study


def events_of(seed: Seed, level: str, number: int) -> dict[str, float]:
    """The events of a run, as its table of scores has them."""
    index = [*NOISES, "clean"].index(level)
    found = dict.fromkeys(EVENTS, np.nan) | {PERFECT_FIT_SUSTAINED: 10 ** seed.fits[index]}
    if level != "clean":
        found |= {MEMORIZATION_ONSET: 10**seed.onset}
        if level != NO_DIP:
            found |= {TEST_DIP: 10**seed.dip, SECOND_DESCENT_END: 10**seed.recovery}
    if (level, number) == NO_FIT:
        found[PERFECT_FIT_SUSTAINED] = np.nan
    return found


def cka_of(kernels):
    """The table of a run's layers, by all measures of the study alike."""
    E = len(EPOCHS)
    a, b = (index.ravel() for index in np.indices((E, E)))
    frames = [
        pd.DataFrame({"layer": f"l{depth}", "depth": depth, "step_a": a, "step_b": b, "cka": S.ravel()})
        for depth, S in enumerate(kernels)
    ]
    frame = pd.concat(frames, ignore_index=True)
    epochs = {f"epoch_{side}": EPOCHS[frame[f"step_{side}"]] for side in "ab"}
    return frame.assign(cka_debiased=frame["cka"], **epochs)[CKA.names]


def scores_of(happened, level, number):
    """A run's table of scores: events, accuracies and a score of layers, which rises with the fraction and depth."""
    of_history = happened | {"test_accuracy_best": 0.9, "test_accuracy_end": 0.9 - DATA[level]["label_noise"]}
    rows = [(None, None, None, None, None, score, value) for score, value in of_history.items()]
    rows += [
        (f"l{i}", i, i / (LAYERS - 1), "body", "cka", DISTINGUISHABILITY[2], DATA[level]["label_noise"] * i + number)
        for i in range(LAYERS)
    ]
    return pd.DataFrame(rows, columns=phases.SCORES.names)


@dataclass
class Made:
    """The tables of a study, and what it was made of."""

    tables: dict[str, pd.DataFrame]
    seeds: list[Seed]


@pytest.fixture(scope="module", params=LAWS)
def made(request, tmp_path_factory):
    """A study of three fractions of wrong labels and none, of a law."""
    study = studies.parse(config(request.param))
    paths = Paths(str(tmp_path_factory.mktemp("twins") / request.param))
    random = np.random.default_rng(0)
    seeds = [waved(LAWS[request.param], random, 0.0, len(NOISES)) for _ in SEEDS]
    observed = pd.DataFrame({"layer": [f"l{i}" for i in range(LAYERS)], "depth": range(LAYERS)})
    observed = observed.assign(module="m", kind="k", features=1, part="body")
    accuracies = pd.DataFrame({"epoch": EPOCHS}).assign(**dict.fromkeys(set(HISTORY.names) - {"epoch"}, 1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Origin, "check_rows", lambda *_: None)
        for run in study.runs:
            seed = seeds[run.seed]
            happened = events_of(seed, run.data, run.seed)
            contents = {
                HISTORY: accuracies,
                CKA: cka_of(seed.kernels[[*NOISES, "clean"].index(run.data)]),
                regions.SIMILARITY: pd.DataFrame(columns=regions.SIMILARITY.names),
                OBSERVED: observed,
                phases.SCORES: scores_of(happened, run.data, run.seed),
            }
            for record, content in contents.items():
                job = Job(record.stage, study, paths, run)
                table = pa.Table.from_pandas(content[record.names], record.schema, preserve_index=False)
                tables.write(job.path(record), table, record.schema, job.metadata(record))
        job = Job("findings", study, paths)
        findings.main(job)
        found = {record.name: tables.read(*job.place(record)).to_pandas() for record in RECORDS}
    return request.param, Made(found, seeds)


def primary(made, claim):
    found = made.tables["findings"]
    return found[found["primary"] & (found["claim"] == claim.name)].set_index("first")


def test_what_twins_do_alike_is_undecided_and_what_wrong_labels_add_is_supported(made):
    law, study = made
    decision = "supported" if law == "faster" else "undecided"
    changes = primary(study, MEMORIZED)
    assert changes["decision"].to_dict() == {"n10": "undecided", "n20": decision, "n40": decision}
    assert changes["n_seeds"].to_dict() == {"n10": 5, "n20": 6, "n40": 6}
    assert changes["reason"].notna().to_dict() == {"n10": True, "n20": False, "n40": False}, "five seeds are too few"
    trends = primary(study, DESCENT)
    assert trends["decision"].to_dict() == {"n10": decision, "n20": decision, "n40": "undecided"}
    assert trends.loc["n40", "reason"] == "no run has the score: did not happen: " + ", ".join(
        EVENTS[event].label for event in (TEST_DIP, SECOND_DESCENT_END)
    )
    assert (
        (changes["second"] == "clean").all()
        and set(trends["level"]) == {"vit"}
        and set(trends["held"]) == {"optimizer"}
    )
    if law == "faster":
        assert changes.loc["n20", "estimate"] > 0.01 and trends.loc["n20", "estimate"] > 0.5
        assert trends.loc["n10", "p_value"] == 2**-5


def test_the_shifted_test_is_exploratory_beside_the_same_epochs(made):
    found = made[1].tables["findings"]
    of_claim = found[(found["claim"] == MEMORIZED.name) & (found["first"] == "n20")]
    assert set(zip(of_claim["measure"], of_claim["score"], of_claim["primary"], strict=True)) == {
        ("cka", CHANGE_BEYOND_TWIN, True),
        ("cka_debiased", CHANGE_BEYOND_TWIN, False),
        ("cka", CHANGE_BEYOND_SHIFTED, False),
        ("cka_debiased", CHANGE_BEYOND_SHIFTED, False),
    }
    assert of_claim.loc[of_claim["primary"], "holds_of"].tolist() == [2]
    assert of_claim.loc[~of_claim["primary"], "q_value"].notna().all()


def test_from_a_verdict_to_the_two_runs(made):
    _, study = made
    found, pairs, left_out, beside = (study.tables[f"findings{name}"] for name in ("", "/pairs", "/left_out", "/twins"))
    check_pairs(found, pairs)
    of_claims = pairs[pairs["claim"].isin([MEMORIZED.name, DESCENT.name])]
    assert set(of_claims["data_second"]) == {"clean"} and (of_claims["data_first"] == of_claims["first"]).all()
    same = of_claims[of_claims["score"] == CHANGE_BEYOND_TWIN].merge(
        beside[(beside["shift"] == 0) & (beside["score"] == CHANGE_BEYOND_SHIFTED)],
        left_on=["arch_first", "optimizer_first", "data_first", "data_second", "seed", "measure"],
        right_on=["arch", "optimizer", "data", "data_twin", "seed", "measure"],
    )
    assert len(same) == 2 * (3 * len(SEEDS) - 1)
    np.testing.assert_array_equal(same[["value_first", "value_second"]], same[["run", "twin"]])
    for row in found[found["primary"] & found["claim"].isin([MEMORIZED.name, DESCENT.name])].to_dict("records"):
        made_of, without = (frame[(frame[KEYS] == pd.Series(row)[KEYS]).where(frame[KEYS].notna(), True).all(axis=1)]
                            for frame in (pairs, left_out))  # fmt: skip
        used = set(zip(made_of["data_first"], made_of["seed"], strict=True))
        used |= set(zip(made_of["data_second"], made_of["seed"], strict=True))
        gone = set(zip(without["data"], without["seed"], strict=True))
        assert used | gone == {(level, seed) for level in (row["first"], "clean") for seed in SEEDS}
        assert len(gone) == row["n_left_out"] and not used & gone
    no_fit = left_out[(left_out["claim"] == MEMORIZED.name)].set_index(["data", "seed"])["reason"].to_dict()
    label = EVENTS[PERFECT_FIT_SUSTAINED].label
    assert no_fit == {NO_FIT: f"did not happen: {label}", ("clean", 2): "has no partner with a value"}


def test_the_table_of_twins_has_every_run_score_and_shift(made):
    _, study = made
    beside = study.tables["findings/twins"]
    assert len(beside) == len(NOISES) * len(SEEDS) * 2 * 2 * len(twins.SHIFTS)
    np.testing.assert_allclose(beside["difference"], beside["run"] - beside["twin"])
    of_run = beside[(beside["data"] == "n20") & (beside["seed"] == 3) & (beside["measure"] == "cka")]
    own = of_run[of_run["score"] == CHANGE_BEYOND_SHIFTED]
    seed = study.seeds[3]
    a = np.flatnonzero(10**seed.onset > EPOCHS)[-1]
    b = np.flatnonzero(10 ** seed.fits[1] <= EPOCHS)[0]
    np.testing.assert_allclose(own["run"], np.mean([1 - S[a, b] for S in seed.kernels[1]]))
    assert own["twin"].iloc[0] == pytest.approx(np.mean([1 - S[a, b] for S in seed.kernels[-1]]))
    assert set(of_run["score"]) == {CHANGE_BEYOND_SHIFTED, TREND_BEYOND_SHIFTED}


def test_scores_have_trends_over_the_fraction_of_wrong_labels(made):
    _, study = made
    trends, values = study.tables["findings/trends"], study.tables["findings/trend_values"]
    assert set(trends["setting"]) == {"label_noise"} and set(trends["arch"]) == {"vit"} and trends["data"].isna().all()
    of_scores = trends.set_index("score")
    end = of_scores.loc["test_accuracy_end"]
    assert (end["levels"], end["left_out"], end["n_seeds"], end["n_levels"]) == ("0.1; 0.2; 0.4", "0", 6, 3)
    fractions = list(NOISES.values())
    assert end["estimate"] == pytest.approx(-np.polyfit(np.log10(fractions), fractions, 1)[0])
    assert end["reason"].startswith("too few levels")
    assert of_scores["rising"].to_dict() == {score: score == CHANGE_BEYOND_TWIN for score in of_scores.index}
    assert of_scores.loc[CHANGE_BEYOND_TWIN, "levels"] == "0.1; 0.2; 0.4"
    of_end = values[values["score"] == "test_accuracy_end"]
    assert len(of_end) == len(DATA) * len(SEEDS) and set(of_end["level"]) == {0.0, *fractions}


def test_levels_are_compared_at_relative_depths(made):
    depths = made[1].tables["findings/by_depth"]
    of = depths[(depths["first"] == "n40") & (depths["second"] == "clean")].set_index("relative_depth")
    assert of["estimate"].to_dict() == pytest.approx({d: 0.4 * d * (LAYERS - 1) for d in (0, 0.25, 0.5, 0.75, 1)})
    assert set(of["contrast"]) == {"data: n40 − clean, arch: vit, optimizer: sgd"}
