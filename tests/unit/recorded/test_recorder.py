import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from elsewhere import recorded
from torch import nn

from repdyn import Recorder
from repdyn.config.sections import Checkpoints
from repdyn.config.study import Run
from repdyn.errors import RepdynError
from repdyn.recorded import change, found, history, weights
from repdyn.recorded.recorder import Evaluation
from repdyn.records.train import HISTORY
from repdyn.training import checkpoint_schedule, checkpoints
from repdyn.training.change import Meter

ROOT = Path(__file__).parents[3]


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))


def train(recorder: Recorder, model: nn.Module, steps: int) -> dict[int, dict[str, torch.Tensor]]:
    """Train, and keep what the network is at each step."""
    seen = {}
    for _ in range(steps):
        with torch.no_grad():
            for tensor in model.state_dict().values():
                tensor.add_(1)
        recorder.step()
        seen[recorder._step] = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    return seen


def steps(folder: Path) -> list[int]:
    return [each.step for each in found.find(recorded(folder), Run("vit", "sgd", 0))]


def rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "history.jsonl").read_text(encoding="utf-8").splitlines()]


def message(call: Any, *arguments: Any, **keywords: Any) -> str:
    with pytest.raises(RepdynError) as caught:
        call(*arguments, **keywords)
    return str(caught.value)


@pytest.mark.parametrize(
    ("per_decade", "first", "per_epoch"), [(10, 1.0, 7), (10, 0.01, 7), (3, 0.5, 40), (10, 1.0, 1)]
)
def test_checkpoints_are_those_of_a_study(tmp_path: Path, per_decade: int, first: float, per_epoch: int) -> None:
    model = network()
    with Recorder(tmp_path, model, per_epoch, per_decade=per_decade, first=first) as recorder:
        seen = {0: {name: tensor.clone() for name, tensor in model.state_dict().items()}}
        seen |= train(recorder, model, 20 * per_epoch)
    wanted = checkpoint_schedule.checkpoint_steps(Checkpoints(per_decade=per_decade, first=first), 20, per_epoch)
    there = found.find(recorded(tmp_path), Run("vit", "sgd", 0))
    assert [(each.step, each.epoch) for each in there] == [(step, step / per_epoch) for step in wanted]
    for each in there:  # as they were then, whatever was trained since
        fitted = weights.fit(weights.read(each.file, None), model.state_dict(), None, each.file)
        assert all(torch.equal(fitted[name], tensor) for name, tensor in seen[each.step].items())


def test_a_loop_that_counts_by_itself_may_pass_over_steps(tmp_path: Path) -> None:
    with Recorder(tmp_path, network(), 1) as recorder:
        for at in (1, 1, 4, 5, 30):
            recorder.step(at)
        assert "Step 29 comes after step 30" in message(recorder.step, 29)
    assert steps(tmp_path) == [0, 1, 4, 5, 30]


def test_a_checkpoint_can_be_asked_for(tmp_path: Path) -> None:
    with Recorder(tmp_path, network(), 10) as recorder:
        for _ in range(3):
            recorder.step()
        recorder.checkpoint()
        recorder.checkpoint()
    assert steps(tmp_path) == [0, 3]


def test_evaluations_are_a_history(tmp_path: Path) -> None:
    with Recorder(tmp_path, network(), 10) as recorder:
        recorder.evaluated(train_accuracy=torch.tensor(0.25), test_loss=float("nan"), lr=0.1)
        for _ in range(20):
            recorder.step()
        recorder.evaluated(train_accuracy=1.0000001)
        recorder.evaluated(test_accuracy=0.5)
    first, last = history.read(recorded(tmp_path), Run("vit", "sgd", 0)) or []
    assert (first["step"], first["train_accuracy"], first["test_loss"], first["lr"]) == (0, 0.25, None, 0.1)
    assert (last["step"], last["epoch"], last["train_accuracy"], last["test_accuracy"]) == (20, 2.0, 1.0, 0.5)
    assert 0 <= first["seconds"] <= last["seconds"]


def test_what_is_evaluated_are_the_columns_of_a_history() -> None:
    assert {*HISTORY.names} - {*Evaluation.__annotations__} == {"step", "epoch", "seconds"}
    assert {*Evaluation.__annotations__} <= {*HISTORY.names}


def test_other_evaluations_are_refused(tmp_path: Path) -> None:
    with Recorder(tmp_path, network(), 10) as recorder:
        assert "takes no `accuracy`; it takes lr, train_loss, train_accuracy" in message(recorder.evaluated, accuracy=1)
        assert "got no value" in message(recorder.evaluated)
        for percent in (62.5, -0.1):
            assert "is a fraction from 0 to 1" in message(recorder.evaluated, test_accuracy=percent)


@pytest.mark.parametrize("wrap", [nn.DataParallel, torch.compile, lambda model: nn.DataParallel(torch.compile(model))])
def test_wrappers_are_taken_off(tmp_path: Path, wrap: Any) -> None:
    model = network()
    Recorder(tmp_path, wrap(model), 10).close()
    assert weights.read(tmp_path / "step=0.safetensors", None).keys() == model.state_dict().keys()


def test_a_compiled_part_has_its_own_name(tmp_path: Path) -> None:
    names = network().state_dict().keys()
    model = network()
    model[0] = torch.compile(model[0])
    Recorder(tmp_path, model, 10).close()
    assert weights.read(tmp_path / "step=0.safetensors", None).keys() == names


def test_a_lazy_network_is_recorded_once_it_is_made(tmp_path: Path) -> None:
    model = nn.Sequential(nn.LazyLinear(2))
    assert "`0.weight` is not made before a batch passes" in message(Recorder, tmp_path, model, 10)
    model(torch.ones(1, 3))
    Recorder(tmp_path, model, 10).close()
    assert steps(tmp_path) == [0]


def test_types_and_tied_weights_are_kept(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False), nn.BatchNorm1d(3)).bfloat16()
    model[1].weight = model[0].weight
    with Recorder(tmp_path, model, 10):
        pass
    read = weights.read(tmp_path / "step=0.safetensors", None)
    assert {name: tensor.dtype for name, tensor in read.items()} == {
        name: tensor.dtype for name, tensor in model.state_dict().items()
    }
    assert torch.equal(read["0.weight"], read["1.weight"])


def test_a_run_goes_on_in_its_folder(tmp_path: Path) -> None:
    model = network()
    with Recorder(tmp_path, model, 1) as recorder:
        for _ in range(20):
            train(recorder, model, 1)
            recorder.evaluated(test_accuracy=0.5)
    before = steps(tmp_path)
    with (tmp_path / "history.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"step": 21, "test_acc')
    (tmp_path / ".step=25.safetensors.x1").write_bytes(b"half")
    with Recorder(tmp_path, model, 1, step=7) as recorder:  # its own state was saved there
        assert steps(tmp_path) == [step for step in before if step <= 6]
        assert [row["step"] for row in rows(tmp_path)] == [*range(1, 8)]
        seen = train(recorder, model, 5)
        recorder.evaluated(test_accuracy=0.75)
    assert steps(tmp_path) == [step for step in before if step <= 12]
    assert torch.equal(weights.read(tmp_path / "step=8.safetensors", None)["0.bias"], seen[8]["0.bias"])
    assert rows(tmp_path)[-1]["step"] == 12 and rows(tmp_path)[-1]["seconds"] > rows(tmp_path)[-2]["seconds"]
    assert not [*tmp_path.glob(".*")]
    with Recorder(tmp_path, model, 1, step=9) as recorder:  # 9 is on no schedule, and adds no checkpoint
        pass
    assert steps(tmp_path) == [step for step in before if step < 9]
    other = network(1)
    with Recorder(tmp_path, other, 1, step=0):
        pass
    assert steps(tmp_path) == [0] and rows(tmp_path) == []
    assert torch.equal(weights.read(tmp_path / "step=0.safetensors", None)["0.bias"], other.state_dict()["0.bias"])


def test_a_recording_may_begin_later(tmp_path: Path) -> None:
    with Recorder(tmp_path, network(), 10, step=13):
        pass
    assert steps(tmp_path) == [13]


def test_another_run_does_not_go_into_the_folder_of_one(tmp_path: Path) -> None:
    with Recorder(tmp_path, network(), 1) as recorder:
        recorder.step(3)
    said = message(Recorder, tmp_path, network(), 1)
    assert "has a recording up to step 3; name another folder, or say by `step=`" in said
    assert "recorded with 1 steps in an epoch, not 2;" in message(Recorder, tmp_path, network(), 2, step=3)
    wider = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Linear(5, 2))
    said = message(Recorder, tmp_path, wider, 1, step=3)
    assert "of another network: `0.weight` is float32 [4, 3], not float32 [5, 3]" in said
    said = message(Recorder, tmp_path, nn.Sequential(*network(), nn.Linear(2, 2)), 1, step=3)
    assert "`3.weight` is not there, not float32 [2, 2]" in said
    assert steps(tmp_path) == [0, 3]  # nothing was deleted


def test_a_run_that_came_to_nothing_is_begun_anew(tmp_path: Path) -> None:
    with Recorder(tmp_path, network(), 10) as recorder:
        recorder.step()
        recorder.evaluated(test_accuracy=0.5)
    model = nn.Linear(2, 2)
    Recorder(tmp_path, model, 20).close()
    assert steps(tmp_path) == [0] and rows(tmp_path) == []
    assert found.steps_per_epoch(recorded(tmp_path), Run("vit", "sgd", 0)) == 20
    assert weights.read(tmp_path / "step=0.safetensors", None).keys() == model.state_dict().keys()


@pytest.mark.parametrize("wrong", [{"steps_per_epoch": 0}, {"per_decade": 0}, {"first": 0}, {"step": -1}])
def test_settings_that_cannot_be_are_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    settings = {"steps_per_epoch": 10} | wrong
    assert f"`{next(iter(wrong))}` is {next(iter(wrong.values()))}, but must be" in message(
        Recorder, tmp_path, network(), **settings
    )


def test_what_cannot_be_written_is_said_at_the_next_call(tmp_path: Path) -> None:
    (tmp_path / "step=1.safetensors").mkdir()
    recorder = Recorder(tmp_path, network(), 1)
    recorder.step()
    recorder._thread.join()
    assert "step=1.safetensors` is a folder, but a file is to be written there" in message(recorder.step)
    recorder.step(2)  # who goes on has a gap
    recorder.close()
    assert "was closed" in message(recorder.step)
    assert (tmp_path / "step=2.safetensors").is_file()
    recorder.close()


def test_an_unknown_error_of_the_writer_is_a_sentence(tmp_path: Path, monkeypatch: Any) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(checkpoints, "write", fail)
    recorder = Recorder(tmp_path, network(), 1)
    assert "The checkpoint of step 0 was not written to" in message(recorder.close)


def test_the_loop_s_own_error_comes_first(tmp_path: Path) -> None:
    (tmp_path / "step=0.safetensors").mkdir()
    with pytest.raises(ZeroDivisionError) as caught, Recorder(tmp_path, network(), 1):
        raise ZeroDivisionError
    assert "is a folder" in caught.value.__notes__[0]


def test_the_loop_does_not_wait_for_the_disk_until_a_second_checkpoint_is_due(tmp_path: Path, monkeypatch: Any) -> None:
    disk = threading.Event()
    write = checkpoints.write

    def slow(*arguments: Any) -> None:
        disk.wait(60)
        write(*arguments)

    monkeypatch.setattr(checkpoints, "write", slow)
    recorder = Recorder(tmp_path, network(), 10)
    train(recorder, network(), 9)
    second = threading.Thread(target=recorder.step)
    second.start()
    second.join(0.2)
    assert second.is_alive() and not [*tmp_path.glob("step=*")]
    disk.set()
    second.join()
    recorder.close()
    assert steps(tmp_path) == [0, 10] and "repdyn recorder" not in [thread.name for thread in threading.enumerate()]


LOOP = """
import os, signal, sys
import torch
from torch import nn
from repdyn import Recorder
from repdyn.training import checkpoints
write = checkpoints.write
def killed(path, tensors, about):
    if about["step"] == 5:
        path.with_name(f".{path.name}.half").write_bytes(b"half")
        os.kill(os.getpid(), signal.SIGKILL)
    write(path, tensors, about)
checkpoints.write = killed
recorder = Recorder(sys.argv[1], nn.Linear(2, 2), 1)
for step in range(1, 9):
    recorder.step()
    recorder.evaluated(test_accuracy=0.5)
    recorder._wait()
"""
LEFT_OPEN = """
import sys
from torch import nn
from repdyn import Recorder
recorder = Recorder(sys.argv[1], nn.Linear(200, 200), 1)
recorder.step()
"""
ALONE = """
import sys
class Refuse:
    def find_spec(self, name, *_):
        if name.partition(".")[0] in {others!r}:
            raise ImportError(name)
sys.meta_path.insert(0, Refuse())
from torch import nn
from repdyn import Recorder
with Recorder(sys.argv[1], nn.Sequential(nn.Linear(2, 2)), 1, change=[[0.0, 1.0]] * 9, layers=["0"]) as recorder:
    recorder.step()
    recorder.evaluated(test_accuracy=0.5)
"""


def run(code: str, *arguments: object, **environment: str) -> "subprocess.CompletedProcess[str]":
    variables = os.environ | {"PYTHONPATH": str(ROOT / "workflow"), "OMP_NUM_THREADS": "1"} | environment
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, env=variables, capture_output=True, encoding="utf-8", check=False, timeout=120)


def test_a_killed_run_leaves_whole_files_and_goes_on(tmp_path: Path) -> None:
    assert run(LOOP, tmp_path).returncode == -signal.SIGKILL
    assert steps(tmp_path) == [0, 1, 2, 3, 4]
    with Recorder(tmp_path, nn.Linear(2, 2), 1, step=3) as recorder:
        recorder.step()
        recorder.step()
    assert steps(tmp_path) == [0, 1, 2, 3, 4, 5] and not [*tmp_path.glob(".*")]
    assert [row["step"] for row in rows(tmp_path)] == [1, 2, 3]


def test_a_program_that_closes_nothing_has_everything_written_or_says_what_was_not(tmp_path: Path) -> None:
    done = run(LEFT_OPEN, tmp_path / "whole")
    assert done.returncode == 0 and not done.stderr
    assert steps(tmp_path / "whole") == [0, 1]
    (tmp_path / "step=1.safetensors").mkdir()
    done = run(LEFT_OPEN, tmp_path)
    assert "step=1.safetensors` is a folder" in done.stderr and "Traceback" not in done.stderr


def test_a_recorder_needs_torch_alone(tmp_path: Path) -> None:
    others = ["pydantic", "snakemake", "safetensors", "pandas", "pyarrow", "timm", "torchvision", "yaml", "sklearn",
              "scipy", "matplotlib", "PIL", "tqdm"]  # fmt: skip
    done = run(ALONE.replace("{others!r}", repr(others)), tmp_path)
    assert done.returncode == 0, done.stderr
    assert steps(tmp_path) == [0, 1]


def test_change_is_what_training_measures_between_evaluations(tmp_path: Path) -> None:
    model, inputs = network(), torch.randn(30, 3)
    by_itself = Meter(model, {"1": "1", "2": "2"}, inputs)
    wanted = []
    with Recorder(tmp_path, model, 2, change=inputs.numpy(), layers=["1", "2"]) as recorder:
        for at in (0, 3, 4):
            train(recorder, model, at - recorder._step)
            recorder.evaluated(train_accuracy=0.5)
            recorder.evaluated(test_accuracy=0.5)  # the same moment
            wanted += by_itself.measure(at, at / 2)
    found = change.read(recorded(tmp_path), Run("vit", "sgd", 0))
    assert found == wanted
    assert [(row.step_a, row.step_b, row.layer) for row in found] == [
        (0, 3, "1"),
        (0, 3, "2"),
        (3, 4, "1"),
        (3, 4, "2"),
    ]


def test_a_run_that_goes_on_measures_change_anew_from_its_first_evaluation(tmp_path: Path) -> None:
    model, inputs = network(), torch.randn(30, 3)
    with Recorder(tmp_path, model, 1, change=inputs, layers=["2"]) as recorder:
        for _ in range(4):
            train(recorder, model, 1)
            recorder.evaluated(train_accuracy=0.5)
    with Recorder(tmp_path, model, 1, step=3, change=inputs, layers=["2"]) as recorder:
        for _ in range(3):
            train(recorder, model, 1)
            recorder.evaluated(train_accuracy=0.5)
    found = change.read(recorded(tmp_path), Run("vit", "sgd", 0))
    assert [(row.step_a, row.step_b) for row in found] == [(1, 2), (2, 3), (4, 5), (5, 6)]


def test_without_inputs_no_change_is_measured_and_what_is_no_recording_of_it_is_refused(tmp_path: Path) -> None:
    with Recorder(tmp_path, network(), 1) as recorder:
        recorder.evaluated(train_accuracy=0.5)
    assert change.read(recorded(tmp_path), Run("vit", "sgd", 0)) == []
    (tmp_path / "change.jsonl").write_text('{"step": 3}\n', encoding="utf-8")
    assert "is not what a recorder writes" in message(change.read, recorded(tmp_path), Run("vit", "sgd", 0))
    said = message(Recorder, tmp_path / "other", nn.Linear(3, 2), 1, change=torch.randn(9, 3))
    assert "It is not known which layers of a Linear to observe; list them under `layers`" in said


def test_only_the_first_process_of_torchrun_records(tmp_path: Path) -> None:
    assert run(LEFT_OPEN, tmp_path / "a", RANK="1").returncode == 0 and not (tmp_path / "a").exists()
    assert run(LEFT_OPEN, tmp_path / "b", RANK="0").returncode == 0 and steps(tmp_path / "b") == [0, 1]


DISTRIBUTED = """
import sys
import torch
from torch import distributed, nn
from repdyn import Recorder
rank, folder = int(sys.argv[1]), sys.argv[2]
distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
model = nn.parallel.DistributedDataParallel(nn.Linear(3, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
recorder = Recorder(f"{folder}/run", model, steps_per_epoch=1)
for step in range(3):
    loss = model(torch.full((1, 3), float(rank + step))).square().sum()
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    recorder.step()
    recorder.evaluated(train_loss=loss.item())
recorder.close()
torch.save(model.module.state_dict(), f"{folder}/{rank}.pt")
from torch.distributed.fsdp import fully_shard
try:
    Recorder(f"{folder}/sharded", fully_shard(nn.Linear(3, 1)), steps_per_epoch=1)
except Exception as error:
    print(error)
distributed.destroy_process_group()
"""


def test_of_several_processes_the_first_records_the_bare_network(tmp_path: Path) -> None:
    variables = os.environ | {"PYTHONPATH": str(ROOT / "workflow"), "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen([sys.executable, "-c", DISTRIBUTED, str(rank), str(tmp_path)], env=variables,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
        for rank in range(2)
    ]  # fmt: skip
    said = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert steps(tmp_path / "run") == [0, 1, 2, 3] and len(rows(tmp_path / "run")) == 3
    last = weights.read(tmp_path / "run" / "step=3.safetensors", None)
    for rank in range(2):
        trained = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        assert last.keys() == trained.keys() and all(torch.equal(last[name], trained[name]) for name in last)
    assert "is divided among processes (FSDP), which a Recorder cannot record" in said[0][0]
