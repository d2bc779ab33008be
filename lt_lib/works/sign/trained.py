"""The network of a record, as its training left it, to look at."""

from safetensors.torch import load_file
from torch import nn

from lt_lib import data as datasets
from lt_lib.lab.record.records import Record
from lt_lib.lab.train.run import artifact
from lt_lib.lab.train.topics import tasks
from lt_lib.works.sign.fitting import AT_ONCE, Sets, sets_of
from lt_lib.works.sign.networks import network


def network_of(record: Record, store: str | None = None) -> tuple[nn.Module, Sets]:
    """The network in eval mode, and the images it was trained and tested on, copies left out.

    Args:
        record: of the topic "regularised".
        store: the folder its weights lie beside; None for the usual one. What is not there is trained again.

    Raises:
        LabError: the record is stale, so that its network cannot be made again.
    """
    dataset = datasets.load(record.spec.data)
    (task,), _ = tasks(record.spec, dataset)
    sets = sets_of(task, dataset)
    kept = load_file(artifact(record, store))
    batches = map(sets.standard, sets.train[:AT_ONCE].split(AT_ONCE))
    net = network(task.backbone, sets.num_classes, task.lesson.heads, batches)
    prefix = "learner0."
    net.load_state_dict({k.removeprefix(prefix): v for k, v in kept.items() if k.startswith(prefix)})
    return net.eval(), sets
