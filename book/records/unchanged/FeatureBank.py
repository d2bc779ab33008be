# stands for: ast:190d1baa8ce9a7780697911aeb6c29c75425460eb720f658bd6a61983b18b107
# The precision of the spec decides in place of the device: float32 on a CPU as before
# (tests/lab/train/test_precision.py); a chunk that is damaged where numpy does not look is computed again
# (tests/lab/train/test_features.py).


class FeatureBank:
    """Features of one backbone on one data set.

    Args:
        backbone: which network, weights and resolution.
        dataset: an `lt_lib.data.ImageSet`.
    """

    def __init__(self, backbone: Backbone, dataset: datasets.ImageSet):
        self.backbone, self.dataset = backbone, dataset
        roots = [
            "lt_lib.lab.train.features:augmented",
            "lt_lib.lab.train.device:prepare",
            "lt_lib.lab.train.device:normalisation",
        ]
        if isinstance(backbone.pretrained, Pretraining):
            roots.append("lt_lib.lab.train.backbones:pretrain")
        identity = [backbone.model_dump(exclude={"stands_in_for"}), dataset.digest, code_digest(*roots)]
        self.folder = (
            cache_root()
            / "features"
            / f"{backbone.name}-{backbone.resolution}-{dataset.name}-{digest(identity)[7:19]}"
        )
        self.images_per_s: float | None = None

    def get(self, keys: np.ndarray, deadline: float | None = None) -> Tensor:
        """Rows for keys (M, 3) of (split, image, copy): (M, D) float16 on the CPU; computes what is missing.

        Raises:
            BudgetEnded: the deadline passed; chunks computed so far are kept.
        """
        keys = np.asarray(keys, dtype=np.int64).reshape(-1, 3)
        wanted, where = np.unique(_pack(keys), return_inverse=True)
        known, _ = self._known()
        missing = wanted[~np.isin(wanted, known)]
        if len(missing):
            with FileLock(made(self.folder) / "bank.lock"):
                known, _ = self._known()
                self._compute(_unpack(wanted[~np.isin(wanted, known)]), deadline)
        known, rows = self._known(read=True)
        order = np.argsort(known)
        return torch.from_numpy(rows[order[np.searchsorted(known[order], wanted)]])[torch.from_numpy(where)]

    def _known(self, read: bool = False):
        keys, rows = [], []
        for path in sorted(self.folder.glob("*.npz")) if self.folder.is_dir() else []:
            try:
                with np.load(path) as chunk:
                    packed, feature = chunk["keys"], chunk["rows"] if read else None
            except Exception:
                say(f"{path}: damaged feature chunk, computed again")
                path.unlink(missing_ok=True)
                continue
            keys.append(packed)
            rows.append(feature)
        if not keys:
            return np.zeros(0, np.int64), np.zeros((0, 1), np.float16)
        return np.concatenate(keys), np.concatenate(rows) if read else None

    def _compute(self, keys: np.ndarray, deadline: float | None) -> None:
        if not len(keys):
            return
        keep_memory()
        with torch.random.fork_rng():
            torch.manual_seed(0)  # an untrained backbone is the same one every time
            net = backbone_network(self.backbone, deadline=deadline)
        mean, std = normalisation(self.backbone)
        size = self.backbone.resolution
        example = prepare(
            torch.randint(0, 256, (4, 3, size, size), dtype=torch.uint8, device=device()), size, mean, std
        )
        net = fold_batchnorm(net.eval(), example)
        what = f"features of {self.backbone.name} at {size} px on {self.dataset.name}"
        start = time.monotonic()
        batch = 512 if device().type == "cuda" else 64
        with Progress(len(keys), what, "image") as bar:
            for first in range(0, len(keys), CHUNK):
                chunk = keys[first : first + CHUNK]
                rows = []
                for part in np.array_split(chunk, max(1, -(-len(chunk) // batch))):
                    x = self._pixels(part).to(device())
                    with (
                        torch.inference_mode(),
                        torch.autocast("cuda", torch.bfloat16, enabled=device().type == "cuda"),
                    ):
                        rows.append(net(prepare(x, size, mean, std)).float().cpu().to(torch.float16).numpy())
                    bar.update(len(part))
                self._write(chunk, np.concatenate(rows))
                if deadline is not None and time.monotonic() > deadline and first + CHUNK < len(keys):
                    raise BudgetEnded
        self.images_per_s = len(keys) / (time.monotonic() - start)

    def _pixels(self, keys: np.ndarray) -> Tensor:
        out = torch.empty((len(keys), 3, *self.dataset.images("train").shape[1:3]), dtype=torch.uint8)
        for name, code in SPLITS.items():
            here = keys[:, 0] == code
            if not here.any():
                continue
            images = np.asarray(self.dataset.images(name)[keys[here, 1]])
            plain = torch.from_numpy(images).permute(0, 3, 1, 2).clone()
            copies = keys[here, 2] > 0
            if copies.any():
                plain[torch.from_numpy(copies)] = augmented(images[copies], keys[here][copies][:, 1:])
            out[torch.from_numpy(here)] = plain
        return out

    def _write(self, keys: np.ndarray, rows: np.ndarray) -> None:
        path = self.folder / f"{uuid.uuid4().hex}.npz"
        temporary = path.with_suffix(".tmp")
        try:
            with open(temporary, "wb") as file:
                np.savez(file, keys=_pack(keys), rows=rows)
            os.replace(temporary, path)
            note = self.folder / "about.json"
            if not note.exists():
                note.write_text(
                    json.dumps(
                        {"backbone": self.backbone.model_dump(mode="json"), "data": self.dataset.digest}
                    )
                )
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise LabError(
                f"cannot write features to {self.folder}: {error.strerror}; free some space or set LT_CACHE"
            ) from None
