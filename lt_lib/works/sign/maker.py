"""The network that makes SIGN's copies, with its images, for a chapter to look at.

maker = trained("laptop", "embedded")
x, labels = maker.images(8)
half, whole = maker.change(x, steps=(50, 100))"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lt_lib import data as datasets
from lt_lib.lab.record.plan import plan
from lt_lib.lab.train.topics import tasks
from lt_lib.works.sign.copies import change, trained_maker
from lt_lib.works.sign.fitting import Sets, answers
from lt_lib.works.sign.networks import features
from lt_lib.works.sign.options import Copies

EXPERIMENT, ROW = "sign-choices", "sign"


@dataclass(frozen=True)
class Maker:
    """A trained network, and how copies are made by it. Images are (N, C, side, side), float32 in [0, 1].

    Attributes:
        net: in eval mode, its weights without gradients.
        sets: what it was trained on, and the images held out.
        copies: the options of its copies.
        precision: of the products in its layers, when it makes copies or is asked for answers.
    """

    net: nn.Module
    sets: Sets
    copies: Copies
    precision: str

    def images(self, n: int, split: str = "train") -> tuple[Tensor, Tensor]:
        """The first n images of a split, "train" or "test", and their labels."""
        x, labels = self.sets.test if split == "test" else (self.sets.train, self.sets.labels)
        return x[:n].float(), labels[:n]

    def one_of_each(self, classes: int) -> Tensor:
        """The first training image of each of the first classes."""
        first = [int((self.sets.labels == k).nonzero()[0]) for k in range(classes)]
        return self.sets.train[first].float()

    def features(self, x: Tensor) -> Tensor:
        """What enters the last layer, (N, M), in single precision."""
        return features(self.net, self.sets.standard(x))

    def log_odds(self, x: Tensor, labels: Tensor) -> Tensor:
        """log p / (1 - p) of the class named for each image, (N,)."""
        logits = answers(self.net, self.sets, x, self.precision)[0].double()
        own = logits.gather(1, labels[:, None]).squeeze(1)
        return own - logits.scatter(1, labels[:, None], -torch.inf).logsumexp(1)

    def says(self, x: Tensor) -> Tensor:
        """The class it names for each image, (N,)."""
        return answers(self.net, self.sets, x, self.precision)[0].argmax(1)

    def change(self, x: Tensor, **options) -> Tensor:
        """Copies (S, N, C, side, side), one for each step count, made as the records' are but for the options
        of :class:`~lt_lib.works.sign.options.Copies` that are given."""
        copies = Copies.model_validate(self.copies.model_dump() | options)
        return change(self.net, self.sets, copies, x, precision=self.precision).float()


def trained(profile: str, data: str) -> Maker:
    """The network that makes the copies of the first seed: trained in the first call, then kept in the cache,
    where the runs of that seed find it as well.

    Raises:
        LabError, DataError: as for :func:`lt_lib.lab.run`.
    """
    (item,) = plan(EXPERIMENT, ROW, profile, data, seeds=1)
    dataset = datasets.load(item.spec.data)
    (task,), _ = tasks(item.spec, dataset)
    net, _, sets = trained_maker(task, dataset)
    return Maker(net, sets, task.lesson.copies, task.optimizer.precision)
