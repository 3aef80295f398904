"""Grokking: a transformer learns addition modulo a prime long after it has fitted its training examples.

After Power et al., arXiv 2201.02177 (read there: sums modulo a prime, half of all pairs to train on, a two-layer
transformer, AdamW with weight decay; theirs is a decoder with 97 classes and 128 features). Smaller here, for two
cores: 31 classes, and full batches, so that an epoch is a step. A plain loop of one's own, with the recorder in it:

    python workflow/studies/grokking.py adamw 0 1 2     # optimizer, seeds; into runs/grokking
    python workflow/studies/grokking.py undecayed 0 1 2
    snakemake --cores 2 --configfile workflow/studies/grokking.yaml
"""

import math
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import repdyn

PRIME = 31
EPOCHS = 2500
WEIGHT_DECAY = {"adamw": 1.0, "undecayed": 0.0}


def load():
    """All pairs of numbers, as tokens, and their sums; the study divides them into training and test examples."""
    pairs = np.stack(np.meshgrid(np.arange(PRIME), np.arange(PRIME), indexing="ij"), axis=-1).reshape(-1, 2)
    return {"inputs": pairs, "labels": pairs.sum(axis=1) % PRIME}


class Embedding(nn.Module):
    """Of tokens and their positions."""

    def __init__(self, vocab_size, length, width):
        super().__init__()
        self.tokens = nn.Embedding(vocab_size, width)
        self.positions = nn.Parameter(torch.empty(length, width))
        for weight in (self.tokens.weight, self.positions):
            nn.init.normal_(weight, std=1 / math.sqrt(width))

    def forward(self, tokens):
        """(n, length) -> (n, length, width)."""
        return self.tokens(tokens) + self.positions


class Block(nn.Module):
    """Attention among all tokens and a perceptron, each with a norm before it."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.attention_norm, self.perceptron_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.perceptron = nn.Sequential(nn.Linear(width, 4 * width), nn.ReLU(), nn.Linear(4 * width, width))

    def forward(self, x):
        """(n, length, width) -> the same."""
        n, length, width = x.shape
        each = self.queries_keys_values(self.attention_norm(x)).view(n, length, 3, self.heads, width // self.heads)
        queries, keys, values = each.permute(2, 0, 3, 1, 4)
        weights = (queries @ keys.transpose(-1, -2) / math.sqrt(width // self.heads)).softmax(-1)
        x = x + self.out((weights @ values).transpose(1, 2).reshape(n, length, width))
        return x + self.perceptron(self.perceptron_norm(x))


class Transformer(nn.Module):
    """Reads the class from the mean over tokens."""

    def __init__(self, vocab_size, num_classes, width=64, depth=2, heads=4, length=2):
        super().__init__()
        self.embedding = Embedding(vocab_size, length, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, num_classes, bias=False)

    def forward(self, tokens):
        """(n, length) -> (n, classes)."""
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x.mean(dim=1)))


def train(optimizer, seed):
    """Train the run of an optimizer and seed on the examples that the study gives that seed, and record it."""
    data = repdyn.examples(Path(__file__).with_suffix(".yaml"), seed)
    examples = {
        name: (torch.from_numpy(part.inputs[:]), torch.from_numpy(part.labels))
        for name, part in (("train", data.train), ("test", data.test))
    }
    torch.manual_seed(seed)
    model = Transformer(vocab_size=PRIME, num_classes=PRIME)
    steps = torch.optim.AdamW(model.parameters(), lr=2e-3, betas=(0.9, 0.95), weight_decay=WEIGHT_DECAY[optimizer])
    warmup = torch.optim.lr_scheduler.LambdaLR(steps, lambda step: min(1.0, (step + 1) / 10))
    evaluated = {round(10 ** (k / 30)) for k in range(200)} | {0, EPOCHS}

    def evaluate():
        measured = {}
        with torch.no_grad():
            for name, (inputs, labels) in examples.items():
                logits = model(inputs)
                measured[f"{name}_loss"] = F.cross_entropy(logits, labels)
                measured[f"{name}_accuracy"] = (logits.argmax(1) == labels).float().mean()
        return measured

    inputs, labels = examples["train"]
    # `step=0` begins the recording anew where there is one; `change` is measured on pairs that no seed trains on.
    recording = {
        "per_decade": 20,
        "step": 0,
        "change": data.common.inputs[:],
        "layers": ["embedding", "blocks.*", "norm"],
    }
    with repdyn.Recorder(f"runs/grokking/{optimizer}-{seed}", model, 1, **recording) as recorder:
        recorder.evaluated(**evaluate())
        for epoch in range(1, EPOCHS + 1):
            F.cross_entropy(model(inputs), labels).backward()
            steps.step()
            steps.zero_grad()
            warmup.step()
            recorder.step()
            if epoch in evaluated:
                recorder.evaluated(**evaluate())
        recorder.checkpoint()


if __name__ == "__main__":
    torch.set_num_threads(1)
    for seed in sys.argv[2:]:
        train(sys.argv[1], int(seed))
        print(f"{sys.argv[1]}, seed {seed}: done")
