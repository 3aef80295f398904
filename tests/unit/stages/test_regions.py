from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage
from tiny_stages import Array, Config, MakeJob, take_checkpoints, with_perceptron, written_out

from repdyn.catalogue.plane_sets import SETS
from repdyn.config.sections import Probes
from repdyn.pipeline.jobs import Job
from repdyn.probes import fit, probe_weights
from repdyn.probes.probe_weights import Probe
from repdyn.records.planes import PLANES
from repdyn.records.probes import WEIGHTS
from repdyn.records.regions import FLOOR, FRAGMENTATION, LABELS, PICTURES, SIMILARITY
from repdyn.regions import planes as plane_sets
from repdyn.representations import coordinates
from repdyn.stages import planes, regions
from repdyn.storage import tables

CLASSES, SIZES = 10, {"relu": 6, "tanh": 5}
LAYERS = (*SIZES, "output")


@dataclass(frozen=True)
class Made:
    """A run whose regions were labelled, and what they are labelled by."""

    job: Job
    weights: Mapping[int, Mapping[str, torch.Tensor]]
    probes: Mapping[tuple[str, int], Probe]

    def scores(self, layer: str, step: int, points: Array) -> Array:
        """(3, points, classes), in float64, of the probe and those of its halves; the network's own for the output."""
        seen = written_out(self.weights[step], points)
        if layer == "output":
            return np.stack([seen["logits"]] * 3)
        probe = self.probes[layer, step]
        features = (seen[layer] - probe.mean) / probe.scale
        return np.stack([features @ W.T + b for W, b in zip(probe.weight, probe.bias, strict=True)])

    def points(self, name: str, plane: int, purpose: plane_sets.Purpose = "scores") -> Array:
        """(R², d), from the lowest row on."""
        path, wanted = self.job.place(PLANES)
        (chosen,) = [found for found in plane_sets.read(path, purpose, wanted) if found.name == name]
        x, y = np.meshgrid(chosen.x[plane], chosen.y[plane])
        grid: Array = chosen.origin[plane] + np.outer(x, chosen.a[plane]) + np.outer(y, chosen.b[plane])
        return grid

    def read(self, record: tables.Table) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = tables.read(*self.job.place(record)).to_pylist()
        return rows


@pytest.fixture
def made(make_job: MakeJob, config: Config) -> Made:
    job = make_job("regions", with_perceptron(config), "mlp")
    planes.main(replace(job, stage="planes", grid_run=job.replicate))
    weights = take_checkpoints(job)
    epochs = {step: step / 4 for step in weights}
    random = np.random.default_rng(0)
    drawn = {}
    maker = replace(job, stage="probes")
    with probe_weights.writing(job.path(WEIGHTS), SIZES, CLASSES, epochs, maker.metadata(WEIGHTS)) as append:
        for layer, p in SIZES.items():
            for step in epochs:
                shapes = ((3, CLASSES, p), (3, CLASSES), (p,))
                weight, bias, mean = (random.normal(size=shape).astype(np.float32) for shape in shapes)
                scale = (1 + random.random(p)).astype(np.float32)
                probe = Probe(weight, bias, mean, scale, gradient=np.zeros(3, np.float32))
                drawn[layer, step] = probe
                append(probe)
    regions.main(job)
    return Made(job, weights, drawn)


def certain(scores: Array) -> Array:
    """Points whose class rounding cannot change."""
    first, second = np.sort(scores, axis=-1)[..., ::-1][..., :2].transpose(2, 0, 1)
    sure: Array = first - second > 1e-3
    return sure


def test_every_point_has_the_class_that_probe_or_network_give_it_written_out(made: Made) -> None:
    of_purposes: list[tuple[tables.Table, plane_sets.Purpose, int]]
    of_purposes = [(LABELS, "scores", 2), (PICTURES, "picture", 1)]
    for record, purpose, planes_of_set in of_purposes:
        rows = made.read(record)
        assert len(rows) == len(LAYERS) * len(made.weights) * len(SETS) * planes_of_set
        unsure = total = 0
        for row in rows:
            layer, step = row["layer"], row["step"]
            points = made.points(row["planes"], row["plane"], purpose)
            scores = made.scores(layer, step, points)[:1]
            sure = certain(scores)[0]
            np.testing.assert_array_equal(np.array(row["labels"])[sure], scores[0].argmax(1)[sure])
            assert LAYERS[row["depth"]] == layer and row["epoch"] == step / 4
            unsure, total = unsure + (~sure).sum(), total + sure.size
        assert unsure <= 0.01 * total


def test_similarity_and_fragments_are_those_of_the_labels(made: Made) -> None:
    labels: dict[tuple[Any, ...], Array] = {}
    for row in made.read(LABELS):
        key = (row["layer"], row["step"], row["planes"])
        labels[key] = np.stack([*labels.get(key, []), np.array(row["labels"])])
    similarity = made.read(SIMILARITY)
    assert len(similarity) == len(LAYERS) * len(SETS) * len(made.weights) ** 2
    for row in similarity:
        one, other = (labels[row["layer"], row[step], row["planes"]] for step in ("step_a", "step_b"))
        assert row["similarity"] == pytest.approx((one == other).mean(), abs=1e-12)
    fragmentation = made.read(FRAGMENTATION)
    assert len(fragmentation) == sum(map(len, labels.values()))
    for row in fragmentation:
        plane = labels[row["layer"], row["step"], row["planes"]][row["plane"]].reshape(6, 6)
        pieces = [ndimage.label(plane == c, structure=np.ones((3, 3)))[1] for c in np.unique(plane)]
        assert (row["fragments"], row["classes"]) == (sum(pieces), len(pieces))


def test_the_noise_floor_is_the_agreement_of_the_two_halves_probes_and_the_network_has_none(made: Made) -> None:
    rows = made.read(FLOOR)
    assert {row["layer"] for row in rows} == set(SIZES)
    assert len(rows) == len(SIZES) * len(made.weights) * len(SETS)
    for row in rows:
        points = np.concatenate([made.points(row["planes"], plane) for plane in (0, 1)])
        scores = made.scores(row["layer"], row["step"], points)[1:]
        one, other = scores.argmax(-1)
        unsure = (~certain(scores)).any(0).mean()
        assert row["similarity"] == pytest.approx((one == other).mean(), abs=unsure + 1e-12)


def test_only_probes_of_wide_layers_are_rebuilt_and_only_their_layers_are_run() -> None:
    random = np.random.default_rng(0)
    X = random.normal(size=(20, 90)).astype(np.float32)
    labels = np.arange(20) % 3
    _, seen = coordinates.as_probed(X[:1], X)
    dual = fit.fit_coordinates(seen, labels, 3, Probes(), None)
    whole = fit.fit(X, labels, 3, Probes(), None)
    asked: list[list[str]] = []

    def activations(wanted: list[str]) -> dict[str, torch.Tensor]:
        asked.append(wanted)
        return {layer: torch.from_numpy(X) for layer in wanted}

    found = regions.rebuild({"narrow": whole, "wide": dual}, activations)
    assert list(found) == ["narrow", "wide"] and found["narrow"] is whole
    np.testing.assert_allclose(found["wide"].weight, whole.weight, atol=1e-4)
    assert asked == [["wide"]]
    assert regions.rebuild({"narrow": whole}, activations) == {"narrow": whole}
    assert asked == [["wide"]], "nothing is run where no layer is wide"
