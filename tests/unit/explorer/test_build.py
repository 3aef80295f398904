import numpy as np
import pandas as pd
import pytest

from repdyn.explorer.build import Detail, details, left_out, probe_accuracies


def test_less_and_less_is_shown_down_to_two_checkpoints():
    steps = list(details(planes=3, checkpoints=10))
    sizes = [detail.planes * len(detail.kept(10)) for detail in steps]
    assert steps[:2] == [Detail(3, 1), Detail(1, 1)]
    assert sizes == sorted(sizes, reverse=True)
    assert steps[-1].kept(10).tolist() == [0, 9]
    assert list(details(planes=1, checkpoints=3)) == [Detail(1, 1), Detail(1, 2)]


@pytest.mark.parametrize(
    ("detail", "shown", "sentence"),
    [
        (Detail(2, 1), [0, 1], None),
        (
            Detail(2, 1),
            [0],
            "To stay below 8 MiB this page leaves out seeds other than 0; `figures.explorer_mib` in the config "
            "allows more.",
        ),
        (
            Detail(1, 3),
            [0],
            "To stay below 8 MiB this page leaves out seeds other than 0, planes beyond the first of each set and all "
            "but one in 3 checkpoints; `figures.explorer_mib` in the config allows more.",
        ),
    ],
)
def test_what_is_left_out_is_one_sentence(detail, shown, sentence):
    assert left_out(detail, 2, [0, 1], shown, 8.0) == sentence


def test_accuracies_of_probes_are_in_the_order_of_layers_and_steps():
    rows = [
        (layer, step, split, 0.5 + 0.1 * depth + step / 100, step / 100)
        for depth, layer in enumerate(("b", "a"))
        for step in (10, 0)
        for split in ("probe", "similarity")
    ]
    frame = pd.DataFrame(rows, columns=["layer", "step", "split", "accuracy", "true_accuracy"])
    found = probe_accuracies(frame, ["b", "a"], np.array([0, 10]))
    np.testing.assert_allclose(found["probe given"], [[0.5, 0.6], [0.6, 0.7]], atol=1e-6)
    np.testing.assert_allclose(found["probe unseen"], [[0, 0.1], [0, 0.1]], atol=1e-6)
    assert probe_accuracies(frame.iloc[:0], ["b", "a"], np.array([0, 10])) == {}
