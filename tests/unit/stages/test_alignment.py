import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tiny_stages import STEPS, Array, Config, MakeJob, biased, store

from repdyn.similarity import null
from repdyn.stages import alignment

pytestmark = pytest.mark.usefixtures("any_number_of_rows")


def test_the_best_pair_of_layers_of_two_architectures_is_held_against_the_best_of_each_permutation(
    make_job: MakeJob, config: Config
) -> None:
    config |= {"comparisons": {"permutations": 39, "seed": 1}, "measures": ["cka"], "seeds": [0]}
    config["optimizers"] = {"sgd": config["optimizers"]["sgd"]}
    layers = {"resnet": {"first": 6, "second": 9}, "vit": {"first": 4, "second": 20, "third": 3}}
    stored = {
        arch: store(make_job("activations", config, arch), seed, layers=sizes, steps=steps)
        for seed, ((arch, sizes), steps) in enumerate(zip(layers.items(), ((0, 5), (5, 10)), strict=True))
    }
    job = make_job("alignment", config)
    alignment.main(job)
    frame: Any = pd.read_parquet(job.paths.alignment())
    assert set(frame.step) == {5}, "the only checkpoint of both"
    assert list(frame.measure) == ["cka", "cka_debiased"]
    row = frame.iloc[0]
    assert (row.arch_a, row.arch_b, row.optimizer, row.seed, row.epoch) == ("resnet", "vit", "sgd", 0, 1)

    def of_pairs(order: Array) -> dict[tuple[str, str], float]:
        return {
            (a, b): biased(stored["resnet"][a, 5], stored["vit"][b, 5][order])
            for a, b in itertools.product(*layers.values())
        }

    values = [of_pairs(order) for order in null.orders(30, 39, 1)]
    best = max(values[0], key=lambda pair: values[0][pair])
    assert (row.layer_a, row.layer_b) == best
    assert (row.depth_a, row.depth_b) == tuple(
        list(sizes).index(layer) for sizes, layer in zip(layers.values(), best, strict=True)
    )
    largest = [max(each.values()) for each in values]
    np.testing.assert_allclose(row.similarity, largest[0], atol=1e-6)
    assert row.similarity_p == np.mean([value >= largest[0] for value in largest])
    threshold = sorted(largest)[38 - 1]
    np.testing.assert_allclose(row.similarity_calibrated, max(0, (largest[0] - threshold) / (1 - threshold)), atol=1e-6)


def test_a_measure_that_no_pair_of_layers_has_has_no_best_pair(make_job: MakeJob, config: Config) -> None:
    config |= {"comparisons": {"permutations": 0}, "measures": [{"name": "knn", "neighbours": 30}], "seeds": [0]}
    config["optimizers"] = {"sgd": config["optimizers"]["sgd"]}
    for seed, arch in enumerate(config["archs"]):
        store(make_job("activations", config, arch), seed)
    job = make_job("alignment", config)
    alignment.main(job)
    frame: Any = pd.read_parquet(job.paths.alignment()).set_index("measure")
    assert frame.loc["knn", ["layer_a", "depth_a", "layer_b", "depth_b", "similarity"]].isna().all(axis=None)
    assert frame.loc["cka", "similarity"].notna().all() and frame.similarity_p.isna().all()


def test_architectures_are_compared_at_the_same_optimizer_and_seed_and_no_other(
    make_job: MakeJob, config: Config
) -> None:
    config |= {"comparisons": {"permutations": 0}, "measures": ["cka"]}
    runs = list(itertools.product(config["archs"], config["optimizers"], config["seeds"]))
    stored = {
        run: store(make_job("activations", config, *run), seed, layers={"only": 6}) for seed, run in enumerate(runs)
    }
    job = make_job("alignment", config)
    alignment.main(job)
    frame: Any = pd.read_parquet(job.paths.alignment())
    frame = frame[frame["measure"] == "cka"]
    assert list(zip(frame["arch_a"], frame["arch_b"], strict=True)) == [("resnet", "vit")] * len(frame)
    cells = list(zip(frame["optimizer"], frame["seed"], frame["step"], strict=True))
    assert cells == list(itertools.product(config["optimizers"], config["seeds"], STEPS))
    for (optimizer, seed, step), value in zip(cells, frame["similarity"], strict=True):
        one, other = (stored[arch, optimizer, seed]["only", step] for arch in ("resnet", "vit"))
        assert value == pytest.approx(biased(one, other), abs=1e-6)
