"""What `import repdyn` offers and costs."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import repdyn
from repdyn.catalogue.stages import STAGES
from repdyn.pipeline.provenance import PACKAGE, code_digest

PLUGIN = PACKAGE.with_name("snakemake_logger_plugin_repdyn")


def test_importing_the_package_imports_nothing_else() -> None:
    code = "import sys; before = {*sys.modules}; import repdyn; print(*{*sys.modules} - before)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    imported = [name for name in done.stdout.split() if name.partition(".")[0] not in sys.stdlib_module_names]
    assert imported == ["repdyn"]


def test_public_names_are_there_and_others_are_not() -> None:
    assert repdyn.Recorder.__module__ == "repdyn.recorded.recorder"
    assert "Recorder" in dir(repdyn)
    assert not hasattr(repdyn, "recorder_of_nothing")


def test_what_the_package_offers_is_no_part_of_any_stage(tmp_path: Path) -> None:
    bare = tmp_path / "repdyn"
    shutil.copytree(PACKAGE, bare, ignore=shutil.ignore_patterns("__pycache__", "recorder.py"))
    (bare / "__init__.py").write_text("", encoding="utf-8")
    stages = [file.stem for file in (PACKAGE / "stages").glob("*.py") if file.stem in STAGES]
    assert "train" in stages
    for stage in stages:
        assert code_digest(f"stages.{stage}") == code_digest(f"stages.{stage}", package=bare)


def test_an_installed_package_has_every_module() -> None:
    """As `pip install .` makes it, without its data: packages are listed by name in pyproject.toml."""
    content = tomllib.loads((PACKAGE.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    listed = {name.replace(".", "/") for name in content["tool"]["setuptools"]["packages"]}
    assert listed == {
        file.parent.relative_to(PACKAGE.parent).as_posix() for root in (PACKAGE, PLUGIN) for file in root.rglob("*.py")
    }
