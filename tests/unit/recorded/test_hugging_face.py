"""Which networks of Transformers are loaded, and when; what that package gives is in ``test_transformers.py``."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

from repdyn.recorded import hugging_face

WHOLE: dict[str, list[str]] = {"missing_keys": [], "unexpected_keys": [], "mismatched_keys": []}
Install = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a package in place of Transformers that has one network; returns what its loader is called with."""

    def put(about: Any = WHOLE, error: Exception | None = None) -> list[dict[str, Any]]:
        calls: list[dict[str, Any]] = []

        class MyNet(nn.Linear):
            @classmethod
            def from_pretrained(cls, folder: Path, **options: Any) -> tuple[nn.Module, Any]:
                calls.append({"folder": folder, **options})
                if error is not None:
                    raise error
                return cls(2, 1), about

        package = ModuleType("transformers")
        package.MyNet = MyNet  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "transformers", package)
        return calls

    return put


def folder_of(path: Path, config: Any) -> Path:
    path.mkdir(exist_ok=True)
    (path / "config.json").write_text(config if isinstance(config, str) else json.dumps(config), encoding="utf-8")
    return path


def test_the_network_that_a_folder_names_is_loaded_from_it_and_from_nowhere_else(
    tmp_path: Path, install: Install
) -> None:
    calls = install()
    folder = folder_of(tmp_path / "net", {"architectures": ["MyNet", "Other"]})
    for file in (folder, folder / "model.safetensors"):
        found = hugging_face.loaded(file)
        assert found is not None and {name: tensor.shape for name, tensor in found.items()} == {
            "weight": torch.Size([1, 2]),
            "bias": torch.Size([1]),
        }
    assert calls == [{"folder": folder, "local_files_only": True, "output_loading_info": True}] * 2


@pytest.mark.parametrize("kind", WHOLE)
def test_a_network_of_which_a_weight_is_missing_or_too_many_is_not_taken(
    tmp_path: Path, install: Install, kind: str
) -> None:
    install(WHOLE | {kind: ["weight"]})
    assert hugging_face.loaded(folder_of(tmp_path, {"architectures": ["MyNet"]})) is None


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"architectures": []},
        {"architectures": None},
        {"architectures": 5},
        {"architectures": ["Nobody"]},
        "{",
        "[]",
    ],
)
def test_a_folder_that_names_no_network_is_not_loaded(tmp_path: Path, install: Install, config: Any) -> None:
    calls = install()
    assert hugging_face.loaded(folder_of(tmp_path, config)) is None
    assert calls == []


@pytest.mark.parametrize("error", [OSError("a"), ValueError("b"), RuntimeError("c"), ImportError("d")])
def test_what_the_loader_finds_wrong_is_left_to_be_said_of_the_names(
    tmp_path: Path, install: Install, error: Exception
) -> None:
    calls = install(error=error)
    assert hugging_face.loaded(folder_of(tmp_path, {"architectures": ["MyNet"]})) is None
    assert len(calls) == 1


def test_the_package_is_not_imported_without_a_config_and_need_not_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "transformers", raising=False)
    assert hugging_face.loaded(tmp_path / "model.safetensors") is None
    assert "transformers" not in sys.modules
    monkeypatch.setitem(sys.modules, "transformers", None)  # so that importing it fails
    assert hugging_face.loaded(folder_of(tmp_path, {"architectures": ["MyNet"]})) is None
