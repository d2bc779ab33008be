"""Downloading an official archive, so that a broken transfer goes on where it stopped."""

import contextlib
import zipfile
from pathlib import Path

from lt_lib.data.add import add
from lt_lib.data.folder import file_sha256, locked, refusals
from lt_lib.data.registry import DataEntry, Download, how_to_get
from lt_lib.data.store import ImageSet, Root, describe, load, store_root
from lt_lib.errors import DataError

SECONDS = 30  # without a byte before a transfer counts as broken
ATTEMPTS = 3  # of one call, each going on where the last one stopped
_BLOCK = 1 << 18


def download(name: str, root: Root = None, progress: bool = True) -> ImageSet:
    """Fetch the official archive of a data set, check it, and put the data set into the store.

    The archive stays in ``<store>/.downloads``, for other data sets made from it; it may be deleted. A broken
    transfer leaves a .part file there, with which the next call goes on. Where no checksum is published, the
    file is checked by what it holds when the data set is added.

    Args:
        name: a registered name; an embedded set is made instead.
        root: another store than ``store_root()``.
        progress: show a bar.

    Returns:
        The stored data set.

    Raises:
        DataError: no archive is known, no network, the server refuses, the transfer breaks off, the file is
            not the official one, or the store cannot be written.
    """
    base = store_root(root)
    entry = describe(name, base)
    if entry.kind == "embedded":
        return load(name, base)
    if not isinstance(entry, DataEntry) or entry.archive is None:
        raise DataError(f"{name} has no official address to download it from. {how_to_get(entry)}")
    with locked(base, "downloads"):
        path = _fetch(base / ".downloads", entry, progress)
    try:
        return add(name, path, base, progress)
    except DataError as error:
        if entry.archive.sha256 is not None:
            raise
        raise DataError(
            f"{error} If the fault is in {path}, delete it and repeat `lt data download {name}`."
        ) from None


def _fetch(folder: Path, entry: DataEntry, progress: bool) -> Path:
    import http.client
    import urllib.error

    archive = entry.archive
    done, part = folder / archive.filename, folder / (archive.filename + ".part")
    with refusals(folder.parent, entry.name):
        folder.mkdir(exist_ok=True)
    if done.exists() and not _fault(done, archive):
        return done
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _transfer(part, entry, progress)
            break
        except urllib.error.HTTPError as error:
            raise DataError(
                f"{archive.url} answered {error.code} {error.reason}. {_otherwise(entry)}"
            ) from None
        except (http.client.HTTPException, OSError) as error:
            have = part.stat().st_size if part.exists() else 0
            reason = getattr(error, "reason", None) or error
            if attempt == ATTEMPTS:
                size = f" of {archive.bytes:,}" if archive.bytes else ""
                state = f"{have:,}{size} bytes are kept; run it again to go on" if have else "nothing came"
                raise DataError(
                    f"cannot fetch {archive.url}: {reason} ({state}). {_otherwise(entry)}"
                ) from None
    if fault := _fault(part, archive):
        part.unlink()
        raise DataError(
            f"what {archive.url} sent is not the official archive: {fault}. It was deleted. "
            f"{_otherwise(entry)}"
        )
    with refusals(folder.parent, entry.name):
        part.replace(done)
    return done


def _fault(path: Path, archive: Download) -> str:
    """What shows that a complete file is not the archive: its checksum or, where none is known, its form."""
    size = path.stat().st_size
    if archive.sha256 is None:
        return "" if zipfile.is_zipfile(path) else f"{size:,} bytes that are no .zip archive"
    found = file_sha256(path)
    if found == archive.sha256:
        return ""
    return f"{size:,} bytes with SHA-256 {found}, expected {archive.bytes:,} bytes with {archive.sha256}"


def _transfer(part: Path, entry: DataEntry, progress: bool) -> None:
    """Complete the .part file, from where it ends if the server can.

    Raises:
        DataError: the server offers a file of another size, or the disk refuses.
        OSError, http.client.HTTPException: the transfer broke off.
    """
    import urllib.error
    import urllib.request

    from tqdm import tqdm

    archive = entry.archive
    have = part.stat().st_size if part.exists() else 0
    if archive.bytes and have >= archive.bytes:  # complete, or no part of this file
        if have == archive.bytes:
            return
        part.unlink()
        have = 0
    request = urllib.request.Request(archive.url, headers={"User-Agent": "lt_lib"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    with contextlib.ExitStack() as stack:
        try:
            answer = stack.enter_context(urllib.request.urlopen(request, timeout=SECONDS))
        except urllib.error.HTTPError as error:
            if error.code != 416 or not have:
                raise
            if error.headers.get("Content-Range") == f"bytes */{have}":  # there is no more
                return
            part.unlink()
            raise ConnectionError("the server could not go on where the last transfer stopped") from None
        start = _start(answer, have)
        length = answer.headers.get("Content-Length")
        total = archive.bytes if length is None else start + int(length)
        if archive.bytes and total != archive.bytes:
            raise DataError(
                f"{archive.url} offers {total:,} bytes, the official archive has "
                f"{archive.bytes:,}. {_otherwise(entry)}"
            )
        with refusals(part.parent.parent, entry.name):
            file = stack.enter_context(open(part, "r+b" if start else "wb"))
            file.seek(start)
        bar = tqdm(
            total=total,
            initial=start,
            unit="B",
            unit_scale=True,
            desc=archive.filename,
            disable=not progress,
        )
        stack.enter_context(bar)
        while block := answer.read(_BLOCK):
            with refusals(part.parent.parent, entry.name):
                file.write(block)
                file.flush()
            bar.update(len(block))
        if total and file.tell() < total:
            raise ConnectionError(f"the transfer broke off after {file.tell():,} of {total:,} bytes")


def _start(answer, have: int) -> int:
    """Where in the file the answer begins: 0 if the server sent all of it, though asked for the rest."""
    if answer.status != 206:
        return 0
    words = answer.headers.get("Content-Range", "").replace("-", " ").split()
    if len(words) < 2 or words[1] != str(have):
        raise ConnectionError(
            f"the server sent another part than was asked for ({' '.join(words) or 'unnamed'})"
        )
    return have


def _otherwise(entry: DataEntry) -> str:
    return (
        f"With a copy of {entry.archive.filename} from elsewhere, run `lt data add {entry.name} --from FILE`."
    )
