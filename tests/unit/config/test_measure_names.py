"""What a measure of one's own cannot be called, because a column or a figure has that name."""

import pytest

from repdyn.config.sections.similarity import TAKEN, ChosenMeasure
from repdyn.figures import catalogue
from repdyn.records.cka import CKA, INTERVAL
from repdyn.records.cka_between import CKA_BETWEEN
from repdyn.records.cka_layers import CKA_LAYERS
from repdyn.records.layer_names import RUN

COLUMNS = {*RUN, *(name for table in (CKA, INTERVAL, CKA_LAYERS, CKA_BETWEEN) for name in table.names)}
FIGURES = {*catalogue._OF_EVERY_RUN, *catalogue._OF_EVERY_STUDY, "regions"}


@pytest.mark.parametrize("name", sorted(COLUMNS | FIGURES))
def test_a_measure_of_ones_own_cannot_take_the_name_of_a_column_or_a_figure(name):
    with pytest.raises(ValueError, match="cannot be the name of a measure of your own"):
        ChosenMeasure(name=name, vector="my_code:measure")


def test_other_names_can_be_taken():
    for name in ("gaussian", "cca_10", "cka_rbf"):
        assert ChosenMeasure(name=name, pairs="my_code:measure").name == name
        assert name not in TAKEN
