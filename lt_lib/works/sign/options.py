"""Options of the topic of `sign`: how a network is regularised by what it is shown."""

from typing import Annotated, Literal

from pydantic import Field

from lt_lib.lab.record.spec import Backbone, Options, Topic
from lt_lib.works.sign.printed import sampling_variance


class Copies(Options):
    """Changed copies of the training images that are trained on beside them.

    `way`: sign (`lt_lib.sign.sign_transform`); or, as controls, noise (Gaussian noise that moves each image
    as far as SIGN does) or contrast (of all a x + b the one nearest to SIGN's copy). `steps`: a copy for
    each. `reach`: how far, with `normalize`, the last of them moves a pixel at most; all steps are equally
    long, so that the same way can be gone in fewer of them, and the literal reading, which goes one, goes all
    of it at once. `layer`: whose outputs are summed. Images stay in [0, 1] if `clip`. `alone`: only what was
    added is shown, in training and test, each image divided by its largest value."""

    way: Literal["sign", "noise", "contrast"] = "sign"
    steps: tuple[Annotated[int, Field(gt=0)], ...] = (50, 100)
    mode: Literal["recompute", "fixed", "literal"] = "recompute"
    layer: Literal["penultimate", "logits"] = "penultimate"
    reach: Annotated[float, Field(gt=0)] = 0.2
    normalize: Literal["linf"] | None = "linf"
    clip: bool = True
    alone: bool = False


class Regularised(Topic):
    """A network trained on images that are augmented, mixed, or accompanied by SIGN's copies of them
    (`lt_lib.works.sign.training`).

    `mixup`: alpha. `maker`: the network that makes the copies, trained first on the images alone, augmented
    as `maker_augment` says; None for one like the network itself. An epoch shows all images and copies, or,
    by `budget`, as many as there are images; `shown` times over. `heads`: logits, or logits and a noise scale
    trained by `draws` noisy logits an image. Every `looks` epochs, and after the last, the network is looked
    at. `strange`: a data set of other images of (some of) the same classes, to be recognised at the end.
    `repeats`: draws of each corruption. `positive`: the class whose probability areas under the ROC curve are
    of; None for no areas."""

    code = ("lt_lib.works.sign.training:train_regularised",)
    in_bf16 = True
    networks = ("maker",)

    topic: Literal["regularised"] = "regularised"
    augment: Literal["none", "classical", "deepaugment"] = "none"
    mixup: Annotated[float, Field(gt=0)] | None = None
    copies: Copies | None = None
    maker: Backbone | None = None
    maker_augment: Literal["none", "classical", "deepaugment"] = "none"
    budget: Literal["copies", "images"] = "copies"
    shown: Annotated[int, Field(gt=0)] = 1
    heads: Literal["logits", "aleatoric"] = "logits"
    draws: Annotated[int, Field(gt=0)] = 100
    looks: Annotated[int, Field(gt=0)] = 1
    strange: str | None = None
    repeats: Annotated[int, Field(gt=1)] = 5
    positive: Annotated[int, Field(ge=0)] | None = None

    def sampling_variance(self, record, metric: str) -> float | None:
        return sampling_variance(record, metric)
