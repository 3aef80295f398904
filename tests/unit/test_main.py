import contextlib
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from commands import RUN, run
from running import TINY

import repdyn
from repdyn import __main__ as main
from repdyn.catalogue.stages import STAGES
from repdyn.figures import catalogue
from repdyn.runtime import progress


def test_a_stage_runs_by_hand_from_any_directory_and_logs_well(tmp_path):
    done = run("train", "--study", TINY, "--log", tmp_path / "train.log", *RUN, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "results/tiny/history/arch=vit/optimizer=sgd/seed=0/history.parquet").is_file()
    assert "train       vit sgd seed 0: done in" in done.stderr
    log = (tmp_path / "train.log").read_text(encoding="utf-8").splitlines()
    assert all(line[:2] == "20" and line[20:27] in ("INFO   ", "WARNING") for line in log)


def test_what_is_missing_is_one_sentence_without_a_traceback(tmp_path):
    done = run("cka", "--study", TINY, *RUN, folder=tmp_path)
    assert done.returncode == 1
    assert "activations.parquet` is not there; Snakemake makes it when asked for it with the study's" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ("examples", "--seed", "0", "--log", "study.yaml/examples.log"),
            "The log `study.yaml/examples.log` cannot be written",
        ),
        (("planes", "--seed", "7"), "The study `tiny` has no seed 7; its seeds are 0."),
        (("figure", "training", "a.png", "--optimizer", "sgd", "--seed", "0"), "needs all of --arch, --optimizer and"),
        (("figure", "training", "a.png", "--arch", "vit"), "needs all of --arch, --optimizer and --seed"),
    ],
)
def test_a_command_that_is_not_whole_is_one_sentence(tmp_path, arguments, sentence):
    (tmp_path / "study.yaml").write_text(TINY.read_text(encoding="utf-8"), encoding="utf-8")
    done = run(*arguments, "--study", "study.yaml", folder=tmp_path)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            "patch_size: 4",
            "patch_size: 3",
            "`archs.vit`: `vit_tiny_patch16_224` has patch_size 3, which does not divide",
        ),
        ("model: resnet18", "model: resnet19", "`archs.resnet`: `resnet19` is not a timm model"),
        (
            "similarity_examples: 40",
            "similarity_examples: 400",
            "is 400, but there are only 40 test examples that no seed",
        ),
        ("train_size: 120", "train_size: 129", "the last batch of an epoch would have a single example"),
        ("opt: adam,", "opt: adamm,", "`optimizers.adam`: `adamm` is not an optimizer of timm"),
        ("stem: small", "stem: small\n    layers: [nose]", "`archs.resnet`: `layers`: no module is called `nose`"),
        (
            "opt: momentum,",
            "schedule: {sched: cosin}, opt: momentum,",
            "`optimizers.sgd`: `schedule.sched` is 'cosin', but must be",
        ),
        (
            "opt: momentum,",
            "schedule: {sched: step, kwargs: {decay_epochs: 0}}, opt: momentum,",
            "`optimizers.sgd`: `schedule` has no rate for the second step with these `kwargs`: ZeroDivisionError",
        ),
        ("dataset: digits", "dataset: diggits", "`data.dataset` is 'diggits', but must be one of"),
        (
            "label_noise: 0.2",
            "label_noise: 0.01",
            "each through three mislabelled training images, but `data` has only 1",
        ),
        (
            "count: 2",
            "count: 9881",
            "each through three test images, but `data` has only 40 of these that no seed trains on, which make 9,880",
        ),
        (
            "picture_resolution: 8",
            "picture_resolution: 20000",
            "`execution.memory_gib` is 2, but regions of 5 layers and the output at 8 checkpoints on planes of 20000²",
        ),
        (
            "per_decade: 5",
            "schedule: explicit, epochs: [3, 25]",
            "`checkpoints.epochs` has 25, but training ends after 20 epochs; leave it out",
        ),
        ("per_decade: 5", "per_decade: 5, first: 21", "`checkpoints` has only initialisation within the 20 epochs"),
    ],
)
def test_a_study_is_checked_whole_before_anything_runs(tmp_path, old, new, sentence):
    text = TINY.read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "study.yaml").write_text(text.replace(old, new), encoding="utf-8")
    done = run("check", "--study", "study.yaml", folder=tmp_path)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_ctrl_c_amid_imports_ends_without_a_traceback(tmp_path):
    path = tmp_path / "first" / "difflib.py"  # imported before anything of the library's
    path.parent.mkdir()
    path.write_text("import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(60)\n", encoding="utf-8")
    folders = os.pathsep.join([str(path.parent), str(Path(main.__file__).parents[1])])
    done = run("name", "--study", TINY, folder=tmp_path, PYTHONPATH=folders)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("plann",), "repdyn: there is no command `plann`; did you mean `plan`?"),
        (("???",), "repdyn: there is no command `???`; there are: init, check, layers, plan,"),
        (("cka", "--arch", "vit"), "the following arguments are required: --optimizer, --seed; `repdyn cka --help`"),
        (("cka", *RUN[:-1], "9" * 5000), "argument --seed: invalid int value: '9999"),
        (("cka", *RUN[:-1], "0x1\n"), "argument --seed: invalid int value: '0x1\\n'; `repdyn cka --help`"),
        ((), "the following arguments are required: COMMAND"),
    ],
)
def test_a_command_line_that_is_none_is_one_line(capsys, monkeypatch, arguments, sentence):
    monkeypatch.setattr(sys, "argv", ["repdyn", *arguments])
    with pytest.raises(SystemExit) as ended:
        main.main()
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert sentence in said
    assert said.count("\n") == 1
    assert len(said) < 500


def test_the_help_lists_every_command_and_figure_and_costs_no_heavy_import(tmp_path):
    done = run("--help", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    words = set(done.stdout.replace(",", " ").replace(";", " ").split())
    assert words >= {*STAGES, *catalogue.of_any_study("run"), *catalogue.of_any_study("study")}
    assert catalogue.of_any_study("run")[0] in run("figure", "--help", folder=tmp_path).stdout
    code = "import sys; sys.argv = ['repdyn', '--help']; from repdyn import __main__ as m\n"
    code += "try: m.main()\nexcept SystemExit: sys.exit(bool({'torch', 'pandas', 'matplotlib'} & set(sys.modules)))"
    path = str(Path(main.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": path}, stdout=subprocess.DEVNULL, check=False
    )
    assert done.returncode == 0


def test_the_version_is_the_package_s(tmp_path):
    assert run("--version", folder=tmp_path).stdout == f"repdyn {repdyn.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--study", "."), "The study config `.` is a folder; name the file in it."),
        (("--study", "nothing.yaml"), "There is no study config at `nothing.yaml`."),
        (("--study", TINY, "--arch", "w\udcfft\n"), r"has no run w\udcfft\n sgd seed 0; its archs are resnet, vit"),
        (("--study", TINY, "--seed", "7"), "has no run vit sgd seed 7; its archs are resnet, vit, its optimizers"),
        (("--study", TINY, "--results", ""), "`tiny/activations/arch=vit/optimizer=sgd/seed=0/activations.parquet` is"),
        (
            ("--study", TINY, "--results", TINY),
            "tiny.yaml/tiny/activations/arch=vit/optimizer=sgd/seed=0/activations.parq",
        ),
    ],
)
def test_what_a_command_names_and_is_not_there_is_one_sentence(capsys, monkeypatch, arguments, sentence):
    monkeypatch.setattr(sys, "argv", ["repdyn", "cka", *RUN, *map(str, arguments)])
    monkeypatch.setattr(main.LOG, "handlers", [])
    monkeypatch.setattr(main.LOG, "propagate", True)
    assert main.main() == 1
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1


def test_the_name_of_a_study_is_printed_if_its_config_can_be_read(tmp_path):
    (tmp_path / "latin.yaml").write_bytes(TINY.read_bytes() + "# für\n".encode("latin-1"))
    done = run("name", "--study", TINY, folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "tiny\n", "")
    done = run("name", "--study", "latin.yaml", folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("is not UTF-8 text: it has a byte 0xfc; save it as UTF-8.\n")


def test_a_terminal_without_the_characters_of_a_table_shows_the_table(tmp_path):
    done = run("plan", "--study", TINY, folder=tmp_path, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert (done.returncode, done.stderr) == (0, "")
    assert "tiny: 4 runs (2 architectures ? 2 optimizers ? 1 seeds)" in done.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux")
def test_nobody_reads_what_is_printed_or_it_does_not_fit(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    for stdout, status, said in ((writing, 141, ""), (os.open("/dev/full", os.O_WRONLY), 1, "The disk is full; free")):
        done = run("plan", "--study", TINY, folder=tmp_path, stdout=stdout)
        os.close(stdout)
        assert done.returncode == status
        assert done.stderr.startswith(said)
        assert done.stderr.count("\n") == (1 if said else 0)


def test_a_good_study_passes_the_check_which_says_only_what_holds_of_its_layers(tmp_path):
    done = run("check", "--study", TINY, folder=tmp_path)
    said = "`archs.resnet`: global_pool always gives the same numbers as layer4.0 and is left out"
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith(said)
    assert done.stderr.count("\n") == 1


def test_stages_that_need_no_torch_do_not_import_it():
    stages = [f"stages.{stage}" for stage in ("cka", "probes", "phases", "findings")]
    for module in (
        "config.study",
        "pipeline.snapshot",
        "training.checkpoint_schedule",
        "representations.table",
        *stages,
    ):
        code = f"import sys, repdyn.{module}; sys.exit(bool({{'torch', 'timm'}} & set(sys.modules)))"
        path = str(Path(progress.__file__).parents[2])
        done = subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": path}, check=False)
        assert done.returncode == 0, module


def test_progress_is_steady_lines_with_rate_and_time_left(monkeypatch, caplog):
    clock = iter(range(0, 10_000, 4))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    with caplog.at_level("INFO", logger="repdyn"), progress.Progress(30, "epoch", done=10) as bar:
        for _ in range(20):
            bar.advance("loss 0.1")
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0] == "epoch 12/30, 4.0 s/epoch, 01:12 left, loss 0.1"
    assert 3 <= len(lines) <= 5


def test_what_torch_says_of_a_gpu_is_a_sentence_and_what_it_says_of_anything_else_a_bug(monkeypatch, caplog):
    import torch

    def no_memory():
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of …")

    def not_twice_the_same():
        before = torch.get_deterministic_debug_mode()
        torch.set_deterministic_debug_mode("error")
        try:
            torch.zeros(2).put_(torch.tensor([0]), torch.ones(1))
        finally:
            torch.set_deterministic_debug_mode(before)

    def anything_else():
        torch.zeros(2) + torch.zeros(3)

    monkeypatch.setattr(sys, "argv", ["repdyn", "train", *RUN])
    for stage, code, said in (
        (no_memory, 1, "The GPU has no memory for 2.50 GiB more; let fewer jobs share it, or"),
        (not_twice_the_same, 1, "The model uses `put_`, which does not give the same numbers twice on a GPU"),
        (anything_else, 2, "unexpected, a bug in repdyn:"),
    ):
        monkeypatch.setattr(main, "_run", lambda _, stage=stage: stage())
        with caplog.at_level("ERROR", logger="repdyn"):
            monkeypatch.setattr(main.LOG, "handlers", [logging.NullHandler()])
            assert main.main() == code
        assert caplog.records[-1].getMessage().startswith(said)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux")
def test_a_full_disk_cuts_a_log_short_and_a_mistake_in_a_line_is_still_told(capsys):
    log = main._LogFile("/dev/full")
    log.emit(logging.LogRecord("repdyn", logging.INFO, __file__, 1, "epoch %d", (1,), None))
    assert capsys.readouterr().err == ""
    log.emit(logging.LogRecord("repdyn", logging.INFO, __file__, 1, "epoch %d", ("one",), None))
    assert "Logging error" in capsys.readouterr().err
    with contextlib.suppress(OSError):
        log.close()


def test_a_stage_runs_in_a_folder_whose_name_is_no_utf8_and_writes_what_it_says_of_it(tmp_path):
    folder = tmp_path / "b\udcff"
    folder.mkdir()
    done = run("examples", "--study", TINY, "--seed", "0", "--log", folder / "a.log", folder=folder)
    assert done.returncode == 0, done.stderr
    assert (folder / "results/tiny/examples/seed=0/examples.parquet").is_file()
    done = run("cka", "--study", folder / "none.yaml", *RUN, folder=folder)
    assert done.stderr.endswith(r"b\udcff/none.yaml`." "\n")


def test_a_log_in_any_locale_has_every_character(tmp_path):
    code = "from repdyn import __main__ as m; from pathlib import Path; m._set_up_log(Path('a.log'), 'x')"
    code += r"; m.LOG.info('200 \xd7 3\xb2 \u2013 \udcff')"
    environment = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    path = str(Path(main.__file__).parents[1])
    subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=os.environ | environment | {"PYTHONPATH": path}, check=True
    )
    assert (tmp_path / "a.log").read_text(encoding="utf-8").endswith("200 × 3² – \\udcff\n")


@pytest.mark.parametrize(("stage", "takes"), [("train", True), ("examples", False)])
def test_a_stage_takes_a_card_where_there_are_several_if_it_uses_a_gpu(tmp_path, stage, takes):
    run_of = RUN if stage == "train" else ("--seed", "0")
    config = tmp_path / "study.yaml"
    config.write_text(TINY.read_text(encoding="utf-8").replace("epochs: 20", "epochs: 1"), encoding="utf-8")
    done = run(stage, "--study", config, *run_of, folder=tmp_path, CUDA_VISIBLE_DEVICES="4,6", TMPDIR=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert ("computes on card 4 of 4, 6" in done.stderr) == takes
