"""Records: one small JSON a trained row and seed. Its presence means done; its id says from what.

The id is the digest of three digests: spec, data, code. A record whose spec is still asked for but whose data
or code has changed is *stale* (`lt_lib.lab.record.freshness`): shown as such, never reused, never deleted."""

import functools
import json
import os
import re
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from lt_lib.errors import LabError
from lt_lib.lab.record.digests import digest
from lt_lib.lab.record.files import atomic_write, cannot_write, check_writable
from lt_lib.lab.record.paths import absolute
from lt_lib.lab.record.spec import Data, Profile, Spec, Variant

Measure = int | float | None | list[float | None] | dict[str, float | None]  # or by member, by k
SELECTIONS = ("last", "best_on_val", "best_on_test")


class Record(BaseModel):
    """What one run left behind."""

    model_config = ConfigDict(extra="forbid")

    id: str
    experiment: str
    row: str
    key: str
    variant: Variant
    profile: Profile
    data: Data
    seed: int
    spec: Spec
    digests: dict[str, str]
    env: dict[str, Any]
    selection: str = "last"
    metrics: dict[str, dict[str, Measure]]
    per_class: dict[str, list[float | None]]
    confusion: list[list[int]]
    history: dict[str, Any]
    sizes: dict[str, Any]
    wall_s: float
    images_per_s: float | None = None

    @model_validator(mode="after")
    def _whole(self):
        if missing := {"spec", "data", "code"} - set(self.digests):
            raise ValueError(f"no digest of {' and '.join(sorted(missing))}")
        if self.selection not in self.metrics:
            raise ValueError(f"no metrics of its selection, {self.selection!r}")
        return self

    def metric(self, name: str = "accuracy", selection: str | None = None) -> float:
        """One number; `selection` is "last" (default), "best_on_val" or "best_on_test".

        "recall.2" is the recall of class 2, likewise "precision.2" and "f1.2": of the last epoch only. A
        class that is never predicted has no precision: nan. A measure may have a class in its name as well.

        Raises:
            LabError: the record has no such number.
        """
        kind, _, label = name.partition(".")
        selection = selection or self.selection
        measures = self.metrics.get(selection, {})
        if name in measures:
            return measures[name]
        if measures.get(f"{kind.rpartition('_')[0]}_count" + (f".{label}" if label else "")) == 0:
            return float("nan")
        if label and selection != "last":
            raise LabError(f"{name} is recorded for the last epoch only, not for {selection}")
        try:
            value = self.per_class[kind][int(label)]
        except (KeyError, IndexError, ValueError):
            raise LabError(
                f"record {short(self.id)} ({self.experiment}/{self.key}, seed {self.seed}) has no {name} of "
                f"{selection}"
            ) from None
        return float("nan") if value is None else value


class Filed(Record):
    """A committed record, for a row that the profile asked for leaves out."""


def spec_digest(spec: Spec) -> str:
    """Digest of a spec."""
    return digest(spec.model_dump(mode="json"))


def record_id(spec: str, data: str, code: str) -> str:
    """The id of a record from the digests of its spec, data and code."""
    return digest([spec, data, code])


SETTLED_NS = 2_000_000_000  # a folder's time has ticks of up to two seconds


class Name(NamedTuple):
    """What the path of a record says; see `Store.path`. `id` are the first 12 digits."""

    path: Path
    profile: str
    data: str
    experiment: str
    key: str
    variant: str
    seed: int
    id: str


class Store:
    """A folder of records, by profile and data, then experiment. Reading never writes."""

    def __init__(self, root: Path):
        self.root = absolute(root)
        self.damaged: list[str] = []
        self._cache: dict[Path, tuple[tuple, Record | None]] = {}
        self._listed: dict[str, tuple[int, dict[str, str]]] = {}

    def path(self, record: Record) -> Path:
        """Where a record lies: <profile>-<data>/<experiment>/<key>--<variant>--s<seed>--<id>.json."""
        return self.place(record, record.id)

    def place(self, of, identity: str) -> Path:
        """Where the record with an id will lie; `of` is what it is planned as, or the record."""
        folder = f"{self.root}/{of.profile}-{of.data}/{of.experiment}"
        return Path(f"{folder}/{of.key}--{of.variant}--s{of.seed}--{short(identity)}.json")

    def check_writable(self, planned: dict) -> None:
        """Make sure, before anything is trained, that records can be written, and what is kept for each while
        it trains; ids -> what they are planned as.

        Raises:
            LabError: one cannot.
        """
        names = [short(identity) for identity in planned]
        check_writable(
            *(self.place(of, identity) for identity, of in planned.items()),
            *(self.artifact(identity) for identity in planned),
            *(self.work / kind / f"{name}.pt" for kind in ("checkpoints", "learners") for name in names),
        )

    def all(self) -> list[Record]:
        """Every readable record; files that cannot be read are named in `damaged` and count as absent."""
        self.damaged = []
        return [record for path in self._paths() if (record := self.read(Path(path)))]

    def names(self) -> list[Name]:
        """What the paths of the records say, sorted; their content is not read."""
        return [name for path in self._paths() if (name := _name(path))]

    def find(self, planned: dict) -> dict[str, Record]:
        """Records of what is planned, by id; no other is read. What cannot be is named in `damaged` and
        counts as absent.

        Args:
            planned: ids -> what they are planned as. Two rows can share one spec: a record counts under the
                name of the other, too.
        """
        self.damaged = []
        places = {identity: self.place(of, identity) for identity, of in planned.items()}
        found = {i: r for i, path in places.items() if os.path.isfile(path) and (r := self.read(path))}
        elsewhere = {short(identity): identity for identity in planned.keys() - found.keys()}
        for folder in self._folders() if elsewhere else ():
            ids = self._ids(folder)
            for some in elsewhere.keys() & ids.keys():
                identity = elsewhere[some]
                for path in (Path(folder, name) for name in ids[some].split("\n")):
                    if path != places[identity] and (record := self.read(path)):
                        found[identity] = record
        return found

    def _paths(self) -> list[str]:
        """Paths of files that lie as records do, <profile>-<data>/<experiment>/<name>.json, in order."""
        folders = ((folder, sorted(self._reading(_records, folder))) for folder in self._folders())
        return [os.path.join(folder, name) for folder, names in folders for name in names]

    def _folders(self) -> list[str]:
        """Folders of records, in order."""
        kinds = [folder for folder in self._reading(_folders, self.root) if "-" in folder.name]
        return [folder.path for kind in kinds for folder in self._reading(_folders, kind.path)]

    def _ids(self, folder: str) -> dict[str, str]:
        """First digits of the ids of a folder's records, with their files' names. It is listed anew where it
        has changed; a folder that changed just now may have done so again within one tick of its clock."""
        times = self._reading(lambda path: [os.stat(path).st_mtime_ns], folder)
        if not times:
            return {}
        (changed,) = times
        if folder in self._listed and self._listed[folder][0] == changed:
            return self._listed[folder][1]
        ids = _by_id(self._reading(_records, folder))
        if changed < time.time_ns() - SETTLED_NS:
            self._listed[folder] = changed, ids
        return ids

    def _reading(self, read, folder: str | Path) -> list:
        """What `read` finds in a folder; nothing where there is none."""
        try:
            return read(folder)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise LabError(
                f"cannot read the records in {self.root}: {error.strerror or error}; choose another folder "
                "with --store (or LT_STORE)"
            ) from None

    def by_spec(self) -> dict[str, list[Record]]:
        """Records by the digest of their spec."""
        index: dict[str, list[Record]] = {}
        for record in self.all():
            index.setdefault(record.digests["spec"], []).append(record)
        return index

    def write(self, record: Record) -> Path:
        """Write atomically: a temporary file, then a rename.

        Raises:
            LabError: the folder cannot be written or the disk is full; nothing else is touched.
        """
        path = self.path(record)
        atomic_write(path, _dump(record).encode())
        return path

    @contextmanager
    def lock(self, identity: str, wait: float | None):
        """Hold the lock of one record; yields False when another process still holds it after `wait` seconds,
        None for as long as it takes."""
        folder = self.work / "locks"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(folder / f"{short(identity)}.lock")
            lock.acquire(timeout=-1 if wait is None else wait)
        except Timeout:
            yield False
            return
        except OSError as error:
            raise cannot_write(folder, error) from None
        try:
            yield True
        finally:
            lock.release()

    @functools.cached_property
    def work(self) -> Path:
        """Locks, checkpoints and artifacts of this store: never committed."""
        return self.root / ".work"

    def artifact(self, identity: str) -> Path:
        """Logits of a record (safetensors, float16): beside the store, rebuilt when asked for."""
        return self.work / "artifacts" / f"{short(identity)}.safetensors"

    def read(self, path: Path) -> Record | None:
        """One record; None, and a line in `damaged`, where the file cannot be read."""
        try:
            stat = path.stat()
            stamp = (stat.st_mtime_ns, stat.st_size)
            if path in self._cache and self._cache[path][0] == stamp and self._cache[path][1]:
                return self._cache[path][1]
            record = Record.model_validate_json(path.read_bytes())
            problem = None if path == self.path(record) else "its name does not fit its content"
        except (ValidationError, ValueError, OSError) as error:
            record, problem = None, str(error).splitlines()[0]
        if problem:
            self.damaged.append(
                f"{path}: damaged record ({problem}); counted as missing, the next run replaces it"
            )
            return None
        self._cache[path] = (stamp, record)
        return record


def _folders(root: str | Path) -> list[os.DirEntry]:
    with os.scandir(root) as found:
        return sorted((e for e in found if e.name[0] != "." and e.is_dir()), key=lambda entry: entry.name)


def _records(folder: str) -> list[str]:
    return [name for name in os.listdir(folder) if name.endswith(".json") and name[0] != "."]


def _by_id(names: list[str]) -> dict[str, str]:
    """Names of files by the first digits of the id in them, see `place`. Two rows can share one: then they
    are on lines of their own, since a hundred thousand lists take longer than all the rest."""
    found = {name[-17:-5]: name for name in names}
    if len(found) < len(names):
        shared: dict[str, list[str]] = {}
        for name in sorted(names):
            shared.setdefault(name[-17:-5], []).append(name)
        found = {some: "\n".join(own) for some, own in shared.items()}
    return found


def _name(path: str) -> Name | None:
    """None for a file that is not named as a record is."""
    kind, experiment, file = path.split(os.sep)[-3:]
    profile, _, data = kind.partition("-")
    found = re.fullmatch(r"(.+)--([a-z-]+)--s(\d+)--([0-9a-f]{12})\.json", file)
    return found and Name(Path(path), profile, data, experiment, found[1], found[2], int(found[3]), found[4])


def short(identity: str) -> str:
    """First 12 hex digits of a digest."""
    return identity.split(":")[-1][:12]


def _dump(record: Record) -> str:
    """Indented JSON with the inner lists on one line each, so that a diff of a record can be read."""
    plain = record.model_dump(mode="json", by_alias=True)
    lines = []
    for name, value in plain.items():
        if isinstance(value, dict) and value:
            inner = ",\n".join(f"    {json.dumps(k)}: {_compact(v)}" for k, v in value.items())
            lines.append(f"  {json.dumps(name)}: {{\n{inner}\n  }}")
        else:
            lines.append(f"  {json.dumps(name)}: {_compact(value)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _compact(value) -> str:
    return json.dumps(_rounded(value), separators=(",", ":"))


def _rounded(value):
    """Floats to seven significant digits: enough for any number shown, stable, and half the size."""
    if isinstance(value, float):
        return float(f"{value:.7g}")
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(v) for v in value]
    return value
