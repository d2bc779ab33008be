"""The decks in a browser, opened as files with the network cut: nothing too large for its slide, nothing
missing, notes at hand."""

import pytest
from helpers import ENTRIES, UNSET, serious

NAMES = [entry.name.removeprefix("notebooks/") for entry in ENTRIES if entry.is_chapter]
SIZES = {"wide": (1280, 720), "4:3": (1024, 768)}
OVERFULL = """[...document.querySelectorAll('.slides > section')].map((section, i) => {
    Reveal.slide(i, 0, 99);
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
SIZE_OF_TEXT = """[...document.querySelectorAll('.lt-slide')].map(slide => [
    slide.parentElement.querySelector('h2').innerText,
    parseFloat(slide.style.getPropertyValue('--lt-fit'))])"""


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
    small = [(title, size) for title, size in page.evaluate(SIZE_OF_TEXT) if size < 0.55]
    assert small == [], "text below 14 px on a sheet of 720: split the slide"
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
