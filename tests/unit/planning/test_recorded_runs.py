import pytest
import torch
from torch import nn

from repdyn.config import study as studies
from repdyn.errors import RepdynError
from repdyn.planning import recorded_runs


class Elsewhere:
    """Runs of one architecture, whose checkpoints are those of a linear network, a folder for each seed."""

    def __init__(self, config, folder):
        self.config, self.folder, self.steps = config, folder, (0, 10, 40)
        for seed in config["seeds"]:
            (folder / str(seed)).mkdir()
            for step in self.steps:
                torch.save({"module.weight": torch.full((2, 3), float(step))}, self.file(seed, step))

    def file(self, seed, step):
        return self.folder / str(seed) / f"{step}.pt"

    def study(self, steps=None, **settings):
        found = {
            f"arch={arch}/optimizer=old/seed={seed}": [
                {"step": step, "epoch": step / 10, "file": str(self.file(seed, step))} for step in steps or self.steps
            ]
            for arch in ("vit", "resnet") for seed in self.config["seeds"]
        }  # fmt: skip
        path = str(self.folder / "{seed}" / "{step}.pt")
        section = {"path": path, "strip": "module.", "steps_per_epoch": 10, "found": found} | settings
        return studies.parse(self.config | {"optimizers": {"old": {"recorded": section}}})

    def with_history(self, seed, epochs):
        text = "epoch,test_accuracy\n" + "".join(f"{epoch},0.5\n" for epoch in epochs)
        (self.folder / str(seed) / "log.csv").write_text(text, encoding="utf-8")


@pytest.fixture
def elsewhere(config, tmp_path):
    return Elsewhere(config, tmp_path)


def check(study, arch="vit"):
    return recorded_runs.check(study, arch, "old", [None], nn.Linear(3, 2, bias=False))


def test_runs_that_fit_pass_and_leave_the_network_as_it_was(elsewhere):
    model = nn.Linear(3, 2, bias=False)
    before = model.weight.detach().clone()
    assert recorded_runs.check(elsewhere.study(), "vit", "old", [None], model) == []
    assert torch.equal(model.weight, before)


@pytest.mark.parametrize(("step", "is_read"), [(0, True), (10, False), (40, True)])
def test_the_first_and_the_last_checkpoint_of_every_run_are_read_and_no_other(elsewhere, step, is_read):
    torch.save({"module.weight": torch.zeros(5, 3)}, elsewhere.file(1, step))
    if is_read:
        with pytest.raises(RepdynError, match=rf"`weight` is 5 × 3 .*1/{step}\.pt.* but 2 × 3 .* in the network"):
            check(elsewhere.study())
    else:
        assert check(elsewhere.study()) == []


def test_weights_that_are_not_finite_are_refused(elsewhere):
    torch.save({"module.weight": torch.full((2, 3), float("nan"))}, elsewhere.file(0, 40))
    with pytest.raises(RepdynError, match=r"0/40\.pt.*has weights that are NaN or infinite"):
        check(elsewhere.study())


def test_a_single_checkpoint_is_too_few_and_its_run_is_named(elsewhere):
    with pytest.raises(RepdynError, match=r"^vit old seed 0 has a single checkpoint, `.*0/10\.pt`; two are needed"):
        check(elsewhere.study(steps=[10]))


def test_runs_of_other_cells_and_levels_are_left_to_their_own_check(elsewhere):
    for seed in (0, 1):
        elsewhere.file(seed, 0).unlink()
    study, model = elsewhere.study(), nn.Linear(3, 2, bias=False)
    assert recorded_runs.check(study, "vit", "old", ["another level"], model) == []
    assert recorded_runs.check(study, "another arch", "old", [None], model) == []
    with pytest.raises(RepdynError):
        check(study, "resnet")


def test_a_history_that_ends_early_is_remarked_on_for_its_run_alone(elsewhere):
    elsewhere.with_history(0, [1, 2, 4])
    elsewhere.with_history(1, [1])
    history = {"path": str(elsewhere.folder / "{seed}" / "log.csv")}
    (remark,) = check(elsewhere.study(history=history))
    assert remark.startswith("vit old seed 1 has a history of epochs 1 to 1, and checkpoints of epochs 0 to 4")


def test_a_history_of_other_epochs_is_refused(elsewhere):
    for seed in (0, 1):
        elsewhere.with_history(seed, [7, 8])
    with pytest.raises(RepdynError, match=r"^vit old seed 0 has a history of epochs 7 to 8, and checkpoints of epochs"):
        check(elsewhere.study(history={"path": str(elsewhere.folder / "{seed}" / "log.csv")}))
