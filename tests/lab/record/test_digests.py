"""Code digests: about definitions, not places; by scope, not by spelling; and declared equivalents, which
hold until the next edit."""

import functools
import re
import shutil
import sys
from pathlib import Path

import pytest

from lt_lib import works
from lt_lib.lab import LabError, Store
from lt_lib.lab.read.evidence import evidence
from lt_lib.lab.record import digests, syntax
from lt_lib.lab.record.freshness import is_fresh
from lt_lib.lab.record.paths import evidence_dir
from lt_lib.lab.record.plan import code_of

# --- the committed records


def test_every_committed_record_is_fresh():
    records = evidence()
    assert records and not [record.id for record in records if not is_fresh(record)]


def test_the_store_takes_no_equivalent_for_a_record():
    store = Store(evidence_dir())
    assert store.all() and not store.damaged


def test_every_declared_equivalent_is_in_force():
    """A file that stands for nothing any more is to be made anew or deleted."""
    roots = {root for kind in kinds_of_code() for root in digests.reached(*kind)}
    for path in (evidence_dir() / "unchanged").glob("*"):
        assert any(
            digests.equivalent(*root.split(":"), path.parent)
            for root in roots
            if root.endswith(f":{path.stem}")
        ), path.name


def _roots(spec):
    """The roots behind a spec: what `code_of` hands over."""
    run, seen = sys.modules["lt_lib.lab.record.plan"], []
    before, run.code_digest = run.code_digest, lambda *roots: seen.extend(roots)
    try:
        code_of(spec)
    finally:
        run.code_digest = before
    return seen


@functools.cache
def kinds_of_code():
    """Committed records by the roots behind them."""
    found = {}
    for record in evidence():
        found.setdefault(tuple(_roots(record.spec)), []).append(record)
    return found


# --- edits to a copy of the library


class Copy:
    """A copy of the library that digests are taken of."""

    def __init__(self, root: Path):
        self.root, self.kinds = root, dict(kinds_of_code())

    def path(self, module: str) -> Path:
        return self.root.joinpath(*module.split(".")[1:]).with_suffix(".py")

    def edit(self, module: str, old: str, new: str) -> None:
        source = self.path(module).read_text(encoding="utf-8")
        assert old in source, f"{module} has no {old!r}"
        self.path(module).write_text(source.replace(old, new, 1), encoding="utf-8")
        digests.forget()

    def everywhere(self, pattern: str, new: str) -> int:
        """Replace a pattern in every module, and in the roots; how often."""
        count = 0
        for path in self.root.rglob("*.py"):
            text, n = re.subn(pattern, new, path.read_text(encoding="utf-8"))
            path.write_text(text, encoding="utf-8")
            count += n
        self.kinds = {
            tuple(re.sub(pattern, new, root) for root in roots): rs for roots, rs in self.kinds.items()
        }
        digests.forget()
        return count

    def stale(self) -> set:
        """Ids of committed records whose digest the copy no longer has."""
        return {
            r.id
            for roots, records in self.kinds.items()
            for r in records
            if digests.code_digest(*roots) != r.digests["code"]
        }


@pytest.fixture
def copy(tmp_path, monkeypatch):
    shutil.copytree(syntax.ROOT, tmp_path / "lt_lib", ignore=shutil.ignore_patterns("__pycache__"))
    made = Copy(tmp_path / "lt_lib")
    monkeypatch.setattr(syntax, "ROOT", tmp_path / "lt_lib")
    digests.forget()
    yield made
    monkeypatch.undo()
    digests.forget()


MOVED = {
    "lt_lib.losses": "lt_lib.objectives",
    "lt_lib.sampling": "lt_lib.tails.drawing",
    "lt_lib.augmix": "lt_lib.tails.mixing",
    "lt_lib.models": "lt_lib.networks",
    "lt_lib.metrics": "lt_lib.measures",
    "lt_lib.gan": "lt_lib.forging",
    "lt_lib.optimizers": "lt_lib.descent",
    "lt_lib.schedules": "lt_lib.tails.timing",
    "lt_lib.ensembles": "lt_lib.votes",
}
RENAMED = (  # none that a declared equivalent is called by or calls: its file would change as well
    "artificial_balance",
    "longtail_counts",
    "triangular_lr",
    "ldam_margins",
    "_checked",
)


def test_moves_and_renames_leave_every_digest(copy):
    assert not copy.stale()
    for old, new in MOVED.items():
        copy.path(new).parent.mkdir(exist_ok=True)
        (copy.path(new).parent / "__init__.py").touch()
        copy.path(old).rename(copy.path(new))
        assert copy.everywhere(rf"\b{re.escape(old)}\b", new)
    assert not copy.stale()
    for name in RENAMED:
        assert copy.everywhere(rf"(?<![\w\"'.-]){name}\b(?!=)", f"{name}_by_another_name") > 1
    assert not copy.stale()


def has_margins(record):
    """Of LDAM: a head of the bench is trained by code that knows all remedies."""
    return record.spec.mode == "tail" or bool(record.spec.recipe and record.spec.recipe.ldam)


def mixes(record):
    """By AugMix: a whole network of the bench is trained by code that knows all remedies."""
    spec = record.spec
    return bool(spec.recipe and spec.recipe.augmix) or bool(spec.lesson and spec.lesson.topic == "whole")


@pytest.mark.parametrize(
    ("module", "old", "new", "concerned"),
    [
        (
            "lt_lib.losses",
            "counts) ** 0.25",
            "counts) ** 0.5",
            has_margins,
        ),
        (
            "lt_lib.losses",
            "max_margin: float = 0.5",
            "max_margin: float = 0.4",
            has_margins,
        ),
        (
            "lt_lib.augmix",
            "depth: int = -1",
            "depth: int = 2",
            mixes,
        ),
        ("lt_lib.metrics", "_GROUPS = ", "_GROUPS = 0 or ", lambda r: r.spec.mode != "gan"),
        (
            "lt_lib.optimizers",
            "def _checked(",
            "def _checked(_=None, *, ",
            lambda r: bool(r.spec.lesson) and r.spec.lesson.topic == "rules",
        ),
    ],
    ids=[
        "an exponent",
        "a default value",
        "another default value",
        "a constant",
        "a dependency two calls away",
    ],
)
def test_a_change_stales_exactly_what_goes_through_it(copy, module, old, new, concerned):
    copy.edit(module, old, new)
    assert copy.stale() == {r.id for records in copy.kinds.values() for r in records if concerned(r)} != set()


TOPIC = """class Wink(Topic):
    code = ("lt_lib.works.lectures.targets:train_targets",)
    topic: Literal["wink"] = "wink"


"""


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("lt_lib.losses", "The margins were meant for", "The margins had been meant for"),
        ("lt_lib.models", "def fold_batchnorm(", "def unfold():\n    pass\n\n\ndef fold_batchnorm("),
        ("lt_lib.works.lectures.options", "class Targets(Topic):", f"{TOPIC}class Targets(Topic):"),
        (
            "lt_lib.lab.record.spec",
            "MODES = {\n",
            'MODES = {\n    "probe2": "lt_lib.lab.train.heads:Heads",\n',
        ),
    ],
    ids=["a docstring", "something else beside it", "another topic", "another mode"],
)
def test_what_decides_no_number_stales_nothing(copy, module, old, new):
    copy.edit(module, old, new)
    assert not copy.stale()


# --- a small package of its own


OLD = "def f(x):\n    return x + g(x)\n"
NEW = "def f(x, twice=False):\n    return x + (h(x) if twice else g(x))\n"
HELPERS = "def g(x):\n    return x\n\n\ndef h(x):\n    return 2 * g(x)\n"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of one module; `write(source)` gives the digest of its f, `declare(...)` writes an equivalent
    for f."""
    monkeypatch.setattr(syntax, "ROOT", tmp_path / "lt_lib")
    monkeypatch.setattr(digests, "evidence_dir", lambda: tmp_path / "records")
    (tmp_path / "lt_lib").mkdir()

    class Package:
        @staticmethod
        def write(source):
            (tmp_path / "lt_lib" / "m.py").write_text(source)
            digests.forget()
            return digests.code_digest("lt_lib.m:f")

        @staticmethod
        def now():
            return digests.digest_as_it_is("lt_lib.m:f")

        @staticmethod
        def declare(stands_for, source, why="# equal at twice=False: see the test\n"):
            folder = tmp_path / "records" / "unchanged"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "f.py").write_text(f"# stands for: {stands_for}\n{why}{source}")
            digests.forget()

    yield Package
    monkeypatch.undo()
    digests.forget()


def test_an_equivalent_keeps_the_old_digest_until_the_next_edit(package):
    old = package.write(OLD + HELPERS)
    assert package.write(NEW + HELPERS) != old
    package.declare(package.now(), OLD)
    assert package.write(NEW + HELPERS) == old
    assert package.write("# a comment\n" + NEW + HELPERS) == old
    assert package.write(OLD + HELPERS) == old, "taken back"
    for edited in (
        NEW.replace("x +", "x -") + HELPERS,
        NEW + HELPERS.replace("2 *", "3 *"),
        NEW + HELPERS.replace("return x", "return -x"),
    ):
        assert package.write(edited) not in (old, package.write(NEW + HELPERS))


def test_the_old_source_itself_is_hashed_with_what_it_reaches(package):
    old = package.write(OLD + HELPERS)
    package.write(NEW + HELPERS)
    package.declare(package.now(), OLD.replace("x +", "x -"))
    assert package.write(NEW + HELPERS) not in (old, package.now())
    changed = HELPERS.replace("return x", "return -x")
    package.write(NEW + changed)
    package.declare(package.now(), OLD)
    assert package.write(NEW + changed) != old, "g changed: vouching for f says nothing about g"


def test_a_caller_of_a_vouched_definition_stays_fresh(package):
    caller = "def top(x):\n    return f(x)\n"
    package.write(OLD + HELPERS + caller)
    before = digests.code_digest("lt_lib.m:top")
    package.write(NEW + HELPERS + caller)
    package.declare(package.now(), OLD)
    assert digests.code_digest("lt_lib.m:top") == before


def test_a_digest_is_kept_while_no_source_changes(package, monkeypatch, tmp_path):
    monkeypatch.setenv("LT_CACHE", str(tmp_path / "cache"))
    first = package.write(OLD + HELPERS)
    with monkeypatch.context() as patched:
        patched.setattr(digests, "Reader", lambda *_: pytest.fail("read again"))
        assert package.write(OLD + HELPERS) == first
    assert package.write(OLD + HELPERS.replace("return x", "return -x")) != first


def test_a_cache_that_cannot_be_written_is_none(package, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    first = package.write(OLD + HELPERS)
    monkeypatch.setenv("LT_CACHE", str(tmp_path / "file"))
    assert package.write(OLD + HELPERS) == first


@pytest.mark.parametrize(
    ("stands_for", "why", "source"),
    [
        ("sha256:" + "0" * 64, "# why\n", OLD),
        ("ast:" + "0" * 64, "", OLD),
        ("ast:" + "0" * 64, "#\n", OLD),
        ("ast:" + "0" * 64, "# why\n", HELPERS),
        ("ast:" + "0" * 64, "# why\n", "def f(x:\n"),
    ],
)
def test_an_equivalent_that_cannot_be_read_is_named(package, stands_for, why, source):
    package.write(NEW + HELPERS)
    package.declare(stands_for, source, why)
    with pytest.raises(
        LabError, match=r"f\.py must begin with .*python -m lt_lib\.lab\.record\.digests lt_lib\.m:f"
    ):
        digests.code_digest("lt_lib.m:f")


def test_without_a_checkout_there_are_no_equivalents(package, monkeypatch):
    """And the next call with one finds them again: nothing is cached across projects."""
    package.write(NEW + HELPERS)
    package.declare(package.now(), OLD)
    with_them = digests.code_digest("lt_lib.m:f")

    def nowhere():
        raise LabError("no checkout")

    with monkeypatch.context() as away:
        away.setattr(digests, "evidence_dir", nowhere)
        assert digests.code_digest("lt_lib.m:f") == package.now() != with_them
    assert digests.code_digest("lt_lib.m:f") == with_them


def test_the_command_prints_what_the_first_line_needs(capsys):
    digests.main(["lt_lib.models:create"])
    printed = capsys.readouterr().out.split()
    assert printed == [digests.digest_as_it_is("lt_lib.models:create"), "lt_lib.models:create"]
    with pytest.raises(SystemExit, match="1"):
        digests.main(["lt_lib.models:nothing"])
    said = "error: lt_lib.models:nothing is no definition of the library; say MODULE:NAME"
    assert capsys.readouterr().err.startswith(said)


# --- what is a reference, and what is only spelt like one


@pytest.mark.parametrize(
    "f",
    [
        "def f(g):\n    return g\n",  # a parameter
        "def f(x):\n    g = x\n    return g\n",  # a local name
        "def f(x):\n    return x.g\n",  # an attribute
        "def f(x):\n    return dict(g=x)\n",  # a keyword
        "def f(x):\n    return [g for g in x]\n",  # the variable of a comprehension
        "def f(x):\n    return (lambda g: g)(x)\n",  # the parameter of a lambda
        "def f(x):\n    for g in x:\n        x = g\n    return x\n",  # the variable of a loop
        "def f(x: g) -> g:\n    return x\n",  # an annotation
        "def f(x):\n    from math import tau as g\n    return g\n",  # an import of its own
        "class f:\n    g: int = 0\n",  # a field
        "def f(x):\n    def h():\n        return g\n    g = x\n    return h\n",  # one of the function around
    ],
    ids=range(11),
)
def test_what_is_only_spelt_like_a_definition_is_no_reference(package, f):
    assert digests_with(package, f, "return x") == digests_with(package, f, "return -x")


@pytest.mark.parametrize(
    "f",
    [
        "def f(x=g):\n    return x\n",  # a default value
        "def f(g=g):\n    return g\n",  # both
        "def f(x):\n    return [g for x in g]\n",
        "def f(x):\n    return [x for h in [g for g in g(x)]]\n",  # its first iterable is read outside
        "def f(x):\n    return lambda: g\n",
        "class f:\n    g: int = 0\n    def h(self):\n        return g\n",  # no scope for methods
        "@g\ndef f(x):\n    return x\n",
        "class f(g):\n    pass\n",
        "def f(x):\n    return run('lt_lib.m:g')\n",
        "f = {}\nf['g'] = g\n",  # a table filled later
        "f = []\nf.append(g)\n",
        "def f(x):\n    from lt_lib.m import g as h\n    return h\n",
    ],
    ids=range(12),
)
def test_a_reference_is_found_in_its_scope(package, f):
    assert digests_with(package, f, "return x") != digests_with(package, f, "return -x")


def digests_with(package, f, body):
    return package.write(f + HELPERS.replace("return x", body, 1))


def test_foreign_names_count_by_what_they_are(package):
    assert package.write("from math import tau as t\n\ndef f(x):\n    return t\n") == package.write(
        "from math import tau as u\n\ndef f(x):\n    return u\n"
    )
    assert package.write("from math import tau as t\n\ndef f(x):\n    return t\n") != package.write(
        "from math import pi as t\n\ndef f(x):\n    return t\n"
    )


def test_two_definitions_that_change_places_are_seen(package):
    before = package.write("def f(x):\n    return g(h(x))\n" + HELPERS)
    assert package.write("def f(x):\n    return h(g(x))\n" + HELPERS) != before


def test_a_work_may_lie_outside_the_library(package, monkeypatch, tmp_path):
    with pytest.raises(LabError, match="lt_lib.works.toy.topic:h is used and nowhere defined"):
        package.write("from lt_lib.works.toy.topic import h\n\ndef f(x):\n    return h(x)\n")
    (tmp_path / "elsewhere" / "toy").mkdir(parents=True)
    (tmp_path / "elsewhere" / "toy" / "topic.py").write_text("def h(x):\n    return x\n")
    monkeypatch.setattr(works, "__path__", [*works.__path__, str(tmp_path / "elsewhere")])
    digests.forget()
    there = digests.code_digest("lt_lib.m:f")
    (tmp_path / "elsewhere" / "toy" / "topic.py").write_text("def h(x):\n    return -x\n")
    digests.forget()
    assert digests.code_digest("lt_lib.m:f") != there
    assert "lt_lib.works.toy" not in sys.modules


# --- what is reachable


SOURCE = '''
"""Docs."""
from lt_lib.losses import class_weights
X = 3
def used(a):
    """Doc of used."""
    # a comment
    return class_weights(a) * X
def unused():
    return 1
'''


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "losses.py").write_text(
        "def class_weights(c):\n    return helper(c)\ndef helper(c):\n    return c\ndef other():\n    pass\n"
    )

    def digest_of(source):
        (tmp_path / "m.py").write_text(source)
        monkeypatch.setattr(syntax, "ROOT", tmp_path)
        digests.forget()
        return digests.code_digest("lt_lib.m:used")

    yield digest_of
    monkeypatch.undo()
    digests.forget()


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ("# a comment", "# another", False),
        ("Doc of used.", "Other words.", False),
        ("return 1", "return 2", False),  # not reachable
        ("X = 3", "X = 4", True),
        ("class_weights(a) * X", "X * class_weights(a)", True),
    ],
)
def test_code_digest_follows_what_is_reachable(module, old, new, changes):
    assert (module(SOURCE) != module(SOURCE.replace(old, new))) == changes


def test_code_digest_follows_imports_into_helpers(module, tmp_path):
    before = module(SOURCE)
    (tmp_path / "losses.py").write_text(
        "def class_weights(c):\n    return helper(c)\ndef helper(c):\n    return c + 1\n"
    )
    assert module(SOURCE) != before
    (tmp_path / "losses.py").write_text(
        "def class_weights(c):\n    return helper(c)\ndef helper(c):\n    return c\ndef new():\n    pass\n"
    )
    assert module(SOURCE) == before, "adding a loss must not make old records stale"


def test_code_digest_is_the_same_on_every_python(module):
    pinned = "ast:4fe56aa2145c31f8ffb077b4be0273237bc8aa8eedcdd9b3fc2719cc93b1afd2"
    assert module(SOURCE) == pinned
