"""Options of the topics of `bench`: which remedy."""

from typing import Annotated, Literal

from pydantic import Field

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


class Whole(Topic):
    """A network trained whole by a remedy of `lt_lib.works.bench.whole_remedies`
    (`lt_lib.works.bench.whole`).

    `steps`: batches of an epoch, whatever the ratio. `tuned`: the learning rate is one of three, chosen on
    the images held out with a third of the steps; if not, it is the optimizer's. `copies`: steps of SIGN's
    copies. `gan_steps`: of the generator of each class; `gan_width`: of its layers."""

    code = ("lt_lib.works.bench.whole:train_whole",)
    in_bf16 = True

    topic: Literal["whole"] = "whole"
    remedy: Literal[
        "plain",
        "focal",
        "ins",
        "isns",
        "ens",
        "artificial",
        "softmax",
        "adjusted",
        "tau",
        "cosine",
        "ldam",
        "ldam-drw",
        "resampled",
        "crt",
        "cycles",
        "mixed",
        "augmix",
        "sign",
        "gan",
        "bags",
        "stack",
        "stack-ens",
        "ldam-cycles",
        "augmix-ldam",
        "gan-resampled",
    ] = "plain"
    steps: Annotated[int, Field(gt=0)] = 100
    tuned: bool = True
    copies: tuple[Annotated[int, Field(gt=0)], ...] = (50, 100)
    gan_steps: Annotated[int, Field(gt=0)] = 1000
    gan_width: Annotated[int, Field(gt=0)] = 64
