"""What a data set gives becomes arrays that can be stored; what cannot is refused in a sentence."""

import numpy as np
import pytest
import torch
from own_data import LABELS, N, draw
from PIL import Image

from repdyn.config.sections import Columns
from repdyn.data import own_arrays
from repdyn.errors import RepdynError


@pytest.mark.parametrize(
    ("array", "shape", "kind", "dtype"),
    [
        (draw(N, 12), (12,), "numbers", "float32"),
        (draw(N, 2, 40), (2, 40), "numbers", "float32"),
        (draw(N, 5, 6, 10), (5, 6, 10), "images", "float32"),
        (draw(N, 2, 3, 4, 5), (2, 3, 4, 5), "numbers", "float32"),
        (draw(N, 7, kind="int64"), (7,), "tokens", "uint8"),
        (draw(N, 7, kind="int64") * 300, (7,), "tokens", "int32"),
        (draw(N, 6, 10, kind="uint8"), (1, 6, 10), "images", "uint8"),
        (draw(N, 3, 6, 10, kind="int64"), (3, 6, 10), "images", "uint8"),
        (draw(N, 1, 6, 10, kind="int64") * 100, (1, 6, 10), "images", "int16"),
        (torch.from_numpy(draw(N, 12)).to(torch.bfloat16), (12,), "numbers", "float32"),
        (draw(N, 4, 4).tolist(), (4, 4), "numbers", "float32"),
        (draw(N, 2, 3, 4, 5, kind="int64"), (2, 3, 4, 5), "numbers", "float32"),
        (draw(N, 9) > 0, (9,), "tokens", "uint8"),
    ],
)
def test_inputs_of_any_shape_and_type_are_what_they_look_like(array, shape, kind, dtype):
    part, found = own_arrays.part({"inputs": array, "labels": LABELS}, None, "train")
    assert (part.inputs.shape, found, part.inputs.dtype) == ((N, *shape), kind, dtype)
    values = array.float().numpy() if isinstance(array, torch.Tensor) else np.asarray(array)
    np.testing.assert_allclose(part.inputs.reshape(values.shape), values, rtol=1e-6)


def test_the_config_says_what_inputs_are_where_they_look_like_something_else():
    array = draw(N, 6, 10, kind="uint8")
    assert own_arrays.part({"inputs": array}, "tokens", "train")[1] == "tokens"
    part, _ = own_arrays.part({"inputs": array}, "numbers", "train")
    assert part.inputs.dtype == np.float32
    channels_last = draw(N, 8, 8, 3)
    assert own_arrays.part({"inputs": channels_last}, "numbers", "train")[0].inputs.shape == (N, 8, 8, 3)


class Pairs(torch.utils.data.Dataset):
    def __init__(self, inputs, labels):
        self.inputs, self.labels = inputs, labels

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return self.inputs[i], self.labels[i]


def test_mappings_pairs_and_torch_datasets_give_the_same_part():
    x = draw(N, 2, 6, 10).astype(np.float32)
    ways = [
        {"inputs": x, "labels": LABELS},
        (x, LABELS),
        Pairs(torch.from_numpy(x), LABELS),
        list(zip(x, LABELS, strict=True)),
    ]
    for way in ways:
        part, _ = own_arrays.part(way, None, "train")
        np.testing.assert_array_equal(part.inputs, x)
        np.testing.assert_array_equal(part.labels, LABELS)


def test_pictures_of_a_torch_dataset_become_channels_first():
    pixels = draw(N, 6, 10, 3, kind="uint8")
    part, kind = own_arrays.part(Pairs([Image.fromarray(each) for each in pixels], LABELS), None, "train")
    assert kind == "images"
    np.testing.assert_array_equal(part.inputs, pixels.transpose(0, 3, 1, 2))


X = draw(N, 4, 4)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"labels": LABELS}, "The part `train` has no `inputs`; its arrays are inputs, labels, given_labels, ids"),
        ({"inputs": X, "label": LABELS}, "has `label`; its arrays are inputs, labels"),
        ({"inputs": X, "labels": LABELS[:-1]}, "`labels` of `train` has 59 rows, but `inputs` has 60"),
        ({"inputs": X, "labels": 3}, "`labels` of `train` has one value, but `inputs` has 60"),
        ({"inputs": X[:0], "labels": LABELS[:0]}, r"have the shape \(0, 4, 4\), but must be"),
        ({"inputs": X[:, 0, 0], "labels": LABELS}, r"have the shape \(60,\), but must be \(examples, …\)"),
        ({"inputs": np.where(X > 2, np.nan, X)}, "`inputs` of `train` are NaN or infinite in float32"),
        ({"inputs": X * 1e200}, "`inputs` of `train` are NaN or infinite in float32"),
        ({"inputs": X.astype(complex)}, "are of type complex128, but must be numbers"),
        ({"inputs": [["a", "b"]] * N}, "`inputs` of `train` are text, but must be numbers; number them from 0"),
        ({"inputs": [[1.0], [1.0, 2.0]]}, "`inputs` of `train` have different shapes, but all examples must have one"),
        ({"inputs": [None] * N}, "cannot become an array of numbers"),
        ({"inputs": draw(N, 32, 32, 3)}, "channels last, but images are examples × channels × height × width; use"),
        ({"inputs": draw(N, 7, kind="int64") - 1000}, "are tokens with the integer -1000, but must be 0 or greater"),
        ({"inputs": draw(N, 8, 8, kind="int64") * 1000}, "at most 65535 is white; give floats"),
        ({"inputs": X, "labels": LABELS - 1}, "`labels` of `train` are -1 for example 0, but classes are integers"),
        ({"inputs": X, "labels": LABELS * 40_000}, "are 80000 for example 2, but classes"),
        ({"inputs": X, "labels": LABELS.astype(str)}, "`labels` of `train` are text"),
        ({"inputs": X, "labels": np.where(LABELS > 1, np.nan, 1)}, "`labels` of `train` are NaN or infinite for"),
        ({"inputs": X, "given_labels": LABELS}, "`given_labels` of `train` are the classes to train on where `labels`"),
        ({"inputs": X, "labels": LABELS, "given_labels": LABELS + 0.5}, "both must be integers"),
        ({"inputs": np.full((N, 7), 2**63, dtype=np.uint64)}, "have the integer 9223372036854775808, but must be less"),
        ({"inputs": X, "ids": np.arange(N, dtype=np.uint64) + 2**63}, "`ids` of `train` have the integer 922337203685"),
        ({"inputs": X, "ids": LABELS}, "`ids` of `train` name several examples 0"),
        ({"inputs": X, "ids": X[:, 0, 0]}, "`ids` of `train` must be integers"),
        (X, "is a ndarray, but must be a mapping of arrays"),
        (Pairs(list(X), LABELS[:-1]), None),
        ([(x,) for x in X], "Example 0 of the part `train` is a tuple, but must be a pair of input and label"),
        ([(X[0], 0), (X[0, :2], 1), (X[1], 0)], "have different shapes"),
        ([], "must be a mapping of arrays|has no examples"),
    ],
)  # fmt: skip
def test_a_part_that_is_wrong_is_refused_in_a_sentence(given, sentence):
    if sentence is None:
        assert len(own_arrays.part(given, None, "train")[0].inputs) == N - 1
        return
    with pytest.raises(RepdynError, match=sentence):
        own_arrays.part(given, None, "train")


def test_an_item_that_fails_is_named():
    class Fails(Pairs):
        def __getitem__(self, i):
            return super().__getitem__(i) if i < 3 else 1 / 0

    with pytest.raises(RepdynError, match="Example 3 of the part `train` cannot be read: ZeroDivisionError"):
        own_arrays.part(Fails(X, LABELS), None, "train")


def test_names_that_are_usual_are_found_in_their_order_and_others_where_they_are_said():
    held = {"image": 1, "x": 2, "y": 3, "label": 4, "noisy_label": 5, "index": 6, "text": 7}
    assert own_arrays.columns_of(held) == {"inputs": 2, "labels": 4, "given_labels": 5, "ids": 6}
    said = own_arrays.columns_of(held, Columns(inputs="text", labels="index"))
    assert said == {"inputs": 7, "labels": 6, "given_labels": 5, "ids": 6}
    # What is said and not there is no reason to take something else.
    assert own_arrays.columns_of(held, Columns(inputs="pixels")) is None
    assert "labels" not in own_arrays.columns_of(held, Columns(labels="digit"))
    assert own_arrays.columns_of({"label": 1}) is None and own_arrays.columns_of({}) is None


@pytest.mark.parametrize(
    ("high", "kind"),
    [(0, "uint8"), (255, "uint8"), (256, "int16"), (2**15 - 1, "int16"), (2**15, "int32"), (2**31 - 1, "int32"),
     (2**31, "int64"), (2**63 - 1, "int64")],
)  # fmt: skip
def test_integers_are_stored_in_the_smallest_type_that_holds_them(high, kind):
    assert own_arrays.smallest(high) == kind
    tokens = np.full((2, 3), high)
    np.testing.assert_array_equal(own_arrays.part({"inputs": tokens}, "tokens", "train")[0].inputs, tokens)


@pytest.mark.parametrize(
    ("labels", "has_classes", "said", "dtype"),
    [
        (np.arange(6), True, "classes", np.int64),
        (np.arange(6, dtype=np.uint8)[:, None], True, "classes", np.int64),  # a column, as MedMNIST has it
        (np.arange(6) % 2 == 0, True, "classes", np.int64),
        (np.array([0, 0, 0, 0, 0, 65_535]), True, "classes", np.int64),
        (np.arange(6.0), False, "targets of the shape ()", np.float32),
        (np.arange(6.0)[:, None], False, "targets of the shape (1,)", np.float32),
        (np.eye(6, dtype=np.int8) - 1, False, "targets of the shape (6,)", np.int64),
        (None, False, "left out", None),
    ],
)
def test_labels_are_classes_if_each_example_has_one_integer_and_targets_else(labels, has_classes, said, dtype):
    part, _ = own_arrays.part({"inputs": draw(6, 2), "labels": labels}, None, "train")
    assert (part.has_classes, own_arrays.said_of_labels(part)) == (has_classes, said)
    if labels is None:
        assert part.labels is None and list(part.arrays()) == ["inputs"]
    else:
        assert part.labels.dtype == dtype
        np.testing.assert_array_equal(part.labels.ravel(), np.ravel(labels))


def test_items_may_be_mappings_by_usual_names_and_pictures_of_a_palette_have_colours():
    pixels = draw(3, 3, 4, 3, kind="uint8")
    palettes = [Image.fromarray(each).convert("P") for each in pixels]
    items = [{"image": each, "label": k, "index": 10 - k, "file": "x.gif"} for k, each in enumerate(palettes)]
    part, kind = own_arrays.part(items, None, "train")
    assert (kind, part.ids.tolist(), part.labels.tolist()) == ("images", [10, 9, 8], [0, 1, 2])
    colours = [np.asarray(each.convert("RGB")).transpose(2, 0, 1) for each in palettes]
    np.testing.assert_array_equal(part.inputs, colours)


def test_floats_are_no_tokens_and_inputs_can_be_stored_as_another_type():
    with pytest.raises(RepdynError, match="`inputs` of `test` are float64, but tokens are integers"):
        own_arrays.part({"inputs": draw(6, 2)}, "tokens", "test")
    part, _ = own_arrays.part({"inputs": draw(6, 2, kind="int64"), "ids": np.arange(6)}, None, "test")
    wide = own_arrays.typed(part, "int32")
    assert wide.inputs.dtype == np.int32 and wide.ids is part.ids
    np.testing.assert_array_equal(wide.inputs, part.inputs)
