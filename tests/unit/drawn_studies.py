"""Studies whose figures are listed: of every measure, of a measure of its own, and of data that allow less."""

from repdyn.catalogue import measures
from repdyn.config import study
from repdyn.config.facts import Facts
from repdyn.config.sections import Data

CONFIG = {
    "name": "x",
    "archs": {"vit": {"model": "vit_tiny_patch16_224"}},
    "optimizers": {"sgd": {"opt": "momentum", "lr": 0.1}, "adam": {"opt": "adam", "lr": 0.001}},
    "seeds": [0],
    "training": {"epochs": 1},
}
# A study with all measures, and one with a measure of its own that has a long name.
FULL = study.parse(CONFIG | {"measures": list(measures.OF_ACTIVATIONS)})
OWN = "cosine_of_what_the_gaussian_kernel_says"
STUDY = study.parse(CONFIG | {"measures": [{"name": OWN, "vector": "my_code:cosine"}]})
RATES = {f"sgd-{rate}": {"opt": "momentum", "lr": rate} for rate in (0.01, 0.03, 0.1)}
IN_NUMBERS = study.parse(CONFIG | {"measures": [{"name": OWN, "vector": "my_code:cosine"}], "optimizers": RATES})


def study_with(**changes):
    return study.parse(CONFIG | changes)


def _of_data(kind, classes):
    facts = Facts(
        shape=(4,), kind=kind, dtype="int64" if kind == "tokens" else "float32", classes=classes,
        vocabulary=7 if kind == "tokens" else None, train=100, test=None, given_labels=False, contents="0",
    )  # fmt: skip
    return STUDY.with_data({None: Data(dataset="my_data:load", facts=facts)})


OF_TOKENS, WITHOUT_CLASSES = _of_data("tokens", 3), _of_data("numbers", None)
