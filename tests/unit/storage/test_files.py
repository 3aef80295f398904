"""Writing whole or not at all, and the sentence for each way in which the system refuses."""

import errno
import os
import resource
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from repdyn.errors import DamagedError, MissingError, RepdynError
from repdyn.storage import files


def write(path, content="new"):
    with files.atomic(path) as temporary:
        temporary.write_text(content, encoding="utf-8")


@contextmanager
def at_most(size):
    """Let no file of this process grow beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, r"The disk is full: `.*file` was not written, and what stood there before is untouched"),
        (errno.EDQUOT, r"The disk quota is used up: `.*file` was not written"),
        (errno.EFBIG, r"The file would be too large: `.*file` was not written"),
        (errno.EIO, r"`.*file` cannot be written: Input/output error\.$"),
    ],
)
def test_what_the_system_refuses_is_one_sentence_and_loses_nothing(tmp_path, number, said):
    path = tmp_path / "file"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(RepdynError, match=said), files.atomic(path) as temporary:
        temporary.write_text("half of the n", encoding="utf-8")
        raise OSError(number, os.strerror(number))
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_limit_to_the_size_of_files_is_one_sentence(tmp_path):
    with at_most(1000), pytest.raises(RepdynError, match="The file would be too large"):
        write(tmp_path / "file", "x" * 2000)
    assert list(tmp_path.iterdir()) == []


def test_an_error_about_another_file_is_not_said_to_be_about_the_one_that_is_written(tmp_path):
    with pytest.raises(FileNotFoundError), files.atomic(tmp_path / "file"):
        (tmp_path / "nowhere").read_bytes()


def test_a_folder_in_a_file_s_place_is_said_before_any_work(tmp_path):
    (tmp_path / "table.parquet").mkdir()
    said = r"table\.parquet` is a folder, but a file is to be written there"
    with pytest.raises(RepdynError, match=said), files.atomic(tmp_path / "table.parquet"):
        pytest.fail("work was begun")


def test_a_file_in_a_folder_s_place_is_named(tmp_path):
    (tmp_path / "results").write_text("", encoding="utf-8")
    with pytest.raises(RepdynError, match=r"/results` is a file, but a folder is to be there"):
        write(tmp_path / "results/digits/cka/cka.parquet")


def test_a_link_that_leads_nowhere_in_a_folder_s_place_is_named(tmp_path):
    (tmp_path / "results").symlink_to(tmp_path / "unmounted")
    with pytest.raises(RepdynError, match=r"/results` is a link that leads nowhere"):
        write(tmp_path / "results/cka.parquet")


def test_a_link_that_leads_nowhere_in_a_file_s_place_is_replaced(tmp_path):
    path = tmp_path / "cka.parquet"
    path.symlink_to(tmp_path / "nowhere")
    write(path)
    assert (path.is_symlink(), path.read_text(encoding="utf-8")) == (False, "new")


def test_a_name_as_long_as_the_system_allows_can_be_written_and_a_longer_one_is_one_sentence(tmp_path):
    longest = tmp_path / ("é" * 120 + "x" * 15)  # 255 bytes
    write(longest)
    assert longest.read_text(encoding="utf-8") == "new"
    with pytest.raises(RepdynError, match=r"cannot be written: File name too long\.$"):
        write(tmp_path / ("x" * 256))


def test_a_folder_that_may_not_be_written_to_is_one_sentence(tmp_path, monkeypatch):
    def refuse(*_, **__):  # root may write anywhere
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(tmp_path))

    monkeypatch.setattr(files.tempfile, "mkstemp", refuse)
    with pytest.raises(RepdynError, match=r"file` cannot be written: Permission denied\.$"):
        write(tmp_path / "file")


def test_what_cannot_be_read_is_not_called_damaged_nor_is_its_deletion_advised():
    for number in (errno.EACCES, errno.EIO, errno.ESTALE):
        error = files.unreadable("x.parquet", OSError(number, os.strerror(number)))
        assert not isinstance(error, DamagedError)
        assert "`x.parquet` cannot be read: " in str(error)
        assert "delete" not in str(error)
    assert isinstance(files.unreadable("x", FileNotFoundError(errno.ENOENT, "")), MissingError)


def test_damaged_files_are_set_aside_and_not_without_end(tmp_path):
    path, contents = tmp_path / "state.pt", []
    for number in range(5):
        path.write_text(str(number), encoding="utf-8")
        files.set_aside(path)
        contents.append(sorted(file.read_text(encoding="utf-8") for file in tmp_path.iterdir()))
    assert contents == [["0"], ["0", "1"], ["0", "1", "2"], ["0", "1", "3"], ["0", "1", "4"]]


class OneLine:
    """A module of figures that draws one line."""

    @staticmethod
    def draw(*_):
        from matplotlib.figure import Figure

        picture = Figure()
        picture.subplots().plot([0, 1])
        return picture


@pytest.mark.parametrize("extension", ["pdf", "png", "svg"])
def test_a_picture_that_cannot_be_written_is_one_sentence(tmp_path, monkeypatch, config, extension):
    from repdyn.catalogue.paths import Paths
    from repdyn.config import study as studies
    from repdyn.figures import draw
    from repdyn.pipeline.jobs import Job

    monkeypatch.setattr(draw, "importlib", SimpleNamespace(import_module=lambda *_: OneLine))
    monkeypatch.setattr(draw, "about", lambda *_: draw.About("training", "x", "0" * 16))  # there are no tables
    job, name, output = Job("figure", studies.parse(config), Paths("none")), "training", f"figure.{extension}"
    draw.main(job, name, tmp_path / output)
    before = (tmp_path / output).read_bytes()
    with at_most(1000), pytest.raises(RepdynError, match=rf"too large: `.*{output}` was not written"):
        draw.main(job, name, tmp_path / output)
    assert (tmp_path / output).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [output]
