"""The recorder as a callback of the real Lightning, and Lightning's own checkpoints."""

from pathlib import Path
from typing import Any

import lightning.pytorch
import pytest
import pytorch_lightning
import torch
from elsewhere import recorded
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from repdyn.config.study import Run
from repdyn.errors import RepdynError
from repdyn.lightning import Recorder
from repdyn.recorded import found, history, weights

pytestmark = pytest.mark.filterwarnings("ignore")


def module(of: Any) -> Any:
    """A linear network that logs accuracies: of training after each epoch, of validation after each validation."""

    class Module(of.LightningModule):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.model, self.loss = nn.Sequential(nn.Linear(3, 2)), nn.CrossEntropyLoss(weight=torch.ones(2))

        def training_step(self, batch: Any, _: int) -> torch.Tensor:
            logits = self.model(batch[0])
            self.log("acc", share(logits, batch[1]), on_step=False, on_epoch=True)
            return self.loss(logits, batch[1])

        def validation_step(self, batch: Any, _: int) -> None:
            self.log("val_acc", share(self.model(batch[0]), batch[1]))

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    return Module()


def share(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return (logits.argmax(1) == labels).float().mean()


METRICS = {"train_accuracy": "acc", "test_accuracy": "val_acc", "test_loss": "not logged"}


def loader() -> DataLoader[Any]:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(20, 3, generator=generator)
    return DataLoader(TensorDataset(inputs, (inputs[:, 0] > 0).long()), batch_size=4)


def trainer(folder: Path, *callbacks: Any, of: Any = lightning.pytorch, **settings: Any) -> Any:
    torch.manual_seed(0)
    return of.Trainer(
        accelerator="cpu", callbacks=list(callbacks), logger=False, enable_progress_bar=False,
        enable_model_summary=False, default_root_dir=folder, enable_checkpointing=False, **settings,
    )  # fmt: skip


def fit(
    folder: Path, *callbacks: Any, epochs: int = 2, resume: Any = None, of: Any = lightning.pytorch, **settings: Any
):
    trains, network = trainer(folder, *callbacks, of=of, max_epochs=epochs, **settings), module(of)
    trains.fit(network, loader(), loader(), ckpt_path=resume)
    return trains, network


def recorded_rows(settings: Any) -> list[tuple[int, bool, bool]]:
    """Step, and whether training and test accuracy are there."""
    rows = history.read(settings, Run("mlp", "sgd", 0)) or []
    return [(row["step"], row["train_accuracy"] is not None, row["test_accuracy"] is not None) for row in rows]


def test_a_fit_is_recorded(tmp_path: Path) -> None:
    _, network = fit(tmp_path, Recorder(tmp_path / "run", metrics=METRICS, module="model", first=0.1))
    there = found.find(recorded(tmp_path / "run"), Run("mlp", "sgd", 0))
    assert [each.step for each in there] == [0, 1, 2, 3, 4, 5, 6, 8, 10] and there[-1].epoch == 2.0
    wanted = network.model.state_dict()
    fitted = weights.fit(weights.read(there[-1].file, None), wanted, None, there[-1].file)
    assert all(torch.equal(fitted[name], tensor) for name, tensor in wanted.items())
    assert recorded_rows(recorded(tmp_path / "run")) == [(5, True, True), (10, True, True)]


@pytest.mark.parametrize(
    ("settings", "rows"),
    [
        ({"check_val_every_n_epoch": 2}, [(5, True, False), (10, True, True), (15, True, False)]),
        ({"val_check_interval": 3, "check_val_every_n_epoch": None},
         [(3, False, True), (5, True, False), (6, False, True), (9, False, True), (10, True, False), (12, False, True),
          (15, True, True)]),
        ({"accumulate_grad_batches": 2}, [(3, True, True), (6, True, True), (9, True, True)]),
    ],
)  # fmt: skip
def test_only_what_is_new_is_recorded(tmp_path: Path, settings: Any, rows: Any) -> None:
    fit(tmp_path, Recorder(tmp_path / "run", metrics=METRICS), epochs=3, **settings)
    assert recorded_rows(recorded(tmp_path / "run")) == rows
    assert found.steps_per_epoch(recorded(tmp_path / "run"), Run("mlp", "sgd", 0)) == rows[-1][0] / 3


def test_a_fit_from_a_checkpoint_goes_on_and_another_one_does_not(tmp_path: Path) -> None:
    trains, _ = fit(tmp_path, Recorder(tmp_path / "run", metrics=METRICS))
    trains.save_checkpoint(tmp_path / "two.ckpt")
    fit(tmp_path, Recorder(tmp_path / "run", metrics=METRICS), epochs=3, resume=tmp_path / "two.ckpt")
    there = found.find(recorded(tmp_path / "run"), Run("mlp", "sgd", 0))
    assert [each.step for each in there] == [0, 5, 6, 8, 10, 13]
    assert [row[0] for row in recorded_rows(recorded(tmp_path / "run"))] == [5, 10, 15]
    with pytest.raises(RepdynError, match="has a recording up to step 13"):
        fit(tmp_path, Recorder(tmp_path / "run"))


def test_the_package_s_other_name_does_as_well(tmp_path: Path) -> None:
    fit(tmp_path, Recorder(tmp_path / "run", metrics=METRICS), of=pytorch_lightning)
    assert [row[0] for row in recorded_rows(recorded(tmp_path / "run"))] == [5, 10]


def test_what_the_recorder_cannot_know_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(RepdynError, match="`module: net` is no part of the LightningModule, which has model, loss"):
        fit(tmp_path, Recorder(tmp_path / "run", module="net"))

    class Endless(IterableDataset[Any]):
        def __iter__(self) -> Any:
            while True:
                yield torch.zeros(3), torch.tensor(0)

    def endless(**settings: Any) -> None:
        trains = trainer(tmp_path, Recorder(tmp_path / "run", **settings), max_steps=3)
        trains.fit(module(lightning.pytorch), DataLoader(Endless(), batch_size=2))

    with pytest.raises(RepdynError, match="give the recorder `steps_per_epoch`"):
        endless()
    endless(steps_per_epoch=2)
    assert found.steps_per_epoch(recorded(tmp_path / "run"), Run("mlp", "sgd", 0)) == 2


def test_lightning_s_own_checkpoints_are_read(tmp_path: Path) -> None:
    trains, network = fit(tmp_path)
    folder = tmp_path / "checkpoints"
    trains.save_checkpoint(folder / "epoch=1-step=10.ckpt")
    settings = recorded(folder / "epoch={epoch}-step={step}.ckpt", offset=1.0, strip="model.")
    (there,) = found.find(settings, Run("mlp", "sgd", 0))
    assert (there.step, there.epoch) == (10, 2.0)
    wanted = network.model.state_dict()
    fitted = weights.fit(weights.read(there.file, None), wanted, "model.", there.file)
    assert all(torch.equal(fitted[name], tensor) for name, tensor in wanted.items())
    with pytest.raises(RepdynError, match=r"cured by `strip: model\.`"):
        weights.fit(weights.read(there.file, None), wanted, None, there.file)
