"""Data sets as folders: uint8 .npy arrays, or one folder of images a class."""

import contextlib
import json
import re
import unicodedata
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from lt_lib.data.arrays import Arrays
from lt_lib.data.check import check_arrays
from lt_lib.errors import DataError

JPEG = {".jfif", ".jif", ".jpe", ".jpeg", ".jpg"}  # one format under several names
SUFFIXES = JPEG | {".bmp", ".gif", ".png", ".ppm", ".tif", ".tiff", ".webp"}
# what is read under these names; of Pillow's other formats one starts Ghostscript and some are cut to 8 bits
FORMATS = ("AVIF", "BMP", "DIB", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
SPLITS = ("train", "test")
GROUND = (255, 255, 255)  # white: what transparent pixels are laid on
PLACES = 5  # files that a note names
# what is noted of an image that is kept, or of a file that is left out
_EXIF = "with EXIF data of an odd type, which were ignored"
_ALPHA = "with transparent pixels, which were laid on white"
_FRAMES = "of several frames, of which the first was taken"
_WARNED = "of which Pillow warns, but which could be read"
_BROKEN = "left out, unreadable"
_EXTRA = ("train_from_jpeg", "test_from_jpeg")


def read_npy(path: Path, classes: tuple[str, ...] | None, names_of_splits: Iterable[str] = SPLITS) -> Arrays:
    """Read x_train.npy, y_train.npy, x_test.npy, y_test.npy and, if there, names.json and *_from_jpeg.npy.

    Args:
        path: the folder.
        classes: the names that names.json must hold; None takes what it holds, or 0, 1, 2, ... without it.
        names_of_splits: other splits than train and test.

    Returns:
        Arrays: images (N, H, W, C) uint8, mapped from disk, and labels (N,) int64.

    Raises:
        DataError: a file is missing, cut short, or of a wrong type or shape; channels come first; images of
            train and test differ in shape; a label has no name, or most labels up to the highest no image.
    """
    splits, highest = {}, 0
    for split in names_of_splits:
        images, labels = read_array(path / f"x_{split}.npy"), read_array(path / f"y_{split}.npy")
        check_arrays(images, labels, f"{split} split of {path}")
        if classes is None:
            _check_channels_last(images.shape, path / f"x_{split}.npy")
        highest = max(highest, int(labels.max()))
        splits[split] = images, labels.astype(np.int64)
    shapes = {split: "x".join(map(str, images.shape[1:])) for split, (images, _) in splits.items()}
    if classes is None and len(set(shapes.values())) > 1:
        raise DataError(
            f"the images in {path} differ: {' and '.join(f'{s} of {split}' for split, s in shapes.items())}. "
            "Bring both to one height, width and number of channels, and save them again."
        )
    found = _names(path / "names.json")
    if classes is not None and found not in (None, classes):
        differ = next((a, b) for a, b in zip([*found, None], [*classes, None], strict=False) if a != b)
        raise DataError(
            f"{path / 'names.json'} names other classes: {differ[0]!r} where {differ[1]!r} was expected."
        )
    notes = []
    if names := classes or found:
        if highest >= len(names):
            raise DataError(
                f"the labels in {path} go up to {highest}, but there are names for {len(names)} classes."
            )
    else:
        used = np.unique(np.concatenate([labels for _, labels in splits.values()]))
        if 2 * len(used) < highest + 1:
            raise DataError(
                f"the labels in {path} go up to {highest}, but only {len(used)} of the numbers from 0 to "
                f"{highest} have an image: they look like codes. Number the classes 0, 1, 2, ..., e.g. with "
                "`codes, y = np.unique(y, return_inverse=True)` over train and test together, or name all in "
                "names.json."
            )
        names = tuple(map(str, range(highest + 1)))
        if empty := sorted(set(names) - set(map(str, used)), key=int):
            few = ", ".join(empty[:PLACES]) + (", ..." if len(empty) > PLACES else "")
            notes = [f"{len(empty):,} of {len(names):,} classes without an image: {few}."]
    extra = {name: _numbers(path / f"{name}.npy") for name in _EXTRA if (path / f"{name}.npy").exists()}
    return Arrays(classes=names, splits=splits, extra=extra | ({"notes": notes} if notes else {}))


def read_images(path: Path, size: int, progress: bool) -> Arrays:
    """Read train/CLASS/* and test/CLASS/*; classes in alphabetical order, files in the order of their names.

    Each image is turned upright (EXIF), laid on white where it is transparent, converted to RGB, cut to its
    central square, and resized to `size` x `size` pixels with Pillow's Lanczos filter. Images of that size
    already keep their pixels. Names of classes are in Unicode's composed form (NFC), whatever form the folder
    has. What is left out, and what of an image is not taken as it stands, is counted in ``extra["notes"]``.

    Args:
        path: the folder that holds train and test.
        size: side of the stored images, pixels.
        progress: show a bar.

    Returns:
        Arrays: images (N, size, size, 3) uint8 and labels (N,) int64; ``extra["notes"]``: sentences, if there
        is anything to say.

    Raises:
        DataError: fewer than two classes, a class without a readable image in a split, or an image of more
            than 8 bits a channel.
    """
    from tqdm import tqdm

    if not isinstance(size, int) or not 8 <= size <= 512:
        raise DataError(
            f"images cannot be resized to {size!r}: the side must be a whole number of pixels, 8 to 512."
        )
    left_out = Counter()
    for other in _entries(path):
        if other.name not in SPLITS:
            left_out[f"folder {shown(other.name)}" if other.is_dir() else _kind(other)] += 1
    folders = _class_folders(path, left_out)
    classes = tuple(sorted(folders["train"]))
    files = {split: [_images_in(folders[split][name], left_out) for name in classes] for split in SPLITS}
    total = sum(len(group) for groups in files.values() for group in groups)
    splits, noted = {}, defaultdict(list)
    with tqdm(total=total, desc=f"reading {path.name}", unit="image", disable=not progress) as bar:
        for split, groups in files.items():
            images, labels = np.empty((sum(map(len, groups)), size, size, 3), np.uint8), []
            for label, group in enumerate(groups):
                for file in group:
                    try:
                        images[len(labels)], remarks = read_image(file, size)
                    except DataError:
                        raise
                    except Exception as error:  # a decoder of a damaged file raises whatever comes
                        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
                        noted[_BROKEN].append(f"{shown(file.relative_to(path))} ({reason})")
                    else:
                        labels.append(label)
                        for remark in remarks:
                            noted[remark].append(shown(file.relative_to(path)))
                    bar.update()
                if label not in labels[-1:]:
                    raise DataError(
                        f"{shown(group[0].parent)} holds no image that can be read: {noted[_BROKEN][-1]}. "
                        "Replace its images, or remove the class."
                    )
            splits[split] = images[: len(labels)], np.array(labels, np.int64)
    notes = [_note(remark, places) for remark, places in noted.items()]
    if left_out:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in left_out.most_common())
        notes.append(f"Left out, for it is none of {', '.join(sorted(SUFFIXES))} in a class: {kinds}.")
    return Arrays(classes=classes, splits=splits, extra={"notes": notes} if notes else {})


def read_array(path: Path) -> np.ndarray:
    """An array of a .npy file, mapped from disk; no pickle is opened.

    Raises:
        DataError: the file is missing, damaged, or holds something else.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a damaged header, an error follows
            array = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise DataError(
            f"{path} is missing; a folder of arrays holds x_ and y_ of every split, as .npy."
        ) from None
    except Exception as error:  # a damaged header raises whatever comes
        raise DataError(
            f"{path} cannot be read; it is cut short or no array file: {error}. Write it again."
        ) from None
    if not isinstance(array, np.ndarray):
        with array:
            held = ", ".join(array.files[:5]) or "nothing"
        raise DataError(
            f"{path} is an .npz archive (of {held}) under the name of an .npy file. Save each array by "
            f"itself: `np.save({path.name!r}, array)`."
        )
    return array


def shown(path: Path | str) -> str:
    """A path as text that can be printed everywhere, undecodable bytes escaped."""
    return str(path).encode("utf-8", "backslashreplace").decode()


def _note(remark: str, places: list[str]) -> str:
    more = ", ..." if len(places) > PLACES else ""
    images = "image" if len(places) == 1 else "images"
    return f"{len(places):,} {images} {remark}: {', '.join(places[:PLACES])}{more}."


def _check_channels_last(shape: tuple[int, ...], path: Path) -> None:
    """Refuse (N, C, H, W). Fewer rows than columns and than channels are no image; a single row may be a
    spectrum or a series, unless it has as many columns as channels."""
    height, width, channels = shape[1:]
    if height < min(width, channels) and (height > 1 or width == channels):
        raise DataError(
            f"{path} has shape {shape}, which would be images of {height} x {width} pixels in {channels} "
            "channels: the channels seem to come first. They come last here: save `np.moveaxis(x, 1, -1)`."
        )


def _numbers(path: Path) -> list[int]:
    array = read_array(path)
    if array.ndim != 1 or array.dtype.kind not in "iub":
        raise DataError(
            f"{path} holds {array.dtype} of shape {array.shape}, expected a list of whole numbers."
        )
    return array.tolist()


def _names(path: Path) -> tuple[str, ...] | None:
    if not path.exists():
        return None
    try:
        names = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValueError("expected a list of class names")
        if any(shown(name) != name for name in names):
            raise ValueError("a name holds half a character (a lone surrogate)")
        if len(set(names)) < len(names) or not all(map(str.strip, names)):
            raise ValueError("a name is empty, or stands for two classes")
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} cannot be read: {error}.") from None
    return tuple(names)


def _class_folders(path: Path, left_out: Counter) -> dict[str, dict[str, list[Path]]]:
    """Of each split the folders of each class, by the composed form (NFC) of their names: two forms of a name
    look alike and are one class."""
    found = {split: defaultdict(list) for split in SPLITS}
    for split, classes in found.items():
        for entry in _entries(path / split):
            if _visible(entry) and entry.is_dir():
                classes[shown(unicodedata.normalize("NFC", entry.name))].append(entry)
            else:
                left_out[_kind(entry)] += 1
    odd = sorted(set(found["train"]) ^ set(found["test"]))
    if odd:
        lacking = "test" if odd[0] in found["train"] else "train"
        raise DataError(
            f"{shown(path / lacking / odd[0])} is missing: every class needs a folder in train and in test."
        )
    if len(found["train"]) < 2:
        raise DataError(f"{path / 'train'} holds {len(found['train'])} class folders, expected at least 2.")
    return found


def _images_in(folders: list[Path], left_out: Counter) -> list[Path]:
    files, others = [], Counter()
    for entry in (entry for folder in folders for entry in _entries(folder)):
        if _visible(entry) and entry.suffix.lower() in SUFFIXES and not entry.is_dir():
            files.append(entry)
        else:
            others[_kind(entry)] += 1
    if not files:
        there = f" but {', '.join(f'{count:,} {kind}' for kind, count in others.items())}" if others else ""
        raise DataError(
            f"{shown(folders[0])} holds no image (of {', '.join(sorted(SUFFIXES))}){there}; remove the class "
            "or add some."
        )
    left_out += others
    return files


def _entries(folder: Path) -> list[Path]:
    """What a folder holds, in the order of the names, the same in both Unicode forms."""
    return sorted(folder.iterdir(), key=lambda p: (unicodedata.normalize("NFC", p.name), p.name))


def _visible(path: Path) -> bool:
    return not path.name.startswith(".")


def _kind(path: Path) -> str:
    """What sort of thing is left out."""
    if not _visible(path):
        return "hidden"
    if path.is_dir():
        return "folder within a class"
    return shown(path.suffix.lower()) or "without a suffix"


def read_image(path: Path, size: int) -> tuple[np.ndarray, list[str]]:
    """(size, size, 3) uint8, and what is to be noted.

    Raises:
        DataError: more than 8 bits a channel.
        Exception: of any kind, as the decoder likes, where the file is damaged or none.
    """
    from PIL import Image, ImageOps

    if not path.is_file():  # a pipe, which would be waited for, or a link to nothing
        raise OSError("no regular file")
    remarks = []
    with (
        warnings.catch_warnings(record=True, action="always") as heard,
        Image.open(path, formats=FORMATS) as opened,
    ):
        if opened.mode[0] in "IF" or _is_deep(opened) or _is_deep_within(opened.format, path):
            raise DataError(
                f"{shown(path)} cannot be used: {opened.mode} pixels have more than 8 bits a channel. Scale "
                "it to 8 bits first, by a rule of your own (a scientific image has no natural one)."
            )
        opened.load()
        image = _flat(_upright(opened, remarks.append), remarks.append)
        with contextlib.suppress(Exception):  # a later frame may be damaged: it is not needed
            if getattr(opened, "is_animated", False):
                remarks.append(_FRAMES)
    if heard:
        remarks.append(_WARNED)
    if image.size != (size, size):
        image = ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS)
    return np.asarray(image), remarks


def _is_deep(image) -> bool:
    """Whether the file holds more than 8 bits a channel, which Pillow cuts to 8 in silence."""
    bits = getattr(image, "tag_v2", {}).get(258, ())  # BitsPerSample of a TIFF
    found = [n > 8 for n in (bits if isinstance(bits, tuple) else (bits,)) if isinstance(n, int)]
    for codec, *_, args in image.tile:
        for value in args if isinstance(args, Iterable) and not isinstance(args, str) else (args,):
            if isinstance(value, str):
                found.append(";16" in value)  # as in RGB;16B, the form of the pixels in the file
            elif codec.startswith("ppm") and isinstance(value, int):
                found.append(value > 255)  # the largest value
    return any(found)


def _is_deep_within(kind: str, path: Path) -> bool:
    """The same of the formats whose depth Pillow does not tell, by the header of the coded image."""
    if kind == "AVIF":  # the flag high_bitdepth of an AV1CodecConfigurationRecord, one for each coded image
        return any(flags[1] & 0x40 for flags in re.findall(rb"av1C\x81(..)", path.read_bytes(), re.DOTALL))
    if kind == "JPEG2000":  # the marker SIZ, with three bytes a component, of which the first is depth - 1
        size = re.search(rb"\xff\x4f\xff\x51.{36}(..)", content := path.read_bytes(), re.DOTALL)
        if size is None:
            return False
        depths = content[size.end() :: 3][: int.from_bytes(size[1])]
        return any((depth & 0x7F) + 1 > 8 for depth in depths)
    return False


def _upright(image, note: Callable[[str], None]):
    """The image turned as its EXIF data say. Of these the orientation alone is used: whatever is wrong with
    them, the pixels are sound."""
    from PIL import ExifTags, Image

    turn, turns = (
        1,
        (
            *(None, None, Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.ROTATE_180),
            *(Image.Transpose.FLIP_TOP_BOTTOM, Image.Transpose.TRANSPOSE, Image.Transpose.ROTATE_270),
            *(Image.Transpose.TRANSVERSE, Image.Transpose.ROTATE_90),
        ),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # noted here
        try:
            exif = image.getexif()
            turn = exif.get(ExifTags.Base.Orientation, 1)
            if not isinstance(turn, int) or turn not in range(len(turns)):
                turn = 1
                raise ValueError("orientation")
            if "exif" in image.info:
                exif.tobytes()  # fails where a tag has a type that is not its own
        except Exception:
            note(_EXIF)
    return image if turns[turn] is None else image.transpose(turns[turn])


def _flat(image, note: Callable[[str], None]):
    """RGB; what shows through transparent pixels is white, not the colour hidden in them."""
    from PIL import Image

    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    if layer.getextrema()[3][0] == 255:
        return layer.convert("RGB")
    note(_ALPHA)
    return Image.alpha_composite(Image.new("RGBA", layer.size, GROUND), layer).convert("RGB")
