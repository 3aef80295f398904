from repdyn.pipeline import last_words

STARTED = "2026-11-27 18:00:00 INFO    40 epochs\n"


def test_a_job_s_last_words_are_the_sentence_that_it_failed_with(tmp_path):
    log = tmp_path / "train.log"
    log.write_text(
        f"{STARTED}2026-11-27 18:00:01 ERROR   The loss became NaN at step 3; lower the rate.\n", encoding="utf-8"
    )
    assert last_words.of_jobs([("train vit", str(log))]) == "train vit: The loss became NaN at step 3; lower the rate."


def test_of_a_traceback_the_last_line_is_said_and_where_the_rest_is(tmp_path):
    log = tmp_path / "train.log"
    log.write_text(
        f"{STARTED}2026-11-27 18:00:01 ERROR   unexpected, a bug in repdyn:\nTraceback …\nKeyError: 'x'\n",
        encoding="utf-8",
    )
    assert last_words.of_log(log) == f"unexpected, a bug in repdyn: KeyError: 'x' (more in {log})"


def test_a_job_that_was_killed_has_none_and_its_log_is_named(tmp_path):
    log = tmp_path / "train.log"
    log.write_text(STARTED, encoding="utf-8")
    for path in (log, tmp_path / "none.log"):
        assert last_words.of_log(path).endswith(f"its log is {path}.")


def test_of_many_jobs_the_rest_are_counted(tmp_path):
    lines = last_words.of_jobs([(f"job {i}", str(tmp_path / "none.log")) for i in range(30)]).splitlines()
    assert len(lines) == 21
    assert lines[-1] == "… and 10 more, see their logs."
