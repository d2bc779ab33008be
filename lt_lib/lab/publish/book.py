"""The book: which chapters there are, and how they become static pages.

`build` executes copies of chapters and pages and gives them to Jupyter Book. It writes to one folder only:

    _build/<profile>-<data>/
        src/           what Sphinx reads; a file is rewritten only when its content changes
        state/         one small JSON a chapter: the digest it was executed under
        scratch/       the kernels' working folders, half-executed copies, tracebacks
        build.log      everything Jupyter Book said
        _build/html/   the book
"""

import contextlib
import difflib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import yaml
from filelock import FileLock

from lt_lib.errors import LabError, needs, on_one_line

with needs("book", __name__):
    from lt_lib.lab.publish import pdf, search, slides
from lt_lib.errors import nearest
from lt_lib.lab.publish.notebooks import (
    CHECKOUT,
    PAINT,
    dump,
    execute,
    execute_chapter,
    notebook_parameters,
    read_bytes,
    read_notebook,
    read_text,
    scratch_folder,
    sync_notebooks,
    this_kernel,
    tidy,
    write_if_changed,
)
from lt_lib.lab.record.files import check_writable
from lt_lib.lab.record.paths import absolute, project_root
from lt_lib.progress import say

__all__ = [
    "Copies",
    "Entry",
    "build",
    "chapters_of",
    "config_for",
    "decks",
    "entries",
    "execute_chapter",
    "find_chapter",
    "name_of",
    "outline",
    "print_pdf",
    "smoke_copies",
    "sync_notebooks",
]
DEAD_LINK = re.compile(r"'myst' cross-reference target not found: '([^']+)'")


@dataclass(frozen=True)
class Entry:
    """One line of the table of contents: its name there, and the file it is written in (.py or .md)."""

    name: str
    source: Path

    @property
    def is_notebook(self) -> bool:
        """Executed (a percent script) or only read (Markdown)."""
        return self.source.suffix == ".py"

    @property
    def is_chapter(self) -> bool:
        """A chapter of a work, which takes parameters; the other notebooks are pages."""
        return self.name.startswith("notebooks/")


def entries(root: Path | None = None) -> list[Entry]:
    """The book in reading order, from `_toc.yml`.

    Raises:
        LabError: a listed file does not exist.
    """
    root = root or project_root()
    toc = _yaml(root / "_toc.yml")
    try:
        names = [toc["root"]] + [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    except (KeyError, TypeError) as error:
        raise LabError(
            f"{root / '_toc.yml'} is no table of contents: it needs a root, parts, and the file of every "
            f"chapter ({type(error).__name__}: {error})"
        ) from None
    found = []
    for name in names:
        sources = [
            root / f"{name}{suffix}" for suffix in (".py", ".md") if (root / f"{name}{suffix}").is_file()
        ]
        if not sources:
            raise LabError(f"_toc.yml lists {name}, but there is no {name}.py or {name}.md")
        found.append(Entry(name, sources[0]))
    return found


def find_chapter(name: str | Path) -> Path:
    """Source (.py) of a chapter, by number ("05"), work and number ("ee443/05"), slug, file name or path.

    Raises:
        LabError: nothing, or more than one chapter, goes by that name; the message lists the names.
    """
    root = project_root()
    sources = {
        entry.name.removeprefix("notebooks/"): entry.source for entry in entries(root) if entry.is_chapter
    }
    wanted = str(name).removesuffix(".py").removesuffix(".ipynb").rstrip("/")
    given = absolute(name)
    with contextlib.suppress(ValueError, OSError):  # a path without a name, or one that is too long
        given = given.with_suffix(".py").resolve()
        if given in sources.values() or given.is_file():
            return given
    work, _, slug = wanted.removeprefix("notebooks/").rpartition("/")
    hits = [key for key in sources if _is_called(key, work, slug)]
    if len(hits) == 1:
        return sources[hits[0]]
    problem = f"{wanted} names {len(hits)} chapters: {', '.join(hits)}" if hits else f"no chapter {wanted}"
    near = difflib.get_close_matches(wanted, sources, n=1, cutoff=0.3)
    hint = f"; the nearest is {near[0]}" if near and not hits else ""
    raise LabError(f"{problem}{hint}. Chapters: {', '.join(sources)}")


def name_of(source: Path) -> str:
    """A chapter's name in the table of contents, of its source.

    Raises:
        LabError: the book does not list it.
    """
    for entry in entries():
        if entry.source == source:
            return entry.name
    raise LabError(f"{source} is not in _toc.yml")


def chapters_of(works: list[str]) -> list[str]:
    """Names of all chapters of some works, for `build`.

    Raises:
        LabError: a work without chapters; lists those that have some.
    """
    names = [entry.name for entry in entries() if entry.is_chapter]
    known = list(dict.fromkeys(name.split("/")[1] for name in names))
    for work in works:
        if work not in known:
            raise LabError(
                f"no chapters of {work!r}{nearest(work, known)}; "
                f"the works with chapters are {', '.join(known)}"
            )
    return [name for name in names if name.split("/")[1] in works]


def decks(index: Path, chapters: list[str] | None = None) -> list[Path]:
    """The decks beside a built book (its index.html), in reading order; of some chapters, or of all that have
    slides."""
    names = [
        entry.name for entry in entries() if entry.is_chapter and (chapters is None or entry.name in chapters)
    ]
    paths = [index.parent / "slides" / f"{name.removeprefix('notebooks/')}.html" for name in names]
    return [path for path in paths if path.is_file()]


def outline() -> list[dict[str, str | int]]:
    """One line a chapter, read from its text: name, title, the card's time, number of exercises."""
    rows = []
    for entry in entries():
        if entry.is_chapter:
            text = re.sub(r"^# ?", "", read_text(entry.source), flags=re.MULTILINE)
            title = re.search(r"^# (\w.*)$", text, flags=re.MULTILINE)
            time = re.search(r"\*\*Time\.\*\* *((?:.+\n)(?:  +\S.*\n)*)", text)
            rows.append(
                {
                    "chapter": entry.name.removeprefix("notebooks/"),
                    "title": title[1] if title else "",
                    "time": " ".join(time[1].split()) if time else "",
                    "exercises": len(re.findall(r"^`{3,}\{exercise(?:-start)?\}", text, flags=re.MULTILINE)),
                }
            )
    return rows


def _is_called(key: str, work: str, slug: str) -> bool:
    its_work, _, its_slug = key.rpartition("/")
    number, _, words = its_slug.partition("-")
    number_given = slug.isdigit() and int(slug) == int(number)
    return work in ("", its_work) and (number_given or slug in (its_slug, words))


def build(
    profile: str = "laptop",
    data: str = "embedded",
    chapters: list[str] | None = None,
    seeds: int | None = None,
    budget: float | None = None,
    store: Path | None = None,
    force: bool = False,
) -> Path:
    """Execute what is out of date, build the static book, return the path of its index.html.

    Args:
        profile, data, seeds, store: papermill parameters of every chapter; the last two only if given.
        budget: minutes for all chapters together. Each is told what is left; none is up to date afterwards.
        chapters: execute and show only these (names as for `find_chapter`); warnings are then no errors.
        force: execute and build everything again.

    Raises:
        LabError: a chapter fails (those before it are kept), Jupyter Book warns, or a package is missing.
    """
    _need_book_extra()
    started = time.monotonic()
    root = project_root()
    listed = _listed(root, chapters)
    asked = {"seeds": seeds, "budget": budget, "store": store and str(absolute(store))}
    given = {"profile": profile, "data": data, **{k: v for k, v in asked.items() if v is not None}}
    base = _folder(root, given)
    for name in (".lock", "src/_toc.yml", "state/html.json"):
        check_writable(base / name, remedy=CHECKOUT)
    config_for(root, given)  # what cannot be used is found out before the work starts
    for entry in listed:
        read_notebook(entry.source) if entry.is_notebook else read_text(entry.source)
    with FileLock(base / ".lock", timeout=-1):
        Copies(root, base, listed, given).update(force)
        _copy_sources(root, base, listed, given)
        left_out = {entry.source.stem for entry in _listed(root, None)} - {e.source.stem for e in listed}
        index = _build_html(base, listed, given, left_out, strict=not chapters, force=force)
    say(f"book ready after {time.monotonic() - started:.0f} s")
    return index


def print_pdf(profile: str = "laptop", data: str = "embedded", chapters: list[str] | None = None) -> Path:
    """Build the book where it is out of date, print it as one PDF, return the path of that.

    Args:
        profile, data, chapters: as for :func:`build`.

    Raises:
        LabError: there is no browser to print with, found out before the work starts; or as for `build`.
    """
    pdf.printer()
    index = build(profile, data, chapters)
    root = project_root()
    toc, config = _toc(root, _listed(root, chapters)), _yaml(root / "_config.yml")
    parts = [("", [toc["root"]])]
    parts += [(part["caption"], [chapter["file"] for chapter in part["chapters"]]) for part in toc["parts"]]
    about = [config["author"], f"“This run”: profile {profile}, {data} data."]
    return pdf.build(index.parent, parts, config["title"], about)


def _listed(root: Path, chapters: list[str] | None) -> list[Entry]:
    """Entries of the book; of chapters only these, if some are named."""
    listed = entries(root)
    if chapters:
        wanted = [find_chapter(name) for name in chapters]
        listed = [entry for entry in listed if not entry.is_chapter or entry.source in wanted]
    return listed


def _need_book_extra() -> None:
    needed = ("jupyter_book", "papermill", "jupytext", "sphinx_exercise")
    missing = [name for name in needed if find_spec(name) is None]
    if missing:
        raise LabError(f"the book needs {', '.join(missing)}: pip install 'lt_lib[book]', or use `make book`")


class Copies:
    """Executed copies of chapters and pages in one folder, each with the digest that it was executed under.

    A chapter's digest holds everything that can change what it shows; a page's also those of all chapters,
    because it counts what they left.

    Args:
        root: the project.
        base: where copies lie, `_build/<profile>-<data>`.
        listed: entries of the book.
        given: papermill parameters of every chapter.
    """

    def __init__(self, root: Path, base: Path, listed: list[Entry], given: dict):
        self.base, self.given = base, given
        self.chapters = [entry for entry in listed if entry.is_chapter]
        self.pages = [entry for entry in listed if entry.is_notebook and not entry.is_chapter]
        self._common = _common_digest(root)

    def path(self, entry: Entry) -> Path:
        """Where the copy of a notebook lies, or will lie."""
        return self.base / "src" / f"{entry.name}.ipynb"

    def _state(self, entry: Entry) -> Path:
        return self.base / "state" / f"{entry.name.replace('/', '--')}.json"

    def _digest(self, entry: Entry) -> str:
        around = [] if entry.is_chapter else [self._digest(chapter) for chapter in self.chapters]
        return _digest([self._common, read_text(entry.source), self.given, around])

    def is_current(self, entry: Entry) -> bool:
        """Whether the copy is there and nothing that could change it has changed since."""
        state = self._state(entry)
        return self.path(entry).is_file() and _noted(state).get("digest") == self._digest(entry)

    def update(self, force: bool = False) -> None:
        """Execute what is not current: chapters first, two at a time, then pages.

        Raises:
            LabError: the first failure, after all that could be executed was.
        """
        begun, workers = time.monotonic(), min(2, os.cpu_count() or 1)
        # what a budget left unfinished is taken up again
        anew = force or "budget" in self.given
        with this_kernel(many=len(self.chapters) > 1), _threads_shared(workers):
            for some in (self.chapters, self.pages):
                with ThreadPoolExecutor(workers) as pool:
                    jobs = [
                        pool.submit(self._execute, e, begun) for e in some if anew or not self.is_current(e)
                    ]
                for job in jobs:
                    job.result()

    def _execute(self, entry: Entry, begun: float) -> None:
        self._state(entry).unlink(missing_ok=True)
        digest, notebook, start = self._digest(entry), read_notebook(entry.source), time.monotonic()
        label, parameters = entry.name.removeprefix("notebooks/"), dict(self.given)
        if "budget" in parameters:
            parameters["budget"] = round(max(parameters["budget"] - (start - begun) / 60, 0.01), 2)
        if not entry.is_chapter:
            known = notebook_parameters(notebook)
            parameters = {name: value for name, value in parameters.items() if name in known}
        scratch = scratch_folder(entry.source, self.base)
        result = tidy(execute(notebook, label, parameters, scratch, progress=True, own_kernel=False))
        result = slides.for_readers(result)
        write_if_changed(self.path(entry), dump(slides.marked(result, label) if entry.is_chapter else result))
        seconds = time.monotonic() - start
        state = json.dumps({"digest": digest, "seconds": round(seconds, 1)})
        write_if_changed(self._state(entry), state.encode())
        say(f"{label}  {seconds:.0f} s")


def smoke_copies() -> Copies:
    """The copies that `lt book --profile smoke` executes, for whoever checks them."""
    root, given = project_root(), {"profile": "smoke", "data": "embedded"}
    return Copies(root, _folder(root, given), entries(root), given)


def _folder(root: Path, given: dict) -> Path:
    return root / "_build" / f"{given['profile']}-{given['data']}"


@contextlib.contextmanager
def _threads_shared(workers: int):
    """Kernels that run at once share the cores instead of fighting for them; a user's own setting wins."""
    mine = "OMP_NUM_THREADS" not in os.environ and workers > 1
    if mine:
        os.environ["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // workers))
    try:
        yield
    finally:
        if mine:
            del os.environ["OMP_NUM_THREADS"]


def _common_digest(root: Path) -> str:
    """Everything that can change what a chapter shows, its own source and parameters apart."""
    files = [root / "requirements.lock", *(root / "lt_lib").rglob("*.py")]
    for name in ("experiments", "published", "records"):
        files += (root / "book" / name).rglob("*")
    files = sorted(p for p in files if p.is_file() and "/." not in p.relative_to(root).as_posix())
    return _digest([sys.version] + [[p.relative_to(root).as_posix(), _file_digest(p)] for p in files])


def _digest(value) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def _file_digest(path: Path) -> str:
    return hashlib.sha256(read_bytes(path)).hexdigest()


def _noted(state: Path) -> dict:
    """What a file of state/ says; nothing if there is none, or it is damaged."""
    try:
        noted = json.loads(state.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return noted if isinstance(noted, dict) else {}


def _yaml(path: Path) -> dict:
    try:
        content = yaml.safe_load(read_text(path))
    except yaml.YAMLError as error:
        raise LabError(f"{path} is no YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise LabError(f"{path} holds no names with values, as it should")
    return content


def _copy_sources(root: Path, base: Path, listed: list[Entry], given: dict) -> None:
    """Bring the rest of src/ in line with the tree; files that left the tree leave src/."""
    src = base / "src"
    kept = {src / f"{entry.name}.ipynb" for entry in listed if entry.is_notebook}
    copies = [entry.source for entry in listed] + [root / "book" / "references.bib"]
    folders = ("book/_static", "book/_ext", "lt_lib/lab/look")
    copies += [p for name in folders for p in (root / name).rglob("*") if p.is_file()]
    for path in copies:
        if "__pycache__" not in path.parts:
            target = src / path.relative_to(root)
            write_if_changed(target, read_bytes(path))
            kept.add(target)
    generated = {"_config.yml": config_for(root, given), "_toc.yml": _toc(root, listed)}
    for name, value in generated.items():
        write_if_changed(src / name, yaml.safe_dump(value, sort_keys=False, allow_unicode=True).encode())
        kept.add(src / name)
    for path in src.rglob("*"):
        if path.is_file() and path not in kept:
            path.unlink()


def _toc(root: Path, listed: list[Entry]) -> dict:
    toc = _yaml(root / "_toc.yml")
    names = {entry.name for entry in listed}
    for part in toc["parts"]:
        part["chapters"] = [chapter for chapter in part["chapters"] if chapter["file"] in names]
    toc["parts"] = [part for part in toc["parts"] if part["chapters"]]
    return toc


def config_for(root: Path, given: dict) -> dict:
    """`_config.yml` with what is known only now: profile and data for the footer, an address for buttons.

    Raises:
        LabError: LT_REPOSITORY_URL has not the form of a repository's address.
    """
    config = _yaml(root / "_config.yml")
    stamp = f"profile <code>{given['profile']}</code>, <code>{given['data']}</code> data"
    config["html"]["extra_footer"] = f"<p><em>This run</em>: {stamp}.</p>"
    address = os.environ.get("LT_REPOSITORY_URL", "").strip().removesuffix("/").removesuffix(".git")
    if address:
        if not re.fullmatch(r"https://[^/\s]+/[^/\s]+/[^/\s]+", address):
            raise LabError(
                f"LT_REPOSITORY_URL is {address!r}, not of the form https://github.com/NAME/REPOSITORY"
            )
        branch = os.environ.get("LT_REPOSITORY_BRANCH", "main")
        config["repository"] = {"url": address, "branch": branch, "path_to_book": ""}
        config["html"]["use_repository_button"] = True
        config["launch_buttons"]["binderhub_url"] = "https://mybinder.org"
        config["launch_buttons"]["colab_url"] = "https://colab.research.google.com"
    return config


def _build_html(
    base: Path, listed: list[Entry], given: dict, left_out: set[str], strict: bool, force: bool
) -> Path:
    """Run Jupyter Book over src/ and cut the decks, unless it has seen exactly these files already."""
    src, html, state = base / "src", base / "_build" / "html", base / "state" / "html.json"
    files = {p.relative_to(src).as_posix(): _file_digest(p) for p in sorted(src.rglob("*")) if p.is_file()}
    # what every page shows: a change here must reach pages whose own source did not change
    shared = {n: d for n, d in files.items() if not n.endswith((".ipynb", ".md", ".py")) or "/_ext/" in n}
    headings = [_heading(entry) for entry in listed]
    after = [_file_digest(Path(module.__file__)) for module in (search, slides)]
    now = {"files": _digest([files, strict, after]), "shared": _digest([shared, sorted(files), headings])}
    before = _noted(state)
    index = html / "index.html"
    if index.is_file() and before.get("files") == now["files"] and not force:
        return index
    if force or before.get("shared") != now["shared"]:
        shutil.rmtree(base / "_build", ignore_errors=True)
    for outdated in (state, html / "book.pdf"):
        outdated.unlink(missing_ok=True)
    say(f"building {len(listed)} pages")
    flags = ["-n", "-W", "--keep-going"] if strict else []
    entry_point = "import sys; from jupyter_book.cli.main import main; sys.exit(main())"
    command = [sys.executable, "-c", entry_point, "build", str(src), "--path-output", str(base), *flags]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=base)
    said = PAINT.sub("", done.stdout.decode(errors="replace"))
    log = base / "build.log"
    log.write_text(said, encoding="utf-8")
    warnings = [line for line in said.splitlines() if re.search(r"\b(WARNING|ERROR|CRITICAL):", line)]
    dead = [line for line in warnings if (link := DEAD_LINK.search(line)) and Path(link[1]).stem in left_out]
    if dead:
        warnings = [line for line in warnings if line not in dead]
        say(f"  links to chapters that are left out: {len(dead)}")
    for line in warnings[:20] if warnings else said.splitlines()[-5:] if done.returncode else []:
        say(f"  {line.replace(f'{src}/', '')}")
    if done.returncode or not index.is_file():
        # a page with a warning counts as built for Sphinx and would pass next time: start afresh then
        shutil.rmtree(base / "_build" / ".doctrees", ignore_errors=True)
        raise LabError(f"Jupyter Book stopped with {len(warnings)} warnings; everything it said is in {log}")
    # browsers ask for it on the bare front page, which names no icon
    icon = src / "book" / "_static" / "favicon.svg"
    write_if_changed(html / "favicon.ico", read_bytes(icon))
    search.build(html, [entry.name for entry in listed])
    chapters = [entry.name.removeprefix("notebooks/") for entry in listed if entry.is_chapter]
    executed = {name: read_notebook(src / "notebooks" / f"{name}.ipynb") for name in chapters}
    which = f"profile {given['profile']}, {given['data']} data"
    slides.build(html, chapters, executed, f"Numbers of this deck: {which}, unless a badge says otherwise.")
    write_if_changed(state, json.dumps(now).encode())
    return index


def _heading(entry: Entry) -> str:
    """First heading of a page, which stands in every page's sidebar."""
    lines = read_text(entry.source).splitlines()
    return next((line for line in lines if re.match(r"(# )?# \w", line)), "")


@on_one_line()
def main() -> None:
    """What `make notebooks` calls; copies that the smoke book executed are not executed again."""
    copies, known = smoke_copies(), {entry.source: entry for entry in entries()}

    def executed(source: Path):
        entry = known.get(source)
        if entry is None or not copies.is_current(entry):
            return None
        return read_notebook(copies.path(entry))

    match sys.argv[1:]:
        case ["sync", *names]:
            for line in sync_notebooks([Path(name) for name in names] or None, executed=executed):
                say(line)
        case _:
            raise SystemExit("python -m lt_lib.lab.publish.book sync [FILE.py ...]")


if __name__ == "__main__":
    main()
