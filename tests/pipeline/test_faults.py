"""What goes wrong on real machines. Each time the study ends in the same bytes as one that nothing happened to."""

import os
import random
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
import yaml
from running import PYTHON, TINY, command, content, differences, environment, snakemake, wait_for

RUN = "arch=vit/optimizer=sgd/seed=0"
STATE = f"results/tiny/state/{RUN}"
HISTORIES = [f"results/tiny/history/arch=vit/optimizer={name}/seed=0/history.parquet" for name in ("sgd", "adam")]
TRAIN = ["--arch", "vit", "--optimizer", "sgd", "--seed", "0"]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The tiny study with training long enough to be interrupted, and a state at every epoch."""
    settings = yaml.safe_load(TINY.read_text(encoding="utf-8"))
    settings["training"]["epochs"] = 100
    settings["execution"] = {"save_state_seconds": 0}
    path = tmp_path_factory.mktemp("config") / "long.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def undisturbed(study, tmp_path_factory):
    """The bytes of two trainings that nothing happened to."""
    path = tmp_path_factory.mktemp("undisturbed")
    done = snakemake("--configfile", str(study), "--", *HISTORIES, folder=path)
    assert done.returncode == 0, done.stderr
    return content(path / "results/tiny")


def of_run(files: dict[str, str], run: str = RUN) -> dict[str, str]:
    return {name: digest for name, digest in files.items() if run in name}


# Training that is killed so many seconds after so many saves; from within, since nobody else is sure to have a turn.
MORTAL = """
import os, signal, sys, threading
from repdyn import __main__
from repdyn.training import resume

saves, delay = int(sys.argv.pop(1)), float(sys.argv.pop(1))
save = resume.StateFolder.save

def save_and_die(folder, content):
    global saves
    save(folder, content)
    saves -= 1
    if saves == 0:
        threading.Timer(delay, os.kill, (os.getpid(), signal.SIGKILL)).start()

resume.StateFolder.save = save_and_die
sys.exit(__main__.main())
"""


def train(study: Path, folder: Path, *before: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        training(study, *before), cwd=folder, env=environment(), capture_output=True, encoding="utf-8", check=False
    )


def training(study: Path, *before: str) -> list[str]:
    return [PYTHON, *(before or ["-m", "repdyn"]), "train", "--study", str(study), *TRAIN]


def begin_to_train(study: Path, folder: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(training(study), cwd=folder, env=environment(), stderr=subprocess.PIPE, encoding="utf-8")


def states(folder: Path) -> set[int]:
    """The state that training would continue from, as the number of its file."""
    return {path.stat().st_ino for path in (folder / STATE).glob("*/state.pt")}


def test_training_killed_at_random_moments_ends_in_the_same_bytes(study, undisturbed, tmp_path):
    seed = 20260
    draw = random.Random(seed)
    for _ in range(3):
        saves, delay = draw.randint(1, 15), draw.uniform(0, 0.05)
        print(f"seed {seed}: killed {delay:.3f} s after {saves} states were saved")
        killed = train(study, tmp_path, "-c", MORTAL, str(saves), str(delay))
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert states(tmp_path)
        assert not (tmp_path / HISTORIES[0]).exists()
    done = train(study, tmp_path)
    assert done.returncode == 0, done.stderr
    assert int(re.findall(r"continues from epoch (\d+)", done.stderr)[0]) >= 3
    assert not differences(content(tmp_path / "results/tiny"), of_run(undisturbed))


def test_a_job_beside_one_that_lives_waits_and_then_continues_and_ends_in_the_same_bytes(study, undisturbed, tmp_path):
    first = begin_to_train(study, tmp_path)
    wait_for(lambda: states(tmp_path), "training to begin")
    first.send_signal(signal.SIGSTOP)  # alive, and not done before the second has looked
    second = begin_to_train(study, tmp_path)
    assert second.stderr is not None
    assert f"waits for process {first.pid} on" in second.stderr.readline()
    first.kill()
    first.communicate()
    _, said = second.communicate()
    assert second.returncode == 0, said
    assert "continues from epoch" in said
    assert not differences(content(tmp_path / "results/tiny"), of_run(undisturbed))


@pytest.fixture(scope="module")
def interrupted(study, tmp_path_factory):
    """A folder in which Snakemake was killed while a second one was started, and what later ones said.

    The first one and its jobs stand still while the second one runs, which on a busy machine may take longer than they.
    """
    folder = tmp_path_factory.mktemp("interrupted")
    arguments = ["--configfile", str(study), "--rerun-incomplete", "--", *HISTORIES]
    first = subprocess.Popen(
        command(*arguments), cwd=folder, env=environment(), stderr=subprocess.DEVNULL, start_new_session=True
    )
    wait_for(lambda: states(folder), "training to begin")
    os.killpg(first.pid, signal.SIGSTOP)
    said = {"second": snakemake(*arguments, folder=folder)}
    first.kill()
    os.killpg(first.pid, signal.SIGCONT)
    assert first.wait() == -signal.SIGKILL, "Snakemake ended before it could be killed"
    said["locked"] = snakemake(*arguments, folder=folder)
    said["unlock"] = snakemake("--configfile", str(study), "--unlock", folder=folder)
    # The jobs of the killed one may still be running beside these.
    said["again"] = snakemake(*arguments, folder=folder)
    return folder, said


def test_a_second_snakemake_on_one_study_is_refused(interrupted):
    _, said = interrupted
    assert said["second"].returncode != 0
    assert "Directory cannot be locked" in said["second"].stderr


def test_after_a_kill_of_snakemake_unlocking_is_said_to_be_needed_and_enough(interrupted, undisturbed):
    folder, said = interrupted
    assert said["locked"].returncode != 0
    assert "can be removed with the --unlock argument" in said["locked"].stderr
    assert said["unlock"].returncode == 0
    assert said["again"].returncode == 0, said["again"].stderr
    assert not differences(content(folder / "results/tiny"), undisturbed)


@pytest.fixture
def damaged(folder, tmp_path):
    """A copy of the finished tiny study, to be damaged."""
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def truncate(path: Path) -> None:
    """Cut a file to half its length; its time, by which Snakemake would notice, stays."""
    times = path.stat()
    os.truncate(path, times.st_size // 2)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


@pytest.mark.parametrize(
    ("victim", "reader"),
    [
        (f"cka/{RUN}/cka.parquet", f"phases/scores/{RUN}/scores.parquet"),
        (f"checkpoints/{RUN}/step=16.safetensors", f"activations/{RUN}/activations.parquet"),
        (f"probes/weights/{RUN}/probes.safetensors", f"regions/labels/{RUN}/labels.parquet"),
    ],
)
def test_a_truncated_file_is_named_and_the_remedy_in_the_message_works(victim, reader, folder, damaged):
    results = damaged / "results/tiny"
    truncate(results / victim)
    (results / reader).unlink()
    target = ["--configfile", str(TINY), "--", f"results/tiny/{reader}"]
    done = snakemake(*target, folder=damaged)
    assert done.returncode != 0
    sentences = {line.split("ERROR")[-1].strip() for line in done.stderr.splitlines() if "is damaged" in line}
    assert any(f"`results/tiny/{victim}` is damaged" in said for said in sentences), done.stderr
    assert all("delete it and run Snakemake again" in said for said in sentences)
    (results / victim).unlink()
    done = snakemake(*target, folder=damaged)
    assert done.returncode == 0, done.stderr
    assert not differences(content(results), content(folder / "results/tiny"))


@pytest.fixture
def small_disk(tmp_path):
    """A folder whose ``results`` lie on a disk of their own, and how to make that larger, in bytes."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk to fill")
    place = tmp_path / "results"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
    done = subprocess.run(mount, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        pytest.skip(f"a small disk to fill cannot be mounted: {done.stderr.strip()}")
    yield tmp_path, lambda size: subprocess.run(["mount", "-o", f"remount,size={size}", str(place)], check=True)
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_full_disk_is_one_sentence_and_what_was_finished_stays(folder, small_disk):
    place, resize = small_disk
    target = ["--configfile", str(TINY), "--rerun-incomplete", "--", f"results/tiny/cka/{RUN}/cka.parquet"]
    wanted = folder / "results/tiny"
    weights = sum(path.stat().st_size for path in (wanted / "checkpoints" / RUN).iterdir())
    # Room for some of the checkpoints; for all, but not the state; for that, but not the activations; for everything.
    sizes = {
        "step=": weights // 2,
        "state.pt": weights + (64 << 10),
        r"(activations|probe_view)\.parquet": 2 * weights,
        None: 64 << 20,
    }
    for writing, size in sizes.items():
        resize(size)
        done = snakemake(*target, folder=place)
        said = [line for line in done.stderr.splitlines() if "disk is full" in line]
        print("\n".join(said))
        assert "Traceback" not in done.stderr
        assert (done.returncode == 0) == (writing is None), done.stderr
        if writing is not None:
            assert said
            assert all(re.search(rf"The disk is full: `results/tiny/[^`]*/{writing}.*` was not", line) for line in said)
        assert not list((place / "results").rglob(".*")), "something half written was left behind"
        found = content(place / "results/tiny")
        assert not differences(found, {name: digest for name, digest in content(wanted).items() if name in found})
