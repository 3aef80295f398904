import pandas as pd
import pytest

from repdyn.analysis import claim_tests, crossover
from repdyn.config.study import Run
from repdyn.records import inner_layers


@pytest.mark.parametrize(
    ("layer", "depth", "inner"), [("stem", 0, False), ("a", 1, True), ("output", 5, False), ("output (layer)", 2, True)]
)
def test_the_first_layer_is_so_by_its_depth_and_the_output_by_its_name(layer, depth, inner):
    assert inner_layers.is_inner(layer, depth) == inner


@pytest.mark.parametrize("shuffled", range(4))
def test_whoever_makes_a_score_of_a_run_takes_the_same_layers_whatever_the_order_of_rows(shuffled):
    """Each layer's change is its own: .08 with the first layer, .16 with the output, .10 without them."""
    change = {"stem": 0.04, "a": 0.06, "b": 0.1, "c": 0.14, "output": 0.46}
    rows = [(layer, depth, "cka", "change_memorization", value) for depth, (layer, value) in enumerate(change.items())]
    scores = pd.DataFrame(rows, columns=["layer", "depth", "measure", "score", "value"])
    scores = scores.sample(frac=1, random_state=shuffled)
    (found,) = claim_tests.values({Run("vit", "sgd", 0): scores})["value"]
    assert found == pytest.approx(0.1)
    # And crossover.
    early, late = [0.0, 1.0, 0.5, 0.2], [1.0, 0.0, 0.5, 0.8]
    columns = {"measure": "cka", "epoch": [1.0, 3.0, 9.0, 27.0], "alignment": 0.0}
    parts = [
        pd.DataFrame(columns | {"layer": layer, "depth": depth, "novelty": early if layer in "abc" else late})
        for depth, layer in enumerate(change)
    ]
    moments = pd.concat(parts).sample(frac=1, random_state=shuffled).sort_values("epoch", kind="stable")
    runs = {Run("vit", "sgd", 0): 3.0, Run("vit", "adam", 0): 27.0}
    own = crossover.values(dict.fromkeys(runs, moments), runs)
    assert own[(own.optimizer == "sgd") & (own.score == "transition_own")]["value"].item() > 1
