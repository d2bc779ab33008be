"""What several tests share."""

import dataclasses
import functools
import hashlib
import io
import pickle
import tarfile
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import yaml

from lt_lib import cli
from lt_lib.data import registry
from lt_lib.data.arrays import bag_digest, content_digest
from lt_lib.data.sets import cifar
from lt_lib.lab.publish import book
from lt_lib.lab.read.published import published
from lt_lib.lab.record.records import Record, spec_digest
from lt_lib.lab.record.spec import Backbone, load, resolve

EXPERIMENT = {
    "experiment": "shapes",
    "work": "ee443",
    "title": "Shapes",
    "table": "none",
    "data": {"embedded": "shapes"},
    "defaults": {
        "subset": {"profile": "50-class", "ratio": 0.2, "n_max": 40},
        "backbones": ["net"],
        "optimizer": {"lr": 0.01, "batch_size": 16, "epochs": 6},
    },
    "profiles": {
        "smoke": {
            "seeds": 3,
            "backbones": {"net": {"name": "test_efficientnet", "pretrained": False, "resolution": 32}},
        }
    },
    "rows": [
        {"row": "S.1", "key": "plain", "label": "plain", "set": {}},
        {"row": "S.2", "key": "balanced", "label": "balanced", "set": {"balance": 20}},
        {
            "row": "S.3",
            "key": "bagged",
            "label": "bagged",
            "set": {"bags": {"threshold": 20}, "weights": {"scheme": "ens"}},
        },
        {
            "row": "S.4",
            "key": "tuned",
            "label": "fine-tuned",
            "set": {"mode": "finetune", "augment": "crop-flip", "optimizer": {"epochs": 4, "lr": 0.002}},
        },
    ],
}


def write_experiment(folder, content: dict):
    """Write an experiment file named after its experiment."""
    path = folder / f"{content['experiment']}.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


RATIOS = ("0.1", "0.02", "0.005")


# accuracy at the ratios 0.1, 0.02, 0.005: everything the report claims is true of these
TRUE = {
    "baseline": (0.70, 0.60, 0.50),
    "balancing": (0.72, 0.62, 0.52),
    "weighted": (0.72, 0.62, 0.52),
    "bagging": (0.71, 0.61, 0.51),
    "stacking": (0.73, 0.63, 0.53),
    "stacking-weighted": (0.82, 0.72, 0.62),
    "ins": (0.72, 0.62, 0.52),
    "isns": (0.721, 0.621, 0.521),
    "ens": (0.722, 0.622, 0.522),
}


NOISE = (0.002, -0.001, -0.001)  # by seed, the same in every row: it cancels in a paired difference


@functools.cache
def experiment_file(name):
    return load(name)


def by_the_printed_networks(spec):
    """The spec with the printed networks in place of those that stand in for them."""
    printed = tuple(Backbone(name=b.stands_in_for) if b.stands_in_for else b for b in spec.backbones)
    return spec.model_copy(update={"backbones": printed})


def record(
    key,
    seed,
    accuracy,
    experiment="ee443-results",
    profile="paper",
    data="real",
    variant="as-released",
    metrics=None,
    per_class=None,
    stand_ins=False,
):
    """A made-up record. At paper + real it is by the printed networks, unless `stand_ins`."""
    loaded = experiment_file(experiment)
    row = loaded.select(key)[0]
    spec = resolve(loaded, row, variant, profile, data, seed)
    if (profile, data) == ("paper", "real") and not stand_ins:
        spec = by_the_printed_networks(spec)
    return Record(
        id=f"sha256:{key}{variant}{seed}",
        experiment=experiment,
        row=row.row,
        key=key,
        variant=variant,
        profile=profile,
        data=data,
        seed=seed,
        spec=spec,
        digests={"spec": spec_digest(spec), "data": "sha256:none", "code": "ast:none"},
        env={"device": "CPU"},
        metrics={"last": {"accuracy": accuracy, **(metrics or {})}},
        per_class=per_class or {},
        confusion=[],
        history={},
        sizes={"test": 5000},
        wall_s=0.0,
    )


def records(seeds=3, full=0.80, change=None, **kind):
    """Records of all rows; `change` maps a key to a number, or to one number a seed, added to its
    accuracy."""
    change = change or {}
    found = [record("baseline-full", s, full + NOISE[s], **kind) for s in range(seeds)]
    for method, row in TRUE.items():
        experiment = "ee443-fig4" if method in ("ins", "isns", "ens") else "ee443-results"
        for ratio, accuracy in zip(RATIOS, row, strict=True):
            more = change.get(f"{method}-{ratio}", 0.0)
            more = more if isinstance(more, tuple) else (more,) * seeds
            found += [
                record(f"{method}-{ratio}", s, accuracy + NOISE[s] + more[s], experiment, **kind)
                for s in range(seeds)
            ]
    return found


def tamper(text, facts=None, **filters):
    """The facts with another text printed at each number that matches."""
    changed = published() if facts is None else facts.copy()
    where = published(**filters, facts=changed).index
    assert len(where) > 0
    changed.loc[where, "text"] = text
    changed.loc[where, "value"] = float(text)
    return changed


def run_main(monkeypatch, capsys, *words):
    """Run `lt WORDS` as the entry point does; returns exit code, stdout, stderr."""
    monkeypatch.setattr("sys.argv", ["lt", *words])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    out = capsys.readouterr()
    return stop.value.code or 0, out.out, out.err


def texts(fig):
    return [t.get_text() for t in fig.findobj(matplotlib.text.Text)]


def marks(ax, marker):
    """Positions on the x axis of the points drawn with a marker; the small caps of error bars are none."""
    drawn = [line for line in ax.lines if line.get_marker() == marker and line.get_markersize() > 6]
    return [x for line in drawn for x in line.get_xdata()]


NAMES = ("ant", "bee", "cat", "dog")


TRAIN, TEST = 24, 8


def fake_files(seed=0):
    """Contents of the members of a small CIFAR-100, by file name, and their pixels and labels by split."""
    rng = np.random.default_rng(seed)
    files, splits = {"meta": pickle.dumps({"fine_label_names": list(NAMES)}, 2)}, {}
    for split, count in (("train", TRAIN), ("test", TEST)):
        pixels = rng.integers(0, 256, (count, 3072), dtype=np.uint8)
        labels = rng.permutation(np.arange(count) % len(NAMES))
        batch = {"data": pixels, "fine_labels": labels.tolist(), "batch_label": f"{split}ing batch 1 of 1"}
        files[split] = pickle.dumps(batch, 2)
        splits[split] = pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), labels
    return files, splits


def pack(path, files, prefix="cifar-100-python/"):
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(prefix + name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def even(splits):
    kept = {}
    for split, (images, labels) in splits.items():
        keep = labels % 2 == 0
        kept[split] = images[keep], labels[keep] // 2
    return kept


def pin(splits):
    return registry.Pin(
        digest=content_digest(splits),
        bags={split: bag_digest(*arrays) for split, arrays in splits.items()},
        pixels={split: bag_digest(arrays[0]) for split, arrays in splits.items()},
    )


def register_fakes(monkeypatch, path, files, splits):
    """Make cifar100 and cifar100_even50 the fake ones, with `path` as the official archive."""
    archive = dataclasses.replace(
        cifar.CIFAR100_ARCHIVE,
        bytes=path.stat().st_size,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        members={name: hashlib.md5(content).hexdigest() for name, content in files.items()},
        classes=NAMES,
    )
    for name, step, pins in (("cifar100", 1, ()), ("cifar100_even50", 2, (pin(even(splits)),))):
        entry = dataclasses.replace(
            registry.data_sets()[name],
            archive=archive,
            classes=NAMES[::step],
            splits={"train": TRAIN // step, "test": TEST // step},
            pins=pins,
        )
        monkeypatch.setitem(registry.data_sets(), name, entry)


def same(images, splits):
    return all(
        np.array_equal(images.images(split), splits[split][0])
        and np.array_equal(images.labels(split), splits[split][1])
        for split in ("train", "test")
    )


def batch(pixels, labels):
    return pickle.dumps({"data": pixels, "fine_labels": labels}, 2)


ROOT = Path(__file__).resolve().parents[1]


ENTRIES = book.entries(ROOT)


UNSET = """[...document.querySelectorAll('.math')]
    .filter(formula => !formula.querySelector('mjx-container')).map(formula => formula.innerText)"""


def serious(page, context=None, **options) -> list[str]:
    """What axe-core calls serious or critical in an open page."""
    from axe_playwright_python.sync_playwright import Axe

    options = {"resultTypes": ["violations"], "preload": False, **options}
    found = Axe().run(page, context, options).response["violations"]
    return [
        f"{rule['id']}: {node['html'][:200]} {[check['message'] for check in node['any']]}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]
