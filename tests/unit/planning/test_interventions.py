import pytest

from repdyn.config import study as studies
from repdyn.errors import RepdynError
from repdyn.planning import interventions

TOKENS = {
    "shape": [5], "kind": "tokens", "dtype": "int64", "classes": 3, "vocabulary": 7, "train": 100, "test": 50,
    "given_labels": False, "contents": "0" * 16,
}  # fmt: skip


def planned(config, *some):
    return studies.parse(config | {"training": config["training"] | {"interventions": list(some)}})


@pytest.mark.parametrize(
    ("patterns", "said"),
    [
        (["layer9.*", "blocks.0"], r"no module is called `layer9\.\*`; there are, for example: layer"),
        (["blocks.0"], "names no module of `resnet` that has parameters"),
        (["patch_embed", "blocks", "norm", "head", "stem"], r"no module is called `stem`"),
        (["conv1", "bn1", "layer?", "fc", "blocks.0"], "names all parameters of `resnet`"),
    ],
)
def test_what_is_frozen_must_be_there_and_not_everything(config, patterns, said):
    study = planned(config, {"epoch": 2, "freeze": patterns})
    with pytest.raises(RepdynError, match=said):
        interventions.check(study)


def test_what_is_possible_passes(config):
    some = {"freeze": ["layer1.*", "blocks.0"]}, {"rate": 0.1}, {"labels": "redraw"}, {"invert": True}
    interventions.check(planned(config, *({"epoch": 2} | kind for kind in some)))
    interventions.check(studies.parse(config))


def test_a_module_without_parameters_is_none_to_freeze(config):
    with pytest.raises(RepdynError, match="names no module of `resnet` that has parameters, so its runs would have no"):
        interventions.check(planned(config, {"epoch": 2, "freeze": ["act1", "blocks.0"]}))


def test_the_plan_of_an_optimizer_is_checked_under_its_own_key(config):
    config["optimizers"]["adam"]["interventions"] = [{"epoch": 2, "freeze": ["nothing"]}]
    with pytest.raises(RepdynError, match=r"^`optimizers\.adam\.interventions`: `freeze`: no module is called"):
        interventions.check(studies.parse(config))


def test_tokens_cannot_be_inverted(config):
    config["data"] = {"dataset": "words.npz", "facts": TOKENS}
    study = planned(config, {"epoch": 2, "rate": 0.5})
    interventions.check(study)
    with pytest.raises(
        RepdynError, match=r"^`training\.interventions` inverts inputs, but `words\.npz` has tokens of 5"
    ):
        interventions.check(planned(config, {"epoch": 2, "invert": True}))


def test_training_goes_on_with_data_that_differ_in_their_labels_alone(config):
    levels = {"clean": {"label_noise": 0.0}, "noisy": {}, "few": {"train_size": 60}}
    some = {level: config["data"] | changes for level, changes in levels.items()}
    change = {"epoch": 2, "data": "clean"}
    interventions.check(planned(config | {"data": {level: some[level] for level in ("clean", "noisy")}}, change))
    with pytest.raises(
        RepdynError, match=r"^`training\.interventions` goes on with data clean, of 120 training and 60 "
    ):
        interventions.check(planned(config | {"data": some}, change))
