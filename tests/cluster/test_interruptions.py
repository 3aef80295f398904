"""What a cluster does to jobs and to Snakemake. Each time training ends in the bytes of one that nothing befell."""

import contextlib
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
import running
import yaml

IMPATIENT = "--slurm-init-seconds-before-status-checks 1 --seconds-between-status-checks 1 --latency-wait 10"
# A minute is the least that Slurm knows; a busy machine may need several for what is not meant to run out of time.
MINUTES = "--set-resources train:runtime=attempt --retries 5"
HISTORY = "results/tiny/history/arch={}/optimizer={}/seed=0/history.parquet"
HISTORIES = [HISTORY.format(arch, optimizer) for arch in ("resnet", "vit") for optimizer in ("sgd", "adam")]


@pytest.fixture(scope="module")
def study(checkout):
    """The tiny study with training long enough to be interrupted, and a state at every epoch."""
    settings = yaml.safe_load(running.TINY.read_text(encoding="utf-8"))
    settings["training"]["epochs"] = 100
    settings["execution"] = {"save_state_seconds": 0}
    (checkout / "long.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    return "long.yaml"


@pytest.fixture(scope="module")
def undisturbed(checkout, study, tmp_path_factory):
    """The bytes of four trainings that nothing happened to, without the cluster."""
    path = tmp_path_factory.mktemp("undisturbed")
    done = running.snakemake("--configfile", str(checkout / study), "--", *HISTORIES, folder=path)
    assert done.returncode == 0, done.stderr
    return running.content(path / "results/tiny")


def start(folder: Path, study: str, *arguments: str) -> "subprocess.Popen[bytes]":
    """Snakemake on the cluster; what it says goes into a file of the folder."""
    words = ["snakemake", "--cores", "8", "--profile", "slurm", "--configfile", study, *IMPATIENT.split()]
    environment = running.environment(folder)
    with (folder / "said.txt").open("ab") as said:
        return subprocess.Popen([*words, *arguments], cwd=folder, env=environment, stdout=said, stderr=said)


def process_of(folder: Path, arch: str, optimizer: str) -> int | None:
    """The process that trains a run in a folder, once there is a state to continue from."""
    if not list(folder.glob(f"results/tiny/state/arch={arch}/optimizer={optimizer}/seed=0/*/state.pt")):
        return None
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (process / "cmdline").read_bytes().decode().split("\0")
            wanted = {"train", arch, optimizer} <= set(words) and words[1:4] == ["-P", "-m", "repdyn"]
            if wanted and (process / "cwd").resolve() == folder:
                return int(process.name)
    return None


def jobs_of(slurm, arch: str, optimizer: str) -> list[dict[str, str]]:
    """What Slurm knows about a run's jobs, in the order of their submission."""
    comment = f"rule_train_wildcards_{arch}_{optimizer}_0"
    return [slurm.show(job) for job, found in slurm.jobs().items() if found == comment]


def requeue(slurm, job: str) -> None:
    """Put a running job back into the queue of a drained node, which then returns."""
    node = f"NodeName={slurm.node}"
    slurm.command("scontrol", "update", node, "State=DRAIN", "Reason=test")
    slurm.command("scontrol", "requeue", job)
    running.wait_for(lambda: slurm.show(job)["JobState"] == "PENDING", "the job to be in the queue again")
    slurm.command("scontrol", "update", node, "State=RESUME")
    slurm.command("scontrol", "update", f"JobId={job}", "StartTime=now")  # not only after two minutes


@pytest.fixture(scope="module")
def disturbed(slurm, checkout, study):
    """Four trainings at once: one requeued on a drained node, one killed, one out of time, one beside them."""
    slurm.forget()
    snakemake = start(checkout, study, *MINUTES.split(), "--", *HISTORIES)
    waiting = {"requeue": ("vit", "sgd"), "kill": ("vit", "adam"), "stop": ("resnet", "sgd")}

    def disturb() -> bool:
        assert snakemake.poll() is None, (checkout / "said.txt").read_text(encoding="utf-8")
        for fault, run in list(waiting.items()):
            process = process_of(checkout, *run)
            if process is None:
                continue
            if fault == "requeue":
                requeue(slurm, jobs_of(slurm, *run)[-1]["JobId"])
            else:
                os.kill(process, signal.SIGKILL if fault == "kill" else signal.SIGSTOP)
            del waiting[fault]
        return not waiting

    running.wait_for(disturb, "all trainings to be disturbed")
    assert snakemake.wait(running.PATIENCE) == 0, (checkout / "said.txt").read_text(encoding="utf-8")
    return checkout


def test_disturbed_trainings_end_in_the_same_bytes(disturbed, undisturbed):
    assert not running.differences(running.content(disturbed / "results/tiny"), undisturbed)


@pytest.mark.parametrize("run", [("vit", "sgd"), ("vit", "adam"), ("resnet", "sgd")])
def test_a_disturbed_training_continues_from_its_state(disturbed, run):
    log = disturbed / "results/tiny/logs/train" / "arch={}/optimizer={}/seed=0.log".format(*run)
    assert int(re.findall(r"continues from epoch (\d+)", log.read_text(encoding="utf-8"))[-1]) >= 1


@pytest.mark.usefixtures("disturbed")
def test_a_requeued_job_is_the_same_job_started_again(slurm):
    assert jobs_of(slurm, "vit", "sgd")[0]["Restarts"] == "1"


def test_a_killed_job_is_submitted_again_with_more_memory_and_its_log_is_shown(slurm, disturbed):
    first, second = jobs_of(slurm, "vit", "adam")[:2]
    assert (first["JobState"], first["MinMemoryNode"]) == ("FAILED", "4000M")
    assert (second["JobState"], second["MinMemoryNode"]) == ("COMPLETED", "8000M")
    assert "Logfile results/tiny/logs/train/arch=vit/optimizer=adam/seed=0.log" in (disturbed / "said.txt").read_text(
        encoding="utf-8"
    )


@pytest.mark.usefixtures("disturbed")
def test_a_job_out_of_time_is_submitted_again_with_more_of_it(slurm):
    first, second = jobs_of(slurm, "resnet", "sgd")[:2]
    assert (first["JobState"], first["TimeLimit"]) == ("TIMEOUT", "00:01:00")
    assert second["TimeLimit"] == "00:02:00"


def test_after_a_kill_of_snakemake_what_the_documentation_says_to_do_works(
    slurm, checkout, study, undisturbed, tmp_path
):
    slurm.forget()
    folder = running.checkout(tmp_path / "again").resolve()
    (folder / study).write_text((checkout / study).read_text(encoding="utf-8"), encoding="utf-8")
    first = start(folder, study, "--", HISTORIES[2])

    def has_begun() -> bool:
        assert first.poll() is None, (folder / "said.txt").read_text(encoding="utf-8")
        return process_of(folder, "vit", "sgd") is not None

    running.wait_for(has_begun, "training to begin")
    first.kill()
    assert first.wait() == -signal.SIGKILL
    refused = start(folder, study, "--", HISTORIES[2])
    assert refused.wait() != 0
    assert "can be removed with the --unlock argument" in (folder / "said.txt").read_text(encoding="utf-8")
    remedy = re.findall(
        r"```sh\n(squeue.*?)```", (running.ROOT / "docs/cluster.md").read_text(encoding="utf-8"), re.DOTALL
    )[0]
    subprocess.run(["bash", "-ec", remedy], cwd=folder, env=running.environment(folder), check=True)
    again = start(folder, study, "--", HISTORIES[2])
    assert again.wait() == 0, (folder / "said.txt").read_text(encoding="utf-8")
    of_others = re.compile("arch=(?!vit/optimizer=sgd/)")
    wanted = {name: digest for name, digest in undisturbed.items() if not of_others.search(name)}
    assert not running.differences(running.content(folder / "results/tiny"), wanted)
    states = [job["JobState"] for job in jobs_of(slurm, "vit", "sgd")]
    assert states == ["CANCELLED", "COMPLETED"]
