"""The lab book's tables in a real browser: that what is written can be read."""

import pandas as pd
from sample_tables import findings

from repdyn.catalogue.events import EVENTS, INTERVENTION
from repdyn.catalogue.measures import MEASURES
from repdyn.stages import lab_book


def test_every_column_of_the_runs_of_one_data_set_without_interventions_is_seen_without_scrolling(visit, tmp_path):
    history = pd.DataFrame({"epoch": [178.0], "train_accuracy": [1.0], "test_accuracy": [0.7], "seconds": [1000.0]})
    scores = pd.DataFrame({"layer": None, "score": [name for name in EVENTS if name != INTERVENTION], "value": 17.0})
    of_run = lab_book.OfRun(("resnet", "adam-slow", "0.0003", "–", "0"), history, scores)
    path = tmp_path / "runs.html"
    path.write_text(lab_book.runs([of_run]), encoding="utf-8")
    page = visit(path).page
    wide, room = page.evaluate(
        "() => { const d = document.querySelector('div'); return [d.scrollWidth, d.clientWidth]; }"
    )
    assert wide <= room, (wide, room)


def test_a_verdict_does_not_make_rows_high_on_a_telephone(visit, tmp_path):
    found, _ = findings(seeds=3)
    found.loc[found["primary"].astype(bool), "holds"] = (
        "holds under 6 of 9 measures (not debiased CKA, k-NN, DRS, test)"
    )
    path = tmp_path / "findings.html"
    left_out = pd.DataFrame(columns=["claim", "reason", "arch", "optimizer", "seed"])
    path.write_text(lab_book.findings(found, left_out, 0.95, MEASURES), encoding="utf-8")
    page = visit(path, 390, 844).page
    assert page.locator("tbody tr").first.bounding_box()["height"] < 60
