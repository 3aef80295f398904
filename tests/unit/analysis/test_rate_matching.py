import numpy as np
import pandas as pd
import pytest

from repdyn.analysis.rate_matching import Matching, matchings
from repdyn.catalogue.claims import BEST_ACCURACY, EQUAL_SPEED, MATCHINGS

FAMILIES = {"sgd-slow": "sgd", "sgd-fast": "sgd", "adam-slow": "adam", "adam-slowest": "adam"}
FITS = {"sgd-slow": 80.0, "sgd-fast": 20.0, "adam-slow": 75.0, "adam-slowest": 300.0}
ACCURACIES = {"sgd-slow": 0.8, "sgd-fast": 0.9, "adam-slow": 0.7, "adam-slowest": 0.85}
CELL = ("vit", "")


def facts(fits=FITS, accuracies=ACCURACIES, cell=CELL, seeds=3):
    """When each optimizer fits, and how good it becomes; the same in every seed."""
    rows = [
        (*cell, name, seed, fits.get(name, np.nan), accuracies.get(name, np.nan))
        for seed in range(seeds)
        for name in FAMILIES
    ]
    columns = ["arch", "data", "optimizer", "seed", "perfect_fit_first", "test_accuracy_best"]
    return pd.DataFrame(rows, columns=columns)


def of_sweep(frame, families=FAMILIES, levels=("sgd", "adam")):
    plain, equal, best = matchings(frame, families, levels)
    assert (plain.name, equal.name, best.name) == (None, EQUAL_SPEED, BEST_ACCURACY)
    assert {equal.name, best.name} == set(MATCHINGS)
    return plain.chosen, equal.chosen, best.chosen


def test_rates_that_fit_as_fast_and_those_that_are_best_are_compared():
    plain, equal, best = of_sweep(facts())
    assert plain == {CELL: (("sgd-slow", "sgd-fast"), ("adam-slow", "adam-slowest"))}
    assert equal == {CELL: (("sgd-slow",), ("adam-slow",))}
    assert best == {CELL: (("sgd-fast",), ("adam-slowest",))}
    assert of_sweep(facts(), levels=("adam", "sgd"))[1] == {CELL: (("adam-slow",), ("sgd-slow",))}


def test_speeds_are_compared_as_ratios_and_averaged_over_seeds_as_logarithms():
    fits = {"sgd-slow": 100.0, "adam-slow": 150.0, "sgd-fast": 4.0, "adam-slowest": 8.0}
    assert of_sweep(facts(fits))[1] == {CELL: (("sgd-slow",), ("adam-slow",))}, "1.5 times as late, not 4 epochs"
    frame = facts({"sgd-slow": 10.0, "sgd-fast": 500.0, "adam-slow": 10.0, "adam-slowest": 10.0}, seeds=2)
    late = (frame["optimizer"] == "adam-slow") & (frame["seed"] == 1)
    frame.loc[late, "perfect_fit_first"] = 1000.0  # on average 505 epochs, and 100 on a log scale
    frame.loc[frame["optimizer"] == "adam-slowest", "perfect_fit_first"] = 3000.0
    assert of_sweep(frame)[1] == {CELL: (("sgd-fast",), ("adam-slow",))}
    frame.loc[frame["optimizer"] == "sgd-slow", "perfect_fit_first"] = 60.0
    assert of_sweep(frame)[1] == {CELL: (("sgd-slow",), ("adam-slow",))}


def test_of_pairs_that_are_as_close_the_first_in_the_config_is_taken():
    equally = dict.fromkeys(FAMILIES, 50.0), dict.fromkeys(FAMILIES, 0.5)
    _, equal, best = of_sweep(facts(*equally))
    assert equal == best == {CELL: (("sgd-slow",), ("adam-slow",))}
    turned = dict(reversed(FAMILIES.items()))
    assert of_sweep(facts(*equally), turned)[1] == {CELL: (("sgd-fast",), ("adam-slowest",))}


def test_a_rate_that_never_fits_in_a_seed_is_not_matched_by_speed():
    frame = facts()
    never = (frame["optimizer"] == "adam-slow") & (frame["seed"] == 2)
    frame["perfect_fit_first"] = frame["perfect_fit_first"].mask(never)
    _, equal, best = of_sweep(frame)
    assert equal == {CELL: (("sgd-slow",), ("adam-slowest",))}
    assert best == {CELL: (("sgd-fast",), ("adam-slowest",))}
    frame = facts({name: epochs for name, epochs in FITS.items() if FAMILIES[name] == "sgd"})
    assert of_sweep(frame)[1] == {}
    frame = facts(accuracies={"adam-slow": 0.7, "adam-slowest": 0.85})
    assert of_sweep(frame)[2] == {}
    frame = facts(accuracies=ACCURACIES | {"sgd-fast": np.nan})
    assert of_sweep(frame)[2] == {CELL: (("sgd-slow",), ("adam-slowest",))}


def test_each_architecture_on_each_data_chooses_for_itself():
    swapped = {"sgd-slow": 300.0, "sgd-fast": 20.0, "adam-slow": 75.0, "adam-slowest": 280.0}
    cells = {("vit", "a"): FITS, ("vit", "b"): swapped, ("resnet", "a"): {}}
    frame = pd.concat([facts(fits, cell=cell) for cell, fits in cells.items()], ignore_index=True)
    plain, equal, best = of_sweep(frame)
    assert list(plain) == list(best) == list(cells)
    assert equal == {("vit", "a"): (("sgd-slow",), ("adam-slow",)), ("vit", "b"): (("sgd-slow",), ("adam-slowest",))}


@pytest.mark.parametrize("families", [{"sgd-slow": "sgd", "adam-slow": "adam"}, {"sgd-slow": "sgd"}, {}])
def test_families_of_one_optimizer_each_are_compared_in_one_way(families):
    (plain,) = matchings(facts(), families, ("sgd", "adam"))
    members = tuple(tuple(name for name in families if name.startswith(level)) for level in ("sgd", "adam"))
    assert (plain.name, plain.chosen) == (None, {CELL: members})


def test_only_the_compared_runs_are_left_in_their_order():
    frame = pd.concat([facts(cell=("vit", level)) for level in ("a", "b")], ignore_index=True).iloc[::-1]
    chosen = Matching(None, {("vit", "a"): (("sgd-slow",), ("adam-slow", "adam-slowest"))})
    left = chosen.restrict(frame)
    assert set(left["data"]) == {"a"}
    assert set(left["optimizer"]) == {"sgd-slow", "adam-slow", "adam-slowest"}
    assert left.index.tolist() == sorted(left.index, reverse=True)
    assert len(left) == 3 * 3
    empty = chosen.restrict(frame.iloc[:0])
    assert empty.empty and list(empty.columns) == list(frame.columns)
    assert Matching(None, {}).restrict(frame).empty


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ([], "vit a: s 0.01 − m 0.001, n; vit b: s 0.01 − n; cnn a: s − n"),
        ([("arch", "vit")], "vit a: s 0.01 − m 0.001, n; vit b: s 0.01 − n"),
        ([("arch", "vit"), ("arch", "cnn"), ("data", "a")], "vit a: s 0.01 − m 0.001, n; cnn a: s − n"),
        ([("data", "b"), ("optimizer", "s")], "vit b: s 0.01 − n"),
        ([("arch", "mlp")], ""),
    ],
)
def test_compared_optimizers_are_named_with_their_rates_where_they_have_one(at, words):
    chosen = {("vit", "a"): (("s",), ("m", "n")), ("vit", "b"): (("s",), ("n",)), ("cnn", "a"): (("s",), ("n",))}
    rates = {("vit", "s"): 0.01, ("vit", "m"): 1e-3}
    assert Matching(EQUAL_SPEED, chosen).describe(rates, at) == words


def test_data_without_a_name_are_not_named():
    assert Matching(None, {("vit", ""): (("s",), ())}).describe({}, [("arch", "vit")]) == "vit: s − "
