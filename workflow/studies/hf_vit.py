"""A ViT of Hugging Face's, from its config, and its Trainer, for the study ``hf-vit``.

    .venv/bin/pip install transformers accelerate
    python workflow/studies/hf_vit.py 0 1       # seeds; into runs/hf-vit
    snakemake --cores 2 --configfile workflow/studies/hf-vit.yaml

The Trainer's callback records the run on the log schedule. Every tenth epoch the Trainer saves a checkpoint of its own,
too, into folders that another study could read as they are.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from transformers import Trainer, TrainingArguments, ViTConfig, ViTForImageClassification, set_seed

import repdyn
from repdyn.transformers import Recorder

STUDY = Path(__file__).with_name("hf-vit.yaml")
EPOCHS = 100
# What is recorded of the Trainer's evaluations, which call it `eval_…`.
MEASURED = ["train_loss", "test_loss", "train_accuracy", "test_accuracy", "clean_accuracy", "mislabelled_accuracy"]


def vit(num_classes, in_chans, img_size):
    """Of four layers, and of patches that divide the image by four; nothing is drawn at random in training."""
    return ViTForImageClassification(
        ViTConfig(
            num_labels=num_classes, num_channels=in_chans, image_size=img_size, patch_size=img_size // 4,
            hidden_size=64, intermediate_size=128, num_hidden_layers=4, num_attention_heads=4,
            hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
        )
    )  # fmt: skip


class Examples(torch.utils.data.Dataset):
    """A study's examples as the Trainer wants them, with the labels to train on."""

    def __init__(self, examples):
        self.inputs, self.labels = torch.from_numpy(examples.inputs[:]), torch.from_numpy(examples.given_labels)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return {"pixel_values": self.inputs[i], "labels": self.labels[i]}


def accuracy(found):
    """Of the Trainer's predictions."""
    return {"accuracy": float(np.mean(found.predictions.argmax(1) == found.label_ids))}


def train(seed):
    """Train the run of a seed and record it."""
    data = repdyn.examples(STUDY, seed)
    channels, size, _ = data.train.inputs[:1].shape[1:]
    evaluated = {
        "train": data.train,
        "clean": data.train.subset(~data.mislabelled),
        "mislabelled": data.train.subset(data.mislabelled),
        "test": data.test,
    }
    set_seed(seed)
    arguments = TrainingArguments(
        f"runs/hf-vit/trainer-{seed}", per_device_train_batch_size=64, num_train_epochs=EPOCHS, learning_rate=1e-3,
        lr_scheduler_type="constant", max_grad_norm=0.0, eval_strategy="steps", eval_steps=32,
        per_device_eval_batch_size=1000, save_strategy="steps", save_steps=160, save_only_model=True, report_to=[],
        disable_tqdm=True, use_cpu=True, seed=seed,
    )  # fmt: skip
    Trainer(
        vit(data.classes, channels, size),
        arguments,
        train_dataset=Examples(data.train),
        eval_dataset={name: Examples(part) for name, part in evaluated.items()},
        compute_metrics=accuracy,
        callbacks=[
            Recorder(f"runs/hf-vit/vit-{seed}", metrics={name: f"eval_{name}" for name in MEASURED}, first=0.25)
        ],
    ).train()


if __name__ == "__main__":
    torch.set_num_threads(1)
    for seed in sys.argv[1:]:
        train(int(seed))
