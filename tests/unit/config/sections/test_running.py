"""What is drawn, and where it is computed."""

from typing import Any

import pytest
from pydantic import ValidationError

from repdyn.config.sections import Execution, Figures, Print


@pytest.mark.parametrize(
    "runs", [["arch=vit"], ["seed=0"], ["arch=vit/optimizer=sgd/data=noisy/seed=3", "arch=vit/optimizer=sgd"]]
)
def test_runs_are_named_by_their_levels(runs: list[str]) -> None:
    assert Print(runs=runs).runs == runs


@pytest.mark.parametrize(
    "run", ["vit", "arch", "arch=", "=vit", "arch=vit=sgd", "model=vit", "arch=vit/", "", "arch=vit sgd/optimizer"]
)
def test_what_names_no_runs_is_refused_with_how_it_is_done(run: str) -> None:
    with pytest.raises(ValidationError) as raised:
        Print(runs=["arch=vit", run])
    assert f"{run} does not name runs by arch, optimizer, data, seed, as arch=vit/optimizer=sgd does" in str(
        raised.value
    )


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        (Print, {"runs": ["arch=vit", "arch=vit"]}),
        (Print, {"layers": ["blocks.*", "blocks.*"]}),
        (Figures, {"formats": ["png", "png"]}),
    ],
)
def test_what_is_named_twice_is_refused(model: type[Print | Figures], settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="is listed more than once; name each once"):
        model(**settings)


@pytest.mark.parametrize(("model", "setting"), [(Print, "runs"), (Print, "layers"), (Figures, "formats")], ids=str)
def test_an_empty_list_is_not_all(model: type[Print | Figures], setting: str) -> None:
    with pytest.raises(ValidationError, match="too_short"):
        model.model_validate({setting: []})


def test_rows_and_columns_are_two_factors() -> None:
    assert Figures(rows="optimizer", columns="data").rows == "optimizer"
    with pytest.raises(ValidationError, match="`rows` and `columns` are both optimizer; name two factors"):
        Figures(rows="optimizer")


@pytest.mark.parametrize(
    ("device", "is_one"),
    [
        ("auto", True), ("cpu", True), ("cuda", True), ("cuda:12", True), ("mps", True),
        ("cuda:", False), ("cpu:0", False), ("cuda:-1", False), ("xcuda", False), ("cuda:0\n", False), ("", False),
    ],
)  # fmt: skip
def test_a_device_is_one_that_torch_knows(device: str, is_one: bool) -> None:
    if is_one:
        assert Execution(device=device).device == device
        return
    with pytest.raises(ValidationError, match="pattern"):
        Execution(device=device)
