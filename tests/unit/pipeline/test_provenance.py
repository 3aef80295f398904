"""The code digests of the library itself: what a stage makes use of enters; where it stands and its words do not."""

import ast
import itertools
import json
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

import pytest

from repdyn.catalogue import stages
from repdyn.config import study as studies
from repdyn.figures import catalogue
from repdyn.meaning.library import EFFECTS, Library
from repdyn.meaning.scopes import origin
from repdyn.pipeline import jobs, provenance
from repdyn.records.examples import EXAMPLES

STAGES = [stages.module_of(name) for name, stage in stages.STAGES.items() if stage.scope in ("run", "study")]
TINY = studies.load(Path(__file__).parents[2] / "pipeline" / "tiny.yaml")
FIGURES = sorted(
    {
        entry.module
        for figures in (catalogue.of_run(TINY), catalogue.of_study(TINY), catalogue.ANIMATIONS)
        for entry in figures.values()
    }
)
PARTS = [*STAGES, *FIGURES, "planning.check"]
COPIES = itertools.count()


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A copy of the library, to be edited at will."""
    return shutil.copytree(provenance.PACKAGE, tmp_path / "repdyn", ignore=shutil.ignore_patterns("__pycache__"))


def digests(folder: Path) -> dict[str, str]:
    """The digests of all stages and figures of a library as it is now."""
    (again := folder.parent / str(next(COPIES))).symlink_to(folder)  # what is known of a folder is known once
    return {part: provenance.code_digest(part, package=again) for part in PARTS}


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, path
    path.write_text(text.replace(old, new), encoding="utf-8")


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {part for part in before if before[part] != after[part]}


def test_an_edit_enters_what_makes_use_of_it_and_nothing_else(library):
    before = digests(library)
    edit(library / "training" / "trainer.py", "EVALUATION_BATCH = 256", "EVALUATION_BATCH = 128")
    after = digests(library)
    assert changed(before, after) == {"stages.train", "stages.record"}  # which measures a history, too
    edit(library / "storage" / "tables.py", '"compression": "zstd"', '"compression": "snappy"')
    writing = set(STAGES) - {"stages.lab_book", "report.build", "explorer.build", "stages.fetch"}
    assert writing <= changed(after, digests(library)) <= set(STAGES) | {"planning.check"}


def test_what_no_stage_makes_use_of_enters_none(library):
    before = digests(library)
    for module in ("training/trainer", "storage/tables", "storage/files", "models/architectures", "figures/style"):
        with (library / f"{module}.py").open("a", encoding="utf-8") as file:
            file.write("\n\nEXTRA = 1\n\n\ndef extra() -> int:\n    return EXTRA\n")
    assert digests(library) == before


def test_a_path_more_enters_no_stage_and_one_that_moves_its_own_and_those_after_it(library):
    before = digests(library)
    paths = library / "catalogue" / "paths.py"
    edit(
        paths,
        "    def cka(self",
        "    def norms(self, run: str) -> str:\n        return self.root + run\n\n    def cka(self",
    )
    assert digests(library) == before
    edit(paths, "/cka/{run}/cka.parquet", "/cka/{run}/similarity.parquet")
    after = changed(before, digests(library))
    assert {"stages.cka", "stages.phases"} <= after
    assert not after & {"stages.train", "stages.activations", "stages.probes", "stages.regions"}


def test_how_a_log_dates_the_fit_decides_no_training():
    assert not provenance.uses("stages.train", "analysis.events")


def test_remarks_types_and_words_enter_none(library):
    before = digests(library)
    edit(library / "stages" / "train.py", '    """Train a run;', '    """Do train a run;')
    edit(
        library / "stages" / "train.py",
        'LOG.info("after epoch %g: %s", history[-1]["epoch"], note(history[-1]))',
        'LOG.info("at the end: %s", note(history[-1]))',
    )
    edit(
        library / "training" / "trainer.py",
        '"learning rate. The last good state is kept."',
        '"rate. The last state is kept."',
    )
    edit(
        library / "training" / "trainer.py", "progress.advance(note(self.history[-1]))", 'progress.advance("an epoch")'
    )
    edit(
        library / "storage" / "tables.py",
        "    path: str | Path, columns: pa.Table",
        "    path: Path | str, columns: pa.Table",
    )
    edit(library / "storage" / "origin.py", '"it carries no repdyn metadata"', '"nothing says what it is"')
    edit(library / "runtime" / "progress.py", "LINE_EVERY = 20.0", "LINE_EVERY = 30.0")
    assert digests(library) == before


def test_absolute_imports_are_relative_ones(library):
    before = digests(library)
    for path in library.rglob("*.py"):
        package = ["repdyn", *path.relative_to(library).parts[:-1]]

        def absolute(found: re.Match[str], package: list[str] = package) -> str:
            above = package[: len(package) - len(found[2]) + 1]
            return f"{found[1]}from {'.'.join([*above, found[3]]).rstrip('.')} import "

        text = path.read_text(encoding="utf-8")
        path.write_text(re.sub(r"(?m)^( *)from (\.+)([\w.]*) import ", absolute, text), encoding="utf-8")
    assert digests(library) == before
    edit(library / "similarity" / "cka.py", "n < 4", "n < 5")
    assert "stages.cka" in changed(before, digests(library))


def rename(library: Path, old: str, new: str) -> None:
    """Give a module another name, in another folder, and have it imported by that."""
    before, after = f"repdyn.{old}", f"repdyn.{new}"
    file = library.joinpath(*new.split(".")).with_suffix(".py")
    file.parent.mkdir(exist_ok=True)
    (file.parent / "__init__.py").touch()
    library.joinpath(*old.split(".")).with_suffix(".py").rename(file)
    for path in library.rglob("*.py"):
        parts = ["repdyn", *path.relative_to(library).parts[:-1]]
        package = before.rpartition(".")[0] if path == file else ".".join(parts)
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines()
        imports = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)]
        found = [node for node in imports if node.level or f"{node.module}.".startswith("repdyn.")]
        for node in sorted(found, key=lambda node: -node.lineno):
            base, indent = origin(node, package), " " * node.col_offset
            names = [alias for alias in node.names if f"{base}.{alias.name}" != before]
            wanted = [f"from {after if base == before else base} import {ast.unparse(name)}" for name in names]
            wanted += [f"import {after} as {name.asname or name.name}" for name in node.names if name not in names]
            lines[node.lineno - 1 : node.end_lineno] = [indent + line for line in wanted]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_moving_code_and_renaming_modules_enters_none(library):
    before = digests(library)
    rename(library, "similarity.cka", "measures.cka_of_grams")
    rename(library, "similarity.gram", "measures.kernels")
    rename(library, "training.checkpoint_schedule", "schedule")
    # A function that another module holds from now on, under another name.
    training = library / "training" / "trainer.py"
    text = training.read_text(encoding="utf-8")
    moved = re.search(r"(?ms)^def _share\(.*?\n\n\n", text)
    assert moved is not None
    text = text.replace(moved[0], "").replace("_share(", "share_of(")
    training.write_text(f"{text}\n\nfrom repdyn.data.label_noise import share_of\n", encoding="utf-8")
    with (library / "data" / "label_noise.py").open("a", encoding="utf-8") as file:
        file.write(f"\n\nimport torch\n\n\n{moved[0].replace('def _share', 'def share_of')}")
    assert not (library / "similarity" / "cka.py").exists()
    assert digests(library) == before
    edit(library / "measures" / "cka_of_grams.py", "n < 4", "n < 5")
    edit(library / "data" / "label_noise.py", "int((hits & among).sum()) / n", "int((hits | among).sum()) / n")
    assert {"stages.cka", "stages.train"} <= changed(before, digests(library))


Change = Callable[[], Callable[[], None]]  # makes a change, and gives what takes it back


def speaks(node: ast.AST) -> bool:
    """Whether a statement is words for people only: a log line, or an ``if`` around nothing else."""
    if isinstance(node, ast.If):
        return all(map(speaks, [*node.body, *node.orelse]))
    return isinstance(node, ast.Expr) and ast.unparse(node).startswith(("LOG.", "progress."))


def places(node: ast.AST) -> Iterator[Change]:
    """Where a change changes what a definition does: not in words, nor in what is for type checkers."""
    if speaks(node) or isinstance(node, ast.Raise | ast.JoinedStr | ast.AnnAssign | ast.Assert):
        return

    def change(field: str, value: object) -> Change:
        def make() -> Callable[[], None]:
            before = getattr(node, field)
            setattr(node, field, value)
            return lambda: setattr(node, field, before)

        return make

    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield change("value", not node.value if isinstance(node.value, bool) else node.value + 1)
    elif isinstance(node, ast.BinOp):
        yield change("op", ast.Sub() if isinstance(node.op, ast.Add) else ast.Add())
    elif isinstance(node, ast.Compare):
        yield change("ops", [ast.Lt() if isinstance(node.ops[0], ast.LtE) else ast.LtE(), *node.ops[1:]])
    elif isinstance(node, ast.BoolOp):
        yield change("op", ast.Or() if isinstance(node.op, ast.And) else ast.And())
    elif isinstance(node, ast.Attribute):
        yield change("attr", f"{node.attr}_")
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        yield change("id", "another_name")
    for field, value in ast.iter_fields(node):
        parts = value if isinstance(value, list) else [value]
        if field in ("annotation", "returns") or (parts and isinstance(parts[-1], ast.Raise)):
            continue  # what is made before an error is raised may be its words
        for part in parts:
            if isinstance(part, ast.AST):
                yield from places(part)


def defines(statement: ast.stmt) -> set[str]:
    """The names that a definition at the top of a module binds."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return {statement.name}
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    return {node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)}


def sampled(library: Path, entry: str, within: bool, number: int) -> Iterator[str]:
    """Digests of an entry after one change each, of what it makes use of or of what stands beside that."""
    reached = Library(library, "repdyn", ["repdyn.runtime.progress"]).reached(entry)
    found: list[tuple[Path, ast.Module, Change]] = []
    for module in sorted({module for module, _ in reached} - {"repdyn.runtime.progress"}):
        path = library.joinpath(*module.split(".")[1:])
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        tree = ast.parse(path.read_bytes())
        for statement in tree.body:
            if any(used.startswith(f"{name}.") for of, used in reached if of == module for name in defines(statement)):
                continue  # a class of which some methods are used and others are not
            uses = {(module, name) in reached for name in defines(statement)}
            found.extend((path, tree, change) for change in places(statement) if uses == {within})
    for path, tree, change in random.Random(0).sample(found, number):
        before, back = path.read_bytes(), change()
        path.write_text(ast.unparse(tree), encoding="utf-8")
        back()
        try:
            yield Library(library, "repdyn", ["repdyn.runtime.progress"]).digest(entry)
        except LookupError as error:  # it makes use of what is not there
            yield str(error)
        path.write_bytes(before)


ENTRIES = [
    "repdyn.stages.train.main",
    "repdyn.stages.regions.main",
    "repdyn.stages.findings.main",
    "repdyn.figures.grids.draw",
]


@pytest.mark.parametrize("entry", ENTRIES)
def test_any_change_of_what_a_stage_makes_use_of_is_seen_and_none_beside_it(library, entry):
    before = Library(library, "repdyn", ["repdyn.runtime.progress"]).digest(entry)
    assert before not in set(sampled(library, entry, True, 50))
    assert {before} == set(sampled(library, entry, False, 15))


def test_code_that_is_written_anew_from_its_syntax_has_the_same_digests(library):
    before = digests(library)
    for path in library.rglob("*.py"):
        path.write_text(ast.unparse(ast.parse(path.read_bytes())), encoding="utf-8")
    assert digests(library) == before


def pythons() -> list[str]:
    """Other versions of Python that are here."""
    found = [shutil.which(f"python3.{minor}") for minor in range(11, 20)]
    found += map(str, Path.home().glob(".pyenv/versions/3.*/bin/python3"))
    ask = "import sys; print(*sys.version_info[:2])"
    answers = {
        path: subprocess.run([path, "-c", ask], capture_output=True, encoding="utf-8", check=False).stdout.split()
        for path in filter(None, found)
    }
    others = {tuple(map(int, said)): path for path, said in answers.items() if said}
    return [path for version, path in sorted(others.items()) if version >= (3, 11) and version != sys.version_info[:2]]


SAY = """
import json, sys
from repdyn.pipeline import provenance
print(json.dumps({part: provenance.code_digest(part) for part in sys.argv[1:]}))
"""


def said_by(python: str, **environment: str) -> dict[str, str]:
    """What a process of its own, with nothing but the library, says of all parts."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PYTHON"))}
    library = str(provenance.PACKAGE.parent)
    done = subprocess.run(
        [python, "-W", "error", "-c", SAY, *PARTS],
        env=kept | {"PYTHONPATH": library, "PYTHONDONTWRITEBYTECODE": "1"} | environment,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return json.loads(done.stdout)


def test_other_versions_of_python_say_the_same():
    here = {part: provenance.code_digest(part) for part in PARTS}
    others = pythons()
    if not others:
        pytest.skip("there is no other version of Python here")
    assert {python: said_by(python) for python in others} == dict.fromkeys(others, here)


def test_other_locales_say_the_same():
    here = {part: provenance.code_digest(part) for part in PARTS}
    plain = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for locale in ("C", "de_DE.ISO-8859-1", "en_US.UTF-8"):
        assert said_by(sys.executable, LC_ALL=locale, **plain) == here


@pytest.mark.parametrize("stage", [name for name, stage in stages.STAGES.items() if stage.scope in ("run", "study")])
def test_a_stage_is_said_to_run_the_user_s_code_that_it_runs(stage):
    part, declared = stages.module_of(stage), set(stages.STAGES[stage].user_code)
    makes = {
        "model": ("models.architectures.build",),
        "optimizer": ("training.optimizers.create",),
        "measures": ("similarity.own.vector", "similarity.own.pair"),
    }
    found = {what for what, made_by in makes.items() if any(provenance.uses(part, name) for name in made_by)}
    assert found == declared


@pytest.mark.parametrize("other", ["architecture", "training.stage", "figures.nothing"])
def test_what_is_not_there_cannot_be_made_use_of(other):
    with pytest.raises(LookupError):
        provenance.uses("stages.train", other)
    with pytest.raises(LookupError):
        provenance.code_digest(other)


def test_no_module_that_is_named_while_it_runs_escapes_the_digests():
    """What stages import by a name that no syntax tells is torch's, or the user's, which has a digest of its own.

    The report lists the files of all records, and these files are its rule's inputs.
    """
    library = Library(provenance.PACKAGE, "repdyn", ["repdyn.runtime.progress"])
    reached = library.reached(*(f"repdyn.{stage}.main" for stage in STAGES), *(f"repdyn.{f}.draw" for f in FIGURES))
    dynamic = re.compile(r"=(importlib\.(import_module|reload)|__import__|globals|exec|eval)\b")
    found = {node for node in reached if dynamic.search(repr(library.module(node[0])[node[1]].tokens))}
    assert found == {
        ("repdyn.user_code.load", "load"),
        ("repdyn.records", "declared"),
        ("repdyn.runtime.lazy_imports", "_StandIn"),
        ("repdyn.runtime.lazy_imports", "_Late"),
        ("repdyn.runtime.lazy_imports", "_fetch_the_hub"),
    }


def test_every_figure_that_is_drawn_by_name_is_drawn_by_what_its_digest_covers():
    for figure in FIGURES:
        assert provenance.uses(figure, f"{figure}.draw"), figure
    for figure in {entry.module for entry in catalogue.ANIMATIONS.values()}:
        assert provenance.uses(figure, f"{figure}.save"), figure


def test_how_pictures_are_saved_is_part_of_every_figure(library, config, monkeypatch):
    study = studies.parse(config)
    entries = [*catalogue.of_run(study).values(), *catalogue.of_study(study).values(), *catalogue.ANIMATIONS.values()]

    def made_with() -> list[object]:
        (again := library.parent / str(next(COPIES))).symlink_to(library)
        monkeypatch.setattr(provenance, "code_digest", lambda *parts: code_digest(*parts, package=again))
        return [entry.made_with(study) for entry in entries]

    code_digest = provenance.code_digest
    before = made_with()
    edit(library / "figures" / "draw.py", '"png": {"Software": None}', '"png": {}')
    assert all(one != other for one, other in zip(before, made_with(), strict=True))


@pytest.fixture
def bytecode(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python may write beside the library, whatever the environment says."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)


@pytest.mark.usefixtures("bytecode")
def test_what_was_found_out_is_remembered_until_a_file_changes(library, monkeypatch):
    before = digests(library)
    (kept,) = (library / "__pycache__").iterdir()
    with monkeypatch.context() as patch:
        patch.setattr(Library, "digest", lambda *_: pytest.fail("found out anew"))
        assert digests(library) == before
    edit(library / "training" / "trainer.py", "EVALUATION_BATCH = 256", "EVALUATION_BATCH = 128")
    assert changed(before, digests(library)) == {"stages.train", "stages.record"}
    assert not kept.exists()
    assert len(list((library / "__pycache__").iterdir())) == 1


@pytest.mark.usefixtures("bytecode")
@pytest.mark.parametrize("damage", [lambda text: text.replace("a", "b"), lambda text: text[:-9], lambda _: "", None])
def test_what_is_remembered_by_halves_is_found_out_anew(library, damage):
    before = digests(library)
    (kept,) = (library / "__pycache__").iterdir()
    if damage is None:  # nothing can be kept
        shutil.rmtree(kept.parent)
        kept.parent.touch()
    else:
        kept.write_text(damage(kept.read_text(encoding="utf-8")), encoding="utf-8")
    assert digests(library) == before


def test_what_stages_do_when_they_are_imported_is_to_import_timm():
    """A list to look at when it grows: each counts for whatever makes use of its module."""
    library = Library(provenance.PACKAGE, "repdyn", ["repdyn.runtime.progress"])
    reached = library.reached(*(f"repdyn.{stage}.main" for stage in STAGES))
    modules = {
        f"repdyn.{module}" for module in ("models.architectures", "training.optimizers", "training.lr_schedules")
    }
    assert {module for module, name in reached if name == EFFECTS} == modules


def test_the_config_s_own_module_is_no_part_of_a_stage():
    for stage in STAGES:
        assert not provenance.uses(stage, "config.study"), stage


# They show progress, or draw: no number comes out of them.
NO_NUMBERS = {"tqdm", "matplotlib", "plotly", "jinja2"}


def test_the_version_of_every_package_that_a_number_comes_out_of_is_recorded():
    installed = metadata.packages_distributions()
    for stage in STAGES:
        imported = set(provenance._facts((stage,), provenance.PACKAGE)["packages"])
        computing = {name for top in imported - NO_NUMBERS for name in installed.get(top, [])}
        assert computing <= set(provenance.versions(stage)), stage
    assert "pillow" in provenance.versions("stages.planes")


def test_versions_decide_no_rerun(make_job, config, monkeypatch):
    job = make_job("examples", config)
    before = jobs.fingerprint(job.study, "examples", None)
    monkeypatch.setattr(provenance, "versions", lambda *_: {"pillow": "1.0"})
    assert job.metadata(EXAMPLES)["versions"] == {"pillow": "1.0"}
    assert jobs.fingerprint(job.study, "examples", None) == before


def test_versions_are_those_of_what_computes():
    assert {"python", "torch", "timm", "pyarrow"} <= set(provenance.versions("stages.train"))
    assert "torch" not in provenance.versions("storage.tables")
