import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from repdyn.runtime import endings
from repdyn.storage.files import atomic


@pytest.fixture(autouse=True)
def no_log(monkeypatch):
    monkeypatch.setattr(endings.LOG, "handlers", [])


@pytest.mark.parametrize(
    ("number", "status", "said"),
    [(signal.SIGINT, 130, "interrupted; what was finished stays."), (signal.SIGTERM, 143, "asked to terminate; what")],
)
def test_an_interrupted_command_says_so_in_a_line_and_leaves_no_half_of_a_file(
    tmp_path, capsys, request, number, status, said
):
    # Whoever runs the tests in the background may have them ignore it.
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}[number]
    given = signal.signal(number, usual)
    request.addfinalizer(lambda: signal.signal(number, given))

    def work():
        with atomic(tmp_path / "table.parquet") as temporary:
            temporary.write_text("half", encoding="utf-8")
            os.kill(os.getpid(), number)
            time.sleep(60)

    before = signal.getsignal(number)
    assert endings.status_of(work) == status
    assert signal.getsignal(number) is before
    assert capsys.readouterr().err.startswith(said)
    assert list(tmp_path.iterdir()) == []


def test_a_signal_that_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert endings.status_of(lambda: os.kill(os.getpid(), signal.SIGINT)) == 0
    finally:
        signal.signal(signal.SIGINT, before)


def no_memory():
    raise MemoryError


@pytest.mark.parametrize(
    ("work", "said"),
    [
        (lambda: np.zeros(2**55), "There is no memory for 256. PiB more; run fewer jobs at once, or lower"),
        (lambda: torch.zeros(2**55), "There is no memory for 144115188075855872 bytes more; run fewer jobs"),
        (lambda: pa.allocate_buffer(2**60), "There is no memory; run fewer jobs at once"),
        (no_memory, "There is no memory; run fewer jobs at once"),
    ],
)
def test_no_memory_is_a_sentence(capsys, work, said):
    assert endings.status_of(work) == 1
    assert capsys.readouterr().err.startswith(said)


def test_a_path_that_a_locale_cannot_write_is_a_sentence(capsys):
    assert endings.status_of(lambda: "data/Bücher".encode("ascii")) == 1
    said = r"`data/B\xfccher` cannot be written in the encoding of paths here, ascii; set PYTHONUTF8=1"
    assert capsys.readouterr().err.startswith(said)


def test_a_file_never_takes_the_place_of_a_closed_stream(tmp_path):
    code = (
        "from repdyn.runtime import endings; import os; endings.secure_streams();"
        "file = open('table', 'w', encoding='utf-8'); os.write(1, b'a warning'); os.write(2, b'a warning');"
        "raise SystemExit(file.fileno())"
    )
    path = str(Path(endings.__file__).parents[2])
    done = subprocess.run(
        ["sh", "-c", '"$0" -c "$1" <&- >&- 2>&-', sys.executable, code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path},
        check=False,
    )
    assert done.returncode > 2
    assert (tmp_path / "table").read_bytes() == b""
