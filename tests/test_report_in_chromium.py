"""The report as a reader has it: opened, unfolded, sorted, searched and pointed at in headless Chromium.

Playwright's client drives the Chromium that is installed; nothing is downloaded. Skipped where either is missing.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cnnarch.network import load
from cnnarch.render.report import document

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")]

SPECS = {
    "alexnet": ["alexnet"], "resnet50": ["resnet50"], "two": ["alexnet", "vgg16"], "densenet121": ["densenet121"],
    "vit_b_16": ["vit_b_16"], "faster": ["fasterrcnn_resnet50_fpn"], "crnn": ["crnn"],
}  # fmt: skip


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reports")


class Reader:
    """Opens pages, and keeps every complaint and every request."""

    def __init__(self, chromium: Any, folder: Path) -> None:
        self.chromium, self.folder = chromium, folder
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.contexts: list[Any] = []

    def open(self, name: str, text: str = "", scripts: bool = True, **settings: Any) -> Any:
        path = self.folder / f"{name}.html"
        if text or not path.exists():
            path.write_text(text or document([load(spec) for spec in SPECS[name]]), encoding="utf-8")
        context = self.chromium.new_context(java_script_enabled=scripts, **{"viewport": SIZE, **settings})
        self.contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(path.as_uri())
        if scripts:
            page.wait_for_selector("html.ready")
        return page


SIZE = {"width": 1400, "height": 900}


@pytest.fixture
def reader(chromium: Any, folder: Path) -> Iterator[Reader]:
    """A reader, of whom nothing may have been heard and who may have asked for nothing but the page."""
    found = Reader(chromium, folder)
    yield found
    for context in found.contexts:
        context.close()
    assert found.complaints == []
    assert all(url.startswith(folder.as_uri()) for url in found.requests), found.requests


def rows(page: Any) -> list[str]:
    """The names of the layers that are shown, with their blocks."""
    found = page.locator("table.layers tbody tr:not(.panel):not(.source):visible th")
    return [str(text) for text in found.all_text_contents()]


def layer(page: Any, name: str) -> Any:
    """The button of a layer or block, by its whole name."""
    return (
        page.locator("table.layers tbody th button")
        .filter(has_text=name)
        .nth(
            [text for text in page.locator("table.layers tbody th button").all_text_contents() if name in text].index(
                name
            )
        )
    )


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_open_without_a_complaint(reader: Reader, name: str, scheme: str) -> None:
    page = reader.open(name, color_scheme=scheme)
    assert page.locator("h1").is_visible()
    assert page.locator("figure svg").first.is_visible()
    assert not overflowing(page)


def overflowing(page: Any) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))


@pytest.mark.parametrize("name", SPECS)
def test_a_phone_never_scrolls_sideways(reader: Reader, name: str) -> None:
    page = reader.open(name, viewport={"width": 360, "height": 700}, has_touch=True)
    assert not overflowing(page)
    page.get_by_role("button", name="Open all blocks").first.click()
    page.locator("table.layers tbody tr[data-at]:visible th button").last.click()
    panel = page.locator(".explanation")
    assert panel.is_visible() and not overflowing(page)
    box = panel.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 360


def test_blocks_open_and_close(reader: Reader) -> None:
    page = reader.open("resnet50")
    closed = ["stem", "stage1", "stage2", "stage3", "stage4", "global_avgpool", "fc"]
    assert rows(page) == closed
    layer(page, "stage1").click()
    assert rows(page)[1:5] == ["stage1", *(f"stage1/bottleneck{number}" for number in (1, 2, 3))]
    assert layer(page, "stage1").get_attribute("aria-expanded") == "true"
    layer(page, "stage1").focus()
    page.keyboard.press("ArrowLeft")
    assert rows(page) == closed and layer(page, "stage1").get_attribute("aria-expanded") == "false"
    page.get_by_role("button", name="Open all blocks").click()
    network = load("resnet50")
    assert [name for name in rows(page) if name in {one.name for one in network.layers}] == [
        one.name for one in network.layers
    ]
    page.get_by_role("button", name="Close all").click()
    assert rows(page) == closed


def test_sorting_by_every_column(reader: Reader) -> None:
    page = reader.open("resnet50")
    layers = load("resnet50").layers
    head = page.locator("table.layers thead")

    keys: dict[str, Callable[[Any], int]] = {
        "params": lambda one: one.params,
        "MACs": lambda one: one.macs,
        "element ops": lambda one: one.elements,
        "output": lambda one: one.output.size,
    }
    for title, key in keys.items():
        order = [one.name for one in sorted(layers, key=key)]
        falling = [one.name for one in sorted(layers, key=key, reverse=True)]
        head.get_by_role("button", name=title).click()
        assert rows(page) == falling, title
        assert head.locator("[aria-sort=descending] button").text_content() == title
        head.get_by_role("button", name=title).click()
        assert rows(page) == order, title
        assert head.locator("[aria-sort=ascending] button").text_content() == title
        head.get_by_role("button", name=title).click()
        assert rows(page)[:2] == ["stem", "stage1"] and head.locator("[aria-sort]").count() == 0
    head.get_by_role("button", name="layer").click()
    assert rows(page)[0] == "fc" and rows(page)[-1] == "stem/maxpool"
    page.get_by_role("button", name="Back to the order of the network").click()
    assert rows(page)[0] == "stem"


def test_whole_numbers_of_any_size_are_sorted_exactly(reader: Reader) -> None:
    """2⁵³ and one more are the same number to a script that counts in doubles."""
    text = document([load("lenet5")])
    for before, after in (("4,704", "9,007,199,254,740,992"), ("1,600", "9,007,199,254,740,993")):
        assert f">{before}</td>" in text
        text = text.replace(f">{before}</td>", f">{after}</td>", 1)
    page = reader.open("exact", text)
    page.locator("table.layers thead").get_by_role("button", name="element ops").click()
    found = page.locator("table.layers tbody tr:visible td:nth-child(6)").all_text_contents()
    values = [int(one.replace(",", "") or 0) for one in found]
    assert values == sorted(values, reverse=True) and values[0] % 2 == 1


def test_searching(reader: Reader) -> None:
    page = reader.open("resnet50")
    search = page.get_by_role("searchbox", name="Search")
    search.fill("stage2/bottleneck1 7×7")
    page.get_by_text("0 of 174 layers").wait_for()
    assert rows(page) == []
    search.fill("STEM")
    page.get_by_text("4 of 174 layers").wait_for()
    inside = [f"stem/conv_bn_relu{one}" for one in ("", "/conv", "/batchnorm", "/relu")]
    assert rows(page) == ["stem", *inside, "stem/maxpool"]
    page.locator("table.layers thead").get_by_role("button", name="element ops").click()
    assert rows(page)[0] in ("stem/maxpool", "stem/conv_bn_relu/batchnorm") and len(rows(page)) == 4
    search.fill("")
    page.get_by_text("4 of 174 layers").wait_for(state="detached")
    assert len(rows(page)) == 174


def test_the_arithmetic_of_a_layer_by_click_and_by_keyboard(reader: Reader) -> None:
    page = reader.open("alexnet")
    layer(page, "conv2").click()
    told = page.locator(".explanation")
    words = " ".join(told.text_content().split())
    assert "256 of 5×5" in words and "27×27×96 → 23×23×256" in words
    assert "5×5×96×256 = 614,400" in words.replace(" × ", "×")
    assert told.locator("math").count() > 10
    assert layer(page, "conv2").get_attribute("aria-controls") == page.locator(".panel").get_attribute("id")
    layer(page, "conv2").click()
    assert told.count() == 0
    layer(page, "conv1").focus()
    for _ in range(6):  # relu1, pool1, conv2, relu2, pool2, conv3
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert told.locator(".what").text_content().startswith("conv3: 384 of 3×3")
    assert page.evaluate("document.activeElement.textContent") == "conv3"


def field(page: Any) -> dict[str, float]:
    found = page.locator(".explanation rect.field")
    return {side: float(found.get_attribute(side)) for side in ("x", "y", "width", "height")}


def test_the_receptive_field_is_that_of_the_layer_chosen(reader: Reader) -> None:
    page = reader.open("alexnet")
    for name, size in (("conv1", 11), ("conv2", 51), ("pool5", 195)):
        layer(page, name).click()
        assert f"a place sees {size}×{size} of 227×227 pixels" in page.locator(".explanation figcaption").text_content()
        assert field(page)["width"] == pytest.approx(size * 160 / 227, abs=0.06)
        assert page.locator(".explanation svg.over").is_visible()
    layer(page, "fc1").click()
    assert field(page) == {"x": 40, "y": 40, "width": 160, "height": 160}


def lit(page: Any, where: str) -> list[str]:
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return [str(one) for one in page.locator(f"{where} .lit").evaluate_all("(all) => all.map((one) => one.dataset.at)")]


def test_what_is_pointed_at_in_the_table_is_lit_in_the_figures(reader: Reader) -> None:
    page = reader.open("alexnet")
    number = next(at for at, node in enumerate(load("alexnet").graph.nodes) if node.name == "conv3")
    layer(page, "conv3").hover()
    found = lit(page, ".profile")
    assert found and all(str(number) in one.split() for one in found)
    marked = page.locator(".drawn > svg").first.locator(".lit .outline").first
    assert marked.evaluate("(one) => getComputedStyle(one).stroke") == "rgb(194, 24, 91)"
    page.mouse.move(5, 5)
    assert lit(page, ".profile") == []
    layer(page, "conv3").focus()
    assert lit(page, ".profile") == found


def test_what_is_pointed_at_in_a_figure_is_lit_in_the_table(reader: Reader) -> None:
    page = reader.open("resnet50")
    nodes = load("resnet50").graph.nodes
    number = next(at for at, node in enumerate(nodes) if node.name == "stage3/bottleneck2/conv_bn1/conv")
    mark = page.locator(f".drawn [data-at~='{number}']").first
    mark.hover()
    first = page.locator("table.layers tr.lit th").first
    assert first.text_content() == "stage3"  # which is closed
    mark.click()
    assert page.locator(".explanation .what").text_content().partition(":")[0] in {
        nodes[int(one)].name for one in mark.get_attribute("data-at").split()
    }
    assert page.locator("tr.chosen").is_visible()


def test_figures_by_keyboard(reader: Reader) -> None:
    page = reader.open("alexnet")
    figure = page.locator(".drawn > svg").first
    assert figure.locator("[tabindex='0']").count() == 1
    figure.locator("[tabindex='0']").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert figure.locator("[tabindex='0']").count() == 1
    name = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert lit(page, ".profile") != []
    page.keyboard.press("Enter")
    chosen = page.locator(".explanation .what b").text_content()
    assert chosen in name
    assert page.evaluate("document.activeElement.textContent") == chosen
    page.keyboard.press("Tab")  # no trap: the next stop is behind it
    assert page.evaluate("document.activeElement.textContent") != chosen


def test_the_first_stop_is_a_link_to_the_content(reader: Reader) -> None:
    page = reader.open("alexnet")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    box = page.locator(".skip").bounding_box()
    assert box["x"] >= 0 and box["y"] >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


def test_without_scripts_all_is_open_and_nothing_is_offered_that_does_nothing(reader: Reader) -> None:
    page = reader.open("resnet50", scripts=False)
    shown = page.locator("table.layers tbody tr:visible th").all_text_contents()
    assert [one for one in shown if one in {node.name for node in load("resnet50").layers}] == [
        node.name for node in load("resnet50").layers
    ]
    assert page.locator("button:visible, input:visible, .hint:visible").count() == 0
    boxes = page.locator("details.boxes")
    boxes.locator("summary").click()
    assert boxes.locator("svg").is_visible()
    assert page.locator("figure.field svg").is_visible()


def test_a_page_is_printed(reader: Reader, tmp_path: Path) -> None:
    page = reader.open("resnet50")
    target = tmp_path / "report.pdf"
    page.pdf(path=str(target), format="A4")
    assert target.read_bytes().startswith(b"%PDF") and target.stat().st_size > 20_000
    page.emulate_media(media="print")
    assert len(rows(page)) > 200  # all of it
    assert page.locator(".controls").is_hidden() and page.locator("table.layers").is_visible()
    assert page.locator("details.boxes svg").is_visible()
    assert (
        page.locator("table.layers thead button:visible").count() == 0
    )  # which Chromium does not repeat on every page
    assert page.locator("table.layers thead th").first.inner_text() == "layer"
    wide = page.locator("table.layers").evaluate("(one) => one.scrollWidth - one.parentElement.clientWidth")
    assert wide <= 0


def test_colours_follow_the_reader(reader: Reader) -> None:
    for scheme, ground in (("light", "rgb(255, 255, 255)"), ("dark", "rgb(21, 24, 28)")):
        page = reader.open("alexnet", color_scheme=scheme)
        assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == ground
        assert page.locator(".net .ground").first.evaluate("(one) => getComputedStyle(one).fill") == ground


CONTRAST = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgb = (color) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const light = (color) => color.slice(0, 3).map((one) => one / 255)
    .map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4))
    .reduce((sum, one, at) => sum + one * [0.2126, 0.7152, 0.0722][at], 0);
  const found = [];
  for (const element of document.querySelectorAll("body *:not(svg *)")) {
    if (![...element.childNodes].some((one) => one.nodeType === 3 && one.textContent.trim())) continue;
    if (!element.checkVisibility()) continue;
    let ground = element;
    while (ground && rgb(getComputedStyle(ground).backgroundColor)[3] < 255) ground = ground.parentElement;
    const back = light(rgb(getComputedStyle(ground ?? document.documentElement).backgroundColor));
    const ink = light(rgb(getComputedStyle(element).color));
    const ratio = (Math.max(ink, back) + 0.05) / (Math.min(ink, back) + 0.05);
    if (ratio < 4.5) found.push(`${element.tagName}.${element.className} ${ratio.toFixed(2)}`);
  }
  return [...new Set(found)];
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_has_enough_contrast(reader: Reader, scheme: str) -> None:
    """4.5 to 1, WCAG 2.2, success criterion 1.4.3; also of what is lit and of an explanation."""
    page = reader.open("two", color_scheme=scheme)
    layer(page, "conv2").click()
    layer(page, "conv3").hover()
    lit(page, "")
    assert page.evaluate(CONTRAST) == []


def test_hostile_texts_stay_texts(reader: Reader, tmp_path: Path) -> None:
    bad = "</script><script>document.title='run'</script><img src=x onerror=\\\"document.title='run'\\\">"
    path = tmp_path / "net.yaml"
    path.write_text(
        f'name: "{bad}"\nsource: "{bad}"\ninput: 16x16x3\nlayers:\n'
        f'  - conv: {{filters: 4, kernel: 3}}\n    note: "{bad}"\n'
    )
    page = reader.open("hostile", document([load(str(path))]))
    layer(page, "conv").click()
    assert page.locator(".explanation .note").text_content() == bad.replace('\\"', '"')
    assert page.title() != "run" and page.locator("img").count() == 0 and page.locator("script").count() == 2


def test_several_networks_do_not_meddle(reader: Reader) -> None:
    page = reader.open("two")
    first, second = page.locator(".network").all()
    first.locator("table.layers tbody th button").first.click()
    second.get_by_role("button", name="Open all blocks").click()
    second.locator("table.layers tbody th button").filter(has_text="fc1").click()
    assert first.locator(".explanation").count() == 1 and second.locator(".explanation").count() == 1
    assert page.locator("#panel0").count() == page.locator("#panel1").count() == 1
    first.get_by_role("searchbox").fill("fc")
    first.get_by_text("3 of 22 layers").wait_for()
    assert second.locator("[role=status]").text_content() == ""


def test_many_layers_stay_quick(reader: Reader, tmp_path: Path) -> None:
    """3,000 layers in a row: the first are shown, more when they are asked for; slow machines have time."""
    path = tmp_path / "deep.yaml"
    lines = [f"  - conv: {{filters: {4 + at % 7}, kernel: 3, padding: half}}\n  - relu\n" for at in range(1500)]
    path.write_text(f"name: deep\ninput: 32x32x4\nlayers:\n{''.join(lines)}")
    page = reader.open("deep", document([load(str(path))]))
    assert len(rows(page)) == 399  # and the input
    page.get_by_role("button", name="Show 1,000 more of 2,601 rows").click()
    assert len(rows(page)) == 1399
    took = page.evaluate(
        """() => { const start = performance.now(); document.querySelectorAll("table.layers thead button")[4].click();
        document.body.offsetHeight; return performance.now() - start; }"""
    )
    assert took < 3000
    assert len(rows(page)) == 400
    page.get_by_role("searchbox").fill("conv777")
    page.get_by_text("1 of 3,000 layers").wait_for()
    assert rows(page) == ["conv777"]
