"""Options of the topic of `bench`: which remedy."""

from typing import Literal

from lt_lib.lab.record.spec import Topic


class Head(Topic):
    """A head on frozen features, trained by a remedy of `lt_lib.lab.bench.remedies`
    (`lt_lib.works.bench.frozen`)."""

    code = ("lt_lib.works.bench.frozen:train_head",)

    topic: Literal["head"] = "head"
    remedy: Literal[
        "plain",
        "focal",
        "ins",
        "isns",
        "ens",
        "sampler",
        "artificial",
        "softmax",
        "cosine",
        "ldam",
        "ldam-drw",
        "mixup",
        "bags",
        "adjusted",
        "tau",
    ] = "plain"
