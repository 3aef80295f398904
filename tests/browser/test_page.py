"""The explorer in a real browser: what a person does, and what must follow."""

import pytest
from browsing import new_context
from made_up import EPOCHS, EVENTS, LAYERS, class_at, similarity_at
from running import TINY
from seen import check_texts

from repdyn.config import study as studies
from repdyn.figures import style

READY = "body[data-ready]"
WIDTHS = {1280: 900, 390: 844}

# Every select, button, canvas and slider.
THINGS = """() => [...document.querySelectorAll("select, button, canvas, input")]
  .filter((thing) => thing.checkVisibility()).map((thing) => {
    const { left, right } = thing.getBoundingClientRect();
    return [thing.id || thing.className, left, right, !!thing.closest("#layers")];
  })"""


@pytest.fixture(scope="module")
def opened(chromium, page_file):
    """A page that the tests below share."""
    context = new_context(chromium, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(page_file.as_uri())
    page.wait_for_selector(READY)
    yield page
    context.close()


@pytest.fixture
def explorer(opened):
    """The shared page, as it is when it is opened."""
    if opened.locator("#play").get_attribute("aria-label") == "Pause":
        opened.locator("#play").click()
    for picker, first in (("#arch", "resnet"), ("#optimizer", "sgd"), ("#seed", "0"), ("#measure", "cka")):
        opened.locator(picker).select_option(first)
    opened.wait_for_selector(READY)
    opened.get_by_role("radio", name="global_pool").click()
    opened.evaluate("() => document.activeElement.blur()")
    return opened


def settle(page):
    """Waits until what was asked for is painted."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def go_to(page, checkpoint):
    page.locator("#epoch").fill(str(checkpoint))
    settle(page)


def colours(page, who="probe", plane=0):
    """The colours of a plane's canvas near its lower and its upper edge, as hex."""
    return page.evaluate(
        """([who, plane]) => {
          const canvas = document.querySelectorAll(`.plane canvas.${who}`)[plane];
          const at = (y) => canvas.getContext("2d").getImageData(2, y, 1, 1).data;
          const hex = (data) => "#" + [...data.slice(0, 3)].map((v) => v.toString(16).padStart(2, "0")).join("");
          return [hex(at(canvas.height - 3)), hex(at(2))];
        }""",
        [who, plane],
    )


def expected(page, arch, depth, checkpoint, plane=0):
    palette = page.evaluate("() => JSON.parse(document.getElementById('study').textContent).language.classes")
    lower = class_at(arch, depth, checkpoint, plane)
    return [palette[lower], palette[lower + 1]]


def matrix_cursor(page):
    """Which cell the cursor on the matrix stands in, by its drawn place."""
    return page.evaluate(
        """() => {
          const cells = document.getElementById("matrix-cells").getBoundingClientRect();
          const dot = document.querySelector("#cursor circle").getBoundingClientRect();
          const E = document.getElementById("epoch").max * 1 + 1;
          const x = ((dot.left + dot.right) / 2 - cells.left) / cells.width * E - 0.5;
          const y = (cells.bottom - (dot.top + dot.bottom) / 2) / cells.height * E - 0.5;
          return [x, y];
        }"""
    )


def curves_cursor(page):
    """At which epoch the cursor on the curves stands, read back from the drawn line and the axis's ticks."""
    return page.evaluate(
        """() => {
          const middle = (thing) => { const b = thing.getBoundingClientRect(); return (b.left + b.right) / 2; };
          const ticks = [...document.querySelectorAll("#curves .xtick text")];
          const [zero, one, ten] = ["0", "1", "10"].map((epoch) => middle(ticks.find((t) => t.textContent === epoch)));
          const lines = [...document.querySelectorAll("#curves .shapelayer path")];
          const at = middle(lines[lines.length - 1]);
          return at <= one ? (at - zero) / (one - zero) : 10 ** ((at - one) / (ten - one));
        }"""
    )


@pytest.mark.parametrize("width", WIDTHS)
def test_it_loads_without_a_word_on_the_console_and_asks_nothing_of_the_network(visit, page_file, width):
    opened = visit(page_file, width, WIDTHS[width])
    opened.page.wait_for_selector(READY)
    assert opened.said == []
    assert opened.asked == [page_file.as_uri()]
    assert opened.page.title() == "tiny: representations through training"


@pytest.mark.parametrize("checkpoint", [0, 3, len(EPOCHS) - 1])
def test_the_slider_moves_regions_and_cursors_and_says_the_epoch(explorer, checkpoint):
    go_to(explorer, checkpoint)
    depth = len(LAYERS["resnet"]) - 1
    for plane in range(3):
        assert colours(explorer, "probe", plane) == expected(explorer, "resnet", depth, checkpoint, plane)
        assert colours(explorer, "network", plane) == expected(explorer, "resnet", depth + 1, checkpoint, plane)
    assert matrix_cursor(explorer) == pytest.approx([checkpoint] * 2, abs=0.05)
    assert curves_cursor(explorer) == pytest.approx(EPOCHS[checkpoint], rel=0.04, abs=0.04)
    assert explorer.locator("#epoch-label b").text_content() == f"epoch {EPOCHS[checkpoint]:g}"
    assert f"step {round(4 * EPOCHS[checkpoint])}" in explorer.locator("#epoch").get_attribute("aria-valuetext")
    assert explorer.locator("#curve-legend b").first.text_content() == f"{int(EPOCHS[checkpoint]) / 20:.2f}"


def test_keys_move_the_epoch_and_the_layer(explorer):
    go_to(explorer, 3)
    for key, checkpoint in (("ArrowRight", 4), ("ArrowLeft", 3), ("End", len(EPOCHS) - 1), ("Home", 0)):
        explorer.keyboard.press(key)
        settle(explorer)
        assert explorer.locator("#epoch").input_value() == str(checkpoint)
    explorer.keyboard.press("ArrowUp")
    chosen = explorer.locator("#layers [aria-checked=true]")
    assert chosen.text_content() == "layer4.0"
    assert colours(explorer) == expected(explorer, "resnet", 4, 0)
    chosen.focus()
    explorer.keyboard.press("ArrowDown")
    assert explorer.evaluate("() => document.activeElement.textContent") == "global_pool"


def test_play_goes_to_the_end_and_stops(visit, page_file):
    page = visit(page_file).page
    page.wait_for_selector(READY)
    go_to(page, len(EPOCHS) - 3)
    page.clock.install()
    page.clock.pause_at(page.evaluate("() => Date.now() + 1000"))
    page.keyboard.press(" ")
    shown = []
    while page.locator("#play").get_attribute("aria-label") == "Pause":
        page.clock.run_for(1000)
        shown.append(page.locator("#epoch").input_value())
    assert shown == [str(len(EPOCHS) - 1)]
    page.locator("#play").click()
    page.clock.run_for(200)
    assert page.locator("#epoch").input_value() == "1"
    assert page.locator("#play").get_attribute("aria-label") == "Pause"


def test_another_run_and_another_layer_show_theirs(explorer):
    go_to(explorer, 5)
    explorer.locator("#arch").select_option("vit")
    explorer.wait_for_selector(READY)
    assert explorer.locator(".layer").all_text_contents() == LAYERS["vit"]
    explorer.get_by_role("radio", name="blocks.0").click()
    assert colours(explorer) == expected(explorer, "vit", 1, 5)
    assert explorer.locator("#matrix-title").text_content() == "blocks.0 against itself: CKA"
    assert explorer.locator("#matrix-marks .phase").count() == 2
    before = explorer.locator(".taught").last.text_content()
    explorer.locator("#seed").select_option("1")
    explorer.wait_for_selector(READY)
    assert explorer.locator(".taught").last.text_content() != before
    assert explorer.locator("#layers [aria-checked=true]").text_content() == "blocks.0"


def test_regions_have_matrices_too_the_network_s_included(explorer):
    explorer.locator("#measure").select_option("regions:test")
    assert explorer.locator(".layer").all_text_contents() == [*LAYERS["resnet"], "output"]
    explorer.get_by_role("radio", name="output").click()
    go_to(explorer, 2)
    expected_value = similarity_at(len(LAYERS["resnet"]), 2, len(EPOCHS) - 1)
    assert explorer.locator("#readout").text_content() == f"epoch 0.5 and epoch 20: {expected_value:.3f}"
    assert colours(explorer, "probe") == colours(explorer, "network")
    explorer.locator("#measure").select_option("cka")
    assert explorer.locator("#layers [aria-checked=true]").text_content() == "global_pool"


def test_the_menu_has_every_measure_of_the_study_with_its_range_and_chance(explorer):
    study = studies.load(TINY)
    values = explorer.evaluate("() => [...document.querySelectorAll('#measure option')].map((option) => option.value)")
    assert values == list(study.all_measures)
    last = len(EPOCHS) - 1
    for name, shown in (("rsa", 2 * similarity_at(0, 0, last) - 1), ("kappa:test", 0.5)):
        explorer.locator("#measure").select_option(name)
        explorer.get_by_role("radio", name="stem").click()
        go_to(explorer, 0)
        said = f"{shown:.2f}".replace("-", "\u2212")
        assert explorer.locator("#readout").text_content() == f"epoch 0 and epoch 20: {said}"
        assert "goes from \u22121 to 1; by chance it is 0." in explorer.locator("#matrix-range").text_content()
        assert explorer.locator("#marks li").first.text_content() == "≤ 01"
    assert shown > 0 > 2 * similarity_at(0, 0, last) - 1
    explorer.locator("#measure").select_option("cka")
    assert explorer.locator("#marks li").first.text_content() == "01"


def test_what_is_undefined_looks_and_reads_so(explorer):
    explorer.get_by_role("radio", name="stem").click()
    go_to(explorer, 0)
    assert explorer.locator("#readout").text_content().endswith("undefined, as one of them does not vary")
    undefined, defined = explorer.evaluate(
        """() => {
          const { height } = document.getElementById("matrix-cells");
          const context = document.getElementById("matrix-cells").getContext("2d");
          return [[0, height - 1], [1, height - 2]].map(([x, y]) => [...context.getImageData(x, y, 1, 1).data]);
        }"""
    )
    assert undefined[:3] == [int(style.UNDEFINED[i : i + 2], 16) for i in (1, 3, 5)]
    assert defined[:3] == [round(255 * value) for value in style.SIMILARITY(1.0)[:3]]


def test_pointing_at_the_matrix_reads_it_and_a_click_or_drag_goes_there(explorer):
    box = explorer.locator("#matrix-cells").bounding_box()
    cell = box["width"] / len(EPOCHS)
    explorer.mouse.move(box["x"] + 1.5 * cell, box["y"] + box["height"] - 6.5 * cell)
    value = similarity_at(len(LAYERS["resnet"]) - 1, 6, 1)
    assert explorer.locator("#readout").text_content() == f"epoch 8 and epoch 0.25: {value:.3f}"
    explorer.mouse.down()
    settle(explorer)
    assert matrix_cursor(explorer) == pytest.approx([1, 1], abs=0.05)
    explorer.mouse.move(box["x"] + 7.5 * cell, box["y"] + box["height"] - 6.5 * cell)
    settle(explorer)
    explorer.mouse.up()
    assert explorer.locator("#epoch-label b").text_content() == "epoch 16"
    assert curves_cursor(explorer) == pytest.approx(16, rel=0.04)


def test_a_click_on_the_curves_goes_to_the_nearest_checkpoint(explorer):
    go_to(explorer, 0)
    curves = explorer.locator("#curves .nsewdrag")
    curves.scroll_into_view_if_needed()
    box = curves.bounding_box()
    explorer.mouse.move(box["x"] + box["width"] - 20, box["y"] + box["height"] / 2)
    explorer.wait_for_selector("#curves .hoverlayer .legend")
    explorer.mouse.down()
    explorer.mouse.up()
    explorer.wait_for_function("(least) => document.getElementById('epoch').value >= least", arg=len(EPOCHS) - 2)


def test_a_curve_can_be_switched_off_and_on(explorer):
    shown = explorer.locator("#curves .scatterlayer .trace")
    count = shown.count()
    switch = explorer.locator("#curve-legend button").first
    switch.click()
    assert switch.get_attribute("aria-pressed") == "false"
    settle(explorer)
    assert shown.count() == count - 1
    switch.click()
    settle(explorer)
    assert shown.count() == count == 5


def test_events_stand_where_they_took_place(explorer):
    for name, epoch in EVENTS.items():
        cell = explorer.evaluate(
            """(name) => {
              const cells = document.getElementById("matrix-cells").getBoundingClientRect();
              const line = document.querySelector(`#matrix-marks [data-event=${name}]`).getBoundingClientRect();
              const E = document.getElementById("epoch").max * 1 + 1;
              return ((line.left + line.right) / 2 - cells.left) / cells.width * E - 0.5;
            }""",
            name,
        )
        left = max(i for i, at in enumerate(EPOCHS) if at <= epoch)
        assert left - 0.05 <= cell < left + 1
        if epoch in EPOCHS:
            assert cell == pytest.approx(EPOCHS.index(epoch), abs=0.05)


def test_a_place_can_be_sent_as_an_address(visit, page_file, explorer):
    explorer.locator("#arch").select_option("vit")
    explorer.wait_for_selector(READY)
    explorer.get_by_role("radio", name="blocks.1").click()
    go_to(explorer, 6)
    explorer.locator("#measure").select_option("knn")
    again = visit(page_file, address=explorer.evaluate("() => location.hash")).page
    again.wait_for_selector(READY)
    assert again.locator("#measure").input_value() == "knn"
    assert again.locator("#layers [aria-checked=true]").text_content() == "blocks.1"
    assert again.locator("#epoch-label b").text_content() == "epoch 8"
    assert colours(again) == expected(again, "vit", 2, 6)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("measure", ["cka", "cka_deconfounded", "regions:mislabelled"])
def test_nothing_overlaps_or_leaves_the_page(visit, page_file, width, measure):
    page = visit(page_file, width, WIDTHS[width]).page
    page.wait_for_selector(READY)
    page.locator("#measure").select_option(measure)
    go_to(page, 4)
    assert {"Accuracy", "Decision regions", "epoch 2", "10"} <= check_texts(page, width)
    for name, left, right, scrolls in page.evaluate(THINGS):
        assert scrolls or (left >= 0 and right <= width), name


@pytest.mark.parametrize("width", [1280, 950])
def test_no_part_of_the_page_is_mostly_empty(visit, page_file, width):
    page = visit(page_file, width).page
    page.wait_for_selector(READY)
    below = page.evaluate(
        """() => [...document.querySelectorAll(".columns > section")].map((section) => {
          const { top, bottom } = section.getBoundingClientRect();
          const lowest = Math.max(...[...section.children].map((child) => child.getBoundingClientRect().bottom));
          return (bottom - lowest) / (bottom - top);
        })"""
    )
    assert len(below) == 4 and max(below) < 0.2
    tops = page.evaluate("() => [...document.querySelectorAll('.plane')].map((p) => p.getBoundingClientRect().top)")
    assert len(tops) == 3 and len(set(tops)) == 1, "the planes stand in one line"


def test_a_large_study_says_what_it_leaves_out(visit, make_page, page_file):
    full = page_file.stat().st_size / 2**20
    small = make_page(figures={"explorer_mib": full - 0.001})
    page = visit(small).page
    page.wait_for_selector(READY)
    assert small.stat().st_size <= (full - 0.001) * 2**20
    words = page.locator("#left-out").text_content()
    assert words.startswith("To stay below ")
    assert "leaves out seeds other than 0;" in words
    assert page.locator("#seed option").all_text_contents() == ["0"]


def test_a_study_without_wrong_labels_has_nothing_about_memorization(visit, make_page):
    page = visit(make_page(data={"dataset": "digits", "train_size": 120, "test_size": 60})).page
    page.wait_for_selector(READY)
    assert page.locator(".plane").count() == 2
    assert "wrong" not in page.locator("#summary").text_content()


def test_without_the_means_to_unpack_it_says_so(visit, page_file):
    page = visit(page_file, before="delete window.DecompressionStream").page
    assert "too old" in page.locator("#notice").text_content()


def is_drawn_for(page, width):
    """Waits until the window is that wide and everything drawn has the room that it has."""
    page.wait_for_function(
        """(width) => {
          const side = (id) => document.querySelector(id).getBoundingClientRect();
          const [matrix, cells, curves, drawn] = ["#matrix", "#matrix-cells", "#curves", "#curves .main-svg"].map(side);
          const planes = [...document.querySelectorAll(".plane canvas.probe")];
          return innerWidth === width && cells.right <= matrix.right && Math.abs(drawn.width - curves.width) < 1.5 &&
            planes.every((plane) => plane.width === Math.round(plane.clientWidth * devicePixelRatio));
        }""",
        arg=width,
    )
    assert page.evaluate("() => document.documentElement.scrollWidth") == width


def test_a_window_without_room_is_waited_out(visit, page_file):
    opened = visit(page_file)
    opened.page.wait_for_selector(READY)
    for width in (1, 1000):
        opened.page.set_viewport_size({"width": width, "height": 800})
        settle(opened.page)
    is_drawn_for(opened.page, 1000)
    assert opened.said == []


def test_what_was_painted_without_room_is_painted_again_in_the_same_window(visit, page_file):
    opened = visit(page_file, 1000)
    opened.page.wait_for_selector(READY)
    hide = "(hidden) => { document.getElementById('main').style.display = hidden ? 'none' : ''; }"
    opened.page.evaluate(hide, arg=True)
    settle(opened.page)
    opened.page.keyboard.press("Home")
    settle(opened.page)
    opened.page.evaluate(hide, arg=False)
    is_drawn_for(opened.page, 1000)
    assert opened.said == []


def test_it_fits_a_window_that_changes(visit, page_file):
    page = visit(page_file).page
    page.wait_for_selector(READY)
    for width in (700, 390, 1000):
        page.set_viewport_size({"width": width, "height": 800})
        is_drawn_for(page, width)


# Curves that are drawn only when a gate is opened, as if the machine had more to do.
GATE = """
  window.shut = () => { window.gate = new Promise((open) => { window.open_gate = open; }); };
  let library;
  Object.defineProperty(window, "Plotly", {
    get: () => library,
    set: (loaded) => {
      const react = async (...given) => {
        window.waits = true;
        await window.gate;
        window.waits = false;
        return loaded.react(...given);
      };
      library = new Proxy(loaded, { get: (from, name) => (name === "react" ? react : from[name]) });
    },
  });
  window.shut();
"""


def test_a_window_that_changes_while_curves_are_drawn_is_fitted(visit, page_file):
    page = visit(page_file, before=GATE).page

    def change(width):
        page.wait_for_function("() => window.waits")
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_function("(width) => innerWidth === width", arg=width)
        settle(page)
        page.evaluate("() => { window.open_gate(); }")
        page.wait_for_selector(READY)
        is_drawn_for(page, width)

    change(700)  # as the page is opened
    page.evaluate("() => { window.shut(); }")
    page.locator("#arch").select_option("vit")
    change(1000)


# ---- what data do not allow ---------------------------------------------------------------------------------------

FACTS = {
    "shape": [5], "dtype": "uint8", "train": 120, "test": 60, "given_labels": False, "contents": "0" * 16,
}  # fmt: skip
TOKENS = FACTS | {"kind": "tokens", "classes": 3, "vocabulary": 12}
UNLABELLED = FACTS | {"kind": "numbers", "classes": None, "vocabulary": None}
CURVES = {"tokens": "training examples, given labels", "unlabelled": "No accuracy is known."}


@pytest.mark.parametrize(("facts", "kind"), [(TOKENS, "tokens"), (UNLABELLED, "unlabelled")], ids=["tokens", "none"])
@pytest.mark.parametrize("width", WIDTHS)
def test_a_page_without_regions_shows_all_else_and_says_what_is_left_out(make_page, visit, facts, kind, width):
    page_file = make_page(data={"dataset": "made-up.npz", "facts": facts})
    seen = visit(page_file, width, WIDTHS[width])
    page = seen.page
    page.wait_for_selector(READY)
    assert not page.locator("#regions").is_visible()
    assert page.get_by_role("radio").all_inner_texts() == LAYERS["resnet"]
    assert page.locator("#left-out").inner_text().endswith("no decision regions.")
    assert page.get_by_role("radio", name="global_pool").get_attribute("aria-checked") == "true"
    page.keyboard.press("ArrowUp")
    page.keyboard.press("End")
    settle(page)
    assert page.locator("#matrix-title").inner_text() == "layer4.0 against itself: CKA"
    assert page.locator("#epoch").input_value() == str(len(EPOCHS) - 1)
    assert CURVES[kind] in page.locator("#curve-legend").inner_text()
    assert page.locator(".event").count() == (len(EVENTS) if kind == "tokens" else 0)
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    assert not seen.said
