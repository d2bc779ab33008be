"""Sphinx: a download button for the percent script of a notebook page, beside that for the notebook; "audit
A04", wherever a text says it, as a link to that check; the box "What we found" under a chapter's card;
terms of the glossary and badges and verdicts as links to what they mean; and items in the list of works."""

import re
import shutil
from pathlib import Path

from docutils import nodes

MARK = re.compile(r'<span class="(lt-(?:badge|verdict)[^"]*)">([^<]*)</span>')
SCORED = re.compile(r"agrees|differs|not comparable|one run|not run|nothing|no result|undefined")
MEANINGS = {  # what a badge or a verdict says -> in a sentence; the first that it holds
    "agrees": "The printed number lies where one more run of ours would fall 95 times in 100",
    "differs": "The printed number lies outside of where one more run of ours would fall 95 times in 100",
    "not comparable": "Smaller or other than published: shown, not judged",
    "one run": "A single run: how far others would lie from it, nobody knows",
    "cannot be tested": "What stands in for the published data or network cannot show this",
    "holds": "All parts of the claim lie where they must, with their 95 % intervals",
    "fails": "A part of the claim lies on the wrong side, by more than chance allows",
    "undecided": "The records on file cannot tell",
    "no record": "Never run",
    "not printed": "No number is printed for it",
    "·": "What stands behind the number: profile, data, networks that stand in, seeds, device",
    "": "What this means: how to read",
}
CHECK = re.compile(r"(audit [A-D]\d\d)\b")
# terms of the glossary that a sentence may use without meaning them
EVERYDAY = {"row", "floor", "experiment", "variant", "band", "many", "medium", "few"}


def add_script_button(app, pagename, templatename, context, doctree):
    """Put `.py` into the download menu and the file where the button points."""
    script = Path(app.srcdir) / f"{pagename}.py"
    if not script.is_file():
        return
    target = Path(app.outdir) / "_sources" / f"{pagename}.py"
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(script, target)
    for group in context.get("header_buttons", []):
        if group.get("label") == "download-buttons":
            group["buttons"].insert(
                1,
                {
                    "type": "link",
                    "url": f"{context['pathto']('_sources', 1)}/{pagename}.py",
                    "text": ".py",
                    "tooltip": "Download as a script",
                    "icon": "fas fa-file-code",
                    "label": "download-script-button",
                },
            )


def link_checks(app, doctree, docname):
    """Make references of the names of checks, but in code and in what is a link already."""
    target = "book/pages/audit"
    if app.builder.format != "html" or docname == target or target not in app.env.found_docs:
        return
    page = app.builder.get_relative_uri(docname, target)
    for text in list(doctree.findall(nodes.Text)):
        parts = CHECK.split(text)
        if len(parts) > 1 and not isinstance(
            text.parent, (nodes.reference, nodes.literal, nodes.literal_block)
        ):
            linked = [
                nodes.reference(part, part, refuri=f"{page}#{part[-3:]}") if i % 2 else nodes.Text(part)
                for i, part in enumerate(parts)
            ]
            text.parent.replace(text, linked)


def add_findings(app, doctree, docname):
    """Put the box behind the first admonition of a chapter, its card."""
    target = "book/pages/ledger"
    if (
        app.builder.format != "html"
        or not docname.startswith("notebooks/")
        or target not in app.env.found_docs
    ):
        return
    from lt_lib.lab.publish.found import found_box

    pages = app.builder.get_relative_uri(docname, target).removesuffix("ledger.html")
    box = found_box(docname.removeprefix("notebooks/"), pages)
    cards = list(doctree.findall(nodes.admonition))
    if box and cards:
        card = cards[0]
        card.parent.insert(card.parent.index(card) + 1, nodes.raw("", box, format="html"))


def link_terms(app, doctree, docname):
    """Make the first use of each term of the glossary in a chapter's paragraphs a link to its meaning."""
    if app.builder.format != "html" or not docname.startswith("notebooks/"):
        return
    places = {
        word: place
        for (kind, name), place in app.env.get_domain("std").objects.items()
        if kind == "term"
        for word in name.split(", ")
        if word not in EVERYDAY
    }
    spelt = {form: word for word in places for form in (word, word[0].upper() + word[1:])}
    for text in list(doctree.findall(nodes.Text)):
        if not isinstance(text.parent, nodes.paragraph) or not spelt:
            continue
        parts, rest = [], str(text)
        while spelt and (found := re.search(rf"\b({_any(spelt)})(?=s?\b)", rest)):
            where, anchor = places[spelt[found[0]]]
            link = f"{app.builder.get_relative_uri(docname, where)}#{anchor}"
            parts += [
                nodes.Text(rest[: found.start()]),
                nodes.reference("", found[0], refuri=link, reftitle="Glossary", classes=["lt-term"]),
            ]
            rest = rest[found.end() :]
            spelt = {form: word for form, word in spelt.items() if word != spelt[found[0]]}
        if parts:
            text.parent.replace(text, [*parts, nodes.Text(rest)])


def _any(words):
    """A pattern of any of the words, the longest that fits first."""
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


def call_entries_items(app, pagename, templatename, context, doctree):
    """What stands in the list of works is an item of it: the role that docutils gives is no longer one."""
    context["body"] = context.get("body", "").replace('role="doc-biblioentry"', 'role="listitem"')


def explain_marks(app, pagename, templatename, context, doctree):
    """Make badges and verdicts links to the page that explains them; what a mark means shows on it."""
    target = "book/pages/how-to-read"
    if pagename == target or target not in app.env.found_docs:
        return

    def linked(mark):
        classes, said = mark[1], mark[2]
        anchor = "badges" if "lt-badge" in classes else "verdicts" if SCORED.match(said) else "claims"
        meaning = next(text for word, text in MEANINGS.items() if word in said)
        if "(stand-in)" in said and "lt-verdict" in classes:
            meaning += "; said of a network or of data that stand in for the published ones"
        page = f"{context['pathto'](target)}#{anchor}"
        return f'<a class="{classes}" href="{page}" title="{meaning}">{said}</a>'

    context["body"] = MARK.sub(linked, context.get("body", ""))


def setup(app):
    """Register the button after the theme has made its own."""
    app.connect("html-page-context", add_script_button, priority=900)
    app.connect("html-page-context", call_entries_items)
    app.connect("html-page-context", explain_marks)
    app.connect("doctree-resolved", link_checks)
    app.connect("doctree-resolved", link_terms)
    app.connect("doctree-resolved", add_findings)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
