"""Every command and code block of README and docs runs in the run environment alone and prints what is shown."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from blocks import PAGES, ROOT, Block, disagreement, everywhere, of_page
from shell import Shell, clean

BLOCKS = everywhere()
# Runs pieces of code one after the other, as a person at a prompt would, and says what each of them printed.
SESSION = """
import ast, contextlib, io, json, sys
names, printed = {"__name__": "__main__"}, []
for code in json.load(sys.stdin):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(code, "block", "exec"), names)
    printed.append(out.getvalue())
print(json.dumps(printed))
"""


def of(language: str) -> list[pytest.param]:
    return [pytest.param(block, id=block.place) for block in BLOCKS if block.language == language]


def test_every_block_is_of_a_kind_that_these_tests_run():
    # Of the language `snakemake` is the workflow that tests/pipeline/test_module.py runs.
    run = ("sh", "python", "yaml", "snakemake")
    left = [block for block in BLOCKS if block.language not in run and not block.follows]
    # The sentence about a mistake in the config has a test of its own.
    assert [block.text.split(":")[0] for block in left] == ["config.yaml"], [block.place for block in left]


def as_run(commands: str) -> str:
    """The same commands where there is no cluster, and where the tests run already."""
    commands = re.sub(r"(?m)^(make test\b)", r"make --dry-run test >&2  # \1", commands)
    return re.sub(r"(?m)^(snakemake .*--profile slurm)", r"\1 --dry-run", commands)


@pytest.mark.usefixtures("study")
@pytest.mark.parametrize("block", of("sh"))
def test_commands_run(block: Block, shell: Shell):
    if "squeue" in block.text:
        pytest.skip("run on a real Slurm by tests/cluster")
    done = shell(as_run(block.text))
    assert done.returncode == 0, done.stdout + done.stderr


def test_commands_for_a_cluster_s_queue_are_run_by_the_cluster_s_tests():
    queue = [block.text for block in BLOCKS if block.language == "sh" and "squeue" in block.text]
    page = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
    assert queue == re.findall(r"```sh\n(squeue.*?)```", page, re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_code_prints_what_is_shown(page: Path, study: Path):
    pieces = [block for block in of_page(page) if block.language == "python" and not block.saved]
    done = subprocess.run(
        [str(study / ".venv" / "bin" / "python"), "-c", SESSION], input=json.dumps([block.text for block in pieces]),
        cwd=study, env=clean(study), capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for block, printed in zip(pieces, json.loads(done.stdout), strict=True):
        if block.shown:
            assert disagreement(block.shown, printed) is None, block.place


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_settings_are_accepted(page: Path, checkout: Path, shell: Shell):
    """Each block of a page after the ones before it, as a reader would write them into config.yaml.

    Data with names take the place of the one section, with which the blocks after them go on.
    """
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    for block in of_page(page):
        if block.language != "yaml" or block.saved:  # a study of its own is checked by a command beside it
            continue
        one = config["data"]
        for section, settings in yaml.safe_load(block.text).items():
            are_names = section == "data" and all(isinstance(level, dict) for level in settings.values())
            merges = isinstance(settings, dict) and not are_names
            config[section] = config.get(section, {}) | settings if merges else settings
        for optimizer in config["optimizers"].values():
            if isinstance(optimizer["lr"], dict):  # as the words around the blocks say
                optimizer["lr"] = {arch: optimizer["lr"].get(arch, 0.05) for arch in config["archs"]}
        (checkout / "shown.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        done = shell("python -m repdyn check --study shown.yaml")
        assert done.returncode == 0, f"{block.place}: {done.stderr}"
        if "dataset" not in config["data"]:
            config["data"] = one


def test_the_sentence_about_a_mistake_is_the_one_that_is_shown(checkout: Path, shell: Shell):
    (shown,) = (block.text for block in BLOCKS if block.text.startswith("config.yaml:"))
    config = checkout / "config.yaml"
    right = config.read_text(encoding="utf-8")
    config.write_text(right.replace("label_noise:", "lable_noise:", 1), encoding="utf-8")
    try:
        done = shell("make run")
    finally:
        config.write_text(right, encoding="utf-8")
    assert done.returncode != 0
    assert shown.strip() in done.stderr


@pytest.mark.parametrize("command", sorted({
    command for page in PAGES for command in re.findall(r"`(make [a-z]+)", page.read_text(encoding="utf-8"))
}))  # fmt: skip
def test_targets_that_the_text_names_are_there(command: str, shell: Shell):
    done = shell(f"make --dry-run {command.removeprefix('make ')}")
    assert done.returncode == 0, done.stderr
