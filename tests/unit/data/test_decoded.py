import errno
import fcntl
import os

import numpy as np
import pytest
from damage import with_a_changed_byte
from image_folders import described, draw, layout, plain

from repdyn.data import contents, datasets, decoded, pixels
from repdyn.errors import RepdynError


@pytest.fixture
def folder(tmp_path):
    plain(tmp_path / "mine")
    return tmp_path / "mine"


@pytest.fixture
def count(monkeypatch):
    """How often a file was decoded, as a list of that length."""
    calls: list[int] = []
    pixels_of = pixels.of
    monkeypatch.setattr(pixels, "of", lambda *a: calls.append(1) or pixels_of(*a))
    return calls


def files(root, part="train"):
    return sorted(layout().store(root).glob(f"{part}-*"))


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda _: b"abc",
        lambda content: content[:-1],
        lambda content: content[: len(content) // 2],
        lambda content: with_a_changed_byte(content, 1000),
        lambda content: with_a_changed_byte(content, 0),
        lambda content: with_a_changed_byte(content, -1),
        lambda _: np.lib.format.magic(1, 0) + bytes(776 * 15),
    ],
    ids=["empty", "three bytes", "a byte less", "half", "a pixel", "a class", "the checksum", "another array"],
)
def test_damaged_images_are_decoded_again_with_a_warning(folder, count, caplog, damage):
    before = [part.inputs.copy() for part in datasets.read(described(), folder.parent)]
    (file,) = files(folder.parent)
    file.write_bytes(damage(file.read_bytes()))
    count.clear()
    after = datasets.read(described(), folder.parent)
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other.inputs)
    assert len(count) == 15
    assert caplog.text.count("is damaged; the images are decoded again") == 1
    count.clear()
    datasets.read(described(), folder.parent)
    assert not count


def test_a_job_that_knows_what_is_in_the_folder_needs_no_look_at_it(folder, monkeypatch):
    there = str(contents.look(layout(), folder.parent))
    before, _ = datasets.read(described(there), folder.parent)
    folder.rename(folder.parent / "gone")
    monkeypatch.setattr(contents, "look", lambda *_: pytest.fail("looked at the folder"))
    np.testing.assert_array_equal(datasets.read(described(there), folder.parent)[0].inputs, before.inputs)


def test_images_that_were_changed_while_a_study_ran_are_not_taken_for_its_own(folder):
    there = str(contents.look(layout(), folder.parent))
    draw(folder / "train/n01/0.png", seed=9)
    with pytest.raises(RepdynError, match=r"are not those that the study was started with: .*; run Snakemake again\.$"):
        datasets.read(described(there), folder.parent)
    assert not files(folder.parent)


def test_an_image_that_is_changed_while_it_is_decoded_is_named(folder, monkeypatch):
    look = contents.look

    def change_after(*a):
        found = look(*a)
        draw(folder / "train/n01/3.png", seed=9)
        return found

    there = str(look(layout(), folder.parent))
    monkeypatch.setattr(contents, "look", change_after)
    with pytest.raises(RepdynError, match=r"`.*n01/3.png` was changed while it was read; run again"):
        datasets.read(described(there), folder.parent)
    assert not files(folder.parent)


def test_what_was_decoded_before_is_removed_once_nobody_has_it(folder):
    train, _ = datasets.read(described(), folder.parent)
    before, (old,) = train.inputs.copy(), files(folder.parent)
    for name in ("train-0123456789abcdef.npy", f".{old.name}.abcdefgh"):  # as older versions named it; of a killed job
        layout().store(folder.parent).joinpath(name).touch()
    draw(folder / "train/n01/0.png", seed=9)
    datasets.read(described(), folder.parent)
    assert old in files(folder.parent)  # `train` has it
    assert len(files(folder.parent)) == 2
    assert not list(layout().store(folder.parent).glob(".train-*"))
    np.testing.assert_array_equal(train.inputs, before)
    del train
    draw(folder / "train/n01/0.png", seed=10)
    datasets.read(described(), folder.parent)
    assert len(files(folder.parent)) == 1


def test_another_version_of_the_decoding_decodes_anew(folder, count, monkeypatch):
    datasets.read(described(), folder.parent)
    count.clear()
    monkeypatch.setattr(pixels, "VERSION", pixels.VERSION + 1)
    datasets.read(described(), folder.parent)
    assert len(count) == 27


def test_files_of_several_frames_are_counted(folder, caplog, monkeypatch):
    pixels_of = pixels.of
    monkeypatch.setattr(pixels, "of", lambda *a: (pixels_of(*a)[0], True))
    caplog.set_level("INFO", logger="repdyn")
    datasets.read(described(), folder.parent)
    assert "15 of the files have several frames or pages; the first is taken" in caplog.text


def test_decoded_images_that_cannot_be_read_for_a_moment_are_left_alone(folder, monkeypatch):
    datasets.read(described(), folder.parent)
    (file,) = files(folder.parent)
    before = file.stat()

    def fail(*_, **__):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(decoded.mmap, "mmap", fail)
    with pytest.raises(RepdynError, match=r"`.*\.images` cannot be read: Input/output error"):
        datasets.read(described(), folder.parent)
    assert file.stat() == before


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL])
def test_images_are_decoded_where_the_file_system_has_no_locks(folder, monkeypatch, number, recwarn):
    def no_locks(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    half_written = layout().store(folder.parent) / f".train-{'0' * 16}.images"
    half_written.parent.mkdir(parents=True)
    half_written.touch()  # as of another process, which nothing tells from a dead one
    train, _ = decoded.read(layout(), folder.parent)
    again, _ = decoded.read(layout(), folder.parent)
    assert np.array_equal(train.inputs, again.inputs)
    assert half_written.exists()
    assert not list(recwarn)
