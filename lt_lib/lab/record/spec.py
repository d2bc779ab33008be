"""Experiments and specs: a YAML file of published rows, resolved into what exactly is run.

An experiment file stands for one published table or figure. Its rows carry the published row id; `profiles`
say how much of the published setting fits (`smoke`, `laptop`, `paper`) and which backbone stands in for
which. `resolve` merges

    defaults <- row <- variant <- profile <- profile and data

and returns one `Spec` a seed: plain values, nothing left to look up, the thing whose digest names a record.
"""

import re
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    SerializeAsAny,
    ValidationError,
    model_serializer,
    model_validator,
)

from lt_lib.errors import LabError, nearest
from lt_lib.lab.record.paths import absolute, experiments_dir
from lt_lib.lab.record.works import load_work, works

# How much of the published setting is run, from the least to all of it: the one place that lists them.
PROFILES = ("smoke", "laptop", "overnight", "paper")
DATA = ("embedded", "real")
VARIANTS = ("as-released", "as-printed", "ours")
Profile = Literal[*PROFILES]
Data = Literal[*DATA]
Kind = Literal[*PROFILES, *(f"{profile}-{data}" for profile in PROFILES for data in DATA)]
Variant = Literal[*VARIANTS]
Precision = Literal["float32", "bf16"]


# How a spec can be carried out: mode -> the class that does it, a `lt_lib.lab.train.modes.Mode`.
MODES = {
    "probe": "lt_lib.lab.train.heads:Heads",
    "finetune": "lt_lib.lab.train.finetune:Finetune",
    "recipe": "lt_lib.lab.train.recipes:Recipes",
    "floor": "lt_lib.lab.train.floor:Floor",
    "gan": "lt_lib.lab.train.gan_oversampling:Generators",
    "ldam-official": "lt_lib.lab.train.ldam_official:LdamOfficial",
    "lesson": "lt_lib.lab.train.topics:Topics",
    "tail": "lt_lib.lab.train.tails:Tails",
}


IN_BF16 = ("finetune", "recipe", "ldam-official")  # modes that know optimizer.precision; see also Topic


class Options(BaseModel):
    """Refuses unknown keys. Fields that came `later` than the first records are left out of dumps, and so of
    digests, at their default."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    later: ClassVar[tuple[str, ...]] = ()
    code: ClassVar[
        tuple[str, ...]
    ] = ()  # "module:name" of what carries these options out; a record that uses them rests on it

    def __hash__(self) -> int:
        return hash(self.model_dump_json())

    @model_serializer(mode="wrap")
    def _without_later(self, dump):
        plain = dump(self)
        fields = type(self).model_fields
        return {
            k: v
            for k, v in plain.items()
            if k not in self.later or getattr(self, k) != fields[k].get_default(call_default_factory=True)
        }


def _file_name(name: str) -> str:
    """A name that becomes part of a file's name."""
    if not re.fullmatch(r"(?![.-])[a-z0-9A-Z._-]{1,100}", name) or ".." in name:
        raise ValueError(
            "a name is made of the characters a-z 0-9 A-Z . _ - alone, begins with none of . and -, holds no "
            "'..' and has at most 100 of them"
        )
    return name


FileName = Annotated[str, AfterValidator(_file_name)]
Rate = Annotated[float, Field(gt=0, le=1e6)]  # a learning rate; beyond, single precision overflows


class Subset(Options):
    """Which training images: a long tail cut out of the balanced set.

    `profile`: "even-of-100" keeps the even labels of the 100-class profile (as released), "50-class" is the
    profile of as many classes as there are. `scale` shrinks n_max and with it every count given in images
    (targets, thresholds)."""

    profile: Literal["even-of-100", "50-class"] = "even-of-100"
    ratio: Annotated[float, Field(gt=0, le=1)] = 1.0
    n_max: Annotated[int, Field(gt=0)] = 500
    scale: Annotated[float, Field(gt=0, le=1)] = 1.0


class Validation(Options):
    """Share of the training list held out at random; split before or (as released, which leaks copies) after
    balancing. 0 only where a mode says so."""

    fraction: Annotated[float, Field(ge=0, lt=1)] = 0.2
    split: Literal["before-balancing", "after-balancing"] = "before-balancing"


class Pretraining(Options):
    """Recipe for a backbone trained here, on embedded data, where no pretrained weights ship."""

    data: str
    epochs: Annotated[int, Field(gt=0)] = 3
    lr: Rate = 6e-3
    batch_size: Annotated[int, Field(gt=0)] = 128
    n_per_class: Annotated[int, Field(gt=0)] | None = None
    resolution: Annotated[int, Field(ge=8)] = 32
    seed: int = 0


class Backbone(Options):
    """A network without its head. `pretrained`: False, True (timm's weights), a registered weights name, or a
    recipe.

    `resolution` is the side that images are resized to; under a `recipe`, that of the centre crop. `options`
    go to timm, for example narrower `channels`."""

    later = ("options",)
    name: FileName
    pretrained: bool | str | Pretraining = True
    resolution: Annotated[int, Field(ge=8)] = 224
    stands_in_for: str | None = None
    options: dict[str, JsonValue] = {}

    @property
    def called(self) -> str:
        """Its name for people: a network with options is not the one that bears the name."""
        return f"slim {self.name}" if self.options else self.name


class Weights(Options):
    """Class weights of the loss (`lt_lib.losses.class_weights`)."""

    scheme: Literal["ens", "ins", "isns"] = "ens"
    beta: Annotated[float, Field(ge=0, lt=1)] = 0.999


class Bags(Options):
    """Balanced bags (`lt_lib.sampling.balanced_bags`); an integer `split` is a class index, as in the printed
    Fig 5."""

    threshold: Annotated[int, Field(gt=0)]
    split: Literal["nearest", "median"] | int = "nearest"


class Optimizer(Options):
    """Adam, as released, or, in mode ldam-official, SGD with momentum 0.9. For fine-tuning `lr` is the one
    learning rate of the whole network. One-cycle rises to `peak` times `lr` and falls to nothing.

    `precision`: of the products in a network's layers. Weights, batch statistics, losses and steps are
    float32 either way. "bf16" is torch's autocast to bfloat16: on a CPU with instructions for it, up to twice
    as fast for plain convolutions, slower for depthwise ones (benchmarks/training.py)."""

    later = ("peak", "precision")
    name: Literal["adam", "sgd"] = "adam"
    lr: Rate = 2e-3
    batch_size: Annotated[int, Field(gt=0)] = 128
    epochs: Annotated[int, Field(gt=0)] = 50
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    schedule: Literal["constant", "one-cycle"] = "constant"
    peak: Annotated[float, Field(gt=0)] = 1.0
    precision: Precision = "float32"


class Margins(Options):
    """The LDAM loss (`lt_lib.losses.LDAMLoss`): on a linear head, as the drought code has it, or on a cosine
    head, as its authors do."""

    code = ("lt_lib.losses:LDAMLoss",)

    head: Literal["linear", "cosine"] = "linear"
    max_margin: Annotated[float, Field(gt=0)] = 0.5
    scale: Annotated[float, Field(gt=0)] = 30.0


class Reweighting(Options):
    """Deferred re-weighting (`lt_lib.schedules.drw_weights`): the second beta from epoch `switch_epoch`
    (counted from 0) on."""

    code = ("lt_lib.schedules:drw_weights",)

    switch_epoch: Annotated[int, Field(ge=0)] = 25
    betas: tuple[float, float] = (0.0, 0.9999)


class Cycle(Options):
    """Triangular learning rate from `min_lr` to `max_lr` and back in 2 `step_size` epochs; unstepped, it
    never leaves `min_lr`."""

    code = ("lt_lib.schedules:triangular_lr",)

    min_lr: Rate = 1e-5
    max_lr: Rate = 1e-4
    step_size: Annotated[float, Field(gt=0)] = 2
    stepped: bool = True


class Averaging(Options):
    """Stochastic weight averaging: snapshots at the ends of epochs > `start` that `every` divides, counted
    from 1.

    The batch statistics of the average are computed anew, from batches drawn as in training or, with `norms:
    natural`, without the sampler. `snapshots: last` and `norms: test` are what the released code does: one
    snapshot, batch statistics from the test images."""

    code = ("lt_lib.lab.train.averaging:Averaged",)

    start: Annotated[int, Field(ge=0)] = 10
    every: Annotated[int, Field(gt=0)] = 5
    snapshots: Literal["all", "last"] = "all"
    norms: Literal["drawn", "natural", "test"] = "drawn"


class Mixing(Options):
    """AugMix (`lt_lib.augmix.AugMix`) with the consistency term, weighted by `consistency`."""

    code = (
        "lt_lib.augmix:AugMix",
        "lt_lib.losses:jsd_consistency",
    )

    severity: Annotated[float, Field(gt=0, le=10)] = 3
    width: Annotated[int, Field(gt=0)] = 3
    depth: int = -1
    alpha: Annotated[float, Field(gt=0)] = 1.0
    consistency: Annotated[float, Field(ge=0)] = 12.0


class GanOversampling(Options):
    """One DC-GAN a minority class (`lt_lib.gan.start_dcgan`), on 64 x 64 centre crops of the training
    images."""

    code = ("lt_lib.lab.train.gan_oversampling:fill",)

    width: Annotated[int, Field(gt=0)] = 64
    latent: Annotated[int, Field(gt=0)] = 100
    epochs: Annotated[int, Field(gt=0)] = 25
    batch_size: Annotated[int, Field(gt=1)] = 64
    lr: Rate = 2e-4


class Recipe(Options):
    """How a whole network is trained where the training list keeps its own long tail; see
    `lt_lib.lab.train.recipes`.

    `bands` are numbered from 1, as satellites have them; none means all. `tiles` and `test_tiles` limit how
    many images are used. `learn: false` is what the released AugMix scripts do: images pass through the
    network and no weight is changed."""

    bands: tuple[Annotated[int, Field(ge=1)], ...] = ()
    tiles: Annotated[int, Field(gt=0)] | None = None
    test_tiles: Annotated[int, Field(gt=0)] | None = None
    stem: Literal["native", "adapter"] = "native"
    sampler: Literal["none", "balanced"] = "none"
    ldam: Margins | None = None
    drw: Reweighting | None = None
    clr: Cycle | None = None
    swa: Averaging | None = None
    augmix: Mixing | None = None
    gan: GanOversampling | None = None
    clip_norm: Annotated[float, Field(gt=0)] | None = None
    learn: bool = True


TOPICS: dict[str, type["Topic"]] = {}  # by the name in their field `topic`


class Topic(Options):
    """A small experiment of a work: its options, and in `code` the function that trains one network by them.

    A subclass registers itself under the default of its field `topic`; its `code` names one function

        train(task, dataset, checkpoint, deadline) -> Outcome

    `images`: how many training images are used (none: all), drawn by the subset seed. `in_bf16` says whether
    the function knows `optimizer.precision`; `networks` names fields that hold a further backbone, which an
    experiment file may name like those under `backbones`.
    """

    in_bf16: ClassVar[bool] = False
    networks: ClassVar[tuple[str, ...]] = ()
    images: Annotated[int, Field(gt=0)] | None = None

    def sampling_variance(self, record: Any, metric: str) -> float | None:
        """Variance of a measure of a record over test images like its own; None where the topic does not
        know."""
        return None

    @classmethod
    def __pydantic_init_subclass__(cls, **_) -> None:
        name = cls.model_fields["topic"].default
        other = TOPICS.setdefault(name, cls)
        if (other.__module__, other.__qualname__) != (cls.__module__, cls.__qualname__):
            raise LabError(f"topic {name!r} is registered twice, by {other.__module__} and {cls.__module__}")
        if len(cls.code) != 1:
            raise LabError(
                f"topic {name!r} must name one function in `code`, like ('package.module:function',)"
            )


def knows_precision(mode: str, lesson: Topic | None) -> bool:
    """Whether a mode, or a topic in mode lesson or tail, can be trained in bf16. Frozen features and the
    heads on them, floors and counterfeits are float32, or more, everywhere."""
    in_topic = mode in ("lesson", "tail") and isinstance(lesson, Topic) and lesson.in_bf16
    return mode in IN_BF16 or in_topic


def topic(name: str) -> type[Topic]:
    """The options of a topic; loads the works until one brings it.

    Raises:
        LabError: none does; names the nearest.
    """
    if name in TOPICS:
        return TOPICS[name]
    for work in works():
        load_work(work)
    if name not in TOPICS:
        raise LabError(f"no topic {name!r}{nearest(name, TOPICS)}; there are: {', '.join(sorted(TOPICS))}")
    return TOPICS[name]


def _as_topic(value: Any) -> Any:
    """A mapping as the options of its topic."""
    return topic(str(value.get("topic"))).model_validate(value) if isinstance(value, dict) else value


class Seeds(Options):
    """Three independent seeds: which images, which initial weights, which order."""

    subset: int
    init: int
    order: int


class Spec(Options):
    """What exactly is run. Its digest, with those of the data and the code, is the id of a record."""

    later = ("recipe", "target_class", "lesson")
    data: str
    subset: Subset | None = Subset()
    validation: Validation = Validation()
    mode: Literal[*MODES] = "probe"
    backbones: tuple[Backbone, ...]
    balance: Annotated[int, Field(gt=0)] | None = None
    weights: Weights | None = None
    bags: Bags | None = None
    optimizer: Optimizer = Optimizer()
    augment: Literal["none", "crop-flip"] = "none"
    seeds: Seeds
    recipe: Recipe | None = None
    target_class: Annotated[int, Field(ge=0)] | None = None  # of the counterfeits, in mode "gan"
    lesson: Annotated[SerializeAsAny[Topic], BeforeValidator(_as_topic)] | None = None

    @model_validator(mode="after")
    def _fits_the_mode(self):
        """What one mode alone knows is refused elsewhere, not ignored."""
        official = self.mode == "ldam-official"
        if (self.optimizer.name == "sgd") != official:
            raise ValueError("optimizer.name sgd belongs to mode ldam-official, and adam to all others")
        if self.validation.fraction == 0 and not official:
            raise ValueError("validation.fraction must be above 0: only mode ldam-official holds nothing out")
        if self.optimizer.precision != "float32" and not knows_precision(self.mode, self.lesson):
            called = self.lesson.topic if self.mode == "lesson" and self.lesson else self.mode
            raise ValueError(
                f"optimizer.precision bf16 is for the modes {', '.join(IN_BF16)} and some topics, not for "
                f"{called}"
            )
        return self

    def rests_on(self) -> tuple[str, ...]:
        """The definitions, "module:name", whose code decides the numbers: those of the mode and of the
        options that are used."""
        used = [getattr(self.recipe, name) for name in type(self.recipe).model_fields] if self.recipe else []
        return (
            MODES[self.mode],
            *(root for option in [*used, self.lesson] if isinstance(option, Options) for root in option.code),
        )


class PublishedRef(Options):
    """Where the printed number stands in published.csv, beyond the experiment's table and the row id."""

    method: str | None = None
    metric: str | None = None
    class_: Annotated[str | None, Field(alias="class")] = None


class Row(Options):
    """One published row: its id, a unique key, a label for people, and what it sets.

    `seeds`: profile, or profile and data ("laptop-embedded") -> how many, where a row that varies more than
    its neighbours takes more of them, or with 0 is left out; `lab.run` then gives the committed evidence."""

    row: str
    key: FileName
    label: str
    published: PublishedRef | None = None
    variants: tuple[Variant, ...] = ("as-released",)
    seeds: dict[Kind, Annotated[int, Field(ge=0, le=1000)]] = {}
    set: dict[str, Any] = {}


class ProfileSettings(Options):
    """What a profile changes; `embedded` and `real` hold what it changes on that data only.

    `adapt` changes remedies of the recipe or of the lesson, by their key in it, in those rows that use them.
    `precision` is the `optimizer.precision` of those rows that know one and do not say it themselves.
    """

    seeds: Annotated[int, Field(gt=0, le=1000)] | None = None
    set: dict[str, Any] = {}
    adapt: dict[str, dict[str, Any]] = {}
    precision: Precision | None = None
    backbones: dict[str, dict[str, Any]] = {}
    embedded: "ProfileSettings | None" = None
    real: "ProfileSettings | None" = None


def _known_work(name: str) -> str:
    if name not in works():
        raise ValueError(f"no such work{nearest(name, works())}; there are {', '.join(works())}")
    return name


class Experiment(Options):
    """One experiment file. Of equally valuable records, `lt fill` trains those of the highest `priority`
    first."""

    experiment: FileName
    work: Annotated[str, AfterValidator(_known_work)]
    title: str
    table: str
    metric: str = "test_accuracy"
    priority: int = 0
    data: dict[Data, str]
    defaults: dict[str, Any]
    variants: dict[Variant, dict[str, Any]] = {}
    profiles: dict[Profile, ProfileSettings]
    rows: tuple[Row, ...]

    def settings(self, profile: str) -> ProfileSettings:
        """What a profile changes here. Where nothing says what a night on two cores should add, `overnight`
        is `laptop`.

        Raises:
            LabError: the experiment lacks the profile.
        """
        name = "laptop" if profile == "overnight" and profile not in self.profiles else profile
        if name not in self.profiles:
            raise LabError(
                f"{self.experiment} has no profile {profile!r}{nearest(profile, self.profiles)}; it has: "
                + ", ".join(self.profiles)
            )
        return self.profiles[name]

    def select(self, rows: list[str] | str | None) -> list[Row]:
        """Rows by key or by published row id; all of them for None.

        Raises:
            LabError: a name matches no row.
        """
        if rows is None:
            return list(self.rows)
        wanted = [rows] if isinstance(rows, str) else list(rows)
        known = {name for row in self.rows for name in (row.key, row.row)}
        for name in wanted:
            if name not in known:
                raise LabError(
                    f"experiment {self.experiment} has no row {name!r}{nearest(name, known)}; rows: "
                    + ", ".join(row.key for row in self.rows)
                )
        return [row for row in self.rows if row.key in wanted or row.row in wanted]


DEPTH, MOST = 50, 50_000  # collections within each other, and values of an experiment file


class _Yaml(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """The safe loader, libyaml's (six times as fast) where there is one; refuses a key that is given twice,
    of which it would keep the last in silence."""

    def get_single_node(self):
        root = super().get_single_node()
        todo, seen = [root], set()
        while todo:
            node = todo.pop()
            if not isinstance(node, yaml.CollectionNode) or id(node) in seen:
                continue
            seen.add(id(node))
            if isinstance(node, yaml.SequenceNode):
                todo += node.value
                continue
            lines: dict[tuple, int] = {}
            for key, value in node.value:
                name, line = (key.tag, str(key.value)), key.start_mark.line + 1
                if name in lines:
                    problem = f"the key {key.value!r} is given twice, first in line {lines[name]}"
                    raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
                lines[name] = line
                todo += [key, value]
        return root


def experiments() -> list[str]:
    """Names of all experiment files, sorted; what begins with a dot is some program's own."""
    return sorted(path.stem for path in experiments_dir().glob("[!.]*.yaml"))


def load(experiment: str | Path, check: bool = True) -> Experiment:
    """Read one experiment file, by name or path; to check it, every row is resolved once at every profile, so
    that a typo shows here.

    Raises:
        LabError: no such file, not YAML, or a key or value that does not belong: names file, row, key and the
    nearest valid one."""
    path = absolute(experiment)
    if path.suffix not in (".yaml", ".yml"):
        path = experiments_dir() / f"{experiment}.yaml"
        if str(experiment) not in experiments():
            raise LabError(
                f"no experiment {str(experiment)!r}{nearest(str(experiment), experiments())}; there are: "
                + ", ".join(experiments())
            )
    try:
        return _checked(path, _read(path), check)
    except RecursionError:
        raise LabError(f"{path.name}: something in it holds itself, or is nested too deeply") from None


def _read(path: Path) -> dict:
    try:
        text = path.read_bytes().decode("utf-8")
        _check_size(text)
        raw = yaml.load(text, _Yaml)
    except OSError as error:
        raise LabError(f"{path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise LabError(
            f"{path.name} is not written in UTF-8 (byte {error.start + 1} is none of it); save it in UTF-8"
        ) from None
    except (ValueError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        said = " ".join(str(getattr(error, "problem", None) or error).split())
        raise LabError(f"{path.name}{line} cannot be read as YAML: {said}") from None
    if not isinstance(raw, dict):
        raise LabError(f"{path.name} must hold a mapping with the keys {', '.join(Experiment.model_fields)}")
    return raw


def _check_size(text: str) -> None:
    """Refuse, before anything is built of it, what is nested too deeply or grows too large once its aliases
    are followed; and tags, which no experiment needs.

    Raises:
        yaml.YAMLError: it is so, or no YAML at all.
    """
    sizes: dict[str, int] = {}  # anchor -> values behind it
    within: list[list] = [["", 0]]  # the collections around the event: anchor, values so far

    def refuse(problem: str) -> None:
        raise yaml.constructor.ConstructorError(None, None, problem, event.start_mark)

    for event in yaml.parse(text, _Yaml):
        if getattr(event, "tag", None):
            refuse(f"the tag {event.tag!r} is of no use here; leave it out")
        if isinstance(event, yaml.CollectionStartEvent):
            within.append([event.anchor, 1])
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, size = within.pop()
            sizes[anchor] = size
            within[-1][1] += size
        elif isinstance(event, yaml.AliasEvent):
            within[-1][1] += sizes.get(event.anchor, 1)
        elif isinstance(event, yaml.ScalarEvent):
            within[-1][1] += 1
        if len(within) > DEPTH:
            refuse(f"nested more than {DEPTH} deep")
        if within[-1][1] > MOST:
            refuse(f"more than {MOST:,} values, aliases followed")


def _checked(path: Path, raw: dict, check: bool) -> Experiment:
    parsed = _validate(Experiment, raw, path.name)
    if parsed.experiment != path.stem:
        raise LabError(
            f"{path.name}: experiment is {parsed.experiment!r}; it must be the file's name, {path.stem!r}"
        )
    keys = [row.key for row in parsed.rows]
    for key in keys:
        if keys.count(key) > 1:
            raise LabError(
                f"{path.name}: row key {key!r} stands {keys.count(key)} times; keys must be unique"
            )
    for row in parsed.rows if check else ():
        for variant in row.variants:
            for profile in parsed.profiles:
                for data in parsed.data:
                    resolve(parsed, row, variant, profile, data, 0)
    return parsed


def resolve(experiment: Experiment, row: Row, variant: str, profile: str, data: str, seed: int) -> Spec:
    """The spec of one row, variant, profile, data and seed.

    Raises:
        LabError: the experiment lacks the profile or data, or the merged values do not make a valid spec.
    """
    settings = experiment.settings(profile)
    if data not in experiment.data:
        raise LabError(
            f"{experiment.experiment} has no data {data!r}{nearest(data, experiment.data)}; it has: "
            + ", ".join(experiment.data)
        )
    by_data = getattr(settings, data) or ProfileSettings()
    merged: dict[str, Any] = {}
    for layer in (
        experiment.defaults,
        row.set,
        experiment.variants.get(variant, {}),
        settings.set,
        by_data.set,
    ):
        merged = _merge(merged, layer)
    where = f"{experiment.experiment}.yaml, row {row.key}, variant {variant}, profile {profile}, data {data}"
    for name, kind in (("backbones", list), ("recipe", dict), ("seeds", dict)):
        if merged.get(name) is not None and not isinstance(merged[name], kind):
            wanted = {list: "a list", dict: "a mapping"}[kind]
            raise LabError(f"{where}: {name} must be {wanted} (got {merged[name]!r:.80})")
    for part in ("recipe", "lesson"):
        adapted = dict(merged.get(part) or {})
        for remedy, layer in [*settings.adapt.items(), *by_data.adapt.items()]:
            if isinstance(adapted.get(remedy), dict):
                adapted[remedy] = _merge(adapted[remedy], layer)
        if adapted:
            merged[part] = adapted
    stand_ins = {**settings.backbones, **by_data.backbones}
    merged["backbones"] = [_backbone(name, stand_ins) for name in merged.get("backbones") or []]
    merged.setdefault("data", experiment.data[data])
    if isinstance(merged.get("lesson"), dict):
        lesson, kind = merged["lesson"], topic(str(merged["lesson"].get("topic")))
        named = {name: _backbone(lesson[name], stand_ins) for name in kind.networks if lesson.get(name)}
        merged["lesson"] = _validate(kind, lesson | named, where, "lesson.")
    precision = by_data.precision or settings.precision
    if precision and knows_precision(merged.get("mode", "probe"), merged.get("lesson")):
        merged = _merge({"optimizer": {"precision": precision}}, merged)
    merged["seeds"] = {"subset": seed, "init": seed, "order": seed, **(merged.get("seeds") or {})}
    return _validate(Spec, merged, where)


def seeds_of(experiment: Experiment, row: Row, profile: str, data: str) -> int:
    """How many seeds the profile asks for on that data, or of that row."""
    for kind in (f"{profile}-{data}", profile):
        if kind in row.seeds:
            return row.seeds[kind]
    settings = experiment.settings(profile)
    by_data = getattr(settings, data)
    return (by_data.seeds if by_data and by_data.seeds else settings.seeds) or 1


def _backbone(name: Any, stand_ins: dict) -> Any:
    if not isinstance(name, str):
        return name
    if name not in stand_ins:
        return {"name": name}
    actual = dict(stand_ins[name])
    if actual.get("name", name) != name or actual.get("options"):
        actual.setdefault("stands_in_for", name)
    return {"name": name, **actual}


def _merge(base: dict, over: dict) -> dict:
    """`over` wins; mappings merge key by key, everything else is replaced."""
    out = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(out.get(key), dict)
        out[key] = _merge(out[key], value) if both else value
    return out


def _validate(model: type[BaseModel], raw: dict, where: str, inside: str = ""):
    """A checked model; `inside` says below which key `raw` stands, like "lesson."."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise LabError(
            "\n".join(_explain(model, raw, problem, where, inside) for problem in error.errors())
        ) from None


def _explain(model: type[BaseModel], raw: Any, problem: dict, where: str, inside: str = "") -> str:
    """One line for one pydantic error: file, row, key, and the nearest valid key for a misspelt one."""
    *outer, last = problem["loc"] or ("",)
    path = [part for part in outer if not str(part)[:1].isupper()]  # classes of a union are no keys
    if problem["type"] == "extra_forbidden" or not str(last)[:1].isupper():
        path.append(last)
    dotted = ".".join(str(part) for part in path)
    if len(path) > 1 and path[0] == "rows" and isinstance(path[1], int):
        row = raw["rows"][path[1]]
        called = row.get("key", path[1]) if isinstance(row, dict) else path[1]
        where += f", row {' '.join(str(called).split())}"
        dotted = ".".join(str(part) for part in path[2:]) or "rows"
    if problem["type"] == "extra_forbidden":
        return f"{where}: unknown key {inside + dotted!r}{nearest(path[-1], _fields_at(model, path[:-1]))}"
    said = problem["msg"].removeprefix("Value error, ")
    return f"{where}: {inside}{dotted}: {said[:1].lower()}{said[1:]} (got {problem['input']!r:.80})"


def _fields_at(model: type[BaseModel], path: list) -> list[str]:
    """Valid keys of the model that `path` leads to."""
    for part in path:
        if isinstance(part, int) or part not in model.model_fields:
            continue
        nested = [m for m in _models_in(model.model_fields[part].annotation)]
        if not nested:
            return []
        model = nested[0]
    return [field.alias or name for name, field in model.model_fields.items()]


def _models_in(annotation) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for arg in getattr(annotation, "__args__", ()) for m in _models_in(arg)]
