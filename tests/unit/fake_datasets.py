"""Small data sets in the formats of the large ones, put where torchvision looks for them or downloads them from."""

import gzip
import hashlib
import io
import pickle
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import scipy.io
from torchvision import datasets as torchvision

from repdyn.data import datasets, downloads

TRAIN, TEST = 30, 20


def part(n, shape, classes=10, seed=0):
    """Images (n, *shape) of bytes and labels that hold every class."""
    images = np.random.default_rng([seed, n]).integers(0, 256, size=(n, *shape), dtype=np.uint8)
    return images, np.arange(n) % classes


def idx(array):
    """An array of bytes as an IDX file."""
    return (
        bytes([0, 0, 8, array.ndim]) + np.array(array.shape, dtype=">u4").tobytes() + array.astype(np.uint8).tobytes()
    )


def known_as(monkeypatch, name, **what):
    """Say that a data set is smaller than it is known to be."""
    monkeypatch.setitem(datasets.SOURCES, name, replace(datasets.SOURCES[name], **what))


def mnist(monkeypatch, name="fashion-mnist", torchvision_name="FashionMNIST"):
    """The gzipped files of a small MNIST by name; its checksums are what will be wanted, by torchvision and by us."""
    files, held = {}, []
    for prefix, n in (("train", TRAIN), ("t10k", TEST)):
        images, labels = part(n, (28, 28))
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            files[f"{prefix}-{kind}-ubyte.gz"] = gzip.compress(idx(array), mtime=0)
            held.append(hashlib.md5(idx(array)).hexdigest())
    resources = [(file, hashlib.md5(content).hexdigest()) for file, content in files.items()]
    cls = getattr(torchvision, torchvision_name)
    monkeypatch.setattr(cls, "resources", resources)
    monkeypatch.setattr(cls, "mirrors", [])
    monkeypatch.setitem(downloads.IDX, torchvision_name, tuple(held))
    known_as(monkeypatch, name, train=TRAIN, test=TEST)
    return files


def put(folder, files):
    """Write files by name."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        Path(folder, name).write_bytes(content)


def cifar(monkeypatch, classes):
    """The archive of a small CIFAR-10 or CIFAR-100, whose checksums are what torchvision will want."""
    cls = {10: torchvision.CIFAR10, 100: torchvision.CIFAR100}[classes]
    key = {10: "labels", 100: "fine_labels"}[classes]
    sizes = {name: 2 * classes for name, _ in (*cls.train_list, *cls.test_list)}
    contents = {}
    for seed, (name, n) in enumerate(sizes.items()):
        images, labels = part(n, (3072,), classes, seed)
        contents[name] = pickle.dumps({"data": images, key: labels.tolist()})
    contents[cls.meta["filename"]] = pickle.dumps({cls.meta["key"]: [str(i) for i in range(classes)]})
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for name, content in contents.items():
            entry = tarfile.TarInfo(f"{cls.base_folder}/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))

    def md5(content):
        return hashlib.md5(content).hexdigest()

    monkeypatch.setattr(cls, "train_list", [[name, md5(contents[name])] for name, _ in cls.train_list])
    monkeypatch.setattr(cls, "test_list", [[name, md5(contents[name])] for name, _ in cls.test_list])
    monkeypatch.setattr(cls, "meta", cls.meta | {"md5": md5(contents[cls.meta["filename"]])})
    monkeypatch.setattr(cls, "tgz_md5", md5(archive.getvalue()))
    monkeypatch.setattr(cls, "url", "http://127.0.0.1:9/nothing")
    known_as(monkeypatch, f"cifar{classes}", train=2 * classes * len(cls.train_list), test=2 * classes)
    return {cls.filename: archive.getvalue()}, pickle.loads(contents[cls.train_list[0][0]])


def svhn(monkeypatch):
    """The files of a small SVHN, whose digit 0 has label 10, and its training images."""
    files, splits = {}, {}
    for split, n in (("train", TRAIN), ("test", TEST)):
        images, labels = part(n, (32, 32, 3))
        content = io.BytesIO()
        scipy.io.savemat(content, {"X": images.transpose(1, 2, 3, 0), "y": np.where(labels == 0, 10, labels)[:, None]})
        name = f"{split}_32x32.mat"
        files[name] = content.getvalue()
        splits[split] = ["http://127.0.0.1:9/nothing", name, hashlib.md5(files[name]).hexdigest()]
    monkeypatch.setattr(torchvision.SVHN, "split_list", splits)
    known_as(monkeypatch, "svhn", train=TRAIN, test=TEST)
    return files, part(TRAIN, (32, 32, 3))
