"""Layers at checkpoints of several runs, chosen to be compared."""

from pathlib import Path

import numpy as np
import pytest
from stored_activations import Held, drawn, write

from repdyn.errors import RepdynError
from repdyn.representations.selection import Place, StoredRepresentations
from repdyn.representations.table import Representations
from repdyn.types import Array


@pytest.fixture
def held() -> Held:
    return drawn()


@pytest.fixture
def table(tmp_path: Path, held: Held) -> Representations:
    return Representations(write(tmp_path / "a.parquet", held))


def test_representations_of_several_tables_and_layers_are_those_that_were_stored(
    tmp_path: Path, held: Held, table: Representations
) -> None:
    other = {key: 2 * values for key, values in held.items()}
    second = Representations(write(tmp_path / "b.parquet", other))
    places = [Place(table, "blocks.0", 4), Place(second, "stem é", 16), Place(second, "blocks.0", 0)]
    source = StoredRepresentations(places)
    assert (source.examples, list(source.features), source.places) == (7, [300, 3, 300], places)
    stored = [held[4, "similarity", "blocks.0"], other[16, "similarity", "stem é"], other[0, "similarity", "blocks.0"]]
    for e, values in enumerate(stored):
        for start, stop in ((0, values.shape[1]), (1, 3), (0, 2)):
            np.testing.assert_array_equal(source.read(e, start, stop), values[:, start:stop])
    assert source.name(1) == f"Layer `stem é` at step 16 of `{tmp_path}/b.parquet`"


def test_a_layer_is_read_whole_only_if_all_of_it_is_asked_for(
    table: Representations, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = StoredRepresentations([Place(table, "blocks.0", 4)])
    whole: list[str] = []
    read = table.read

    def watched(layer: str, step: int, split: str) -> Array:
        whole.append(layer)
        return read(layer, step, split)

    monkeypatch.setattr(table, "read", watched)
    source.read(0, 0, 299)
    source.read(0, 1, 300)
    assert whole == []
    source.read(0, 0, 300)
    assert whole == ["blocks.0"]


@pytest.mark.parametrize("examples", [[16, 15, 14, 13, 12, 11, 10], [0, 1, 2, 3, 4, 5, 6], None])
def test_tables_of_other_examples_or_another_order_are_refused_by_name(
    tmp_path: Path, table: Representations, examples: list[int] | None
) -> None:
    if examples is None:
        path = write(tmp_path / "b.parquet", drawn(examples={"similarity": 6, "probe": 5}))
    else:
        steps = {(step, "similarity"): examples for step in (0, 4, 16)}
        path = write(tmp_path / "b.parquet", drawn(), examples=steps)
    places = [Place(table, "head", 0), Place(table, "head", 4), Place(Representations(path), "head", 4)]
    with pytest.raises(RepdynError, match=r"^`.*b\.parquet` and `.*a\.parquet` hold different similarity examples\.$"):
        StoredRepresentations(places)


def test_other_examples_for_probes_are_no_hindrance(tmp_path: Path, table: Representations) -> None:
    path = write(tmp_path / "b.parquet", drawn(examples={"similarity": 7, "probe": 2}))
    assert StoredRepresentations([Place(table, "head", 0), Place(Representations(path), "head", 4)]).examples == 7
