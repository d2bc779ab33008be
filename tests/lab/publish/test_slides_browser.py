"""The decks in a browser, opened as files with the network cut: nothing too large for its slide, nothing
missing, notes at hand."""

import pytest
from bs4 import BeautifulSoup
from helpers import ENTRIES, UNSET, serious

NAMES = [entry.name.removeprefix("notebooks/") for entry in ENTRIES if entry.is_chapter]
LONGEST = "spectrum/03-margins-sampling-cycles-averages"
SIZES = {"wide": (1280, 720), "4:3": (1024, 768)}
OVERFULL = """Reveal.getSlides().map(section => {
    const {h, v} = Reveal.getIndices(section);
    Reveal.slide(h, v, 99);
    const sheet = document.querySelector('.reveal .slides').getBoundingClientRect();
    const parts = [...section.querySelectorAll(
        'h2, h3, p, li, pre, table, img, figcaption, .admonition, mjx-container svg')];
    const beyond = parts.filter(part => part.checkVisibility()).filter(part => {
        const box = part.getBoundingClientRect();
        return box.right > sheet.right + 2 || box.bottom > sheet.bottom + 2 ||
            box.left < sheet.left - 2 || box.top < sheet.top - 2;
    });
    const cut = [...section.querySelectorAll('pre, .lt-table, figure')]
        .filter(part => part.scrollWidth > part.clientWidth + 2);
    const named = [...beyond, ...cut].map(part => `${part.tagName} ${part.textContent.slice(0, 40)}`);
    return [section.querySelector('h2').innerText, named];
}).filter(([, parts]) => parts.length)"""
SMALL = """least => [...document.querySelectorAll('.slides section:not(.stack)')].flatMap(section => {
    const walker = document.createTreeWalker(section, NodeFilter.SHOW_TEXT), found = [];
    while (walker.nextNode()) {
        const parent = walker.currentNode.parentElement, text = walker.currentNode.textContent.trim();
        if (!text || parent.closest('aside, mjx-container, svg, script, style, details')) continue;
        const size = parseFloat(getComputedStyle(parent).fontSize);
        if (size < least) found.push([section.querySelector('h2').innerText, text.slice(0, 40), size]);
    }
    return found;
})"""
FIGURES = (
    """[...document.querySelectorAll('.lt-slide')].map(slide => slide.querySelectorAll('figure').length)"""
)


@pytest.fixture(scope="module")
def open_deck(browser, html):
    """A deck opener; keeps everything the page complains of, and requests that leave the book's folder."""
    contexts = []

    def open_(name, size=(1280, 720)):
        context = browser.new_context(viewport={"width": size[0], "height": size[1]}, offline=True)
        contexts.append(context)
        page, said = context.new_page(), []
        page.on(
            "console",
            lambda m: said.append(f"{m.type}: {m.text}") if m.type in ("error", "warning") else None,
        )
        page.on("pageerror", lambda e: said.append(f"exception: {e}"))
        page.on("requestfailed", lambda r: said.append(f"failed: {r.url}"))
        inside = (html.as_uri(), "data:", "blob:", "about:")
        page.on("request", lambda r: None if r.url.startswith(inside) else said.append(f"outside: {r.url}"))
        page.goto(f"{html.as_uri()}/slides/{name}.html")
        page.wait_for_selector("html[data-ready]", state="attached")
        return page, said

    yield open_
    for context in contexts:
        context.close()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", NAMES)
def test_every_slide_fits_its_sheet(open_deck, name, size):
    page, said = open_deck(name, SIZES[size])
    assert said == []
    assert page.evaluate(OVERFULL) == [] and page.locator(".lt-overfull").count() == 0
    assert page.evaluate(SMALL, 18) == [], "text below 18 px on a sheet of 720"
    assert max(page.evaluate(FIGURES)) == 1
    page.context.close()


@pytest.mark.parametrize("name", NAMES)
def test_formulas_pictures_and_references_are_whole(open_deck, name):
    page, _ = open_deck(name)
    assert page.evaluate(UNSET) == [] and page.locator("[data-mjx-error]").count() == 0
    pictures = page.evaluate("[...document.images].map(i => [i.src, i.alt.trim(), i.naturalWidth > 0])")
    assert [src for src, alt, there in pictures if not (alt and there)] == []
    words = page.evaluate("document.querySelector('.slides').textContent")
    assert "??" not in words and "{numref}" not in words and "{eq}" not in words
    links = page.evaluate("[...document.querySelectorAll('.slides a')].map(a => a.getAttribute('href'))")
    assert all(link.startswith(("../../", "https://", "http://")) for link in links)
    assert serious(page) == []
    page.context.close()


def test_fragments_come_with_the_next_key(open_deck):
    page, _ = open_deck("ee443/02-balancing-the-data")
    page.evaluate("Reveal.slide(1)")
    fragments = page.locator("section.present .fragment")
    assert fragments.count() and page.locator("section.present .fragment.visible").count() == 0
    page.keyboard.press("ArrowRight")
    assert page.locator("section.present .fragment.visible").count() == 1
    page.context.close()


def test_what_is_too_much_goes_on_a_sheet_beneath(open_deck):
    """Its number tells that it is no slide of its own; the next key brings it."""
    page, _ = open_deck(LONGEST)
    count = "Reveal.getHorizontalSlides().length"
    stacks = page.evaluate(
        "[...document.querySelectorAll('.slides > .stack')].map(s => Reveal.getIndices(s.children[0]).h)"
    )
    assert stacks, "a deck with text for more than one sheet"
    page.evaluate(f"Reveal.slide({stacks[0]}, 0, 99)")
    page.keyboard.press("ArrowRight")
    shown = page.locator(".slide-number").inner_text().replace(" ", "")
    assert shown == f"{stacks[0] + 1}b/{page.evaluate(count)}"
    assert page.locator("section.present.lt-more h2").inner_text().endswith(", continued")
    page.context.close()


def test_slides_are_as_many_as_the_page_for_teachers_says(html):
    """Sheets beneath are no slides, nor is the last, to read on."""
    teach = BeautifulSoup((html / "book/pages/how-to-teach.html").read_text(encoding="utf-8"), "html.parser")
    said = {}
    for row in teach.select("tbody tr"):
        cells = [cell.get_text() for cell in row.select("td")]
        said |= {code.get_text(): cells[1] for code in row.select("th code") if len(cells) > 4}
    decks = {
        name: BeautifulSoup((html / f"slides/{name}.html").read_text(encoding="utf-8"), "html.parser")
        for name in NAMES
    }
    assert said == {name: str(len(deck.select(".slides > section")) - 1) for name, deck in decks.items()}


def test_the_speaker_sees_the_notes(open_deck):
    page, said = open_deck("ee443/02-balancing-the-data")
    page.evaluate("Reveal.slide(1)")
    with page.expect_popup() as opened:
        page.keyboard.press("s")
    words = opened.value.locator(".speaker-controls-notes .value")
    words.wait_for(state="visible")
    assert "Ask: a copy shows nothing new" in words.inner_text() and said == []
    page.context.close()


def test_the_list_of_decks_leads_to_each(browser, html):
    page = browser.new_page()
    page.goto(f"{html.as_uri()}/slides/index.html")
    found = page.evaluate("[...document.querySelectorAll('tbody a')].map(a => a.getAttribute('href'))")
    assert [link for link in found if link.endswith(".html")] == [f"{name}.html" for name in NAMES]
    assert all((html / "slides" / link).is_file() for link in found)
    page.close()
