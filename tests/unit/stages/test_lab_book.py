from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml

from repdyn.catalogue.claims import CLAIMS
from repdyn.catalogue.measures import MEASURES
from repdyn.catalogue.scores import SCORES
from repdyn.config import study as studies
from repdyn.figures import catalogue
from repdyn.stages import lab_book

TINY = Path(__file__).parents[2] / "pipeline" / "tiny.yaml"
CONTENT = yaml.safe_load(TINY.read_text(encoding="utf-8"))
STUDY = studies.parse(CONTENT | {"measures": ["knn", {"name": "mine_", "vector": "my_code_:mine_"}]})
CATEGORIES = ("Training", "Decision regions")
TEXTS = Path(lab_book.__file__).parents[2] / "report"


def rendered(text, **snakemake):
    """A text of the report as HTML, as Snakemake makes it; a mistake in its markup is an error."""
    from docutils.core import publish_parts
    from jinja2 import Environment, StrictUndefined

    template = Environment(trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined).from_string(
        (TEXTS / f"{text}.rst").read_text(encoding="utf-8")
    )
    categories = [SimpleNamespace(name=name) for name in CATEGORIES]
    filled = template.render(snakemake=SimpleNamespace(**snakemake), categories=categories)
    filled += "".join(f"\n\n.. _{name}: javascript:app.showCategory('{name}')" for name in CATEGORIES)
    return publish_parts(filled, writer="html", settings_overrides={"halt_level": 2})["html_body"]


@pytest.mark.parametrize("text", ["overview", "findings", "runs"])
def test_the_texts_of_the_report_are_sound(text):
    assert "<p>" in rendered(text, config={"name": "a-study_of.mine"})


def test_the_overview_leads_to_the_categories_that_there_are():
    overview = rendered("overview", config={"name": "mine"})
    assert "How representations evolve in training: mine</h1>" in overview
    assert "How representations evolve in training</h1>" in rendered("overview", config={"of another": "workflow"})
    assert overview.count("javascript:app.showCategory") == 2
    assert "Phases: where" in overview
    assert 'href="explorer.html"' in overview


@pytest.mark.parametrize("entry", [*catalogue.of_run(STUDY).values(), *catalogue.of_study(STUDY).values()])
def test_every_figure_has_its_own_words(entry):
    html = rendered("figure", params=SimpleNamespace(said=entry))
    words = " ".join(html.replace("&quot;", '"').split())
    for said in (entry.title, entry.caption.split(". ")[0]):
        assert said in words


@pytest.mark.parametrize(("score", "words"), [("synchrony", "synchrony"), ("progress_gap", "progress_gap ↓")])
def test_a_score_of_which_less_is_more_is_marked(score, words):
    assert lab_book.marked(score) == words


def test_what_a_table_holds_is_text_not_markup():
    assert "<td>a &lt;b&gt;</td>" in lab_book.table(("x",), [("a <b>",)], numbers=())


def test_findings_say_what_decides_each_claim_who_is_left_out_and_what_is_exploratory():
    from sample_tables import findings

    frame, _ = findings()
    frame.loc[frame["primary"].astype(bool).idxmax(), "p_adjusted"] = 0.0001
    left_out = pd.DataFrame(
        {"claim": ["a <claim>"] * 2, "reason": ["did not happen: the fit"] * 2}
        | {"arch": ["vit"] * 2, "optimizer": ["sgd"] * 2, "data": [None] * 2, "seed": [3, 4]}
    )
    page = lab_book.findings(frame, left_out, 0.9, MEASURES)
    primary = frame[frame["primary"].astype(bool)]
    decided, exploratory = page.split("<h2>Exploratory</h2>")
    assert decided.count("<h2>") == primary["claim"].nunique() + 1, "and the runs left out"
    assert "<td>a &lt;claim&gt;</td><td>did not happen: the fit</td><td>vit sgd 3, vit sgd 4</td>" in decided
    for claim in CLAIMS.values():
        assert claim.name[1:] in decided
    assert "<td>supported</td>" in decided and "<td>supported</td>" not in exploratory
    assert "not testable" in decided and "exploratory" not in decided.lower()
    assert decided.count("At equal speed of fit, resnet: sgd 0.05 − adam 0.001") > 0
    assert exploratory.count("<details>") == exploratory.count("<table>") - 1, "the last one says what the scores are"
    assert "90 % interval" in page and "nan" not in page.lower()
    assert '<td class="number">&lt; 0.001</td>' in decided
    said = primary["holds"].dropna()
    assert len(said) and all(f'<td class="wide">{words}</td>' in decided for words in said)
    assert "<td>debiased CKA</td>" in exploratory, "its label, not its name"
    assert SCORES["distinguishability_3"].formula in exploratory and SCORES["progress_gap"].formula not in page


def test_a_run_without_an_event_has_a_dash():
    history = pd.DataFrame(
        {"epoch": [0.0, 10.0], "train_accuracy": [0.1, 1.0], "test_accuracy": [0.9, 0.8], "seconds": [0.0, 12.4]}
    )
    scores = pd.DataFrame(
        {
            "layer": [None, None, "stem"],
            "score": ["perfect_fit_first", "test_dip", "memorization_onset"],
            "value": [7.0, np.nan, 3.0],
        }
    )
    page = lab_book.runs([lab_book.OfRun(("vit", "sgd", "0.03", "–", "0"), history, scores)])
    assert "<th>data</th>" not in page and 'class="number">data<' not in page, "no run has data with a name"
    named = lab_book.runs([lab_book.OfRun(("vit", "sgd", "0.03", "noisy", "0"), history, scores)])
    assert '<td class="number">noisy</td>' in named and ">data<" in named
    (row,) = [line for line in page.splitlines() if line.startswith("<tr><td")]
    cells = [cell.split("</td>")[0].split(">")[-1] for cell in row.split("<td")[1:]]
    assert cells == ["vit", "sgd", "0.03", "0", "10", *"––––7–", "–", "1.000", "0.900", "0.800", "12"]
