"""The report in a real browser: what it opens with, that all can read it, and what it says of runs that failed."""

import re
from pathlib import Path
from urllib.parse import unquote

import pandas as pd
import pytest
from seen import check_texts, complaints

from repdyn.catalogue.claims import CLAIMS
from repdyn.report import pictures

WIDTHS = {390: 844, 1280: 900, 2560: 1300}
TOKENS = {
    "shape": [5], "dtype": "uint8", "train": 120, "test": 60, "given_labels": False, "contents": "0" * 16,
    "kind": "tokens", "classes": 3, "vocabulary": 12,
}  # fmt: skip


def links(page):
    """Where the links of a page lead, but for places in it."""
    found = page.evaluate("() => [...document.querySelectorAll('a')].map((a) => a.getAttribute('href'))")
    return [unquote(link) for link in found if not link.startswith("#")]


def test_it_loads_in_silence_and_asks_nothing_of_the_network(visit, report_file):
    opened = visit(report_file)
    assert (opened.said, opened.asked) == ([], [report_file.as_uri()])
    assert opened.page.title() == "tiny: what was found"


def test_it_opens_with_the_findings_then_the_forest_plot_then_the_grid(visit, report_file):
    page = visit(report_file).page
    found = pd.read_parquet(report_file.parent / "findings" / "findings.parquet")
    primary = found[found["primary"]]
    assert page.locator(".sentences li").count() == len(primary)
    first = page.locator("main h2, main h3").first
    assert first.inner_text().startswith("What was found")
    assert f"Of {len(primary)} comparisons" in page.locator(".opening p").first.inner_text()
    headings = page.evaluate("() => [...document.querySelectorAll('[id]')].map((part) => part.id)")
    places = [
        headings.index(part) for part in ("findings", "figure-findings", "figure-cka-grid", "figures", "runs", "tables")
    ]
    assert places == sorted(places)
    for name in CLAIMS:
        assert page.get_by_role("heading", name=re.compile(re.escape(name), re.IGNORECASE)).count() == 1


def test_every_link_leads_to_a_file_and_every_figure_and_table_has_one(visit, report_file):
    page, root = visit(report_file).page, report_file.parent
    made_beside = {"explorer.html", "lab-book.html", "report/findings.html"}
    there = {link for link in links(page) if link not in made_beside}
    assert all((root / link).is_file() for link in there)
    kinds = ("png", "pdf", "parquet", "safetensors")
    files = {str(path.relative_to(root)) for kind in kinds for path in root.rglob(f"*.{kind}")}
    assert files == there


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read_by_everybody_at_any_width(visit, report_file, width, scheme):
    page = visit(report_file, width, WIDTHS[width], scheme=scheme).page
    assert {"contradicted", "What was found"} <= check_texts(page, width)
    assert complaints(page) == []
    ground = page.evaluate("() => getComputedStyle(document.documentElement).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", ground))) < 200) == (scheme == "dark")


def test_on_paper_everything_is_unfolded_on_white(visit, report_file):
    page = visit(report_file, scheme="dark").page
    page.locator(".claim summary").first.click()
    assert not page.locator(".claim details").first.evaluate("(details) => details.open")
    page.evaluate("() => dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.locator(".claim details:not([open])").count() == 0
    assert not page.locator("nav").is_visible()
    assert page.evaluate("() => getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"


def test_an_address_leads_to_a_claim_even_a_folded_one(visit, report_file):
    page = visit(report_file).page
    folded = page.locator(".claim details li").first
    address = folded.get_attribute("id")
    again = visit(report_file, address=f"#{address}").page
    again.locator(f"[id='{address}']").wait_for(state="visible")
    box = again.locator(f"[id='{address}']").bounding_box()
    assert 0 <= box["y"] < 900
    again.locator(".claim summary").first.click()
    again.evaluate("() => { location.hash = ''; }")
    again.evaluate("(address) => { location.hash = address; }", address)
    again.locator(f"[id='{address}']").wait_for(state="visible")


def test_every_part_that_can_be_sent_has_an_address_of_its_own(visit, report_file):
    page = visit(report_file).page
    ids = page.evaluate("() => [...document.querySelectorAll('[id]')].map((part) => part.id)")
    assert len(ids) == len(set(ids))
    here = page.evaluate("() => [...document.querySelectorAll('a.here')].map((a) => a.getAttribute('href').slice(1))")
    assert set(here) <= set(ids) and len(here) > len(CLAIMS)
    assert {"claim-change-stops-at-perfect-fit", "figure-cka-grid", "run-arch=vit-optimizer=sgd-seed=0"} <= set(ids)


def test_a_run_that_failed_is_named_with_the_reason_and_what_waits_for_it(visit, make_report):
    page = visit(make_report(failed=[0], with_findings=False)).page
    assert "1 of 8 runs are not whole" in page.locator(".notice").inner_text()
    page.get_by_role("link", name="Which, and why").click()
    assert page.get_by_text("resnet sgd seed 0, train: The loss is NaN at step 12.").is_visible()
    assert "There are no findings." in page.locator("#findings").inner_text()
    assert page.locator(".runs tbody tr").count() == 7
    assert complaints(page) == []


def test_a_study_without_probes_says_what_is_left_out(visit, make_report):
    page = visit(make_report(data={"dataset": "made-up.npz", "facts": TOKENS})).page
    assert page.locator(".notice").inner_text().endswith("no decision regions.")
    assert page.locator("#figure-regions-grid").count() == 0
    assert page.locator(".claim").count() == len(CLAIMS)


def test_120_runs_with_figures_as_large_as_can_be_stay_below_ten_megabytes(visit, make_report):
    file = make_report(noise=True, seeds=list(range(30)), figures={"seeds": 30, "formats": ["png", "svg"]})
    assert Path(file).stat().st_size < pictures.PAGE_MIB * 2**20
    page = visit(file).page
    assert page.locator(".runs tbody tr").count() == 120
    assert page.get_by_text("Reduced; in full:").count() == 2
    check_texts(page, 1280)
