"""Are events of representations found where they took place? Runs with an intervention at a known epoch, and without.

    OMP_NUM_THREADS=1 PYTHONPATH=workflow python tests/benchmarks/planted.py --folder F --seeds 0-4 1000-1015
    OMP_NUM_THREADS=1 PYTHONPATH=workflow python tests/benchmarks/planted.py --folder F --seeds 1016-1031 --kinds
    OMP_NUM_THREADS=1 PYTHONPATH=workflow python tests/benchmarks/planted.py --folder F --report

The study is ``workflow/studies/planted.yaml``: both default networks by SGD on 240 digits, 100 epochs, every epoch
evaluated. Each seed draws examples, wrong labels, initialisation and order. Its run without intervention is trained
once, and each intervention goes on from that run's state at its epoch, to the bytes that a run of its own has. The
folder keeps what was measured; what is there is not trained again, so training can be stopped at any time. Seeds below
1000 are for tuning, and others for testing (``dating.py``). What is held against what is said there, too.

Interventions take place once an epoch is done, which the seed draws: log-uniformly between two epochs.

============================= ==========================================================================
rate after fit, before fit    the learning rate times .1
labels after fit              other wrong labels, at twice the epoch of the lasting fit or later
labels before memorization    the same, the epoch before a quarter of them is
frozen                        a block in the middle of the network stays as it is
inverted                      training images inverted
============================= ==========================================================================
"""

from __future__ import annotations

import argparse
import copy
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from dating import NONE, TUNING, Case, scored, table, written
from detectors import Measured
from torch.utils._pytree import tree_map

from repdyn.analysis import change_events, sharp_margin
from repdyn.analysis import events as of_history
from repdyn.catalogue.events import MEMORIZATION_ONSET, PERFECT_FIT_SUSTAINED
from repdyn.config import study as studies
from repdyn.config.study import Run, Study
from repdyn.data import subsets
from repdyn.records.change import CHANGE
from repdyn.records.events import DATED
from repdyn.training.trainer import Split, Trainer

STUDY = Path(__file__).resolve().parents[2] / "workflow/studies/planted.yaml"
LAST = {"resnet": "layer4.0", "vit": "blocks.3"}  # of whose change there is a matrix
FROZEN = {"resnet": ["layer2.*"], "vit": ["blocks.1"]}
EARLIEST, LATEST = 18, 65  # epochs of interventions
KINDS = (
    *("rate after fit", "rate before fit", "labels after fit", "labels before memorization"),
    *("frozen", "inverted"),
)
UNASKED = 10  # examples of the test set on which runs are evaluated, which nobody asks for
AFTER = 1.1  # times the fit, from which a run is beyond it
# Times the fit, from which labels are redrawn. Of the tuning seeds, CKA saw new labels in the ResNet at 2.3 and 4.1
# times the fit, and hardly any at 1.3 to 1.8 times, when much changes anyway; in the ViT all, from 1.2 times on.
LASTED, LATEST_LABELS = 2.0, 85


def copied(state: Mapping[str, Any]) -> dict[str, Any]:
    """A state of a run, of which the run's own tensors are copied."""
    new: dict[str, Any] = tree_map(lambda part: part.clone() if isinstance(part, torch.Tensor) else part, dict(state))
    return new


class Snapshots:
    """The states of a run after each epoch, in memory, in place of a folder of states; where a run begins from one."""

    def __init__(self, begin: Mapping[str, Any] | None = None, folder: Path | None = None) -> None:
        self._begin, self._folder = begin, folder
        self.states: list[dict[str, Any]] = []

    def load(self, _steps: Sequence[int]) -> dict[str, Any] | None:
        return None if self._begin is None else copied(self._begin)

    def save(self, state: Mapping[str, Any]) -> None:
        self.states.append(copied(state))

    def checkpoint(self, step: int) -> Path:
        assert self._folder is not None
        return self._folder / f"{step}.safetensors"


def study_of(base: Mapping[str, Any], seed: int, planned: Sequence[Mapping[str, Any]] = ()) -> Study:
    """The study with one seed, and interventions in its runs by SGD."""
    content = copy.deepcopy(dict(base))
    content["seeds"] = [seed]
    content["optimizers"] = {"sgd": content["optimizers"]["sgd"] | {"interventions": list(planned)}}
    content["execution"] = content.get("execution", {}) | {"save_state_seconds": 1e-9}
    content["checkpoints"] = {"schedule": "log", "per_decade": 1}  # nobody reads them
    return studies.parse(content)


def trained(study: Study, run: Run, begin: Mapping[str, Any] | None = None) -> tuple[list[dict], list, list[dict]]:
    """History, rows of change, and the states after each epoch, of a run or of the rest of one."""
    examples = subsets.load(study.data, Path(study.execution.data_root), run.seed)
    with tempfile.TemporaryDirectory() as folder:
        snapshots = Snapshots(begin, Path(folder))
        trainer = Trainer(study, run, examples, snapshots)  # type: ignore[arg-type]
        trainer.test = Split.of(examples.test.subset(slice(UNASKED)), trainer.device)
        history, changes = trainer.run({})
    return history, changes, snapshots.states


def between(states: Sequence[Mapping[str, Any]], layer: str) -> dict[str, np.ndarray]:
    """Change of a layer between any two states, squared distances (E, E), by CKA and by the layer's weights."""
    kept = [state["change"]["before"] for state in states]
    K = torch.stack([moment["grams"][layer].flatten() for moment in kept]).double()
    K /= K.norm(dim=1, keepdim=True)
    W = torch.stack([torch.cat(moment["weights"][layer]) for moment in kept]).double()
    apart = torch.cdist(W, W, compute_mode="donot_use_mm_for_euclid_dist") / W.norm(dim=1)
    found = {
        "cka": sharp_margin.of_similarity(
            1 - torch.cdist(K, K, compute_mode="donot_use_mm_for_euclid_dist").numpy() ** 2 / 2
        ),
        "weights": sharp_margin.of_displacement(apart.numpy().T),
    }
    for change in found.values():
        lower = np.tril_indices(len(change), -1)
        change[lower] = change.T[lower]  # in units of the earlier of the two
        np.fill_diagonal(change, 0.0)
    return found


def statistics(states: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """(E, n) of training at each state, as a hidden Markov model of Hu et al. sees it: of all weights, and the loss."""
    rows = []
    for state in states:
        weights = torch.cat([value.flatten().float() for value in state["model"].values() if value.is_floating_point()])
        size, loss = len(weights), state["history"][-1]["train_loss"]
        rows.append(
            [
                weights.abs().sum() / size, weights.norm() / size**0.5, weights.mean(), weights.median(), weights.var(),
                np.log10(loss + 1e-12),
            ]
        )  # fmt: skip
    return np.array(rows, dtype=float)


def plans(history: pd.DataFrame, arch: str, seed: int) -> dict[str, tuple[int, dict[str, Any]]]:
    """Kind of intervention -> its epoch, and what it is; without those that the run leaves no room for."""
    study = studies.load(STUDY)
    found = of_history.events({name: history[name].to_numpy(dtype=float) for name in history}, study.phases)
    fit, onset = found[PERFECT_FIT_SUSTAINED], found[MEMORIZATION_ONSET]
    random = np.random.default_rng([seed, 9])

    def drawn(low: float, high: float) -> int | None:
        """An epoch, drawn whether or not there is room, so that each kind's is its own."""
        share, low = random.uniform(), max(low, EARLIEST)
        return round(10 ** (np.log10(low) + share * np.log10(high / low))) if high > low else None

    fitted = np.inf if fit is None else fit
    chosen: dict[str, tuple[int | None, dict[str, Any]]] = {
        "rate after fit": (drawn(AFTER * fitted, LATEST), {"rate": 0.1}),
        "rate before fit": (drawn(EARLIEST, min(fitted / AFTER, LATEST)), {"rate": 0.1}),
        "labels after fit": (drawn(LASTED * fitted, LATEST_LABELS), {"labels": "redraw"}),
        "frozen": (drawn(EARLIEST, LATEST), {"freeze": FROZEN[arch]}),
        "inverted": (drawn(EARLIEST, LATEST), {"invert": True}),
        "labels before memorization": (None if onset is None else max(int(onset) - 1, 1), {"labels": "redraw"}),
    }
    return {kind: (epoch, what) for kind, (epoch, what) in chosen.items() if epoch is not None}


def train_seed(base: Mapping[str, Any], arch: str, seed: int, folder: Path, kinds: Sequence[str]) -> None:
    """Train a seed's run without intervention, and those with one of these kinds; write what is not there yet."""
    place = folder / f"{arch}-{seed}.parquet"
    if place.exists():
        return
    started, study = time.monotonic(), study_of(base, seed)
    run = study.run(arch, "sgd", seed)
    history, changes, states = trained(study, run)
    frames, arrays = [pd.DataFrame(changes).assign(kind=NONE, at=np.nan)], {}
    for measure, change in between(states, LAST[arch]).items():
        arrays[f"{NONE}/{measure}"] = change
    arrays[f"{NONE}/statistics"] = statistics(states)
    for kind, (at, what) in plans(pd.DataFrame(history), arch, seed).items():
        if kind not in kinds:
            continue
        planned = study_of(base, seed, [{"epoch": at, **what}])
        _, changes, rest = trained(planned, run, states[at - 1])
        whole = [*states[:at], *rest]
        frames.append(pd.DataFrame(changes).assign(kind=kind, at=float(at)))
        for measure, change in between(whole, LAST[arch]).items():
            arrays[f"{kind}/{measure}"] = change
        arrays[f"{kind}/statistics"] = statistics(whole)
    np.savez_compressed(place.with_suffix(".npz"), **arrays)
    part = place.with_suffix(".part")
    pd.concat(frames, ignore_index=True).assign(arch=arch, seed=seed).to_parquet(part)
    part.rename(place)
    print(f"{arch} {seed}: {len(frames)} runs in {time.monotonic() - started:.0f} s", flush=True)


def cases(folder: Path) -> tuple[list[Case], pd.DataFrame]:
    """The runs of a folder as cases, and the table of change of all their layers."""
    found, changes = [], []
    for place in sorted(folder.glob("*.parquet")):
        frame = pd.read_parquet(place)
        changes.append(frame)
        with np.load(place.with_suffix(".npz")) as arrays:
            for (arch, seed, kind), rows in frame.groupby(["arch", "seed", "kind"], sort=False):
                seen = arrays[f"{kind}/statistics"]
                epochs = np.arange(1.0, len(seen) + 1)
                measured = {
                    f"{measure} of the last block": Measured(epochs, arrays[f"{kind}/{measure}"], seen)
                    for measure in change_events.MEASURES
                }
                found.append(Case(str(arch), str(kind), int(seed), float(rows["at"].iloc[0]), measured))
    return found, pd.concat(changes, ignore_index=True)


def of_all_layers(changes: pd.DataFrame, near: float = 0.1) -> pd.DataFrame:
    """What the table ``events`` of each testing run says, over all of its layers.

    Returns:
        A row for each architecture, kind and measure: `runs`; `any`, in which a layer has an event; `right`, in which
        one is within ``near`` decades of the intervention; and of `layers`, the share that have such an event.
    """
    rows = []
    tested = changes[~changes["seed"].isin(TUNING)]
    for (arch, seed, kind), rows_of_run in tested.groupby(["arch", "seed", "kind"], sort=False):
        at = rows_of_run["at"].iloc[0]
        events = change_events.of_run(rows_of_run[CHANGE.names])
        for measure, of_measure in events.groupby("measure"):
            dated = of_measure[of_measure["status"] == DATED]
            right = dated[np.abs(np.log10(dated["epoch"] / at)) <= near]
            share = right["layer"].nunique() / of_measure["layer"].nunique()
            rows.append((arch, kind, seed, measure, len(dated) > 0, len(right) > 0, share))
    table = pd.DataFrame(rows, columns=["arch", "kind", "seed", "measure", "any", "right", "layers"])
    of_kind = table.groupby(["measure", "arch", "kind"], sort=False)
    return of_kind.agg(runs=("seed", "size"), any=("any", "sum"), right=("right", "sum"), layers=("layers", "mean"))


def seeds_of(words: Sequence[str]) -> list[int]:
    """Seeds from words such as 3 and 0-15."""
    found: list[int] = []
    for word in words:
        first, _, last = word.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, or evaluate what is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--seeds", nargs="+", default=[])
    parser.add_argument("--archs", nargs="+", default=list(LAST))
    parser.add_argument("--kinds", nargs="*", default=KINDS, help="of interventions; none for runs without only")
    parser.add_argument("--report", action="store_true")
    given = parser.parse_args(arguments)
    given.folder.mkdir(parents=True, exist_ok=True)
    base = studies.load(STUDY).model_dump(mode="json", exclude_unset=True)
    for seed in seeds_of(given.seeds):
        for arch in given.archs:
            train_seed(base, arch, seed, given.folder, given.kinds)
    if given.report:
        found, changes = cases(given.folder)
        print(of_all_layers(changes).to_string(float_format="{:.2f}".format))
        print(written(table(scored(found))))


if __name__ == "__main__":
    main()
