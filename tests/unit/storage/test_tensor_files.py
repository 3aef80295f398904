import io
import json
import os
import struct

import numpy as np
import pytest
import torch
from damage import with_a_changed_byte
from safetensors import safe_open
from safetensors.numpy import save_file

from repdyn.catalogue.paths import Paths
from repdyn.errors import DamagedError, MissingError, RepdynError
from repdyn.storage.origin import Origin, Record
from repdyn.storage.tensor_files import Entry, reading, write_header

RECORD = Record("probes/weights", "probes", Paths.probe_weights, scope="study")
ABOUT = {"table": "probes/weights", "stage": "probes", "run": None, "hyperparameters": {"seed": 0}}
TENSORS = {
    "é/weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "scalar": np.array(7, dtype=np.int64),
    "empty": np.zeros((0, 4), dtype=np.float32),
    "odd": np.array([1, 0, 255], dtype=np.uint8),
}
KINDS = {"float32": "F32", "int64": "I64", "uint8": "U8"}


def write(path, tensors=TENSORS, about=ABOUT):
    entries = {name: Entry(KINDS[str(t.dtype)], t.shape, t.nbytes) for name, t in tensors.items()}
    with path.open("wb") as file:
        size = write_header(file, entries, about)
        for tensor in tensors.values():
            file.write(tensor.tobytes())
    assert path.stat().st_size == size
    return path


def read(path, framework="numpy", wanted=None):
    with reading(path, framework, wanted) as (file, about):
        return {name: file.get_tensor(name) for name in file.keys()}, about  # noqa: SIM118 (not a mapping)


def header_length(content):
    return int.from_bytes(content[:8], "little")


@pytest.mark.parametrize("tensors", [TENSORS, {}])
def test_a_file_is_one_of_safetensors_with_what_was_written(tmp_path, tensors):
    path = write(tmp_path / "a", tensors)
    with safe_open(path, framework="numpy") as file:
        found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
        told = json.loads(file.metadata()["repdyn"])
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert (found[name].dtype, found[name].tolist()) == (tensor.dtype, tensor.tolist())
    assert {key: value for key, value in told.items() if key != "header_checksum"} == ABOUT
    assert header_length(path.read_bytes()) % 8 == 0


def test_tensors_are_read_in_the_framework_asked_for_with_the_metadata(tmp_path):
    path = write(tmp_path / "a", about=ABOUT | {"note": 'é "header_checksum": "00000000"'})
    of_numpy, about = read(path)
    of_torch, _ = read(path, "pt")
    assert isinstance(of_torch["é/weight"], torch.Tensor)
    for name, tensor in TENSORS.items():
        np.testing.assert_array_equal(of_numpy[name], tensor)
        np.testing.assert_array_equal(of_torch[name].numpy(), tensor)
    assert about["note"] == 'é "header_checksum": "00000000"'


def test_identical_content_is_identical_bytes(tmp_path):
    assert write(tmp_path / "a").read_bytes() == write(tmp_path / "b").read_bytes()


def test_every_byte_of_the_header_counts(tmp_path):
    path = write(tmp_path / "a")
    content = path.read_bytes()
    for place in range(8 + header_length(content)):
        path.write_bytes(with_a_changed_byte(content, place))
        with pytest.raises(DamagedError):
            read(path)


@pytest.mark.parametrize("size", [0, 3, 8, 50, -3])
def test_a_file_that_was_cut_is_damaged(tmp_path, size):
    path = write(tmp_path / "a")
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(DamagedError, match=r"`.*/a` is damaged"):
        read(path)


def test_a_length_that_cannot_be_is_not_read(tmp_path):
    (tmp_path / "a").write_bytes(struct.pack("<Q", 2**62) + b"x" * 50)
    with pytest.raises(DamagedError, match="it has 58 bytes, and a header of 4611686018427387904"):
        read(tmp_path / "a")


def test_a_file_of_others_carries_no_checksum(tmp_path):
    for number, metadata in enumerate([None, {"repdyn": "{}"}]):
        save_file(TENSORS, tmp_path / str(number), metadata)
        with pytest.raises(DamagedError, match="it carries no checksum where repdyn writes it"):
            read(tmp_path / str(number))


def test_what_is_no_file_is_said_and_a_pipe_is_not_waited_for(tmp_path):
    with pytest.raises(MissingError):
        read(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DamagedError, match="it has 0 bytes"):
        read(tmp_path / "pipe")
    with pytest.raises(DamagedError, match="it is a folder"):
        read(tmp_path)


def test_a_file_of_another_origin_is_refused(tmp_path):
    path = write(tmp_path / "a")
    assert read(path, wanted=Origin(RECORD, None, {"seed": 0}))[1]["stage"] == "probes"
    with pytest.raises(RepdynError, match="was made with seed = 0, but 1 is asked for"):
        read(path, wanted=Origin(RECORD, None, {"seed": 1}))


def test_the_length_is_known_before_tensors_are_written():
    file = io.BytesIO()
    size = write_header(file, {"a": Entry("F32", (10, 10), 400), "b": Entry("U8", (3,), 3)}, ABOUT)
    assert size == len(file.getvalue()) + 403


def test_a_setting_may_be_called_as_the_checksum_is(tmp_path):
    about = ABOUT | {"hyperparameters": {"header_checksum": "deadbeef"}}
    found, told = read(write(tmp_path / "a", about=about))
    assert found.keys() == TENSORS.keys()
    assert told["hyperparameters"] == {"header_checksum": "deadbeef"}
