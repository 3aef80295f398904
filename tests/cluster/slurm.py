"""A real Slurm on one machine: controller, node and two pretend GPUs, started and stopped by the tests as root.

The configuration has to be ``slurm.conf`` in Slurm's own folder, since jobs lose ``SLURM_CONF``; one that is there and
is not ours, a real cluster's, is left alone. Jobs run as root in the tests' environment. Nothing limits their memory.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from running import PATIENCE, wait_for

SETTINGS = Path("/etc/slurm")
RUN = Path("/run/repdyn-slurm")  # pids, for whoever comes after a killed test
MARK = "# written by repdyn's tests, and removed by them"
PROGRAMS = ("slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "scancel", "munged")
MUNGE_SOCKET = Path("/run/munge/munge.socket.2")
CONF = """\
{mark}
ClusterName=repdyn
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
MinJobAge=100000
KillWait=2
OverTimeLimit=0
SchedulerParameters=sched_interval=2,batch_sched_delay=0,sched_min_interval=0
GresTypes=gpu
SlurmdParameters=config_overrides
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={run}/slurmctld.pid
SlurmdPidFile={run}/slurmd.pid
TaskProlog={folder}/prolog
NodeName={host} NodeAddr=127.0.0.1 SocketsPerBoard=1 CoresPerSocket={cores} ThreadsPerCore=1 RealMemory=64000 Gres=gpu:2
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


class Unavailable(Exception):
    """Why there is no Slurm here, in a sentence."""


def why_not() -> str | None:
    """Why a Slurm cannot be started here; None if it can."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        return f"Slurm is not installed ({', '.join(missing)} not found); .ci/run says which packages have it"
    if os.geteuid() != 0:
        return "only root can start a Slurm"
    conf = SETTINGS / "slurm.conf"
    if conf.exists() and not conf.read_text(encoding="utf-8").startswith(MARK):
        return f"this machine belongs to a Slurm cluster already: {conf} is not ours"
    return None


@dataclass
class Slurm:
    """A running one-node cluster."""

    node: str
    folder: Path
    daemons: list[subprocess.Popen[bytes]] = field(default_factory=list)
    forgotten: int = 0

    def command(self, *words: str) -> str:
        """What a Slurm command prints; fails with what it says."""
        done = subprocess.run(words, capture_output=True, encoding="utf-8", check=False, timeout=PATIENCE)
        assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
        return done.stdout

    def jobs(self, *states: str) -> dict[str, str]:
        """Job id -> the comment that says its rule, in the order of submission.

        Args:
            states: jobs in one of these; without any, all jobs that are not forgotten.
        """
        wanted = ",".join(states) or "all"
        lines = self.command("squeue", "--noheader", f"--states={wanted}", "--format=%i|%k").splitlines()
        jobs = {int(number): comment for number, comment in (line.split("|", 1) for line in lines)}
        return {str(number): jobs[number] for number in sorted(jobs) if number > self.forgotten}

    def forget(self) -> None:
        """Leave the jobs so far out of what ``jobs`` says."""
        self.forgotten = max(map(int, self.jobs()), default=self.forgotten)

    def devices(self) -> dict[str, str]:
        """Job id -> the GPUs that its processes were told of, ``none`` where they were told of none."""
        return dict(line.split() for line in (self.folder / "devices").read_text(encoding="utf-8").splitlines())

    def show(self, job: str) -> dict[str, str]:
        """What scontrol says about a job."""
        words = self.command("scontrol", "show", "job", "--oneliner", job).split()
        return dict(word.split("=", 1) for word in words if "=" in word)

    def empty(self) -> None:
        """Cancel everything and wait until nothing runs."""
        self.command("scancel", "--user=root", "--hurry")
        wait_for(lambda: not self.jobs("PENDING", "RUNNING", "COMPLETING", "SUSPENDED"), "jobs to be cancelled")


@contextmanager
def running(cores: int) -> Iterator[Slurm]:
    """A cluster of one node with so many cores; one at a time on a machine, whoever comes second waits.

    Raises:
        Unavailable: if it does not start.
    """
    RUN.mkdir(exist_ok=True)
    with (RUN / "lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _end_leftovers()
        folder = Path(tempfile.mkdtemp(prefix="repdyn-slurm-"))
        slurm = Slurm(socket.gethostname().split(".")[0], folder)
        try:
            _start(slurm, cores)
            yield slurm
        finally:
            _stop(slurm)


def _start(slurm: Slurm, cores: int) -> None:
    (slurm.folder / "state").mkdir()
    (slurm.folder / "spool").mkdir()
    for number in range(2):
        subprocess.run(["mknod", str(slurm.folder / f"gpu{number}"), "c", "1", "3"], check=True)
    prolog = slurm.folder / "prolog"
    prolog.write_text(
        f'#!/bin/sh\necho "$SLURM_JOB_ID ${{CUDA_VISIBLE_DEVICES:-none}}" >> {slurm.folder}/devices\n', encoding="utf-8"
    )
    prolog.chmod(0o755)
    SETTINGS.mkdir(exist_ok=True)
    SETTINGS.joinpath("gres.conf").write_text(f"{MARK}\nName=gpu File={slurm.folder}/gpu[0-1]\n", encoding="utf-8")
    conf = CONF.format(mark=MARK, host=slurm.node, folder=slurm.folder, run=RUN, cores=cores)
    SETTINGS.joinpath("slurm.conf").write_text(conf, encoding="utf-8")
    if subprocess.run(["munge", "-n"], capture_output=True, check=False).returncode:
        _start_munge(slurm)
    _spawn(slurm, "slurmctld", "-D", "-c")
    _spawn(slurm, "slurmd", "-D")
    wait_for(lambda: _state() == "idle" or _ended(slurm), "the node to be idle")
    if _ended(slurm):
        said = "".join(path.read_text(encoding="utf-8")[-2000:] for path in slurm.folder.glob("*.log"))
        raise Unavailable(f"Slurm does not start: {' and '.join(_ended(slurm))} ended\n{said}")


def _start_munge(slurm: Slurm) -> None:
    folder = MUNGE_SOCKET.parent
    folder.mkdir(exist_ok=True)
    shutil.chown(folder, "munge", "munge")
    folder.chmod(0o755)
    _spawn(slurm, "munged", "--foreground", user="munge")
    wait_for(lambda: MUNGE_SOCKET.exists() or _ended(slurm), "munge's socket")


def _spawn(slurm: Slurm, *command: str, user: str | None = None) -> None:
    with (slurm.folder / f"{command[0]}.log").open("wb") as log:
        daemon = subprocess.Popen(
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, user=user, start_new_session=True
        )
    slurm.daemons.append(daemon)
    (RUN / f"{command[0]}.started").write_text(str(daemon.pid), encoding="utf-8")


def _ended(slurm: Slurm) -> list[str]:
    return [str(daemon.args[0]) for daemon in slurm.daemons if daemon.poll() is not None]


def _state() -> str:
    done = subprocess.run(["sinfo", "--noheader", "--format=%T"], capture_output=True, encoding="utf-8", check=False)
    return done.stdout.strip()


def _stop(slurm: Slurm) -> None:
    if _state():
        slurm.empty()
    for daemon in reversed(slurm.daemons):
        daemon.terminate()
    for daemon in slurm.daemons:
        try:
            daemon.wait(20)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()
    _forget()
    shutil.rmtree(slurm.folder, ignore_errors=True)


def _forget() -> None:
    for name in ("slurm.conf", "gres.conf"):
        path = SETTINGS / name
        if path.exists() and path.read_text(encoding="utf-8").startswith(MARK):
            path.unlink()
    for path in RUN.glob("*.started"):
        path.unlink()


def _end_leftovers() -> None:
    """End the daemons that a killed test left behind."""
    for path in RUN.glob("*.started"):
        pid = int(path.read_text(encoding="utf-8"))
        try:
            if Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip() == path.stem:
                os.kill(pid, signal.SIGKILL)
        except OSError:
            pass  # gone already
    _forget()
