"""Fixtures of the lab's tests: a tiny data set of the user's kind and a small experiment on it, in folders of
their own."""

import http.server
import os
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
from helpers import EXPERIMENT, write_experiment
from PIL import Image

os.environ.setdefault("LT_WORKERS", "1")  # tests that want more say so
ROOT = Path(__file__).resolve().parents[1]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
CLASSES = ("disc", "bars", "frame", "cross")


def draw(kind: str, rng: np.random.Generator) -> np.ndarray:
    """One 32x32 RGB image of a shape in noise."""
    x, y = np.meshgrid(np.arange(32) - rng.integers(10, 22), np.arange(32) - rng.integers(10, 22))
    shape = {
        "disc": x**2 + y**2 < 60,
        "bars": (x // 3) % 2 == 0,
        "frame": np.maximum(abs(x), abs(y)) == 7,
        "cross": np.minimum(abs(x), abs(y)) < 2,
    }[kind]
    image = rng.integers(0, 90, (32, 32, 3)) + 120 * shape[..., None]
    return image.astype(np.uint8)


@pytest.fixture(scope="session")
def shapes_tree(tmp_path_factory):
    """A class-per-folder image tree: 4 classes, 40 training and 15 test images each."""
    root = tmp_path_factory.mktemp("shapes")
    rng = np.random.default_rng(0)
    for split, n in (("train", 40), ("test", 15)):
        for kind in CLASSES:
            folder = root / split / kind
            folder.mkdir(parents=True)
            for i in range(n):
                Image.fromarray(draw(kind, rng)).save(folder / f"{i:03d}.png")
    return root


@pytest.fixture(scope="session")
def lab_home(tmp_path_factory, shapes_tree):
    """A home with LT_DATA and LT_CACHE, and the data set `shapes` in it."""
    from lt_lib import data

    home = tmp_path_factory.mktemp("home")
    data.add("shapes", shapes_tree, root=home / "data")
    return home


@pytest.fixture
def lab_env(lab_home, monkeypatch, tmp_path):
    """Environment of one test: shared data and features, a store of its own."""
    monkeypatch.setenv("LT_DATA", str(lab_home / "data"))
    monkeypatch.setenv("LT_CACHE", str(lab_home / "cache"))
    monkeypatch.setenv("LT_STORE", str(tmp_path / "store"))
    return tmp_path / "store"


@pytest.fixture
def experiment_file(tmp_path):
    """Path of the small experiment; edit the dict before writing through `write_experiment`."""
    return write_experiment(tmp_path, EXPERIMENT)


@pytest.fixture
def change_a_number():
    """Change a bit of the largest tensor in a file of torch.save or safetensors: it can be read as before,
    and holds another number."""

    def change(path: Path) -> None:
        content = path.read_bytes()
        if path.suffix == ".safetensors":
            start = 8 + int.from_bytes(content[:8], "little")
        else:
            with zipfile.ZipFile(path) as archive:
                tensors = [info for info in archive.infolist() if "/data/" in info.filename]
                start = content.index(archive.read(max(tensors, key=lambda info: info.file_size)))
        path.write_bytes(content[:start] + bytes([content[start] ^ 1]) + content[start + 1 :])

    return change


# --- the smoke book in a browser


@pytest.fixture(scope="session")
def html() -> Path:
    """The smoke book, built unless it is up to date; in `make test` it is."""
    from lt_lib.lab.publish import book

    before = os.environ.get("LT_BOOK")
    os.environ["LT_BOOK"] = str(ROOT)
    try:
        return book.build(profile="smoke").parent
    finally:
        os.environ.pop("LT_BOOK") if before is None else os.environ.__setitem__("LT_BOOK", before)


@pytest.fixture(scope="session")
def site(html):
    """Its address on the loopback interface."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(html))

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="session")
def browser():
    from lt_lib.lab.publish.pdf import find_browser

    path = find_browser()
    if path is None:
        reason = "no chromium or google-chrome on this machine: pages not opened"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()
