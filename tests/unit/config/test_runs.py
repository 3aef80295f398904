"""What a run of the grid, and what the runs of a seed share, are called."""

import pytest

from repdyn.config.runs import Replicate, Run


@pytest.mark.parametrize(
    ("of", "path", "words", "facts"),
    [
        (
            Run("vit", "sgd", 3),
            "arch=vit/optimizer=sgd/seed=3",
            "vit sgd seed 3",
            {"arch": "vit", "optimizer": "sgd", "seed": 3},
        ),
        (
            Run("vit", "sgd", 0, "noisy"),
            "arch=vit/optimizer=sgd/data=noisy/seed=0",
            "vit sgd noisy seed 0",
            {"arch": "vit", "optimizer": "sgd", "data": "noisy", "seed": 0},
        ),
        (Replicate(0), "seed=0", "seed 0", {"seed": 0}),
        (Replicate(3, "noisy"), "data=noisy/seed=3", "noisy seed 3", {"data": "noisy", "seed": 3}),
    ],
)
def test_folder_words_and_facts_name_every_level_in_the_order_of_the_factors_and_the_seed_last(
    of: Run | Replicate, path: str, words: str, facts: dict[str, str | int]
) -> None:
    assert of.path == path
    assert str(of) == words
    assert list(of.facts.items()) == list(facts.items())
    assert list(of.levels.items()) == [item for item in facts.items() if item[0] != "seed"]


def test_runs_of_a_seed_share_a_replicate_only_within_a_level_of_the_data() -> None:
    runs = [Run(arch, optimizer, 1, "few") for arch in ("vit", "resnet") for optimizer in ("sgd", "adam")]
    assert {run.replicate for run in runs} == {Replicate(1, "few")}
    others = (Run("vit", "sgd", 2, "few"), Run("vit", "sgd", 1, "all"), Run("vit", "sgd", 1))
    assert len({runs[0].replicate, *(run.replicate for run in others)}) == 4
    assert Replicate(1, "few").replicate == Replicate(1, "few")


def test_a_run_is_told_from_another_by_each_of_its_levels_and_from_what_it_shares() -> None:
    run = Run("vit", "sgd", 1, "few")
    others = (
        Run("sgd", "vit", 1, "few"), Run("vit", "adam", 1, "few"), Run("vit", "sgd", 2, "few"), Run("vit", "sgd", 1),
    )  # fmt: skip
    assert len({run, *others, run.replicate, Run("vit", "sgd", 1, "few")}) == 6
    assert len({other.path for other in (run, *others)}) == 5
