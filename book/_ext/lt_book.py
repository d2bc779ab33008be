"""Sphinx: a download button for the percent script of a notebook page, beside that for the notebook."""

import shutil
from pathlib import Path


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


def setup(app):
    """Register after the theme has made its buttons."""
    app.connect("html-page-context", add_script_button, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
