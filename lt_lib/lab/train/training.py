"""Training: linear heads on frozen features, many at once; whole networks, one at a time; and what becomes of
a spec.

A spec is carried out by one or more *learners* (one for a single model, several for bags and stacks), each a
list of training images, a backbone and a head; their softmax outputs are averaged. Every epoch is evaluated
on the held-out validation images and on the test images, and three answers are kept: the last epoch's, the
validation-selected and the test-selected."""

import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lt_lib import data as datasets
from lt_lib.ensembles import soft_vote
from lt_lib.errors import BudgetEnded, LabError
from lt_lib.lab.record.digests import digest
from lt_lib.lab.record.records import SELECTIONS, atomic_write
from lt_lib.lab.record.spec import Backbone, Optimizer, Spec, Weights
from lt_lib.lab.train.features import build, device, keep_memory, normalisation, prepare
from lt_lib.losses import class_weights
from lt_lib.metrics import classification_report
from lt_lib.progress import Progress, say
from lt_lib.sampling import artificial_balance, balanced_bags, ee443_counts, longtail_counts, longtail_indices

CHECKPOINT_EVERY_S = 5.0


@dataclass(frozen=True)
class Learner:
    """One head or network to train: (M, 2) training and (V, 2) validation pairs of image and copy number, and
    class weights."""

    mode: str
    backbone: Backbone
    optimizer: Optimizer
    augment: str
    train: np.ndarray
    val: np.ndarray
    class_weights: tuple[float, ...] | None
    init_seed: int
    order_seed: int

    @property
    def key(self) -> str:
        """Digest of everything that decides the outcome, data and code apart."""
        return digest(
            [
                self.mode,
                self.backbone.model_dump(exclude={"stands_in_for"}),
                self.optimizer.model_dump(),
                self.augment,
                self.train.tolist(),
                self.val.tolist(),
                self.class_weights,
                self.init_seed,
                self.order_seed,
            ]
        )


@dataclass
class Outcome:
    """What a learner left: test logits (T, K) and head weights by selection, the epochs selected, per-epoch
    history."""

    logits: dict[str, Tensor]
    epochs: dict[str, int]
    history: dict[str, list[float]]
    weights: dict[str, Tensor]
    images_per_s: float = 0.0


def generator(*parts: int | str) -> torch.Generator:
    """A CPU generator whose stream depends on all parts: one stream a purpose, none shared."""
    words = [
        int.from_bytes(str(p).encode()[:4].ljust(4, b" "), "little") if isinstance(p, str) else p
        for p in parts
    ]
    return torch.Generator().manual_seed(
        int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0] >> 1)
    )


def class_counts(spec: Spec, num_classes: int) -> list[int]:
    """Training images a class of the spec's subset."""
    n_max = max(1, round(spec.subset.n_max * spec.subset.scale))
    if spec.subset.profile == "50-class":
        return [max(1, n) for n in longtail_counts(n_max, num_classes, spec.subset.ratio)]
    if num_classes != 50:
        raise LabError(
            f"subset.profile even-of-100 is made for 50 classes, {spec.data} has {num_classes}; use 50-class"
        )
    return [max(1, n) for n in ee443_counts(spec.subset.ratio, n_max)]


def learners(spec: Spec, dataset: datasets.ImageSet) -> tuple[list[Learner], list[int]]:
    """The learners of a spec and the class counts of its subset."""
    labels = torch.as_tensor(np.asarray(dataset.labels("train")))
    counts = class_counts(spec, len(dataset.classes))
    largest = int(torch.bincount(labels).max())
    if max(counts) > largest:
        raise LabError(
            f"the spec asks for {max(counts)} images of a class; {dataset.name} has {largest}: lower subset.n_max"
        )
    subset = longtail_indices(labels, counts, spec.seeds.subset)
    found = []
    for i, part in enumerate(_parts(spec, subset, labels)):
        train, val = part
        weights = _class_weights(spec.weights, labels[torch.from_numpy(train[:, 0])], len(counts))
        found += [
            Learner(
                spec.mode,
                backbone,
                spec.optimizer,
                spec.augment,
                train,
                val,
                weights,
                spec.seeds.init + 1000 * i,
                spec.seeds.order,
            )
            for backbone in spec.backbones
        ]
    return found, counts


def _parts(spec: Spec, subset: Tensor, labels: Tensor) -> list[tuple[np.ndarray, np.ndarray]]:
    """Training and validation pairs of each bag (one bag for no bagging)."""
    fraction, seed = spec.validation.fraction, spec.seeds.subset
    before = spec.validation.split == "before-balancing"
    val = None
    share = spec.subset.scale
    if before:
        subset, held = _hold_out(_pairs(subset), fraction, seed)
        subset, val = torch.from_numpy(subset[:, 0]), held
        share *= 1 - fraction
    lists = [subset]
    if spec.balance:
        lists = [subset[artificial_balance(labels[subset], max(1, round(spec.balance * share)), seed)]]
    elif spec.bags:
        threshold = max(1, round(spec.bags.threshold * share))
        lists = [subset[bag] for bag in balanced_bags(labels[subset], threshold, spec.bags.split, seed)]
    if before:
        return [(_pairs(part), val) for part in lists]
    return [_hold_out(_pairs(part), fraction, seed + i) for i, part in enumerate(lists)]


def _pairs(indices: Tensor) -> np.ndarray:
    """(image, copy) for a list of images with repeats: the k-th repeat of an image is its copy k."""
    indices = indices.numpy()
    order = np.argsort(indices, kind="stable")
    ordered = indices[order]
    first = np.searchsorted(ordered, ordered)
    copies = np.empty_like(indices)
    copies[order] = np.arange(len(indices)) - first
    return np.stack([indices, copies], axis=1)


def _hold_out(pairs: np.ndarray, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    order = torch.randperm(len(pairs), generator=generator("hold", seed)).numpy()
    held = max(1, round(fraction * len(pairs)))
    return pairs[np.sort(order[held:])], pairs[np.sort(order[:held])]


def _class_weights(weights: Weights | None, own: Tensor, num_classes: int) -> tuple[float, ...] | None:
    """Weights from the learner's own counts; a class that the hold-out emptied counts as one image."""
    if weights is None:
        return None
    counts = torch.bincount(own, minlength=num_classes).clamp(min=1)
    return tuple(class_weights(counts, weights.scheme, beta=weights.beta).tolist())


# ------------------------------------------------------------------------------------------------ heads on
# frozen features


def train_heads(
    group: list[Learner],
    rows: list[tuple[Tensor, Tensor]],
    features: Tensor,
    labels: Tensor,
    test: Tensor,
    test_labels: Tensor,
    num_classes: int,
    checkpoint: Path,
    deadline: float | None = None,
) -> list[Outcome]:
    """Train the linear heads of a group together: one batched matrix product a step.

    Args:
        group: learners with one backbone and one optimizer.
        rows: per learner, positions of its training and validation images in `features`.
        features: (M, D) float16; labels: (M,); test: (T, D); test_labels: (T,).
        num_classes: K.
        checkpoint: file for parameters, optimizer state, selections and history; written while training,
            removed by the caller.
        deadline: time.monotonic() after which the state is saved and BudgetEnded raised.

    Returns:
        One Outcome a learner, independent of who else is in the group up to float rounding.
    """
    where, opt = device(), group[0].optimizer
    on = [(train.to(where), val.to(where)) for train, val in rows]
    features, test, labels, truth = (
        features.to(where),
        test.to(where).float(),
        labels.to(where),
        test_labels.to(where),
    )
    dim, bound = features.shape[1], features.shape[1] ** -0.5
    heads, biases = [], []
    for learner in group:
        gen = generator("init", learner.init_seed)
        heads.append(
            torch.empty(num_classes, dim).uniform_(-bound, bound, generator=gen).to(where).requires_grad_()
        )
        biases.append(
            torch.empty(num_classes).uniform_(-bound, bound, generator=gen).to(where).requires_grad_()
        )
    weight = torch.stack([torch.tensor(m.class_weights or [1.0] * num_classes) for m in group]).to(where)
    optimizer = torch.optim.Adam(heads + biases, lr=opt.lr, weight_decay=opt.weight_decay, fused=True)
    state = {
        "epoch": 0,
        "history": [{"train_loss": [], "val_accuracy": [], "test_accuracy": []} for _ in group],
        "kept": [{} for _ in group],
    }
    _restore(checkpoint, state, heads + biases, optimizer)
    saved, started, seen = time.monotonic(), time.monotonic(), 0
    with Progress(opt.epochs, f"{len(group)} heads on {group[0].backbone.name}", "epoch") as bar:
        bar.update(state["epoch"])
        for epoch in range(state["epoch"], opt.epochs):
            orders = [
                train[torch.randperm(len(train), generator=generator("order", m.order_seed, epoch)).to(where)]
                for m, (train, _) in zip(group, on)
            ]
            total = torch.zeros(len(group), device=where)
            steps = [-(-len(order) // opt.batch_size) for order in orders]
            for step in range(max(steps)):
                active = [i for i in range(len(group)) if step < steps[i]]
                batches = [orders[i][step * opt.batch_size : (step + 1) * opt.batch_size] for i in active]
                losses = _head_losses(
                    features,
                    labels,
                    batches,
                    [heads[i] for i in active],
                    [biases[i] for i in active],
                    weight[active],
                )
                optimizer.zero_grad(set_to_none=True)
                losses.sum().backward()
                optimizer.step()
                total[active] += losses.detach() * torch.tensor([len(b) for b in batches], device=where)
            seen += sum(len(order) for order in orders)
            with torch.inference_mode():
                for i, (head, bias, (_, val)) in enumerate(zip(heads, biases, on)):
                    logits = F.linear(test, head, bias)
                    held = F.linear(features[val].float(), head, bias)
                    history = state["history"][i]
                    history["train_loss"].append(float(total[i]) / len(orders[i]))
                    history["val_accuracy"].append(float((held.argmax(1) == labels[val]).float().mean()))
                    history["test_accuracy"].append(float((logits.argmax(1) == truth).float().mean()))
                    _select(state["kept"][i], history, logits, {"weight": head, "bias": bias})
            state["epoch"] = epoch + 1
            bar.update()
            late = deadline is not None and time.monotonic() > deadline
            if late or time.monotonic() - saved > CHECKPOINT_EVERY_S or epoch + 1 == opt.epochs:
                _save(checkpoint, state, heads + biases, optimizer)
                saved = time.monotonic()
            if late and epoch + 1 < opt.epochs:
                raise BudgetEnded
    speed = seen / max(time.monotonic() - started, 1e-9)
    return [_outcome(kept, history, speed) for kept, history in zip(state["kept"], state["history"])]


def _head_losses(features, labels, batches, heads, biases, weight) -> Tensor:
    """Weighted mean cross entropy of each learner on its batch: (S,). Short batches are padded with rows of
    weight zero."""
    longest = max(len(b) for b in batches)
    index = torch.stack([F.pad(b, (0, longest - len(b))) for b in batches])
    real = torch.stack([torch.arange(longest, device=index.device) < len(b) for b in batches])
    x, y = features[index].float(), labels[index]
    logits = torch.baddbmm(torch.stack(biases).unsqueeze(1), x, torch.stack(heads).transpose(1, 2))
    loss = F.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction="none").view_as(y)
    each = weight.gather(1, y) * real
    return (loss * each).sum(1) / each.sum(1)


def _select(kept: dict, history: dict, logits: Tensor, weights: dict[str, Tensor]) -> None:
    """Keep this epoch's logits and weights where it is the last, the best on validation, or the best on test
    (first of equals)."""
    epoch = len(history["train_loss"])
    chosen = {"last": True}
    for name, curve in (("best_on_val", "val_accuracy"), ("best_on_test", "test_accuracy")):
        values = history[curve]
        chosen[name] = values[-1] > max(values[:-1], default=-1.0)
    for name in SELECTIONS:
        if chosen[name]:
            kept[name] = {"epoch": epoch, "logits": logits.detach().to("cpu", torch.float16, copy=True)}
            if name == "last":
                kept[name]["weights"] = {k: v.detach().to("cpu", copy=True) for k, v in weights.items()}


def _outcome(kept: dict, history: dict, speed: float) -> Outcome:
    return Outcome(
        logits={n: kept[n]["logits"] for n in SELECTIONS},
        epochs={n: kept[n]["epoch"] for n in SELECTIONS},
        history=history,
        weights=kept["last"]["weights"],
        images_per_s=speed,
    )


def _save(path: Path, state: dict, parameters: list[Tensor], optimizer, net: dict | None = None) -> None:
    """Checkpoint: training state, optimizer, and every random state."""
    import io

    buffer = io.BytesIO()
    rng = {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }
    torch.save(
        {
            "state": state,
            "parameters": [p.detach().cpu() for p in parameters],
            "optimizer": optimizer.state_dict(),
            "net": net,
            "rng": rng,
        },
        buffer,
    )
    atomic_write(path, buffer.getvalue())


def _restore(
    path: Path, state: dict, parameters: list[Tensor], optimizer, net: torch.nn.Module | None = None
) -> None:
    """Load a checkpoint if there is a sound one; a damaged one is reported and training starts again."""
    if not path.is_file():
        return
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        with torch.no_grad():
            for parameter, value in zip(parameters, saved["parameters"], strict=True):
                parameter.copy_(value)
        if net is not None:
            net.load_state_dict(saved["net"])
        optimizer.load_state_dict(saved["optimizer"])
        torch.set_rng_state(saved["rng"]["torch"])
        if saved["rng"]["cuda"] and torch.cuda.is_available():
            torch.cuda.set_rng_state_all(saved["rng"]["cuda"])
    except Exception as error:
        say(f"{path}: damaged checkpoint ({type(error).__name__}); this part starts again")
        path.unlink(missing_ok=True)
        raise Damaged from None
    state.update(saved["state"])


class Damaged(Exception):
    """A checkpoint was removed; the caller starts the same training again."""


# ---------------------------------------------------------------------------------------------------------
# whole networks


@dataclass
class Images:
    """uint8 images (N, 3, H, W) and labels (N,) on the device."""

    pixels: Tensor
    labels: Tensor
    size: int = field(init=False)

    def __post_init__(self):
        self.size = self.pixels.shape[-1]


def on_device(images: np.ndarray, labels: np.ndarray) -> Images:
    """Move a split to the device once; batches are cut and augmented there."""
    pixels = torch.from_numpy(np.array(images)).permute(0, 3, 1, 2).to(device())
    return Images(pixels.contiguous(), torch.as_tensor(np.asarray(labels), device=device()))


def crop_flip(x: Tensor, gen: torch.Generator, pad: int = 4) -> Tensor:
    """Random crop after zero padding and random horizontal flip of each image of a uint8 batch (N, C, H,
    W)."""
    n, _, h, w = x.shape
    padded = F.pad(x, (pad, pad, pad, pad))
    top, left = (torch.randint(0, 2 * pad + 1, (n, 1), generator=gen).to(x.device) for _ in range(2))
    flip = (torch.rand(n, 1, generator=gen) < 0.5).to(x.device)
    columns = torch.arange(w, device=x.device).expand(n, w)
    columns = torch.where(flip, w - 1 - columns, columns) + left
    rows = torch.arange(h, device=x.device).expand(n, h) + top
    batch = torch.arange(n, device=x.device).view(n, 1, 1)
    return padded.permute(0, 2, 3, 1)[batch, rows.unsqueeze(2), columns.unsqueeze(1)].permute(0, 3, 1, 2)


def train_network(
    net: torch.nn.Module,
    backbone: Backbone,
    train: Images,
    val: Images | None,
    test: Images,
    optimizer: Optimizer,
    augment: str,
    weight: tuple[float, ...] | None,
    seeds: tuple[int, int],
    checkpoint: Path | None,
    deadline: float | None = None,
    what: str = "",
) -> Outcome:
    """Train a whole network with Adam, constant or one-cycle, and cross entropy; bf16 autocast on CUDA,
    channels last.

    Args:
        net: (N, 3, H, W) -> (N, K), on the device.
        backbone: gives resolution and normalisation.
        train, val, test: images on the device; without `val` the last epoch stands for the
            validation-selected one.
        weight: class weights or None.
        seeds: init seed (dropout and the like) and order seed.
        checkpoint: file rewritten each epoch with every random state, or None.

    Raises:
        BudgetEnded: the deadline passed; the state is saved.
    """
    keep_memory()
    mean, std = normalisation(backbone)
    opt = torch.optim.Adam(net.parameters(), lr=optimizer.lr, weight_decay=optimizer.weight_decay)
    n = len(train.labels)
    steps = -(-n // optimizer.batch_size)
    if optimizer.schedule == "one-cycle":
        rates = torch.optim.lr_scheduler.OneCycleLR(
            opt, optimizer.lr, total_steps=steps * optimizer.epochs + 1, cycle_momentum=False
        )
    else:
        rates = torch.optim.lr_scheduler.ConstantLR(opt, factor=1.0)
    state = {
        "epoch": 0,
        "history": {"train_loss": [], "val_accuracy": [], "test_accuracy": []},
        "kept": {},
        "rates": {},
    }
    torch.manual_seed(int(torch.randint(2**62, (1,), generator=generator("drop", seeds[0]))))
    if checkpoint is not None:
        _restore(checkpoint, state, [], opt, net)
        rates.load_state_dict(state["rates"])
    cuda = device().type == "cuda"
    weights = None if weight is None else torch.tensor(weight, device=device())

    def scores(images: Images) -> Tensor:
        net.eval()
        with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16, enabled=cuda):
            return torch.cat(
                [net(prepare(x, backbone.resolution, mean, std)).float() for x in images.pixels.split(500)]
            )

    started, seen = time.monotonic(), 0
    with Progress(optimizer.epochs * steps, what or f"training {backbone.name}", "step") as bar:
        bar.update(state["epoch"] * steps)
        for epoch in range(state["epoch"], optimizer.epochs):
            net.train()
            gen = generator("order", seeds[1], epoch)
            order, total = torch.randperm(n, generator=gen).to(device()), 0.0
            for batch in order.split(optimizer.batch_size):
                pixels = train.pixels[batch]
                if augment == "crop-flip":
                    pixels = crop_flip(pixels, gen)
                with torch.autocast("cuda", torch.bfloat16, enabled=cuda):
                    logits = net(prepare(pixels, backbone.resolution, mean, std))
                loss = F.cross_entropy(logits.float(), train.labels[batch], weight=weights)
                opt.zero_grad(set_to_none=True)
                loss.backward()
                opt.step()
                rates.step()
                total += float(loss.detach()) * len(batch)
                bar.update()
            seen += n
            history = state["history"]
            history["train_loss"].append(total / n)
            logits = scores(test)
            held = logits if val is None else scores(val)
            truth = test.labels if val is None else val.labels
            history["val_accuracy"].append(
                float((held.argmax(1) == truth).float().mean()) if val is not None else float(epoch)
            )
            history["test_accuracy"].append(float((logits.argmax(1) == test.labels).float().mean()))
            _select(state["kept"], history, logits, net.state_dict())
            state |= {"epoch": epoch + 1, "rates": rates.state_dict()}
            late = deadline is not None and time.monotonic() > deadline
            if checkpoint is not None:
                _save(checkpoint, state, [], opt, {k: v.cpu() for k, v in net.state_dict().items()})
            if late and epoch + 1 < optimizer.epochs:
                raise BudgetEnded
    return _outcome(state["kept"], state["history"], seen / max(time.monotonic() - started, 1e-9))


def train_learner(
    learner: Learner, dataset: datasets.ImageSet, checkpoint: Path, deadline: float | None = None
) -> Outcome:
    """Fine-tune the whole network of one learner; resumes from its checkpoint."""
    if learner.train[:, 1].any():
        raise LabError(
            "artificial balancing draws its copies for frozen features; with mode: finetune use augment: crop-flip instead"
        )
    images, labels = dataset.images("train"), np.asarray(dataset.labels("train"))
    parts = [on_device(images[pairs[:, 0]], labels[pairs[:, 0]]) for pairs in (learner.train, learner.val)]
    test = on_device(dataset.images("test"), dataset.labels("test"))
    torch.manual_seed(int(torch.randint(2**62, (1,), generator=generator("init", learner.init_seed))))
    net = build(learner.backbone, len(dataset.classes), deadline)
    what = f"fine-tuning {learner.backbone.name} on {len(learner.train)} images"
    return train_network(
        net,
        learner.backbone,
        *parts,
        test,
        learner.optimizer,
        learner.augment,
        learner.class_weights,
        (learner.init_seed, learner.order_seed),
        checkpoint,
        deadline,
        what,
    )


def pretrain(
    backbone: Backbone, source: datasets.ImageSet, path: Path, deadline: float | None = None
) -> None:
    """Train a backbone from scratch by its recipe and write its weights, head left out, as safetensors."""
    from safetensors.torch import save

    recipe = backbone.pretrained
    labels = np.asarray(source.labels("train"))
    keep = np.arange(len(labels))
    if recipe.n_per_class:
        keep = np.concatenate(
            [np.flatnonzero(labels == k)[: recipe.n_per_class] for k in range(len(source.classes))]
        )
    train = on_device(source.images("train")[np.sort(keep)], labels[np.sort(keep)])
    test = on_device(source.images("test"), source.labels("test"))
    torch.manual_seed(recipe.seed)
    plain = backbone.model_copy(update={"pretrained": False, "resolution": recipe.resolution})
    net = build(plain, len(source.classes))
    optimizer = Optimizer(
        lr=recipe.lr, epochs=recipe.epochs, batch_size=recipe.batch_size, schedule="one-cycle"
    )
    train_network(
        net,
        plain,
        train,
        None,
        test,
        optimizer,
        "none",
        None,
        (recipe.seed, recipe.seed),
        None,
        None,
        f"pre-training {backbone.name}",
    )
    net.reset_classifier(0)
    atomic_write(path, save({k: v.detach().cpu().contiguous() for k, v in net.state_dict().items()}))


# ------------------------------------------------------------------------------------------------------ from
# learners to numbers


def summarise(outcomes: list[Outcome], test_labels: np.ndarray, counts: list[int]) -> tuple[dict, Tensor]:
    """Soft-vote the learners and measure: metrics by selection (with each member's own accuracy), and the
    voted log-probabilities.

    Returns:
        A dict with metrics, per_class and confusion (last epoch), and (T, K) float16 log-probabilities of the
    last epoch."""
    labels = torch.as_tensor(np.asarray(test_labels))
    metrics, last, voted = {}, None, None
    for name in SELECTIONS:
        probabilities = soft_vote([o.logits[name].float() for o in outcomes])
        report = classification_report(probabilities, labels, num_classes=len(counts), train_counts=counts)
        members = [float((o.logits[name].argmax(1) == labels).float().mean()) for o in outcomes]
        metrics[name] = {k: v for k, v in report.items() if not isinstance(v, list)}
        metrics[name] |= {"member_accuracy": members, "epochs": [o.epochs[name] for o in outcomes]}
        if name == "last":
            last, voted = report, probabilities.clamp_min(1e-8).log().to(torch.float16)
    per_class = {name: last[name] for name in ("recall", "precision", "f1")}
    per_class["train_counts"] = [float(n) for n in counts]
    return {"metrics": metrics, "per_class": per_class, "confusion": last["confusion"]}, voted
