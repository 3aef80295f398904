import io
import os
import random
import struct
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from damage import with_a_changed_byte

from repdyn.errors import DamagedError, MissingError, RepdynError
from repdyn.storage import sealing
from repdyn.storage.sealing import BLOCK, SealedFile, Sealing, seal_of

FOOTER = b"what stands for a footer"
END = FOOTER + struct.pack("<I4s", len(FOOTER), b"PAR1")
SIZES = [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 3 * BLOCK + 17]


def random_bytes(size, seed=0):
    return random.Random(seed).randbytes(size)


def write(path, data, pieces=1000, end=END):
    """A sealed file of these data, written in pieces as a Parquet writer does."""
    with path.open("w+b") as file:
        sink = Sealing(file)
        for start in range(0, len(data), pieces):
            assert sink.write(data[start : start + pieces]) == len(data[start : start + pieces])
        sink.write(memoryview(end))
        assert sink.tell() == len(data) + len(end)
        sink.seal()
    return path


@pytest.mark.parametrize("size", SIZES)
def test_what_is_written_is_read_in_whatever_pieces(tmp_path, size):
    data, draw = random_bytes(size), random.Random(1)
    path = write(tmp_path / "a", data, pieces=draw.randrange(1000, 2 * BLOCK))
    raw = path.read_bytes()
    assert raw.startswith(data) and raw.endswith(END)
    with SealedFile(path) as file:
        assert file.read() == raw
        assert file.read() == b""
        for _ in range(20):
            start, length = draw.randrange(len(raw)), draw.choice([0, 1, 100, BLOCK, 2 * BLOCK])
            assert file.seek(start) == start
            assert file.read(length) == raw[start : start + length]
            assert file.tell() == min(start + length, len(raw))


def test_pieces_do_not_matter_to_the_bytes(tmp_path):
    data = random_bytes(2 * BLOCK + 5)
    files = [write(tmp_path / str(pieces), data, pieces).read_bytes() for pieces in (7777, BLOCK, len(data))]
    assert files[0] == files[1] == files[2]


def test_places_are_counted_from_start_end_and_here(tmp_path):
    with SealedFile(write(tmp_path / "a", b"0123456789")) as file:
        assert file.readable() and file.seekable() and not file.writable()
        assert (file.seek(4), file.read(2)) == (4, b"45")
        assert (file.seek(1, os.SEEK_CUR), file.read(1)) == (7, b"7")
        file.seek(-4, io.SEEK_END)
        assert file.read(100) == b"PAR1"
        end = file.tell()
        assert (file.seek(50, io.SEEK_END), file.read(1), file.tell()) == (end + 50, b"", end + 50)


def test_any_reader_of_parquet_reads_a_sealed_table(tmp_path):
    table = pa.table({"a": pa.array(range(30_000), pa.int64()), "b": ["text"] * 30_000})
    with (tmp_path / "a").open("w+b") as file:
        sink = Sealing(file)
        pq.write_table(table, sink, compression="none")
        sink.seal()
    assert (tmp_path / "a").stat().st_size > 3 * BLOCK
    assert pq.read_table(tmp_path / "a").equals(table)
    with SealedFile(tmp_path / "a") as file:
        assert pq.read_table(pa.PythonFile(file, mode="r")).equals(table)


@pytest.mark.parametrize("block", [0, 1, 3])
def test_damage_to_the_data_is_found_in_its_block_and_other_blocks_are_read(tmp_path, block):
    data = random_bytes(3 * BLOCK + 17)
    path = write(tmp_path / "a", data)
    path.write_bytes(with_a_changed_byte(path.read_bytes(), block * BLOCK + 9))
    with SealedFile(path) as file:
        for other in range(4):
            file.seek(other * BLOCK)
            if other == block:
                with pytest.raises(DamagedError, match=f"checksum at byte {block * BLOCK} is not that of what stands"):
                    file.read(1)
            else:
                assert file.read(10) == data[other * BLOCK : other * BLOCK + 10]


def test_damage_behind_the_data_is_found_before_any_is_read(tmp_path):
    data = random_bytes(BLOCK + 3)
    path = write(tmp_path / "a", data)
    content = path.read_bytes()
    for place in range(len(data), len(content) - 4):  # but for Parquet's own mark at the end, which its readers check
        path.write_bytes(with_a_changed_byte(content, place))
        with pytest.raises(DamagedError):
            SealedFile(path)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it has 0 bytes"),
        (b"x" * 27, "it has 27 bytes"),
        (b"x" * 40 + struct.pack("<I4s", 1000, b"PAR1"), "it is cut short, or repdyn did not write it"),
        (b"x" * 40 + END, "it carries no checksums where repdyn writes them"),
        (struct.pack("<QI8s", 2**60, 0, sealing.SEAL) + END, "it carries no checksums where repdyn writes them"),
    ],
)
def test_what_repdyn_did_not_write_is_called_damaged_with_the_reason(tmp_path, content, why):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(DamagedError, match=rf"^`.*/a` is damaged \({why}\)"):
        SealedFile(tmp_path / "a")


def test_what_is_no_file_is_said_and_a_pipe_is_not_waited_for(tmp_path):
    with pytest.raises(MissingError):
        SealedFile(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(DamagedError, match="it has 0 bytes"):
            SealedFile(place)


def test_a_file_that_was_cut_after_it_was_opened_is_damaged(tmp_path):
    path = write(tmp_path / "a", random_bytes(2 * BLOCK))
    with SealedFile(path) as file:
        os.truncate(path, BLOCK)
        with pytest.raises(DamagedError, match="it is shorter than when it was opened"):
            file.read()


def test_a_disk_that_fails_is_not_called_damage(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(5, "Input/output error")

    with SealedFile(write(tmp_path / "a", b"data")) as file:
        monkeypatch.setattr(os, "pread", fail)
        with pytest.raises(RepdynError, match="cannot be read: Input/output error") as caught:
            file.read(1)
        assert not isinstance(caught.value, DamagedError)


def test_a_seal_tells_contents_and_footers_apart_and_equal_ones_not(tmp_path):
    def seal(name, data, end=END):
        with SealedFile(write(tmp_path / name, data, end=end)) as file:
            return seal_of(file)

    data = random_bytes(BLOCK + 100)
    other_end = END.replace(b"footer", b"header")
    found = [seal("a", data), seal("b", with_a_changed_byte(data, 5)), seal("c", data[:-1]), seal("d", data, other_end)]
    assert len(set(found)) == 4
    assert seal("e", data) == found[0]


def test_a_file_is_closed_once_and_closing_again_does_nothing(tmp_path):
    before = len(list(Path("/dev/fd").iterdir()))
    file = SealedFile(write(tmp_path / "a", b"data"))
    file.close()
    file.close()
    assert file.closed
    assert len(list(Path("/dev/fd").iterdir())) == before
