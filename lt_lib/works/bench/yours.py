"""A reader's own images, for the chapter about them: folders made from data sets, the comparison of the
remedies on them, and what is kept of one."""

import html
import json
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import rasterio
import torch
from rasterio.windows import Window

from lt_lib import data as datasets
from lt_lib.data import landsat
from lt_lib.data.store import store_root
from lt_lib.errors import LabError
from lt_lib.lab.bench import compare as bench
from lt_lib.lab.bench.features import features
from lt_lib.lab.bench.judge import AIMS
from lt_lib.lab.bench.reading import BY_FOLDER, read_own, split
from lt_lib.lab.bench.remedies import PLAIN, fit
from lt_lib.lab.read.estimates import estimate
from lt_lib.lab.read.report import Table
from lt_lib.lab.record.digests import code_digest
from lt_lib.lab.record.files import atomic_write
from lt_lib.lab.record.paths import project_root
from lt_lib.lab.train.run import environment
from lt_lib.metrics import classification_report
from lt_lib.sampling import longtail_counts, longtail_indices

SIZES = {
    "smoke": (24, 12),
    "laptop": (400, 20),
    "overnight": (180, 18),
    "paper": (180, 18),
}  # largest, smallest
TINY, REAL = "test_efficientnet", "tf_efficientnet_lite0"
SEEDS = {"smoke": 2, "laptop": 2, "overnight": 5, "paper": 5}
KEPT = Path("book/compared")
_PLACES: list[tempfile.TemporaryDirectory] = []
_SIDE, _EACH = 9, 20  # pixels of a tile of a scene, and tiles of a polygon


@dataclass(frozen=True)
class Compared:
    """What `lt compare` found: its JSON, and where it wrote (None for one that is kept)."""

    found: dict
    folder: Path | None
    name: str
    real: bool

    @property
    def said(self) -> str:
        """The recommendation."""
        return self.found["words"]

    @property
    def badge(self) -> str:
        """What stands behind the numbers."""
        f, made = self.found, self.found["environment"]
        return (
            f"{self.name}{'' if self.real else ' (stand-in)'}, {f['images']['training']:,} training and "
            f"{f['images']['test']:,} test images, features of {f['networks'][0]}, n = {f['seeds']} seeds, "
            f"{made['device']}, {made['date']}"
        )


def folder_of(options: dict) -> tuple[Path, str]:
    """A folder of images in a temporary place, and what they are: lesions of ISIC 2017, or handwritten digits
    with a tail and with what folders of real life hold besides."""
    root = _place()
    if options["data"] == "real":
        return _lesions(root / "lesions"), "ISIC 2017 lesions"
    return _digits(root / "digits", *SIZES[options["profile"]]), "handwritten digits"


def _place() -> Path:
    """A folder that goes when the process ends."""
    _PLACES.append(tempfile.TemporaryDirectory(prefix="lt-own-", ignore_cleanup_errors=True))
    return Path(_PLACES[-1].name)


def _lesions(root: Path) -> Path:
    dataset = datasets.load("isic2017")
    for part in ("train", "test"):
        _write(root / part, dataset.images(part), dataset.labels(part), dataset.classes)
    return root


def _digits(root: Path, largest: int, smallest: int) -> Path:
    dataset = datasets.load("digits10")
    labels = np.asarray(dataset.labels("train"))
    counts = np.minimum(longtail_counts(largest, 10, smallest / largest), np.bincount(labels))
    own = longtail_indices(labels, counts.tolist(), seed=0).numpy()
    _write(root, dataset.images("train")[own], labels[own], dataset.classes)
    first = min(path for path in root.iterdir() if path.is_dir())
    one = min(first.glob("*.png"))
    (first / "copy.png").write_bytes(one.read_bytes())
    (first / "cut-short.png").write_bytes(one.read_bytes()[:60])
    (first / "notes.txt").write_text("scanned in March")
    return root


def _write(root: Path, images, labels, classes) -> None:
    from PIL import Image

    for i, (pixels, label) in enumerate(zip(images, np.asarray(labels).tolist(), strict=True)):
        place = root / str(classes[label]).replace("/", "-")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.asarray(pixels)).save(place / f"{i:05d}.png")


def tiles(options: dict) -> tuple[Path, str]:
    """A folder of small rasters around labelled pixels of a scene, a folder a class, in it a folder a
    polygon, with the six reflective bands; and what they are: tiles of Landsat-7, or of a simulated scene.

    Raises:
        LabError: data is "real" and the scene is not in the store.
    """
    root = _place()
    if options["data"] == "real":
        example = landsat.find_scene()
        if example is None:
            raise LabError(
                f"data is 'real', but {store_root() / 'geo' / 'landsat7'} does not hold the Landsat-7 "
                f"example. Run `python prepare.py --out {store_root()} geo` beside the packed data, or use "
                "data='embedded'."
            )
    else:
        (root / "scene").mkdir()
        example = landsat.make_scene(root / "scene")
    _cut(example, root / "tiles")
    return root / "tiles", example.name


def _cut(example: landsat.Example, root: Path) -> None:
    half = _SIDE // 2
    with landsat.Scene(example.scene) as scene:
        labels = landsat.read_labels(example.labels, scene)
    inner = np.zeros(labels.shape, bool)
    inner[half:-half, half:-half] = True
    polygon = landsat.polygons(labels)
    with rasterio.open(example.scene) as file:
        for number in range(1, int(polygon.max()) + 1):
            rows, columns = np.nonzero((polygon == number) & inner)
            for k in np.unique(np.linspace(0, len(rows) - 1, _EACH).astype(int)) if len(rows) else ():
                name = example.classes[labels[rows[k], columns[k]] - 1]
                window = Window(columns[k] - half, rows[k] - half, _SIDE, _SIDE)
                _write_raster(
                    root / name / f"polygon-{number}" / f"{k}.tif", file.read(range(1, 7), window=window)
                )


def _write_raster(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    grid = dict(zip(("count", "height", "width"), pixels.shape, strict=True))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(path, "w", driver="GTiff", dtype=pixels.dtype, **grid) as file:
            file.write(pixels)


def ask(images: Path, options: dict, name: str, aim: str = "balanced", groups: str | None = None) -> Compared:
    """`lt compare` of a folder, beside it.

    Args:
        options: profile, data and seeds of the chapter.
        name: what the images are.
    """
    real, profile = options["data"] == "real", options["profile"]
    out = images.parent / f"{images.name}-compared"
    seeds = options.get("seeds") or SEEDS[profile]
    if not isinstance(seeds, int):
        seeds = len(seeds)
    bench.compare(images, aim, [_network(options)], max(2, seeds), out, groups)
    return Compared(json.loads((out / bench.JSON).read_text(encoding="utf-8")), out, name, real)


def _network(options: dict) -> str:
    return REAL if options["data"] == "real" or options["profile"] in ("overnight", "paper") else TINY


def kept(key: str) -> dict:
    """What is kept of a comparison on real images: `lesions` or `tiles`.

    Raises:
        LabError: there is none of this name.
    """
    path = project_root() / KEPT / f"{key}.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LabError(f"{path}: {error.strerror}") from None


def lesions() -> Compared:
    """The kept comparison on lesions."""
    found = kept("lesions")
    return Compared(found, None, found["of"], True)


def keep_real(folder: Path | None = None) -> None:
    """Make anew what is kept, of the real data sets in the store: half an hour on two cores."""
    options = {"profile": "overnight", "data": "real", "seeds": None}
    place = folder or project_root() / KEPT
    images, name = folder_of(options)
    found = ask(images, options, name).found | {"of": name}
    atomic_write(place / "lesions.json", (json.dumps(found, indent=1, ensure_ascii=False) + "\n").encode())
    scene, name = tiles(options)
    found = leak(scene, options) | {"of": name, "environment": environment()}
    found["digests"] = {"code": code_digest(*bench.CODE)}
    atomic_write(place / "tiles.json", (json.dumps(found, indent=1, ensure_ascii=False) + "\n").encode())


def table(compared: Compared) -> Table:
    """Remedies by their score for the aim, with the difference from plain cross-entropy."""
    found, aim = compared.found, compared.found["aim"]
    scores = {key: remedy["scores"][aim] for key, remedy in found["remedies"].items()}
    rows = []
    for key in sorted(scores, key=lambda key: (key != PLAIN, -scores[key]["gain"])):
        s, remedy = scores[key], found["remedies"][key]
        gain = f"{s['gain']:+.3f} [{s['gain_low']:+.3f}, {s['gain_high']:+.3f}]"
        rows.append(
            {
                "remedy": html.escape(remedy["title"]),
                AIMS[aim]: f"{s['mean']:.3f} [{s['low']:.3f}, {s['high']:.3f}]",
                "difference": "" if key == PLAIN else f"<b>{gain}</b>" if s["clear"] else gain,
                "ECE": f"{remedy['ece']:.3f}",
            }
        )
    frame = pd.DataFrame(
        {"remedy": [found["remedies"][k]["title"] for k in scores], **_columns(scores)}
    ).set_index("remedy")
    return Table(frame, rows, compared.badge)


def _columns(scores: dict[str, dict]) -> dict[str, list]:
    return {
        name: [s[name] for s in scores.values()]
        for name in ("mean", "gain", "gain_low", "gain_high", "clear")
    }


def told(compared: Compared) -> list[str]:
    """Which remedies are surely better than plain cross-entropy, for each aim, in words."""
    remedies, said = compared.found["remedies"], []
    for aim, name in AIMS.items():
        scores = {key: r["scores"][aim] for key, r in remedies.items() if key != PLAIN}
        clear = [remedies[key]["title"] for key, s in scores.items() if s["clear"]]
        which = f"{'; '.join(clear)}: surely better" if clear else "no remedy is surely better"
        said.append(f"By {name}, {which} than plain cross-entropy ({compared.name}).")
    return said


def alike_in_words(compared: Compared) -> str:
    """How many test images are nearly training images."""
    found, tested = compared.found["alike"], compared.found["images"]["test"]
    if not found:
        return f"No test image is nearly a training image ({compared.name})."
    first = found[0]
    these = "is nearly a training image" if len(found) == 1 else "are nearly training images"
    return (
        f"{len(found)} of {tested:,} test images {these} ({compared.name}); most alike are {first['test']} "
        f"and {first['training']}, with a cosine of {first['cosine']:.2f}."
    )


def leak(images: Path, options: dict) -> dict[str, list[float]]:
    """Balanced accuracy of plain cross-entropy on tiles, a number a split: splits that part polygons, and
    splits that do not."""
    own, x = features(read_own(images, groups=BY_FOLDER), _network(options))
    found: dict[str, list[float]] = {"parted": [], "whole": []}
    for seed in range({"smoke": 2, "laptop": 3}.get(options["profile"], 5)):
        for kind, groups in (("parted", None), ("whole", own.groups)):
            test = split(own.labels, groups, seed=seed)
            held = split(own.labels[~test], seed=seed)
            train, y = torch.from_numpy(~test), torch.from_numpy(own.labels)
            z = (x - x[train].mean(0)) / x[train].std(0, correction=0).clamp_min(1e-6)
            heads = fit(
                z[train], y[train], len(own.classes), torch.from_numpy(held), keys=(PLAIN,), seeds=(seed,)
            )[PLAIN]
            report = classification_report(heads.logits(z[~train])[0], y[~train], scores="logits")
            found[kind].append(report["balanced_accuracy"])
    return found


def leak_in_words(found: dict[str, list[float]], name: str) -> str:
    """What plain cross-entropy seems to know more where polygons are parted."""
    parted, whole = (estimate(found[kind]) for kind in ("parted", "whole"))
    gap = estimate([a - b for a, b in zip(found["parted"], found["whole"], strict=True)])
    return (
        f"Balanced accuracy {parted.said()} where the tiles of a polygon lie on both sides, {whole.said()} "
        f"where polygons stay whole: {gap.said(sign=True)} by the split alone ({name}, n = "
        f"{len(found['whole'])} splits)."
    )
