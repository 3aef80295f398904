import numpy as np
import pytest
import simulated_change as simulated

from repdyn.analysis import sharp_margin

EPOCHS = np.arange(101.0)


def series(log_rate, epochs=EPOCHS):
    """Change whose log rate is a function of the middles of intervals, in decades of epochs."""
    x = np.log10(np.maximum(epochs, 0.1))
    return 10 ** log_rate((x[1:] + x[:-1]) / 2) * np.diff(x)


def stepping(at, by, slope=0.0):
    return lambda x: -3 + slope * x + by * (x > np.log10(at))


@pytest.mark.parametrize("at", [15, 24, 40, 77])
@pytest.mark.parametrize("by", [-2.0, -1.2, 1.2, 3.0])
def test_a_step_is_found_where_it_is_with_its_sign_and_its_height(at, by):
    found = sharp_margin.events_of(EPOCHS, series(stepping(at, by)))
    (event,) = found.events
    assert event.epoch == at
    assert (event.low, event.high) == (at - 1, at + 1)
    assert event.sign == np.sign(by)
    between = np.log10((at + 1) / (at - 1)) / 2
    assert event.height == pytest.approx(abs(by) - sharp_margin.PENALTY * between)


def test_a_step_inside_an_interval_is_dated_there():
    """The interval with the event lies half way between the rates before and after."""
    change = series(stepping(40, -2.0))
    change[40] *= 10**1.0
    (event,) = sharp_margin.events_of(EPOCHS, change).events
    assert (event.low, event.high) == (40, 41)
    assert event.epoch == pytest.approx(np.sqrt(40 * 41))
    assert event.height == pytest.approx(2 - sharp_margin.PENALTY * np.log10(42 * 41 / 39 / 40) / 2)


def test_the_margin_is_its_definition_in_every_place():
    random = np.random.default_rng(0)
    change = 10 ** random.normal(-4, 1, len(EPOCHS) - 1)
    found = sharp_margin.margins(EPOCHS, change)
    x = np.log10(EPOCHS[1:])
    y, m = np.log10(change[1:] / np.diff(x)), (x[1:] + x[:-1]) / 2
    expected = {}
    for c in range(3, len(y) - 2):  # L ends with interval c - 1
        for skipped in (0, 1):
            L, R = y[c - 3 : c], y[c + skipped : c + skipped + 3]
            if len(R) == 3:
                sharp = max(min(R) - max(L), min(L) - max(R)) - 10 * (m[c + skipped] - m[c - 1])
                expected[2 * c + skipped] = sharp
    assert dict(zip(found.position.tolist(), found.margin, strict=True)) == pytest.approx(expected)


def test_several_events_are_dated_each_and_neighbouring_places_are_one():
    change = series(lambda x: -4 + 2 * (x > np.log10(25)) - 1.5 * (x > np.log10(31)) + 1.5 * (x > np.log10(70)))
    events = sharp_margin.events_of(EPOCHS, change).events
    assert [(event.epoch, event.sign) for event in events] == [(25, 1), (31, -1), (70, 1)]


@pytest.mark.parametrize("name", simulated.SMOOTH)
def test_smooth_change_of_any_pace_has_no_event(name):
    for seed in range(20):
        run = simulated.simulate(simulated.SMOOTH[name], np.random.default_rng(seed))
        change = sharp_margin.of_similarity(1 - np.diagonal(run.change, 1))
        found = sharp_margin.events_of(run.epochs, change)
        assert found.events == []
        assert found.searched == (14.0, 97.0)


@pytest.mark.parametrize("slope", [-9.9, -5.0, 5.0, 9.9])
def test_a_rate_that_changes_by_up_to_ten_decades_in_a_decade_has_no_event(slope):
    change = series(stepping(40, 0.0, slope))
    assert sharp_margin.events_of(EPOCHS, change).events == []
    assert sharp_margin.margins(EPOCHS, change).margin.max() < 0


@pytest.mark.parametrize("name", [name for name in simulated.STEPS if "1.5" in name or "2" in name])
def test_steps_of_a_decade_and_a_half_are_dated_within_their_intervals(name):
    law, hits, held = simulated.STEPS[name], 0, 0
    for seed in range(20):
        run = simulated.simulate(law, np.random.default_rng(seed), inside=True)
        change = sharp_margin.of_similarity(1 - np.diagonal(run.change, 1))
        for event in sharp_margin.events_of(run.epochs, change).events:
            hits += abs(np.log10(event.epoch / run.at)) <= 0.03 and event.sign == np.sign(law.step)
            held += event.low <= run.at <= event.high
    assert hits >= (12 if "directions" in name else 15), "walks in few directions are noisy, and the threshold is high"
    assert held >= hits - 2


@pytest.mark.parametrize("factor", [1e-2, 0.5, 7.0, 100.0])
def test_a_constant_factor_changes_nothing(factor):
    run = simulated.simulate(simulated.STEPS["step of -1.5"], np.random.default_rng(1))
    change = np.diagonal(run.change, 1)
    plain, scaled = (sharp_margin.events_of(EPOCHS, values) for values in (change, factor * change))
    assert [event.epoch for event in scaled.events] == [event.epoch for event in plain.events] != []
    assert [event.height for event in scaled.events] == pytest.approx([event.height for event in plain.events])


def test_change_below_the_floor_makes_no_events():
    """Rounding, such as a similarity of 1 that is sometimes 1 − 1e-12, is no change."""
    random = np.random.default_rng(0)
    S = 1 - 10 ** random.uniform(-14, -10, 100)
    S[40:] = 1.0
    assert sharp_margin.events_of(EPOCHS, sharp_margin.of_similarity(S)).events == []
    assert sharp_margin.events_of(EPOCHS, sharp_margin.of_displacement(1 - S)).events == []


def test_a_rate_on_another_scale_moves_similarity_and_weights_alike():
    """Steps of a tenth of the length are a hundredth of 1 − CKA, and a tenth of the displacement."""
    length = np.where(EPOCHS[:-1] < 40, 1e-2, 1e-3)
    changes = sharp_margin.of_similarity(1 - length**2), sharp_margin.of_displacement(length)
    (by_cka,), (by_weights,) = (sharp_margin.events_of(EPOCHS, change).events for change in changes)
    assert (by_cka.epoch, by_cka.sign) == (by_weights.epoch, by_weights.sign) == (40, -1)
    assert by_cka.height == pytest.approx(by_weights.height, abs=1e-6)
    assert by_cka.height > 1.5


@pytest.mark.parametrize("per_decade", [24, 12, 10])
def test_gaps_that_are_too_wide_give_no_verdict(per_decade):
    epochs = 10 ** np.arange(0, 2, 1 / per_decade)
    found = sharp_margin.events_of(epochs, series(stepping(30, -3.0), epochs))
    assert found == sharp_margin.Dated([], None, undefined=False)


def test_only_where_gaps_are_narrow_is_anything_searched():
    """Every epoch to 40, then every tenth: a step at 30 is dated, and one at 70 is not."""
    epochs = np.concatenate([np.arange(41.0), np.arange(50.0, 130, 10)])
    change = series(lambda x: -3.0 - 2 * (x > np.log10(30)) + 3 * (x > np.log10(70)), epochs)
    found = sharp_margin.events_of(epochs, change)
    assert [event.epoch for event in found.events] == [30]
    assert found.searched == (14, 37)


def test_undefined_change_hides_only_what_is_near_it():
    change = series(stepping(40, -2.0))
    change[60:63] = np.nan
    assert [event.epoch for event in sharp_margin.events_of(EPOCHS, change).events] == [40]
    change[41] = np.nan
    assert sharp_margin.events_of(EPOCHS, change).events == []


@pytest.mark.parametrize(
    ("epochs", "change"),
    [(EPOCHS, np.full(100, np.nan)), (EPOCHS[:6], np.full(5, 1e-3)), (EPOCHS[:1], np.ones(0))],
)
def test_without_known_change_on_both_sides_it_is_undefined(epochs, change):
    assert sharp_margin.events_of(epochs, change) == sharp_margin.Dated([], None, undefined=True)


def test_what_lies_before_epoch_1_has_no_part():
    """Evaluations within the first epoch, initialisation included, change nothing."""
    early = np.concatenate([[0.0, 0.25, 0.5], EPOCHS[1:]])
    change = series(stepping(40, 2.0))
    with_early = np.concatenate([[5.0, 1e-9, np.nan], change[1:]])
    assert sharp_margin.events_of(early, with_early) == sharp_margin.events_of(EPOCHS, change)


@pytest.mark.parametrize(("epochs", "change"), [(EPOCHS, np.ones(99)), (EPOCHS[::-1], np.ones(100))])
def test_arrays_that_do_not_belong_together_are_refused(epochs, change):
    with pytest.raises(ValueError, match=r"101 epochs, which must ascend, need 100 changes"):
        sharp_margin.events_of(epochs, change)
