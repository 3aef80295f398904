"""The recorder as a callback of Hugging Face's real Trainer, and the folders that the Trainer leaves itself."""

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from elsewhere import recorded
from safetensors.torch import load_file, save_file
from torch.utils.data import IterableDataset

from repdyn.config.study import Run
from repdyn.errors import RepdynError
from repdyn.recorded import found, history, weights
from repdyn.transformers import Recorder

pytestmark = pytest.mark.filterwarnings("ignore")


def examples() -> list[dict[str, torch.Tensor]]:
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(12, 1, 4, 4, generator=generator)
    return [{"pixel_values": image, "labels": (image.mean() > 0).long()} for image in images]


def model() -> transformers.PreTrainedModel:
    config = transformers.ViTConfig(
        hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, image_size=4, patch_size=2,
        num_channels=1, num_labels=2,
    )  # fmt: skip
    return transformers.ViTForImageClassification(config)


def share(predicted: Any) -> dict[str, float]:
    return {"accuracy": float((predicted.predictions.argmax(1) == predicted.label_ids).mean())}


def train(folder: Path, *callbacks: Any, resume: Any = None, data: Any = None, **settings: Any) -> Any:
    torch.manual_seed(0)
    wanted = {"num_train_epochs": 2, "save_strategy": "no", "eval_strategy": "epoch"} | settings
    arguments = transformers.TrainingArguments(
        str(folder / "out"), per_device_train_batch_size=4, report_to="none", use_cpu=True, disable_tqdm=True, **wanted
    )
    trainer = transformers.Trainer(
        model(), arguments, train_dataset=data or examples(), eval_dataset={"train": examples(), "test": examples()},
        compute_metrics=share, callbacks=list(callbacks),
    )  # fmt: skip
    trainer.train(resume_from_checkpoint=resume)
    return trainer


METRICS = {"train_accuracy": "eval_train_accuracy", "test_accuracy": "eval_test_accuracy", "test_loss": "no such"}


def test_a_training_is_recorded(tmp_path: Path) -> None:
    trainer = train(tmp_path, Recorder(tmp_path / "run", metrics=METRICS), eval_on_start=True)
    there = found.find(recorded(tmp_path / "run"), Run("vit", "adamw", 0))
    assert [(each.step, each.epoch) for each in there] == [(0, 0.0), (3, 1.0), (4, 4 / 3), (5, 5 / 3), (6, 2.0)]
    wanted = trainer.model.state_dict()
    fitted = weights.fit(weights.read(there[-1].file, None), wanted, None, there[-1].file)
    assert all(torch.equal(fitted[name], tensor) for name, tensor in wanted.items())
    rows = history.read(recorded(tmp_path / "run"), Run("vit", "adamw", 0)) or []
    assert [row["step"] for row in rows] == [0, 3, 6]
    assert all(row["train_accuracy"] == row["test_accuracy"] and row["test_loss"] is None for row in rows)
    trainer.evaluate()  # after the end it is no part of the run
    assert len(history.read(recorded(tmp_path / "run"), Run("vit", "adamw", 0)) or []) == 3


def test_steps_are_those_of_the_optimizer(tmp_path: Path) -> None:
    train(tmp_path, Recorder(tmp_path / "run"), gradient_accumulation_steps=2)
    assert [each.step for each in found.find(recorded(tmp_path / "run"), Run("vit", "adamw", 0))] == [0, 2, 3, 4]
    assert found.steps_per_epoch(recorded(tmp_path / "run"), Run("vit", "adamw", 0)) == 2


def test_a_training_from_a_checkpoint_goes_on(tmp_path: Path) -> None:
    train(tmp_path, Recorder(tmp_path / "run"), save_strategy="epoch", num_train_epochs=3)
    first = tmp_path / "out" / "checkpoint-3"
    train(tmp_path, Recorder(tmp_path / "run", metrics=METRICS), num_train_epochs=3, resume=str(first))
    assert [each.step for each in found.find(recorded(tmp_path / "run"), Run("vit", "adamw", 0))] == [
        0,
        3,
        4,
        5,
        6,
        8,
        9,
    ]
    with pytest.raises(RepdynError, match="has a recording up to step 9"):
        train(tmp_path, Recorder(tmp_path / "run"))


def test_how_long_an_epoch_is_may_have_to_be_said(tmp_path: Path) -> None:
    class Endless(IterableDataset[Any]):
        def __iter__(self) -> Any:
            yield from examples()

    with pytest.raises(RepdynError, match="give the recorder `steps_per_epoch`"):
        train(tmp_path, Recorder(tmp_path / "run"), data=Endless(), max_steps=2, eval_strategy="no")
    train(tmp_path, Recorder(tmp_path / "run", steps_per_epoch=2), data=Endless(), max_steps=2, eval_strategy="no")
    assert [each.epoch for each in found.find(recorded(tmp_path / "run"), Run("vit", "adamw", 0))] == [0.0, 1.0]


def test_folders_of_the_trainer_are_read_with_their_history(tmp_path: Path) -> None:
    trainer = train(tmp_path, save_strategy="epoch")
    there = found.find(recorded(tmp_path / "out"), Run("vit", "adamw", 0))
    assert [(each.step, each.epoch, each.file.name) for each in there] == [
        (3, 1.0, "model.safetensors"), (6, 2.0, "model.safetensors"),
    ]  # fmt: skip
    wanted = trainer.model.state_dict()
    fitted = weights.fit(weights.read(there[-1].file, None), wanted, None, there[-1].file)
    assert all(torch.equal(fitted[name], tensor) for name, tensor in wanted.items())
    log = {
        "path": str(tmp_path / "out" / "checkpoint-{step}" / "trainer_state.json"),
        "columns": {"train_accuracy": "eval_train_accuracy", "test_accuracy": "eval_test_accuracy"},
    }
    rows = history.read(recorded(tmp_path / "out", history=log), Run("vit", "adamw", 0)) or []
    assert [(row["step"], row["epoch"]) for row in rows] == [(3, 1.0), (6, 2.0)]
    assert all(row["test_accuracy"] == row["train_accuracy"] for row in rows)


def test_tied_weights_that_the_trainer_s_files_leave_out_are_found(tmp_path: Path) -> None:
    network = transformers.GPT2LMHeadModel(
        transformers.GPT2Config(vocab_size=9, n_positions=4, n_embd=4, n_layer=1, n_head=1)
    )
    network.save_pretrained(tmp_path)
    read = weights.read(tmp_path, None)
    assert "lm_head.weight" not in read
    fitted = weights.fit(read, network.state_dict(), None, tmp_path)
    assert torch.equal(fitted["lm_head.weight"], network.lm_head.weight)


def test_shards_of_a_saved_model_are_read(tmp_path: Path) -> None:
    network = model()
    network.save_pretrained(tmp_path, max_shard_size="1KB")
    assert (tmp_path / "model.safetensors.index.json").is_file()
    fitted = weights.fit(weights.read(tmp_path, None), network.state_dict(), None, tmp_path)
    assert all(torch.equal(fitted[name], tensor) for name, tensor in network.state_dict().items())


def test_weights_that_a_folder_lacks_are_not_drawn_at_random(tmp_path: Path) -> None:
    network = model()
    network.save_pretrained(tmp_path)
    file = tmp_path / "model.safetensors"
    whole = load_file(file)
    assert whole.keys() != network.state_dict().keys()  # or else nothing is renamed
    save_file({name: tensor for name, tensor in whole.items() if name != "classifier.weight"}, file, {"format": "pt"})
    with pytest.raises(RepdynError, match=r"has no .*`vit\."):
        weights.fit(weights.read(tmp_path, None), network.state_dict(), None, file)
    save_file(whole | {"extra": torch.ones(1)}, file, {"format": "pt"})
    with pytest.raises(RepdynError, match="which the network lacks"):
        weights.fit(weights.read(tmp_path, None), network.state_dict(), None, file)
