"""A folder of image files for tests: three classes in each of two parts."""

import numpy as np
from PIL import Image

from repdyn.config.sections import Data, Folder
from repdyn.data.image_folders import Layout

CLASSES = ("n03", "n01", "n02")
TRAIN, TEST = 5, 4  # images of each class


def draw(path, seed, side=(16, 16), mode="RGB"):
    """A file of random pixels; png, so that they can be compared."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, size=(*side[::-1], len(mode)), dtype=np.uint8)
    Image.fromarray(pixels.squeeze(), mode).save(path, format="PNG")
    return pixels


def plain(folder, test="test"):
    """A folder of one folder a class in each part."""
    for c, name in enumerate(CLASSES):
        for part, count in (("train", TRAIN), (test, TEST)):
            for i in range(count):
                draw(folder / part / name / f"{i}.png", seed=[len(part), c, i])


def layout(classes=3):
    """The folder ``mine``."""
    return Layout("mine", classes, 3, 16)


def described(contents=None, **changes):
    """The folder ``mine``, as a config has it."""
    folder = {"path": "mine", "classes": 3, "size": 16, "train": 3 * TRAIN, "test": 3 * TEST} | changes
    return Data(dataset="image-folder", folder=Folder(**folder), contents=contents)
