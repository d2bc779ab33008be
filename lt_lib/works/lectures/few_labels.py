"""Learning from the unlabelled: a few images with labels, many without, and a generator that makes the
classifier look closely.

The classifier has K outputs; the log-sum-exp of them is the logit of *real* (Salimans et al., 2016;
`lectures`, Lecture 2). All methods train the same classifier for the same number of steps with the same
settings, whatever the number of labels. Validation images have labels of their own, many more than the
training has: what is chosen by them (best_on_val) is out of reach in practice."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lt_lib import data as datasets
from lt_lib.errors import LabError
from lt_lib.gan import semi_supervised_losses
from lt_lib.lab.train.device import device
from lt_lib.lab.train.loop import Loop, Outcome, Task, accuracy, generator, seed_all
from lt_lib.works.lectures.options import FewLabels


class Classifier(nn.Module):
    """Two hidden layers on flat images (N, D): logits (N, K). In training every layer's input is disturbed by
    normal noise.

    Source: Salimans et al. (2016), whose network for MNIST has five such layers, with weight normalisation.
    """

    def __init__(self, inputs: int, num_classes: int, width: int, noise: float):
        super().__init__()
        self.layers, self.noise = nn.ModuleList([nn.Linear(inputs, width), nn.Linear(width, width)]), noise
        self.head = nn.Linear(width, num_classes)

    def features(self, x: Tensor) -> Tensor:
        """The last hidden layer, (N, width)."""
        for layer in self.layers:
            x = F.leaky_relu(layer(self._disturbed(x)), 0.2)
        return x

    def _disturbed(self, x: Tensor) -> Tensor:
        return x + self.noise * torch.randn_like(x) if self.training and self.noise else x

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self._disturbed(self.features(x)))


def image_generator(latent: int, outputs: int, width: int) -> nn.Sequential:
    """Latent vectors (N, latent) to flat images (N, D) in [-1, 1]."""
    return nn.Sequential(
        nn.Linear(latent, width),
        nn.BatchNorm1d(width),
        nn.ReLU(),
        nn.Linear(width, width),
        nn.BatchNorm1d(width),
        nn.ReLU(),
        nn.Linear(width, outputs),
        nn.Tanh(),
    )


def classifier_loss(
    net: Classifier, x: Tensor, y: Tensor, unlabelled: Tensor, made: Tensor | None, method: str
) -> Tensor:
    """What the classifier minimises: cross-entropy on the labelled, and what its method makes of the others.

    Args:
        net: the classifier.
        x, y: labelled images (B, D) and their classes (B,).
        unlabelled: (M, D).
        made: the generator's images (M, D), detached; None for methods without one.
        method: of :class:`lt_lib.works.lectures.options.FewLabels`.
    """
    loss = F.cross_entropy(net(x), y)
    if method == "entropy":
        log_p = net(unlabelled).log_softmax(1)
        return loss - (log_p.exp() * log_p).sum(1).mean()
    if made is not None:
        real, fake = semi_supervised_losses(net(unlabelled), net(made))
        return loss + real.mean() + fake.mean()
    return loss


def generator_loss(net: Classifier, made: Tensor, unlabelled: Tensor, method: str) -> Tensor:
    """What the generator minimises. "ssgan": the classifier's loss on generated images, negated, as the
    slides' game has it; "matching": the squared distance of the mean features of generated images and of
    real ones."""
    if method == "matching":
        return (net.features(made).mean(0) - net.features(unlabelled).mean(0).detach()).square().sum()
    logits = net(made)
    return -semi_supervised_losses(logits, logits)[1].mean()


def few(labels: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Positions of `count` images that keep their label, as many of each class, drawn by the subset seed.

    Raises:
        LabError: the classes cannot share that many evenly, or have not enough images.
    """
    classes = np.unique(labels)
    each, rest = divmod(count, len(classes))
    if rest or each > np.bincount(labels)[classes].min():
        raise LabError(
            f"lesson.labels is {count}; it must be a multiple of {len(classes)} classes and at most "
            f"{len(classes) * int(np.bincount(labels)[classes].min())}"
        )
    order = torch.randperm(len(labels), generator=generator("few", seed)).numpy()
    return np.concatenate([order[labels[order] == c][:each] for c in classes])


def train_few_labels(
    task: Task, dataset: datasets.ImageSet, checkpoint: Path | None = None, deadline: float | None = None
) -> Outcome:
    """Train the classifier of a task, and its generator if its method has one.

    Raises:
        BudgetEnded: the deadline passed; the state is saved.
        LabError: a number of labels that does not fit, or a loss that is no longer finite.
    """
    lesson, opt, where = task.lesson, task.optimizer, device()

    def flat(split: str, rows: np.ndarray) -> Tensor:
        return (
            torch.from_numpy(np.asarray(dataset.images(split)[rows]))
            .to(where)
            .flatten(1)
            .float()
            .div_(127.5)
            .sub_(1)
        )

    known = np.asarray(dataset.labels("train"))
    keep = few(known[task.train[:, 0]], lesson.labels, task.seeds.subset)
    pool, held, test = (
        flat("train", task.train[:, 0]),
        flat("train", task.val[:, 0]),
        flat("test", np.arange(len(dataset.labels("test")))),
    )
    x, y = pool[torch.from_numpy(keep)], torch.as_tensor(known[task.train[keep, 0]]).to(where)
    held_y, test_y = (
        torch.as_tensor(known[task.val[:, 0]]).to(where),
        torch.as_tensor(np.asarray(dataset.labels("test"))).to(where),
    )
    pool = _diluted(pool, lesson, task.seeds.subset)

    seed_all("init", task.seeds.init)
    net = Classifier(x.shape[1], len(dataset.classes), lesson.width, lesson.noise).to(where)
    descent = torch.optim.Adam(net.parameters(), lr=opt.lr, betas=(0.5, 0.999))
    parts, maker = {"net": net, "descent": descent}, None
    if lesson.method in ("ssgan", "matching"):
        maker = image_generator(lesson.latent, x.shape[1], lesson.width).to(where)
        making = torch.optim.Adam(maker.parameters(), lr=opt.lr, betas=(0.5, 0.999))
        parts |= {"maker": maker, "making": making}
    seed_all("drop", task.seeds.order)
    what, size = f"{lesson.method} with {lesson.labels} labels", opt.batch_size
    if not 2 <= size <= len(pool):
        raise LabError(
            f"optimizer.batch_size is {size}; {what} needs batches of 2 to {len(pool)} images: there are no "
            "more to train on"
        )
    loop = Loop(what, opt.epochs, checkpoint, deadline, unit="epoch", **parts)
    for epoch in loop:
        gen, total = generator("order", task.seeds.order, epoch), 0.0
        order = torch.randperm(len(pool), generator=gen).to(where)
        whole = order[: len(pool) // size * size].split(size)
        net.train()
        for batch in whole:
            some = torch.randint(len(x), (min(size, len(x)),), generator=gen).to(where)
            made = maker(torch.randn(size, lesson.latent, generator=gen).to(where)) if maker else None
            unfed = None if made is None else made.detach()
            loss = classifier_loss(net, x[some], y[some], pool[batch], unfed, lesson.method)
            descent.zero_grad(set_to_none=True)
            loss.backward()
            descent.step()
            if maker:
                making.zero_grad(set_to_none=True)
                generator_loss(net, made, pool[batch], lesson.method).backward()
                making.step()
            total += float(loss.detach())
        loop.finite(total)
        net.eval()
        with torch.inference_mode():
            logits, said = net(test), net(held)
        loop.log(
            logits,
            net.state_dict(),
            train_loss=total / len(whole),
            val_accuracy=accuracy(said, held_y),
            test_accuracy=accuracy(logits, test_y),
        )
    return loop.outcome(len(pool))


def _diluted(pool: Tensor, lesson: FewLabels, seed: int) -> Tensor:
    """The unlabelled images, a share of them replaced by noise with the same pixels in another order."""
    gen = generator("dilute", seed)
    chosen = torch.randperm(len(pool), generator=gen)[: round(lesson.foreign * len(pool))].to(pool.device)
    out = pool.clone()
    for row in chosen.tolist():
        out[row] = pool[row][torch.randperm(pool.shape[1], generator=gen).to(pool.device)]
    return out
