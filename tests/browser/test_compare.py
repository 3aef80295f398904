"""The explorer's comparisons, means, findings, addresses and what it saves, in a real browser."""

import csv
import io

import pytest
from made_up import EPOCHS, LAYERS, STEPS, accuracy_at, similarity_at
from PIL import Image
from seen import check_texts, complaints

READY = "body[data-ready]"
LAST = len(EPOCHS) - 1
DEPTH = LAYERS["resnet"].index("layer2.0")
PLACE = "#run=resnet%2Fsgd%2F0&layer=layer2.0&by=cka&epoch=0"
BESIDE = f"{PLACE}&with=resnet%2Fsgd%2F1"


@pytest.fixture
def at(visit, page_file):
    """Opens the page at an address."""

    def opened(address, **window):
        seen = visit(page_file, address=address, **window)
        seen.page.wait_for_selector(READY)
        assert seen.said == []
        return seen.page

    return opened


def saved(page, kind):
    with page.expect_download() as download:
        page.locator(f"#save-{kind}").click()
    return download.value


def place(page):
    """What the page shows: run, layer, measure, and what is beside it."""
    picked = [page.locator(f"#{name}").input_value() for name in ("arch", "optimizer", "seed", "measure", "other")]
    return [*picked, page.locator("#layers [aria-checked=true]").text_content()]


def test_two_runs_stand_side_by_side_with_their_difference(at):
    page = at(BESIDE)
    titles = page.locator("#panels .title").all_text_contents()
    assert titles == ["layer2.0, resnet sgd, seed 0", "layer2.0, resnet sgd, seed 1", "first − second"]
    most = similarity_at(DEPTH, 0, LAST) - similarity_at(DEPTH, 0, LAST, seed=1)
    said = page.locator("#compare-said").inner_text()
    assert f"At {len(EPOCHS)} common checkpoints." in said
    assert f"between epoch 0 and epoch 20: the first is {most:.3f} more alike there" in said


def test_nothing_stands_beside_a_run_unless_asked_for(at):
    page = at(PLACE)
    assert not page.locator("#compare").is_visible()
    page.locator("#other").select_option("vit/adam/mean")
    page.locator("#compare").wait_for()
    assert page.locator("#panels svg").count() == 3
    page.locator("#other").select_option("")
    page.wait_for_selector(READY)
    assert not page.locator("#compare").is_visible()


def test_a_mean_is_that_of_all_seeds(at):
    page = at(PLACE.replace("sgd%2F0", "sgd%2Fmean"))
    mean = (similarity_at(DEPTH, 0, LAST) + similarity_at(DEPTH, 0, LAST, seed=1)) / 2
    assert page.locator("#readout").text_content() == f"epoch 0 and epoch 20: {mean:.3f}"
    assert page.locator("#seed").input_value() == "mean"
    assert "Mean of 2 seeds." in page.locator("#matrix-mean").text_content()
    assert "these are of seed 0" in page.locator("#regions-mean").text_content()


def test_probes_are_read_beside_the_matrix(at):
    page = at(PLACE.replace("epoch=0", "epoch=2"))
    words = " ".join(page.locator("#probe-legend").inner_text().split())
    e = EPOCHS.index(2.0)
    given, unseen = accuracy_at(DEPTH, e, "probe"), accuracy_at(DEPTH, e, "similarity") - 0.1
    for value, label in ((given, "training, given labels"), (given - 0.1, "training, true labels"), (unseen, "test")):
        assert f"{value + 1e-9:.2f} {label}" in words


def test_findings_of_the_run_lead_to_the_report(at):
    page = at(PLACE)
    links = page.locator("#found-list a").evaluate_all("(links) => links.map((a) => a.getAttribute('href'))")
    assert links and all(link.startswith("report.html#claim-") for link in links)
    texts = page.locator("#found-list li").all_inner_texts()
    assert any("in resnet, under sgd" in text and "supported" in text for text in texts)
    assert not any("under sgd-slow" in text or "in vit, under adam" in text for text in texts)


def test_an_address_is_followed_and_gone_back_from(at):
    page = at(PLACE)
    page.locator("#measure").select_option("knn")
    page.locator("#other").select_option("vit/sgd/0")
    page.locator("#compare").wait_for()
    page.wait_for_selector(READY)
    here = page.evaluate("() => location.hash")
    assert "by=knn" in here and "with=vit" in here
    page.go_back()
    page.locator("#compare").wait_for(state="hidden")
    page.wait_for_selector(READY)
    assert place(page) == ["resnet", "sgd", "0", "knn", "", "layer2.0"]
    page.go_forward()
    page.locator("#compare").wait_for()
    page.wait_for_selector(READY)
    assert place(page) == ["resnet", "sgd", "0", "knn", "vit/sgd/0", "layer2.0"]
    page.evaluate("(hash) => { location.hash = hash; }", "#run=vit/adam/1&layer=blocks.1&by=rsa&epoch=8")
    page.locator("#compare").wait_for(state="hidden")
    page.wait_for_selector(READY)
    assert place(page) == ["vit", "adam", "1", "rsa", "", "blocks.1"]
    assert page.locator("#epoch-label b").text_content() == "epoch 8"


def test_csv_has_every_pair_of_both_runs_and_their_difference(at):
    download = saved(at(BESIDE), "csv")
    assert download.suggested_filename == "tiny-resnet-sgd-0-and-resnet-sgd-1-layer2.0-cka.csv"
    rows = list(csv.DictReader(io.StringIO(download.path().read_text(encoding="utf-8"))))
    assert len(rows) == len(EPOCHS) ** 2
    for row in rows:
        a, b = STEPS.index(int(row["step_a"])), STEPS.index(int(row["step_b"]))
        one, other = similarity_at(DEPTH, a, b), similarity_at(DEPTH, a, b, seed=1)
        assert float(row["value"]) == pytest.approx(one, abs=1e-4)
        assert float(row["value_other"]) == pytest.approx(other, abs=1e-4)
        assert float(row["difference"]) == pytest.approx(one - other, abs=2e-4)
        assert row["run"] == "resnet/sgd/0" and row["run_other"] == "resnet/sgd/1"


def test_accuracies_are_saved_by_epoch_and_a_curve_that_is_switched_off_is_not_drawn(at):
    page = at(PLACE)
    download = saved(page, "curves")
    assert download.suggested_filename == "tiny-resnet-sgd-0-accuracies.csv"
    rows = list(csv.DictReader(io.StringIO(download.path().read_text(encoding="utf-8"))))
    assert [float(row["epoch"]) for row in rows] == [*range(21)]
    curves = [key for key in rows[0] if key not in ("study", "run", "epoch")]
    assert curves == [button.get_attribute("data-curve") for button in page.locator("#curve-legend button").all()]
    assert all(float(row[key]) == pytest.approx(float(row["epoch"]) / 20) for row in rows for key in curves)
    page.locator("#curve-legend button").first.click()
    svg = saved(page, "svg").path().read_text(encoding="utf-8")
    assert svg.count('class="curve"') == len(curves) - 1


def test_svg_and_png_show_the_matrices_that_are_shown(at):
    page = at(BESIDE)
    svg = saved(page, "svg").path().read_text(encoding="utf-8")
    matrices, regions = svg.split('<g class="curves"')[0], svg.split('<g class="regions"')[1]
    assert matrices.count("<image ") == 3 and "first − second" in matrices
    shown = page.locator(".plane:visible canvas.probe, .plane:visible canvas.network")
    assert regions.count("<image ") == shown.count() > 0 and "decision regions, epoch 0" in regions
    assert svg.count('class="curve"') == page.locator("#curve-legend button").count() > 1
    assert "http" not in svg.replace("http://www.w3.org", "")
    with Image.open(saved(page, "png").path()) as picture:
        width, height = picture.size
        assert width > 3 * 800 and height > 800
        assert len(set(picture.convert("RGB").resize((60, 30)).get_flattened_data())) > 50, "it is no empty page"


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1280, 900), (2560, 1300)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_comparison_can_be_read_by_everybody_at_any_width(at, width, height, scheme):
    page = at(BESIDE, width=width, height=height, scheme=scheme)
    assert {"first − second", "What was found", "CSV of the matrices"} <= check_texts(page, width)
    assert complaints(page) == []


def test_on_paper_it_is_light_and_without_controls(at):
    page = at(BESIDE, scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("() => getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
    assert not any(page.locator(control).is_visible() for control in ("#measure", "#play", "#save-svg"))
    assert page.locator("#matrix").is_visible() and page.locator("#panels").is_visible()


def test_everything_can_be_reached_and_done_with_the_keyboard(at):
    page = at(PLACE)
    reached = []
    for _ in range(25):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("() => document.activeElement.id || document.activeElement.className"))
        outline = page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none" or reached[-1] == "", reached[-1]
    wanted = {"arch", "optimizer", "seed", "measure", "other", "layer", "play", "epoch"}
    assert wanted <= set(reached), reached
    page.locator("#other").focus()
    page.keyboard.press("ArrowDown")
    page.locator("#compare").wait_for()
