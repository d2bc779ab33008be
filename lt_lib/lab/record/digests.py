"""Digests: of a spec, and of the library code that produces a number.

A record is only as good as the code behind it. `code_digest` walks from a root through every top-level
definition of lt_lib it can reach and hashes their syntax trees. It is about definitions, not about places:
they are numbered in the order in which the walk meets them, and a reference is that number. So a module or
function that moves or gets another name changes no digest, nor does a new loss beside an old one; a default
value, a constant or a line that an old record went through does.

What counts as a reference says `lt_lib.lab.record.syntax`.

Sometimes a line must change although no number does, as when a function learns a new option. Then a *declared
equivalent* keeps the records fresh: a file `book/records/unchanged/<name>.py`, called like the definition,
with

    # stands for: ast:<what `python -m lt_lib.lab.record.digests <module>:<name>` prints>
    # why no number changes, and which test proves it

and below it the source of the definition as it was when the records were made. While the digest is that of
the definition as it is now, with all it reaches, `code_digest` walks the old source in its place. With the
next edit of either the digests part and the records are stale, until someone has vouched anew. Without a
checkout of the book there are no equivalents."""

import contextlib
import functools
import hashlib
import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from lt_lib.errors import LabError, on_one_line
from lt_lib.lab.record import syntax
from lt_lib.lab.record.files import atomic_write
from lt_lib.lab.record.paths import cache_root, evidence_dir
from lt_lib.lab.record.syntax import Place, Reader, Source, exported, read_module, split

# Not hashed: data (its content has a digest of its own), specs (hashed as values), and what only talks to the
# person or the disk.
OUTSIDE = ("lt_lib.data", "lt_lib.errors", "lt_lib.progress", "lt_lib.lab.record")
REFERENCE = re.compile(r'\["definition","<(\d+)>"\]')  # in a definition's JSON, before it is numbered


def digest(value) -> str:
    """SHA-256 of a JSON-able value, keys sorted: "sha256:<64 hex>"."""
    return "sha256:" + hashlib.sha256(_as_json(value).encode()).hexdigest()


def _as_json(value) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)


def code_digest(*roots: str) -> str:
    """Digest of everything reachable from definitions named "module:name", e.g.
    "lt_lib.lab.train.heads:train_heads".

    It is kept in the cache folder for as long as no source changes, so that not every process walks anew.

    Raises:
        LabError: a root that is no definition, or a declared equivalent on the way that cannot be read.
    """
    return _kept_digest(roots, _unchanged_dir())


def digest_as_it_is(*roots: str) -> str:
    """The digest without declared equivalents: what the first line of one names."""
    return _code_digest(roots, None)


def reached(*roots: str) -> list[str]:
    """Every definition behind some roots, "module:name", in the order of discovery: what a change of makes
    their records stale."""
    return [f"{module}:{name}" for module, name in _walk(roots, _unchanged_dir()) if not _outside(module)]


def forget() -> None:
    """Forget what was read of the code: for whoever edits it while the process runs, as tests do."""
    for cached in (_kept_digest, _kept, _code_digest, _canonical, read_module, syntax.path_of):
        cached.cache_clear()


@functools.cache
def _kept_digest(roots: tuple[str, ...], unchanged: Path | None) -> str:
    path, kept = _kept(unchanged)
    name = " ".join(roots)
    if name not in kept:
        kept[name] = _code_digest(roots, unchanged)
        if path == _kept_file(unchanged):  # else a source was edited meanwhile
            with contextlib.suppress(LabError):  # a cache that cannot be written is none
                atomic_write(path, json.dumps(kept, indent=1).encode())
    return kept[name]


@functools.cache
def _kept(unchanged: Path | None) -> tuple[Path, dict[str, str]]:
    """The file of digests that fits the sources as they are, and what it holds."""
    path = _kept_file(unchanged)
    try:
        kept = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        kept = {}
    return path, kept if isinstance(kept, dict) else {}


def _kept_file(unchanged: Path | None) -> Path:
    """Named after all that a code digest depends on: library, works elsewhere, equivalents, this scheme."""
    sources = hashlib.sha256()
    for folder in filter(None, (syntax.ROOT, *syntax.other_works(), unchanged, Path(__file__).parent)):
        for path in sorted(folder.rglob("[!.]*.py")):
            content = path.read_bytes()
            sources.update(f"{path.relative_to(folder)} {len(content)}\n".encode() + content)
    return cache_root() / "code-digests" / f"{sources.hexdigest()[:24]}.json"


@functools.cache
def _code_digest(roots: tuple[str, ...], unchanged: Path | None) -> str:
    """The digest, with the declared equivalents of a folder, or of the code as it is (None)."""
    text = f"[{','.join(_walk(roots, unchanged).values())}]"
    return "ast:" + hashlib.sha256(text.encode()).hexdigest()


def _walk(roots: Iterable[str], unchanged: Path | None) -> dict[Place, str]:
    """Definitions in order of discovery, each as JSON of its canonical form with its references numbered."""
    numbers: dict[Place, int] = {}
    for root in roots:
        place = exported(*split(root))
        if place[1] not in read_module(place[0]).definitions:
            raise LabError(
                f"{root} is no definition of the library; say MODULE:NAME, e.g. lt_lib.models:create"
            )
        numbers.setdefault(place, len(numbers))
    parts: dict[Place, str] = {}
    while len(parts) < len(numbers):
        for place in list(numbers)[len(parts) :]:
            text, references = _canonical(place, unchanged)
            parts[place] = _numbered(text, [numbers.setdefault(other, len(numbers)) for other in references])
    return parts


def _numbered(text: str, numbers: list[int]) -> str:
    return REFERENCE.sub(lambda match: f'["definition",{numbers[int(match[1])]}]', text)


@functools.cache
def _canonical(place: Place, unchanged: Path | None) -> tuple[str, tuple[Place, ...]]:
    """A definition as JSON, and what it refers to in the order in which it is read. In the JSON the k-th
    reference is ["definition","<k>"]: its number is another for other roots."""
    module, name = place
    if _outside(module):
        return '["outside"]', ()
    references: dict[Place, int] = {}

    def refer(other: Place) -> list:
        return ["definition", f"<{references.setdefault(other, len(references))}>"]

    old = equivalent(module, name, unchanged)
    source = read_module(module) if old is None else Source(module, old, read_module(module))
    if name not in source.definitions:
        raise LabError(f"{module}:{name} is used and nowhere defined: no digest can be taken of what uses it")
    form = [Reader(source, refer).statement(node) for node in source.definitions[name]]
    return _as_json(form), tuple(references)


def _outside(module: str) -> bool:
    return any(module == m or module.startswith(m + ".") for m in OUTSIDE)


# ------------------------------------------------------------------------------------------------------
# declared equivalents


def _unchanged_dir() -> Path | None:
    try:
        folder = evidence_dir() / "unchanged"
    except LabError:
        return None
    return folder if folder.is_dir() else None


def equivalent(module: str, name: str, unchanged: Path | None) -> str | None:
    """The source that a definition is declared to be equivalent to; None where nobody vouches for it as it is
    now."""
    path = unchanged and unchanged / f"{name}.py"
    if not path or not path.is_file():
        return None
    source = path.read_text(encoding="utf-8")
    stands_for = re.match(r"# stands for: (ast:[0-9a-f]{64})\n# \S", source)
    try:
        defined = name in Source(module, source).definitions
    except SyntaxError:
        defined = False
    if not (stands_for and defined):
        raise LabError(
            f"{path} must begin with '# stands for: ast:<64 hex>' and a comment that says why, then define "
            f"{name}; `python -m lt_lib.lab.record.digests {module}:{name}` prints the digest"
        )
    return source if stands_for[1] == digest_as_it_is(f"{module}:{name}") else None


@on_one_line()
def main(roots: list[str]) -> None:
    """Print the digests of definitions as they are now, for the first line of their declared equivalents."""
    for root in roots:
        print(digest_as_it_is(root), root)


if __name__ == "__main__":
    main(sys.argv[1:])
