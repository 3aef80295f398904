import io

import pytest
import torch

from repdyn.config.sections import RateSchedule
from repdyn.errors import RepdynError
from repdyn.training import lr_schedules

STEPS = 4


def course(settings, epochs=12, losses=None, interrupted_after=None):
    """The rates of every step of a training, of an optimizer whose own rate is 1."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    rate = lr_schedules.Rate(optimizer, settings, STEPS)
    found = []
    for epoch in range(epochs):
        if epoch == interrupted_after:
            states = io.BytesIO()
            torch.save([optimizer.state_dict(), rate.state_dict()], states)
            states.seek(0)
            optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
            rate = lr_schedules.Rate(optimizer, settings, STEPS)
            for part, state in zip((optimizer, rate), torch.load(states, weights_only=True), strict=True):
                part.load_state_dict(state)
        for step in range(STEPS):
            found.append(optimizer.param_groups[0]["lr"])
            rate.after_step(epoch * STEPS + step + 1)
        if rate.needs_loss:
            rate.after_epoch(epoch + 1, losses[epoch] if losses else 1.0)
    return found


def of(sched, epochs=12, warmup_epochs=0.0, **kwargs):
    return RateSchedule(sched=sched, epochs=epochs, warmup_epochs=warmup_epochs, kwargs=kwargs)


def test_without_a_schedule_the_rate_stays_what_it_is():
    assert set(course(None)) == {1.0}


@pytest.mark.parametrize("sched", sorted(set(lr_schedules.SCHEDULES) - {"constant", "plateau", "step", "multistep"}))
def test_schedules_with_a_length_are_lowest_at_its_end(sched):
    found = course(of(sched, warmup_epochs=1.0))
    assert found[-1] == min(found[STEPS:]) < 0.8 * max(found)
    assert max(found) <= 1.0


def test_a_warm_up_rises_evenly_from_step_to_step_and_ends_at_the_optimizer_s_rate():
    found = course(of("constant", warmup_epochs=2.0, warmup_lr=0.0))
    assert found[:8] == pytest.approx([step / 8 for step in range(8)])
    assert set(found[8:]) == {1.0}


def test_steps_are_taken_where_timm_s_own_arguments_say():
    found = course(of("step", decay_epochs=3, decay_rate=0.5))
    assert found == [1.0] * 12 + [0.5] * 12 + [0.25] * 12 + [0.125] * 12


def test_once_an_epoch_is_timm_s_default_and_can_be_asked_for():
    found = course(of("cosine", step_on_epochs=True))
    assert all(len(set(found[start : start + STEPS])) == 1 for start in range(0, len(found), STEPS))


def test_a_plateau_of_the_training_loss_lowers_the_rate():
    falling = [1 / (epoch + 1) for epoch in range(12)]
    assert set(course(of("plateau", patience_epochs=2), losses=falling)) == {1.0}
    stuck = course(of("plateau", patience_epochs=2), losses=[*falling[:4], *[0.25] * 8])
    assert stuck[0] == 1.0
    assert stuck[-1] < 0.2


@pytest.mark.parametrize("interrupted_after", [1, 6, 8])
@pytest.mark.parametrize("sched", lr_schedules.SCHEDULES)
def test_an_interrupted_schedule_goes_on_as_if_nothing_had_been(sched, interrupted_after):
    settings = of(sched, warmup_epochs=1.5, noise=[0.2, 0.9], **({"patience_epochs": 2} if sched == "plateau" else {}))
    losses = [0.5] * 12
    whole = course(settings, losses=losses)
    assert course(settings, losses=losses, interrupted_after=interrupted_after) == whole
    assert len(set(whole)) > 2


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (of("cosin"), "`schedule.sched` is 'cosin', but must be one of: constant, cosine, multistep"),
        (of("cosine", speed=3), "timm cannot create the schedule `cosine` with kwargs .*speed"),
        (of("wsd", decay_epochs=99), "timm cannot create the schedule `wsd`.*decay_epochs"),
    ],
)
def test_what_timm_does_not_know_is_named(settings, sentence):
    with pytest.raises(RepdynError, match=sentence):
        course(settings)


@pytest.mark.parametrize("settings", [None, of("constant")])
def test_layers_have_their_own_rates_with_and_without_a_schedule(settings):
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr_scale": scale} for scale in (0.5, 1.0)]
    optimizer = torch.optim.SGD(groups, lr=0.1)
    rate = lr_schedules.Rate(optimizer, settings, STEPS)
    for step in range(3):
        assert [group["lr"] for group in optimizer.param_groups] == [0.05, 0.1]
        rate.after_step(step + 1)
