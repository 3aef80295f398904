"""Signals of one dimension, and convolutional networks of any width for them, for the study ``mnist1d``."""

from mnist1d.data import get_dataset_args, make_dataset
from torch import nn


def load(train=4000, test=2000):
    """MNIST-1D (Greydanus & Kobak, ICML 2024): ten shapes of 40 points, shifted, sheared and noisy.

    The package generates it from a fixed seed; with 5,000 examples it is the published data set.
    """
    settings = get_dataset_args()
    settings.num_samples, settings.train_split = train + test, train / (train + test)
    made = make_dataset(settings)
    return {
        "train": {"inputs": made["x"][:, None], "labels": made["y"]},
        "test": {"inputs": made["x_test"][:, None], "labels": made["y_test"]},
    }


class Block(nn.Sequential):
    """A convolution that halves the length, and its nonlinearity."""

    def __init__(self, channels, width, size):
        super().__init__(nn.Conv1d(channels, width, size, stride=2, padding=size // 2), nn.ReLU())


class Convolutions(nn.Module):
    """Three blocks of ``width`` channels: 20, 10 and 5 positions of 40."""

    def __init__(self, in_chans, num_classes, width):
        super().__init__()
        self.blocks = nn.Sequential(Block(in_chans, width, 5), Block(width, width, 3), Block(width, width, 3))
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(5 * width, num_classes))

    def forward(self, signals):
        """(n, channels, 40) -> (n, classes)."""
        return self.head(self.blocks(signals))
