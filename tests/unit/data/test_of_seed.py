"""The examples of a seed, for a training loop of one's own."""

import sys

import numpy as np
import pytest
import yaml
from own_data import load

import repdyn
from repdyn.config import study as studies
from repdyn.data import of_seed
from repdyn.errors import RepdynError
from repdyn.user_code import locate

CODE = """
import numpy as np

def load():
    return {"train": (np.random.default_rng(0).normal(size=(60, 3)), np.arange(60) % 3)}
"""


@pytest.fixture
def written(config, tmp_path, monkeypatch):
    """Writes a study of data that a module beside it gives, and returns its path."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])  # which a study's own folder is put into
    monkeypatch.setattr(locate, "_TAKEN", [])
    (tmp_path / "of_seed_data.py").write_text(CODE, encoding="utf-8")

    def write(**data):
        content = config | {"data": data, "execution": {"data_root": str(tmp_path / "data")}}
        path = tmp_path / "étude.yaml"
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
        return path

    yield write
    sys.modules.pop("of_seed_data", None)


OWN = {"dataset": "of_seed_data:load"}


def test_a_loop_of_one_s_own_gets_the_examples_that_runs_of_the_seed_train_on(written):
    path = written(**OWN, label_noise=0.2)
    found, wanted = repdyn.examples(path, seed=1), load(studies.load(path), seed=1)[1]
    for part in ("train", "test"):
        one, other = getattr(found, part), getattr(wanted, part)
        np.testing.assert_array_equal(one.inputs[:], other.inputs[:])
        np.testing.assert_array_equal(one.given_labels, other.given_labels)
    assert found.mislabelled.sum() == round(0.2 * len(found.train))
    with pytest.raises(RepdynError, match="has no seed 7"):
        repdyn.examples(path, seed=7)


def test_where_data_have_levels_one_is_named(written):
    path = written(all=OWN, few=OWN | {"train_size": 20})
    assert [len(of_seed.examples(str(path), 1, level).train) for level in ("all", "few")] == [48, 20]
    for level, said in ((None, "without a name"), ("many", "'many'")):
        with pytest.raises(RepdynError, match=f"are one of all, few, not {said}"):
            of_seed.examples(path, 1, level)


def test_the_seed_is_0_unless_another_is_asked_for(written):
    path = written(**OWN)
    first, same, other = of_seed.examples(path), of_seed.examples(path, seed=0), of_seed.examples(path, seed=1)
    np.testing.assert_array_equal(first.train.examples, same.train.examples)
    assert not np.array_equal(first.train.examples, other.train.examples)
