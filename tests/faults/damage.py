"""Damaged files for the readers: seeded mutators, and what a reader may do with them."""

import contextlib
import io
import json
import os
import random
import resource
import signal
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

from lt_lib.errors import LtError

SECONDS = 20  # that reading one small file may take
MEMORY = 2 << 30  # bytes that it may take beside what the process has
EXTREMES = (0, 1, 0x7F, 0x80, 0xFF)
NUMBERS = (
    b"\0\0\0\0",
    b"\xff\xff\xff\xff",
    b"\xff\xff\xff\x7f",
    b"\x7f\xff\xff\xff",
    b"\0\0\0\x80",
    b"\1\0\0\0",
    b"\0\0\0\0\0\0\0\x80",
    b"\xff\xff\xff\xff\xff\xff\xff\x7f",
    struct.pack("<f", float("nan")),
    struct.pack("<d", float("-inf")),
)
ODD = (
    None,
    True,
    -1,
    10**30,
    0.5,
    float("nan"),
    "",
    "x",
    "../../x",
    "\ud800",
    [],
    [[]],
    {},
    {"train": [-1, 8]},
    {"last": {"accuracy": "x"}},
)


class Hang(BaseException):
    """Not an Exception: no reader may take it for a damaged file."""


class Chance(random.Random):
    """A source of chance that knows its seed."""

    def __init__(self, number: int):
        super().__init__(number)
        self.number = number


def damaged(content: bytes, rng: Chance, head: int = 512) -> bytes:
    """Bytes with one to four changes, half of them among the first `head`: bits flipped, bytes or whole
    numbers replaced, pieces lost, doubled, zeroed, new or from elsewhere in the file, the end cut off."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        if not data:
            return b""
        at = rng.randrange(min(head, len(data)) if rng.random() < 0.5 else len(data))
        size = rng.choice((1, 2, 4, 16, 256))
        match rng.randrange(9):
            case 0:
                data[at] ^= 1 << rng.randrange(8)
            case 1:
                data[at] = rng.choice(EXTREMES)
            case 2:
                number = rng.choice(NUMBERS)
                data[at : at + len(number)] = number
            case 3:
                del data[at : at + size]
            case 4:
                data[at:at] = data[at : at + size]
            case 5:
                data[at : at + size] = bytes(len(data[at : at + size]))
            case 6:
                data[at:at] = rng.randbytes(size)
            case 7:
                del data[at:]
            case 8:
                other = rng.randrange(len(data))
                data[at : at + size] = data[other : other + size]
    return bytes(data)


def odd_json(content, rng: Chance) -> bytes:
    """JSON with up to two values replaced or lost, at any depth; half the time its bytes are damaged, too."""
    content = json.loads(json.dumps(content))
    for _ in range(rng.randint(0, 2)):
        inside = content
        while inside:
            name = rng.choice(list(inside) if isinstance(inside, dict) else range(len(inside)))
            if not (isinstance(inside[name], dict | list) and inside[name]) or rng.random() < 0.3:
                break
            inside = inside[name]
        if inside and rng.random() < 0.7:
            inside[name] = rng.choice(ODD)
        elif inside:
            del inside[name]
    text = json.dumps(content).encode()
    return damaged(text, rng) if rng.random() < 0.5 else rng.choice([text, text, text, b"[" * 10_000 + text])


@contextlib.contextmanager
def within(seconds: float, memory: int):
    """Raise Hang in what takes longer, and MemoryError in what takes more bytes (on Linux alone)."""

    def ring(*_):
        raise Hang(f"no end after {seconds} s")

    before, limits = signal.signal(signal.SIGALRM, ring), resource.getrlimit(resource.RLIMIT_AS)
    with contextlib.suppress(OSError):
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + memory, limits[1]))
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        resource.setrlimit(resource.RLIMIT_AS, limits)


def read_or_refused(rng: Chance, read, *args, refusal=LtError, lines: int = 1):
    """What `read` returns, or None where it raises one clear error, of the library unless another is given,
    on no more than so many lines.

    Raises:
        AssertionError: any other error, a message that is empty or cannot be printed, too much memory, or no
            end; names the seed.
    """
    try:
        with within(SECONDS, MEMORY):
            return read(*args)
    except refusal as error:
        said = str(error)
        assert said.strip() and said.count("\n") < lines and printable(said), f"seed {rng.number}: {said!r}"
        assert not out_of_memory(error), f"seed {rng.number}: memory runs out: {error}"
        return None
    except (Exception, Hang) as error:
        raise AssertionError(f"seed {rng.number}: {type(error).__name__}: {error}") from error


def printable(text: str) -> bool:
    """Whether it can be written to a terminal."""
    return text.encode(errors="ignore").decode() == text


def out_of_memory(error: BaseException | None) -> bool:
    """Whether an error stands for a MemoryError."""
    return error is not None and (isinstance(error, MemoryError) or out_of_memory(error.__context__))


class Bomb:
    """Pickled, it makes a folder when it is opened."""

    def __init__(self, canary):
        self.canary = canary

    def __reduce__(self):
        return os.mkdir, (str(self.canary),)


def tar(files: dict[str, bytes], mode: str = "w:gz") -> bytes:
    """An archive of files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    """An archive of files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def with_checksums(png: bytes) -> bytes:
    """A damaged PNG whose chunks pass as sound, so that the damage reaches what reads them."""
    out, at = png[:8], 8
    while at + 12 <= len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        body = png[at + 4 : at + 8 + size]
        out += png[at : at + 4] + body + struct.pack(">I", zlib.crc32(body))
        at += 12 + size
    return out + png[at:]
