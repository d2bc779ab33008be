"""What this project knows of each data set and weights file: shapes, licences, addresses, digests.

Digests are of the content of the arrays (:func:`lt_lib.data.arrays.content_digest`), so they hold however a
copy was packed. The checksums of the CIFAR archives are those in the loaders of torchvision (MD5) and Keras
(SHA-256).
"""

from dataclasses import dataclass, field

CIFAR_TERMS = "none stated by its authors; for research, cite Krizhevsky (2009)"
KRIZHEVSKY = (
    "A. Krizhevsky (2009), Learning Multiple Layers of Features from Tiny Images, University of Toronto"
)
ALPAYDIN = "E. Alpaydin, C. Kaynak (1998), Optical Recognition of Handwritten Digits, https://doi.org/10.24432/C50P49"
HOBBS = (
    "A. Hobbs, S. Svetlichnaya (2020), Satellite-based Prediction of Forage Conditions for Livestock in Northern Kenya, "
    "https://arxiv.org/abs/2004.04081"
)
SANDLER = "M. Sandler et al. (2018), MobileNetV2: Inverted Residuals and Linear Bottlenecks, CVPR"


@dataclass(frozen=True, kw_only=True)
class Download:
    """A file at an official address.

    Attributes:
        url: its address.
        bytes, sha256: its size and checksum; None where none is published, so that only the content can be
    checked."""

    url: str
    bytes: int | None = None
    sha256: str | None = None

    @property
    def filename(self) -> str:
        return self.url.rsplit("/", 1)[1]


@dataclass(frozen=True, kw_only=True)
class Archive(Download):
    """An official archive of pickled batches, of known size and checksum.

    Attributes:
        md5: its other checksum.
        members: file name -> MD5 of the members that hold data.
        train, test: the members of each split, in order.
        meta, names_key: the member that holds the class names, and its key for them.
        labels_key: the key of the labels in a batch.
        classes: all class names, in the order of the labels.
    """

    md5: str
    members: dict[str, str]
    train: tuple[str, ...]
    test: tuple[str, ...]
    meta: str
    names_key: str
    labels_key: str
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Pin:
    """A copy that is accepted.

    Attributes:
        digest: of images and labels in order.
        variant: what sets this copy apart; empty for the plain one.
        bags: split -> digest of its (image, label) pairs whatever their order.
        pixels: split -> digest of its images alone whatever their order.
    """

    digest: str
    variant: str = ""
    bags: dict[str, str] = field(default_factory=dict)
    pixels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DataEntry:
    """A data set.

    Attributes:
        name: as in ``load(name)`` and ``lt data add NAME``.
        kind: "embedded" (made by the code, offline), "real" (public, verified on disk) or "user" (one's own).
        shape: (H, W, C) of an image, uint8.
        classes: K names; label k means ``classes[k]``.
        splits: split name -> number of images.
        licence, source: terms; address or origin.
        note: one line on what it is.
        pins: the copies that are accepted.
        archive: the official archive, if there is one.
        class_counts: split -> number of images of each class, where that is known and not the same for all.
        keep_every: labels 0, keep_every, 2 keep_every, ... of the archive are kept and renamed 0, 1, 2, ...
        cite: the work to cite.
    """

    name: str
    kind: str
    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    splits: dict[str, int]
    licence: str
    source: str
    note: str
    pins: tuple[Pin, ...] = ()
    archive: Download | None = None
    keep_every: int = 1
    cite: str = ""
    class_counts: dict[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def digests(self) -> dict[str, str]:
        """Accepted content digests, and the variant that each stands for."""
        return {pin.digest: pin.variant for pin in self.pins}


@dataclass(frozen=True)
class WeightsEntry:
    """A file of pretrained weights.

    Attributes:
        timm_name, create_kwargs: ``timm.create_model(timm_name, **create_kwargs)`` takes the file, strictly.
        mean, std: of each input channel, after division by 255.
        filename, bytes, sha256: of the file.
        licence, source, note, cite: as in :class:`DataEntry`.
    """

    name: str
    filename: str
    bytes: int
    sha256: str
    timm_name: str
    create_kwargs: dict
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    licence: str
    source: str
    note: str
    cite: str = ""
    kind: str = "weights"

    @property
    def digests(self) -> dict[str, str]:
        return {"sha256:" + self.sha256: ""}


_CIFAR10_NAMES = "airplane automobile bird cat deer dog frog horse ship truck"
_CIFAR100_NAMES = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly
camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup
dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower
leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid
otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray
road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle
wardrobe whale willow_tree wolf woman worm
"""
CIFAR10_CLASSES = tuple(_CIFAR10_NAMES.split())
CIFAR100_CLASSES = tuple(_CIFAR100_NAMES.split())

CIFAR100_ARCHIVE = Archive(
    url="https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
    bytes=169_001_437,
    sha256="85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
    md5="eb9058c3a382ffc7106e4002c42a8d85",
    members={
        "train": "16019d7e3df5f24257cddd939b257f8d",
        "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
        "meta": "7973b15100ade9c7d40fb424638fde48",
    },
    train=("train",),
    test=("test",),
    meta="meta",
    names_key="fine_label_names",
    labels_key="fine_labels",
    classes=CIFAR100_CLASSES,
)
CIFAR10_ARCHIVE = Archive(
    url="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    bytes=170_498_071,
    sha256="6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    md5="c58f30108f718f92721af3b95e74349a",
    members={
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        "test_batch": "40351d587109b95175f43aff81a1287e",
        "batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
    },
    train=("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5"),
    test=("test_batch",),
    meta="batches.meta",
    names_key="label_names",
    labels_key="labels",
    classes=CIFAR10_CLASSES,
)

# 2.15 GB; neither its exact size nor a checksum is published.
DROUGHTWATCH_ZIP = Download(url="https://storage.googleapis.com/wandb_datasets/dw_train_86K_val_10K.zip")

# Content digests of the embedded sets, as `python -m lt_lib.data.sets.digits` prints them.
EMBEDDED_DIGESTS = {
    "digits8": "sha256:2bbbee8c924c957897709e520a9a640d6a99c2596bd27d37b80894d8829e1a91",
    "digits50": "sha256:5ca590638480a96dbd97bea314dcce444b3412030ad2c8cb23d2378589d8026a",
    "digits10": "sha256:7554de808b6fc3ebafc2ee7b3bba8091ab39aab93e0c0a73cd9d19b251f7a216",
    "digits50_source": "sha256:0c32a50619512888c10fdcbd16e6ef5d38cc578c6208ddcdef9a362ef9a36f3c",
}

# The same for the simulated tiles, by `python -m lt_lib.data.sets.droughtsim`.
DROUGHTSIM_DIGESTS = {
    "droughtsim_500": "sha256:e58e4e29608d42c2ac36dca25dfe6e70f0f2cbfadb05b0f919c5948eee582081",
    "droughtsim_2k": "sha256:f1067a9dab374f02cb1cea0724fe0ecdd15f3edbe9d9af412077cfb69e56c92e",
    "droughtsim_6k": "sha256:3d473e4c673363855235007a611de7f01049d9a3ace07167eefc56e6d4f7b4f7",
    "droughtsim_86k": "sha256:a61283bce438b5dce5a85d86a11b395015c2d8479e5f7443cf64f4cbaacf8267",
}


def _embedded(name: str, numbers: range, width: int, train: int, test: int, note: str) -> DataEntry:
    return DataEntry(
        name=name,
        kind="embedded",
        shape=(32, 32, 3),
        classes=tuple(f"{number:0{width}d}" for number in numbers),
        splits={"train": len(numbers) * train, "test": len(numbers) * test},
        licence="CC BY 4.0 (the source digits)",
        source="made by lt_lib.data.sets.digits from scikit-learn's load_digits",
        note=note,
        pins=(Pin(EMBEDDED_DIGESTS[name]),),
        cite=ALPAYDIN,
    )


def _droughtsim(name: str, train: int, test: int) -> DataEntry:
    return DataEntry(
        name=name,
        kind="embedded",
        shape=(65, 65, 11),
        classes=("0", "1", "2", "3+"),
        splits={"train": train, "test": test},
        licence="as the code: nothing in it was taken from real tiles but a few statistics",
        source="made by lt_lib.data.sets.droughtsim",
        note=f"simulated Landsat-8 tiles, {train:,} and {test:,}; stands in for droughtwatch",
        pins=(Pin(DROUGHTSIM_DIGESTS[name]),),
        cite=HOBBS,
    )


def _cifar(
    name: str, archive: Archive, note: str, pins: tuple[Pin, ...] = (), keep_every: int = 1
) -> DataEntry:
    return DataEntry(
        name=name,
        kind="real",
        shape=(32, 32, 3),
        classes=archive.classes[::keep_every],
        splits={"train": 50_000 // keep_every, "test": 10_000 // keep_every},
        licence=CIFAR_TERMS,
        source=archive.url,
        note=note,
        pins=pins,
        archive=archive,
        keep_every=keep_every,
        cite=KRIZHEVSKY,
    )


_EVEN50 = Pin(
    digest="sha256:ce50c3bac0f2aeba4cb598ce3ef29671af0ce6602df87d69223ffca91b7e17d2",
    bags={
        "train": "sha256:030494eb3b4e30a47166f7bba78f590a9dcb6205e933c07be902b4ecc6904de4",
        "test": "sha256:69bf1d8e0ea1b3a0a399f2511333fffbf10a82ee608bb5dc92f42339c96047ad",
    },
    pixels={
        "train": "sha256:62d27cb2f87c5a3b22a5c3d951dbfd81915f4af051b1d13a5b116680bdcc554d",
        "test": "sha256:0fd72a55f50f68b466393d13d69a3aa1879308285859e8d195e7afb2dbe87219",
    },
)
# The copy unpacked by prepare.py. The official archive has no digest here and goes by its checksums.
_CIFAR10_JPEG98 = Pin(
    digest="sha256:ce07e84109649517a973bd4fac01c566f9f93651486771cb77df95b1935ca337",
    variant="98 images known only as JPEG",
    bags={
        "train": "sha256:7ff6fa72cd680369b831e535ae74f36bf105debb585e47a6accef58d7e874e38",
        "test": "sha256:b76c403b70cdb20c80c0ef7b0303e8a26b4cfdb25623130577fe8aab7d16b30e",
    },
    pixels={
        "train": "sha256:4dfda7d429c51db86fdbf42a6db1ce6e5f95428d92b9b80dd70e7399757819a2",
        "test": "sha256:e29306b02c70717420e826f7c12b7310f0c8a2e74a070c3de1dd0f21734ddede",
    },
)

REGISTRY: dict[str, DataEntry] = {
    entry.name: entry
    for entry in (
        _embedded(
            "digits50", range(50), 2, 500, 100, "two-digit numbers 00 to 49; stands in for cifar100_even50"
        ),
        _embedded("digits10", range(10), 1, 500, 100, "single digits; stands in for cifar10"),
        _embedded(
            "digits50_source", range(50, 100), 2, 400, 40, "numbers 50 to 99, to pre-train for digits50"
        ),
        DataEntry(
            name="digits8",
            kind="embedded",
            shape=(8, 8, 1),
            classes=tuple("0123456789"),
            splits={"train": 1074, "test": 723},
            licence="CC BY 4.0",
            source="scikit-learn's load_digits",
            note="scikit-learn's handwritten digits as they are, most writers on one side of the split",
            pins=(Pin(EMBEDDED_DIGESTS["digits8"]),),
            cite=ALPAYDIN,
        ),
        _droughtsim("droughtsim_500", 500, 500),
        _droughtsim("droughtsim_2k", 2_000, 1_000),
        _droughtsim("droughtsim_6k", 6_000, 3_000),
        _droughtsim("droughtsim_86k", 86_317, 10_778),
        _cifar(
            "cifar100_even50",
            CIFAR100_ARCHIVE,
            "CIFAR-100's even fine labels 0, 2, ..., 98, renamed 0 to 49; order of test images reconstructed",
            pins=(_EVEN50,),
            keep_every=2,
        ),
        _cifar(
            "cifar100",
            CIFAR100_ARCHIVE,
            "CIFAR-100, all 100 fine labels; known by the official archive's checksums",
        ),
        _cifar("cifar10", CIFAR10_ARCHIVE, "CIFAR-10", pins=(_CIFAR10_JPEG98,)),
        DataEntry(
            name="droughtwatch",
            kind="real",
            shape=(65, 65, 11),
            classes=("0", "1", "2", "3+"),
            splits={"train": 86_317, "test": 10_778},
            licence="none stated by its authors; for research, cite Hobbs and Svetlichnaya (2020)",
            source=DROUGHTWATCH_ZIP.url,
            note="Landsat-8 tiles of northern Kenya, B1 to B11; test is the official val; known by its counts, as no "
            "checksum is published",
            archive=DROUGHTWATCH_ZIP,
            cite=HOBBS,
            class_counts={
                "test": (6443, 1710, 1673, 952)
            },  # as recomputed from Table 2 of Rawal and Pradhan (2020)
        ),
    )
}

WEIGHTS: dict[str, WeightsEntry] = {
    "mobilenetv2_100_imagenet": WeightsEntry(
        name="mobilenetv2_100_imagenet",
        filename="mobilenetv2_100_imagenet.safetensors",
        bytes=7_397_112,
        sha256="31b2e93fd2f444babb14a8b28f3cd754bd8e77f1a8ec1ea7337b28b87d3e4531",
        timm_name="mobilenetv2_100",
        create_kwargs={"pad_type": "same"},
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        licence="Apache-2.0",
        source="converted from tf2_mobilenet_v2_1.0_224_ptq.tflite of "
        "https://github.com/google-coral/test_data, commit 104342d2d3480b3e66203073dac24f4e2dbb4c41",
        note="MobileNetV2 1.0, 224 px, ImageNet-1k; keep batch norms in eval mode, their statistics are "
        "placeholders",
        cite=SANDLER,
    )
}


def how_to_get(entry: DataEntry | WeightsEntry) -> str:
    """The command that brings a data set or weights file into the store, as a sentence."""
    if entry.kind == "embedded":
        return f"Made on first use; `lt data add {entry.name}` makes it now."
    if entry.kind == "weights":
        return f"Run `lt data add {entry.name} --from FILE`, FILE being a copy of {entry.filename}."
    if entry.kind == "user":
        return (
            f"Run `lt data add {entry.name} --from FOLDER`, with train/CLASS/ and test/CLASS/ images in it."
        )
    file = entry.archive.filename if entry.archive else "FILE"
    return f"Run `lt data download {entry.name}`, or `lt data add {entry.name} --from {file}`."


def how_to_mend(name: str) -> str:
    """The command that replaces a damaged data set or weights file, as a sentence."""
    entry = REGISTRY.get(name) or WEIGHTS.get(name)
    if entry is None:
        return (
            f"To mend it, run `lt data add {name} --from FOLDER` with the folder that your images came from."
        )
    if entry.kind == "embedded":
        return f"To mend it, run `lt data add {name}`, which makes it anew."
    return "To mend it, r" + how_to_get(entry)[1:]
