import pytest

from repdyn.records.layer_names import KEYS, OUTPUT, RESERVED, RUN, unambiguous


def test_names_that_nobody_else_has_stay_in_their_order_whatever_the_script():
    names = {"b.1": "b", "a.0": "a", "schicht.größe": "größe", "层": "层"}
    found = unambiguous(names)
    assert list(found.items()) == [("b", "b.1"), ("a", "a.0"), ("größe", "schicht.größe"), ("层", "层")]
    assert unambiguous({}) == {}


@pytest.mark.parametrize("word", RESERVED)
@pytest.mark.parametrize("written", [str.lower, str.upper, str.title])
def test_a_layer_that_has_a_word_of_tables_says_that_it_is_a_layer(word, written):
    name = written(word)
    assert unambiguous({"net.head": name}) == {f"{name} (layer)": "net.head"}


def test_what_tables_reserve_is_the_output_the_keys_of_an_example_and_those_of_a_run():
    assert set(RESERVED) == {OUTPUT, *KEYS, *RUN}
    assert {"step", "label", "arch", "data", "seed", "output"} <= set(RESERVED)


def test_layers_that_differ_in_case_alone_or_are_called_as_another_became_are_told_apart():
    names = {
        "1": "Conv",
        "2": "conv",
        "3": "CONV (LAYER)",
        "4": "STRASSE",
        "5": "straße",
        "6": "seed (layer)",
        "7": "seed",
    }
    found = unambiguous(names)
    assert found == {
        "Conv": "1",
        "conv (layer)": "2",
        "CONV (LAYER) (layer)": "3",
        "STRASSE": "4",
        "straße (layer)": "5",
        "seed (layer)": "6",
        "seed (layer) (layer)": "7",
    }
    assert len({name.casefold() for name in found}) == len(names)
