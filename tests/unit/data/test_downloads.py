import gzip
import http.server
import os
import subprocess
import sys
import textwrap
import threading
from collections import Counter
from pathlib import Path

import fake_datasets as fakes
import numpy as np
import pytest
from damage import with_a_changed_byte
from running import PATIENCE
from torchvision.datasets import FashionMNIST

from repdyn.config.sections import Data
from repdyn.data import datasets, downloads, subsets
from repdyn.errors import RepdynError

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
FASHION = Data(dataset="fashion-mnist")


@pytest.fixture
def server():
    """A web server of the files in ``server.files``, by name; ``server.asked`` counts."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            name = self.path.strip("/")
            content = running.files.get(name)
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            if content is not None and self.headers["Method"] != "HEAD":  # torchvision asks for redirections first
                running.asked[name] += 1
                running.patience.wait(0.5)  # long enough for a second process to want the same
                self.wfile.write(content)

        def log_message(self, *_):
            pass

    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.files, running.asked, running.patience = {}, Counter(), threading.Event()
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


def test_mnist_is_read_gzipped_or_not_and_alike(tmp_path, monkeypatch):
    files = fakes.mnist(monkeypatch)
    fakes.put(tmp_path / "zipped/FashionMNIST/raw", files)
    unzipped = {name.removesuffix(".gz"): gzip.decompress(content) for name, content in files.items()}
    fakes.put(tmp_path / "plain/FashionMNIST/raw", unzipped)
    images, labels = fakes.part(fakes.TRAIN, (28, 28))
    for root in (tmp_path / "zipped", tmp_path / "plain"):
        train, test = datasets.read(FASHION, root)
        np.testing.assert_array_equal(train.inputs[:, 0], images)
        np.testing.assert_array_equal(train.labels, labels)
        assert len(test.inputs) == fakes.TEST
    plain = [FashionMNIST(str(tmp_path / "plain"), train=train).data.numpy() for train in (True, False)]
    np.testing.assert_array_equal(plain[0], images)
    np.testing.assert_array_equal(plain[1], test.inputs[:, 0])


def test_a_folder_that_may_not_be_written_to_will_do(tmp_path, monkeypatch):
    fakes.put(tmp_path / "FashionMNIST/raw", fakes.mnist(monkeypatch))
    before = sorted(tmp_path.rglob("*"))
    datasets.read(FASHION, tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "kmnist"])
def test_the_relatives_of_mnist_have_a_place_each(tmp_path, monkeypatch, name):
    folder = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST", "kmnist": "KMNIST"}[name]
    fakes.put(tmp_path / folder / "raw", fakes.mnist(monkeypatch, name, folder))
    assert len(subsets.load(Data(dataset=name, label_noise=0.2), tmp_path, 0).train) == fakes.TRAIN


@pytest.mark.parametrize("classes", [10, 100])
def test_cifar_is_read_from_its_archive_and_from_what_that_holds(tmp_path, monkeypatch, classes):
    archive, first = fakes.cifar(monkeypatch, classes)
    fakes.put(tmp_path, archive)
    settings = Data(dataset=f"cifar{classes}")
    train, _ = datasets.read(settings, tmp_path)
    np.testing.assert_array_equal(train.inputs[: 2 * classes].reshape(-1, 3072), first["data"])
    np.testing.assert_array_equal(train.labels[: 2 * classes], np.arange(2 * classes) % classes)
    (tmp_path / next(iter(archive))).unlink()
    again, _ = datasets.read(settings, tmp_path)
    np.testing.assert_array_equal(again.inputs, train.inputs)
    assert subsets.load(settings, tmp_path, 0).train.inputs.shape[1:] == (3, 32, 32)


def test_the_digit_0_of_svhn_is_class_0(tmp_path, monkeypatch):
    files, (images, labels) = fakes.svhn(monkeypatch)
    fakes.put(tmp_path, files)
    train, test = datasets.read(Data(dataset="svhn"), tmp_path)
    np.testing.assert_array_equal(train.inputs, images.transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(train.labels, labels)
    assert test.inputs.shape == (fakes.TEST, 3, 32, 32)


@pytest.mark.parametrize(
    ("name", "fake", "sentence"),
    [
        ("fashion-mnist", fakes.mnist, "put train-images-idx3-ubyte, .*, gzipped or not, into `.*/FashionMNIST/raw`"),
        ("cifar10", lambda m: fakes.cifar(m, 10), "put cifar-10-python.tar.gz, or what it holds, into `"),
        ("svhn", fakes.svhn, "put train_32x32.mat, test_32x32.mat, into `"),
    ],
)
def test_what_is_missing_and_cannot_be_downloaded_is_named_with_its_place(tmp_path, monkeypatch, name, fake, sentence):
    fake(monkeypatch)
    with pytest.raises(RepdynError, match=f"not whole under .* and cannot be downloaded .*{sentence}") as raised:
        subsets.load(Data(dataset=name), tmp_path, 0)
    assert "\n" not in str(raised.value)
    assert not [path for path in tmp_path.iterdir() if path.suffix != ".lock"]


@pytest.mark.parametrize("name", ["cifar10", "svhn"])
def test_a_wrong_checksum_is_damage(tmp_path, monkeypatch, name):
    files = fakes.svhn(monkeypatch)[0] if name == "svhn" else fakes.cifar(monkeypatch, 10)[0]
    fakes.put(tmp_path, files)
    datasets.read(Data(dataset=name), tmp_path)
    damaged = tmp_path / ("test_32x32.mat" if name == "svhn" else "cifar-10-batches-py/test_batch")
    damaged.write_bytes(with_a_changed_byte(damaged.read_bytes(), 100))
    with pytest.raises(RepdynError, match=rf"`{damaged}` is damaged \(its MD5 is .*; delete it"):
        datasets.read(Data(dataset=name), tmp_path)


@pytest.mark.parametrize("is_zipped", [True, False])
def test_one_changed_byte_of_an_image_is_damage(tmp_path, monkeypatch, is_zipped):
    name, content = "train-images-idx3-ubyte", fakes.mnist(monkeypatch)["train-images-idx3-ubyte.gz"]
    changed = with_a_changed_byte(gzip.decompress(content), 5000)
    files = fakes.mnist(monkeypatch)
    del files[f"{name}.gz"]
    files |= {f"{name}.gz": gzip.compress(changed)} if is_zipped else {name: changed}
    fakes.put(tmp_path / "FashionMNIST/raw", files)
    with pytest.raises(RepdynError, match=rf"{name}.*` is damaged \(the MD5 of what it holds is .*; delete it"):
        datasets.read(FASHION, tmp_path)


def test_of_a_file_and_its_gzipped_form_the_one_with_a_checksum_is_read(tmp_path, monkeypatch):
    files = fakes.mnist(monkeypatch, "kmnist", "KMNIST")
    monkeypatch.setitem(downloads.IDX, "KMNIST", (None,) * 4)
    name = "train-images-idx3-ubyte"
    fakes.put(tmp_path / "KMNIST/raw", files)
    before, _ = datasets.read(Data(dataset="kmnist"), tmp_path)
    (tmp_path / f"KMNIST/raw/{name}").write_bytes(with_a_changed_byte(gzip.decompress(files[f"{name}.gz"]), 5000))
    np.testing.assert_array_equal(datasets.read(Data(dataset="kmnist"), tmp_path)[0].inputs, before.inputs)


@pytest.mark.parametrize(("name", "said"), [("part", "is read unchecked"), ("part.gz", "")])
def test_what_has_no_checksum_is_said(tmp_path, caplog, name, said):
    content = bytes([0, 0, 8, 1, 0, 0, 0, 2, 3, 4])
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert downloads._read_idx(tmp_path / name, None).tolist() == [3, 4]
    assert said in caplog.text
    assert bool(caplog.text) == bool(said)


def test_every_relative_of_mnist_has_a_line_of_checksums():
    names = {"MNIST", "FashionMNIST", "KMNIST"}
    assert downloads.IDX.keys() == names
    assert all(len(sums) == 4 for sums in downloads.IDX.values())


@pytest.mark.parametrize("name", ["fashion-mnist", "cifar10", "svhn"])
def test_what_cannot_be_read_for_a_moment_is_not_called_damaged(tmp_path, monkeypatch, name):
    if name == "fashion-mnist":
        fakes.put(tmp_path / "FashionMNIST/raw", fakes.mnist(monkeypatch))
    else:
        fakes.put(tmp_path, fakes.svhn(monkeypatch)[0] if name == "svhn" else fakes.cifar(monkeypatch, 10)[0])
    datasets.read(Data(dataset=name), tmp_path)

    def fail(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", fail)
    with pytest.raises(RepdynError, match=r"` cannot be read: Permission denied\.$"):
        datasets.read(Data(dataset=name), tmp_path)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (gzip.compress(fakes.idx(np.zeros((3, 2, 2))))[:-9], "is damaged (Compressed file ended"),
        (b"no gzip", "is damaged (Not a gzipped file"),
        (gzip.compress(b"\0\0\x09\x01"), "is damaged (it is not an IDX file of bytes)"),
        (gzip.compress(fakes.idx(np.zeros((3, 2, 2)))[:-1]), "is damaged (27 bytes do not hold (3, 2, 2))"),
        (
            gzip.compress(fakes.idx(np.zeros((fakes.TRAIN, 2, 2)))),
            "with 30 labels, where 30 × 1 × 28 × 28 should be",
        ),
    ],
    ids=["cut short", "not gzipped", "not of bytes", "a byte less", "of another size"],
)
def test_a_damaged_file_is_named(tmp_path, monkeypatch, content, sentence):
    files = fakes.mnist(monkeypatch) | {"train-images-idx3-ubyte.gz": content}
    monkeypatch.setitem(downloads.IDX, "FashionMNIST", (None,) * 4)
    fakes.put(tmp_path / "FashionMNIST/raw", files)
    with pytest.raises(RepdynError) as raised:
        datasets.read(FASHION, tmp_path)
    assert sentence in str(raised.value)


def test_a_data_set_without_one_of_its_classes_is_refused(tmp_path, monkeypatch):
    labels = gzip.compress(fakes.idx(np.arange(fakes.TRAIN) % 9))
    fakes.put(tmp_path / "FashionMNIST/raw", fakes.mnist(monkeypatch) | {"train-labels-idx1-ubyte.gz": labels})
    monkeypatch.setitem(downloads.IDX, "FashionMNIST", (None,) * 4)
    with pytest.raises(RepdynError, match=r"training part of `fashion-mnist` under .* has no image of class 9"):
        datasets.read(FASHION, tmp_path)


PROCESS = """
import sys, time
from pathlib import Path
from torchvision.datasets import FashionMNIST
from repdyn.data import downloads

root, url, resources, me, other = sys.argv[1:]
FashionMNIST.mirrors, FashionMNIST.resources = [url], eval(resources)
downloads.IDX["FashionMNIST"] = (None,) * 4
Path(me).touch()
while not Path(other).exists():
    time.sleep(0.01)
train, test = downloads.read_mnist("FashionMNIST", Path(root))
print(train.inputs.sum(), test.inputs.sum())
"""


def test_two_processes_that_start_together_download_once(tmp_path, monkeypatch, server):
    server.files = fakes.mnist(monkeypatch)
    root, marks = tmp_path / "data", [str(tmp_path / mark) for mark in ("one", "two")]
    url, resources = f"http://127.0.0.1:{server.server_port}/", repr(FashionMNIST.resources)
    environment = os.environ | {"PYTHONPATH": str(Path(subsets.__file__).parents[2])}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(PROCESS), str(root), url, resources, *order],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
        )
        for order in (marks, marks[::-1])
    ]  # fmt: skip
    outputs = [process.communicate(timeout=PATIENCE) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert outputs[0][0] == outputs[1][0]
    assert server.asked == dict.fromkeys(server.files, 1)
    left = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and path.suffix != ".lock"}
    assert left == {f"FashionMNIST/raw/{name}" for name in server.files}


def test_a_download_that_breaks_off_leaves_nothing_that_looks_whole(tmp_path, monkeypatch, server):
    server.patience.set()
    files = fakes.mnist(monkeypatch)
    server.files = {name: content for name, content in files.items() if "t10k" not in name}
    monkeypatch.setattr(FashionMNIST, "mirrors", [f"http://127.0.0.1:{server.server_port}/"])
    with pytest.raises(RepdynError, match=r"cannot be downloaded .*404"):
        datasets.read(FASHION, tmp_path)
    assert not [path for path in tmp_path.rglob("*") if "ubyte" in path.name]
    server.files = files
    assert len(datasets.read(FASHION, tmp_path)[0].inputs) == fakes.TRAIN


@pytest.mark.skipif(not DEBIAN.is_dir(), reason="the Debian package dataset-fashion-mnist is not installed")
def test_fashion_mnist_as_debian_packages_it(tmp_path):
    (tmp_path / "FashionMNIST").mkdir()
    (tmp_path / "FashionMNIST/raw").symlink_to(DEBIAN)
    fashion = subsets.load(Data(dataset="fashion-mnist", image_size=16, label_noise=0.2, train_size=1000), tmp_path, 0)
    assert (len(fashion.train), len(fashion.test)) == (1000, 10_000)
    assert fashion.train.inputs.shape[1:] == (1, 16, 16)
    train, _ = datasets.read(FASHION, tmp_path)
    np.testing.assert_array_equal(np.bincount(train.labels), np.full(10, 6000))
