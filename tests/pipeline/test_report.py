"""The report, the lab book and the explorer of a tiny study, made by Snakemake and opened in a browser."""

import json
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from running import ROOT, TINY, checkout, snakemake

from repdyn.catalogue.claims import CLAIMS
from repdyn.config import study as studies
from repdyn.figures import catalogue

STYLE = ROOT / "workflow" / "report" / "report.css"


@pytest.fixture(scope="module")
def results(folder: Path) -> Path:
    """The results of the tiny study, with report, lab book and explorer."""
    for arguments in ([], ["--report", "results/tiny/lab-book.html", "--report-stylesheet", str(STYLE)]):
        done = snakemake("--configfile", str(TINY), *arguments, "--", "reported", folder=folder)
        assert done.returncode == 0, done.stderr
    return folder / "results" / "tiny"


def embedded(page: Path, name: str):
    """A variable of the lab book's page."""
    (found,) = re.findall(rf"^    var {name} = (.*);$", page.read_text(encoding="utf-8"), flags=re.M)
    return json.loads(found)


def test_every_figure_is_there_once_with_labels_and_a_caption_of_its_own(results):
    shown = embedded(results / "lab-book.html", "results")
    drawn = {str(path.relative_to(results.parents[1])) for path in (results / "figures").rglob("*.png")}
    assert {path for path in shown if "/figures/" in path} == drawn
    for path, entry in shown.items():
        assert "System Message" not in entry["caption"]
        assert "{" not in entry["caption"]
        if "/figures/" in path:
            figures = (catalogue.of_run if "arch=" in path else catalogue.of_study)(studies.load(TINY))
            said = figures[entry["labels"]["figure"]]
            text = re.sub(r"<[^>]+>|\s+", " ", entry["caption"])
            assert said.title in text
            assert set(entry["labels"]) == (
                {"figure", "architecture", "optimizer", "seed"} if "arch=" in path else {"figure"}
            )
    assert all(entry["data_uri"].startswith("data:") for entry in shown.values())


def test_it_has_the_categories_findings_and_runs_and_walks_through_the_study(results):
    page = results / "lab-book.html"
    categories = embedded(page, "categories")
    assert {"Training", "CKA", "Decision regions", "Findings", "Runs"} <= set(categories)
    assert set(categories["CKA"]) == {"all runs", "run by run"}
    overview = embedded(page, "workflow_desc")
    assert "How representations evolve in training: tiny" in overview
    assert '<a class="reference external" href="explorer.html">' in overview
    assert "System Message" not in overview
    for category in categories:
        assert f"app.showCategory('{category.replace(' ', '%20')}')" in overview


def test_the_tables_of_the_lab_book_are_whole_pages(results):
    findings, runs = (
        (results / "report" / f"{name}.html").read_text(encoding="utf-8") for name in ("findings", "runs")
    )
    assert findings.count("<table>") == findings.count("</table>") >= 2
    assert "undecided" in findings
    assert runs.count("<tr>") == 1 + 4


def test_a_change_of_what_is_said_draws_nothing_again_but_the_page_that_says_it(results, tmp_path):
    root = checkout(tmp_path / "checkout")
    said = root / "workflow" / "repdyn" / "figures" / "catalogue.py"
    said.write_text(
        said.read_text(encoding="utf-8").replace("Accuracy through training", "Otherwise"), encoding="utf-8"
    )
    with (root / "workflow" / "report" / "figure.rst").open("a", encoding="utf-8") as caption:
        caption.write("More.\n")
    words = ("--configfile", str(TINY), "--dry-run", "--quiet", "rules", "--", "reported")
    done = snakemake(*words, folder=results.parents[1], root=root)
    planned = re.findall(r"^(\w+) +\d+$", done.stdout, flags=re.MULTILINE)
    assert set(planned) == {"report", "reported", "total"}, done.stderr


def test_the_lab_book_loads_without_errors_or_requests_and_shows_its_parts(results, visit):
    opened = visit(results / "lab-book.html")
    page = opened.page
    page.get_by_text("How representations evolve in training: tiny").wait_for()
    assert opened.asked == [(results / "lab-book.html").as_uri()]
    title = page.get_by_role("heading", name="How representations evolve in training: tiny")
    assert title.bounding_box()["y"] >= 0  # else it is out of reach
    page.get_by_role("link", name="Findings").first.click()
    page.get_by_text("tables", exact=True).click()
    page.locator("tr", has_text="claims, tested").locator("a").first.click()
    page.frame_locator("iframe").get_by_role("heading", name="What was found").wait_for()
    assert [words for words in opened.said if "rror" in words] == []


def test_on_a_telephone_the_lab_book_s_menu_stands_above_what_it_leads_to(results, visit):
    page = visit(results / "lab-book.html", 390, 844).page
    title = page.get_by_role("heading", name="How representations evolve in training: tiny")
    title.wait_for()
    box, menu = title.bounding_box(), page.locator("#app nav").first.bounding_box()
    assert menu["y"] + menu["height"] <= box["y"]
    assert menu["width"] == 390 and box["x"] >= 0 and box["x"] + box["width"] <= 390


def test_the_report_of_a_real_study_says_what_was_found_and_links_what_there_is(results, visit):
    opened = visit(results / "report.html")
    page = opened.page
    assert (opened.said, opened.asked) == ([], [(results / "report.html").as_uri()])
    assert page.get_by_text("All 4 runs are whole; none has failed.").is_visible()
    assert page.locator(".claim").count() == len(CLAIMS)
    links = page.evaluate("() => [...document.querySelectorAll('a')].map((a) => a.getAttribute('href'))")
    assert all((results / unquote(link)).is_file() for link in links if not link.startswith("#"))


def test_the_explorer_of_a_real_study_loads_in_silence(results, visit):
    opened = visit(results / "explorer.html")
    opened.page.wait_for_selector("body[data-ready]")
    assert opened.said == []
    assert opened.page.locator("#arch option").all_text_contents() == ["resnet", "vit"]
