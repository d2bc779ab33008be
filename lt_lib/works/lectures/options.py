"""Options of the topics of the lectures: what their rows may set. Each registers itself."""

from typing import Annotated, Literal

from pydantic import Field

from lt_lib.lab.record.spec import Options, Topic


class Smoothing(Options):
    """Soft labels (`lt_lib.losses.smooth_labels`)."""

    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.1
    variant: Literal["standard", "slide", "off-class"] = "standard"


class Mixup(Options):
    """Mixup (`lt_lib.mixup`): shares from Beta(alpha, alpha), one a batch."""

    alpha: Annotated[float, Field(gt=0)] = 1.0


class Distillation(Options):
    """A teacher, `width` times as wide, trained first; the network then learns from its probabilities alone,
    at a temperature."""

    smoothing: Smoothing | None = None  # of the teacher's labels
    temperature: Annotated[float, Field(gt=0)] = 2.0
    width: Annotated[int, Field(gt=0)] = 2


class Targets(Topic):
    """Softer labels, mixed images (`lt_lib.works.lectures.targets`).

    `corrupted`: share of the training labels replaced by a wrong class, drawn by the subset seed; validation
    and test keep theirs. `drops`: shares of the epochs after which the rate falls to a tenth. `rule: sgd` has
    momentum 0.9."""

    code = ("lt_lib.works.lectures.targets:train_targets",)
    in_bf16 = True

    topic: Literal["targets"] = "targets"
    smoothing: Smoothing | None = None
    mixup: Mixup | None = None
    corrupted: Annotated[float, Field(ge=0, lt=1)] = 0.0
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    distillation: Distillation | None = None
    rule: Literal["adam", "sgd"] = "adam"
    drops: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = ()
    augment: Literal["none", "crop-flip"] = "none"


class FewLabels(Topic):
    """Learning from the unlabelled (`lt_lib.works.lectures.few_labels`).

    `labels` of the training images keep their label, as many of each class; the others are used without.
    `method`: supervised (they are not used), ssgan (the game as on the slides), matching (its generator
    matches mean features, as Salimans et al. do) or entropy (no generator: doubt about the unlabelled is
    minimised). `foreign` replaces that share of the unlabelled by images of noise."""

    code = ("lt_lib.works.lectures.few_labels:train_few_labels",)

    topic: Literal["few-labels"] = "few-labels"
    labels: Annotated[int, Field(gt=0)] = 100
    method: Literal["supervised", "ssgan", "matching", "entropy"] = "supervised"
    width: Annotated[int, Field(gt=0)] = 128
    latent: Annotated[int, Field(gt=0)] = 32
    noise: Annotated[float, Field(ge=0)] = 0.3
    foreign: Annotated[float, Field(ge=0, le=1)] = 0.0


class Norms(Topic):
    """A network with and without batch normalisation (`lt_lib.works.lectures.norms`).

    `noisy` disturbs the normalised values by a shift and scale drawn anew at every step. The landscape is
    looked at every `probe` steps of the run at the rate `optimizer.lr`, which all rows share; `rates` are
    tried as well, to see what each row can do."""

    code = ("lt_lib.works.lectures.norms:train_norms",)

    topic: Literal["norms"] = "norms"
    norm: Literal["none", "batch", "noisy"] = "none"
    depth: Annotated[int, Field(ge=2)] = 6
    width: Annotated[int, Field(gt=0)] = 64
    probe: Annotated[int, Field(gt=0)] = 8
    rates: tuple[Annotated[float, Field(gt=0)], ...] = ()


class Rules(Topic):
    """One optimizer, its rate tuned (`lt_lib.works.lectures.rules`).

    `rates` learning rates are tried, half a decade apart, `optimizer.lr` in their middle; each falls to a
    tenth after the shares `drops` of the epochs. The network has `hidden` units, behind convolutions of
    `filters` channels if there are any. Every `probe` steps it is asked whether the training loss has reached
    `fitted`."""

    code = ("lt_lib.works.lectures.rules:train_rules",)

    topic: Literal["rules"] = "rules"
    rule: Literal["sgd", "heavy-ball", "nesterov", "adagrad", "rmsprop", "adam"] = "sgd"
    rates: Annotated[int, Field(gt=0)] = 6
    drops: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = ()
    filters: tuple[Annotated[int, Field(gt=0)], ...] = ()
    hidden: Annotated[int, Field(gt=0)] = 32
    probe: Annotated[int, Field(gt=0)] = 5
    fitted: Annotated[float, Field(gt=0)] = 0.1


class Thaw(Topic):
    """How much of a pre-trained network is borrowed, and how much of it learns on
    (`lt_lib.works.lectures.thaw`).

    Shares of the blocks, counted from below: `borrowed` have pre-trained weights, the others random ones; the
    first `frozen` stay as they are. Borrowed blocks that learn do so at `slower` times the rate of the new
    ones. Images are standardised each by itself or over the training set; `bands` as in a recipe. `probes`
    asks for a linear classifier behind every block. `old`: images a class of the lender's own data, for a
    look at what was forgotten; 0 for none."""

    code = ("lt_lib.works.lectures.thaw:train_thaw",)

    topic: Literal["thaw"] = "thaw"
    borrowed: Annotated[float, Field(ge=0, le=1)] = 1.0
    frozen: Annotated[float, Field(ge=0, le=1)] = 0.0
    slower: Annotated[float, Field(gt=0, le=1)] = 1.0
    standardised: Literal["image", "set"] = "image"
    bands: tuple[Annotated[int, Field(ge=1)], ...] = ()
    looks: Annotated[int, Field(gt=0)] = 5
    probes: bool = False
    old: Annotated[int, Field(ge=0)] = 0
