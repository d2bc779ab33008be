"""Damaged files for the readers: seeded mutators, and what a reader may do with them.

Each reader's tests hold one that tries some tens of files; LT_FUZZ=5000 tries that many of each."""

import contextlib
import io
import os
import random
import signal
import tarfile
import zipfile

from lt_lib.errors import LtError

SECONDS = 20  # that reading one small file may take
EXTREMES = (0, 1, 0x7F, 0x80, 0xFF)
NUMBERS = (
    b"\0\0\0\0",
    b"\xff\xff\xff\xff",
    b"\xff\xff\xff\x7f",
    b"\x7f\xff\xff\xff",
    b"\0\0\0\x80",
    b"\1\0\0\0",
)


class Hang(BaseException):
    """Not an Exception: no reader may take it for a damaged file."""


class Chance(random.Random):
    """A source of chance that knows its seed."""

    def __init__(self, number: int):
        super().__init__(number)
        self.number = number


def cases(usual: int):
    """As many sources of chance as there are cases."""
    return map(Chance, range(int(os.environ.get("LT_FUZZ") or usual)))


def damaged(content: bytes, rng: Chance, head: int = 512) -> bytes:
    """Bytes with one to four changes, half of them among the first `head`: bits flipped, bytes or whole
    numbers replaced, pieces lost, doubled, zeroed or new, the end cut off."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        if not data:
            return b""
        at = rng.randrange(min(head, len(data)) if rng.random() < 0.5 else len(data))
        size = rng.choice((1, 2, 4, 16, 256))
        match rng.randrange(8):
            case 0:
                data[at] ^= 1 << rng.randrange(8)
            case 1:
                data[at] = rng.choice(EXTREMES)
            case 2:
                data[at : at + 4] = rng.choice(NUMBERS)
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
    return bytes(data)


@contextlib.contextmanager
def within(seconds: float):
    """Raise Hang in what takes longer."""

    def ring(*_):
        raise Hang(f"no end after {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def read_or_refused(rng: Chance, read, *args, refusal=LtError):
    """What `read` returns, or None where it raises one clear error, of the library unless another is given.

    Raises:
        AssertionError: any other error, an empty message, or no end; names the seed.
    """
    try:
        with within(SECONDS):
            return read(*args)
    except refusal as error:
        assert str(error).strip() and "\n" not in str(error), f"seed {rng.number}: {error!r}"
        return None
    except (Exception, Hang) as error:
        raise AssertionError(f"seed {rng.number}: {type(error).__name__}: {error}") from error


class Bomb:
    """Pickled, it writes a file when it is opened."""

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
