import numpy as np
import pyarrow as pa
import pytest

from repdyn.records.inputs import INPUTS, input_column
from repdyn.representations.inputs import one_hot


def test_inner_products_of_one_hot_tokens_count_those_that_are_equal():
    tokens = np.random.default_rng(0).integers(0, 5, size=(20, 7)).astype(np.int32)
    vectors = one_hot(tokens)
    assert vectors.dtype == np.float32
    np.testing.assert_array_equal(vectors @ vectors.T, (tokens[:, None] == tokens[None]).sum(axis=-1))


@pytest.mark.parametrize("tokens", [False, True])
def test_the_table_of_inputs_is_known_by_what_its_column_holds(tokens):
    written = pa.schema([*INPUTS.schema, *input_column(7, tokens)])
    assert list(INPUTS.more(written)) == list(input_column(7, tokens))
    assert list(INPUTS.more(written)) != list(input_column(7, not tokens))
