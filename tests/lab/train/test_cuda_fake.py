"""Every mode on a CUDA device that is not there: forward, loss and evaluation, to find tensors left on the
CPU.

Tensors on the card are those of FakeTensorMode, which knows what every operation does with devices and
refuses to mix them. Their values are computed beside them on the CPU, so that a loop runs as it is written,
to its end; only the backward pass, which needs a card, is left out, and no weight changes."""

import sys

import pytest
import torch
from helpers import EXPERIMENT, write_experiment
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensor,
    FakeTensorMode,
)
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from lt_lib import data as datasets
from lt_lib.lab import load, plan
from lt_lib.lab.bench.remedies import Fitted
from lt_lib.lab.record.plan import definition
from lt_lib.lab.record.spec import MODES, TOPICS, Mixing, Topic, knows_precision
from lt_lib.lab.record.works import load_work, works
from lt_lib.lab.train import recipes
from lt_lib.lab.train.device import device

pytestmark = pytest.mark.filterwarnings("ignore:Accessing the data pointer of FakeTensor")
CUDA = torch.device("cuda", 0)
CONVOLUTIONS = (torch.ops.aten.convolution.default, torch.ops.aten.conv2d.default)
INDEXED = (torch.ops.aten.index.Tensor, torch.ops.aten.index_put_.default)


class Card(TorchDispatchMode):
    """Runs what touches the card twice: by FakeTensorMode for devices, on the CPU for values.

    Attributes:
        ran: how many operations touched it.
        convolved: dtypes of the images that were convolved on it.
        learned: losses that a backward pass was asked of.
    """

    _mode_key = torch._C._TorchDispatchModeKey.FAKE  # or torch would look for a driver

    def __init__(self):
        super().__init__()
        self.fakes = FakeTensorMode(allow_non_fake_inputs=True)
        self.ran, self.convolved, self.learned = 0, set(), []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        given = tree_leaves((args, kwargs or {}))
        if not any(isinstance(v, FakeTensor) or _is_cuda(v) for v in given):
            return func(*args, **kwargs or {})
        if func in INDEXED and not isinstance(args[0], FakeTensor):
            raise RuntimeError("a tensor on the CPU is indexed by one on another device")
        self.ran += 1
        if func in CONVOLUTIONS:
            self.convolved.add(args[0].dtype)
        plain, named = tree_map(_value, (args, kwargs or {}))
        values = func(*plain, **named)
        try:
            with self.fakes:
                fakes = func(*args, **kwargs or {})
        except (DataDependentOutputException, DynamicOutputShapeException):  # the values say it
            return tree_map(self._put, values)
        return tree_map(_joined, fakes, values)

    def _put(self, value):
        """A tensor of values on the card; anything else as it is."""
        if not isinstance(value, torch.Tensor):
            return value
        with self.fakes:
            fake = torch.empty_strided(value.shape, value.stride(), dtype=value.dtype, device=CUDA)
        return _joined(fake, value)

    def backward(self, loss, inputs=None) -> None:
        """In place of Tensor.backward."""
        assert loss.device == CUDA and loss.isfinite()
        self.learned.append(float(loss.detach()))

    def grad(self, outputs, inputs, along=None, **_):
        """In place of torch.autograd.grad: slopes of nothing."""
        assert outputs.device == CUDA and outputs.isfinite().all()
        assert along is None or along.device == CUDA
        self.learned.append(float(outputs.detach().sum()))
        return tree_map(torch.zeros_like, (inputs,) if isinstance(inputs, torch.Tensor) else tuple(inputs))


def _is_cuda(value) -> bool:
    return isinstance(value, torch.device) and value.type == "cuda"


def _value(given):
    """What an operation on the CPU is given in place of what is on the card."""
    if isinstance(given, FakeTensor):
        return given.value
    return torch.device("cpu") if _is_cuda(given) else given


def _joined(fake, value):
    """A result: on the card with its value, or, if it is on the CPU, the value itself."""
    if not isinstance(fake, FakeTensor):
        return fake
    if fake.device != CUDA:
        return value
    if fake.shape != value.shape:  # batch statistics in eval mode: a kernel on the CPU leaves them out
        value = value.new_zeros(fake.shape)
    if fake.stride() != value.stride():  # kernels on the card may lay results out in another way
        value = torch.empty_strided(fake.shape, fake.stride(), dtype=fake.dtype).copy_(value)
    assert fake.dtype == value.dtype
    fake.value = value
    return fake


def topics() -> list[type[Topic]]:
    """The topics of all works."""
    for work in works():
        load_work(work)
    return list(TOPICS.values())


@pytest.fixture
def card(monkeypatch, lab_env, tmp_path):
    """A card that all of the lab sees, and a cache in which nothing was computed before."""
    monkeypatch.setenv("LT_CACHE", str(tmp_path / "cache"))
    torch.set_num_threads(1)
    for root in (*MODES.values(), *(code for topic in topics() for code in topic.code)):
        definition(root)  # imported now: what is imported later would keep the card
    card = Card()
    for module in [m for m in list(sys.modules.values()) if getattr(m, "device", None) is device]:
        monkeypatch.setattr(module, "device", lambda: CUDA)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (2**33, 2**33))
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    monkeypatch.setattr(torch.cuda.amp.common, "amp_definitely_not_available", lambda: False)
    monkeypatch.setattr(torch.Tensor, "backward", lambda *args, **named: card.backward(*args, **named))
    monkeypatch.setattr(torch.autograd, "grad", card.grad)
    save = torch.save
    monkeypatch.setattr(torch, "save", lambda kept, file: save(tree_map(_value, kept), file))
    torch._C._set_only_lift_cpu_tensors(True)  # torch.tensor makes its values on the CPU first
    with torch.backends.cudnn.flags(enabled=False):  # its operations have no counterpart on the CPU
        yield card
    torch._C._set_only_lift_cpu_tensors(False)


SMALL = {  # one batch is enough
    "recipe": {"tiles": 60, "test_tiles": 60},
    "optimizer": {"epochs": 1, "batch_size": 100},
    "lesson": {"images": 100},
}
CASES = {  # experiment, row, and what else is changed
    "probe": ("shapes", "bagged", {}),
    "finetune": ("shapes", "tuned", {}),
    "recipe: margins, weights, cycles, averages, mixtures": (
        "spectrum-table2",
        "r18-652-augmix-swa-clr-ldam",
        {"recipe": {"augmix": Mixing(width=1, depth=1)}},
    ),
    "recipe: sampler, counterfeits": ("spectrum-table1", "b4-gan-ce-sampler", {}),
    "floor": ("spectrum-table1", "floor", {}),
    "gan": ("spectrum-fig1b", "class-1", {}),
    "ldam-official": ("ldam-official", "ldam-drw-100", {}),
    "ldam-official: baseline": ("ldam-official", "ce-100", {}),
    "lesson: targets": ("lectures-targets", "mixup-dropout-40", {}),
    "lesson: targets of a teacher": ("lectures-targets", "student-of-smoothed", {}),
    "lesson: thaw": ("lectures-thaw", "all-slower", {"lesson": {"probes": True}}),
    "lesson: few-labels": ("lectures-few-labels", "ssgan-20", {"optimizer": {"batch_size": 20}}),
    "lesson: norms": ("lectures-norms", "bn-noisy", {"lesson": {"rates": (), "probe": 1}}),
    "lesson: regularised": ("sign-table1", "sign", {"lesson": {"repeats": 2}}),
    "lesson: regularised, two heads": (
        "sign-table2",
        "mixup-doubt",
        {"lesson": {"repeats": 2, "augment": "classical"}},
    ),
    "tail: head": ("bench-frozen", "plain-0.005", {"lesson": {"images": None}}),
    "tail: whole": ("bench-whole", "plain-100", {"lesson": {"images": None, "remedy": "augmix-ldam"}}),
    "lesson: rules": ("lectures-rules", "adam", {"lesson": {"filters": (2,), "probe": 1}}),
}


def case_of(tmp_path, experiment, row, change):
    """Spec, mode, task and data of a row at profile smoke, smaller still; in bf16 where that is known."""
    if experiment == "shapes":
        experiment = load(write_experiment(tmp_path, EXPERIMENT))
    spec = plan(experiment, row, "smoke", seeds=1)[0].spec
    small = {name: SMALL[name] | change.get(name, {}) for name in SMALL}
    if knows_precision(spec.mode, spec.lesson):
        small["optimizer"]["precision"] = "bf16"
    parts = {name: getattr(spec, name) for name in small}
    spec = spec.model_copy(update={n: part.model_copy(update=small[n]) for n, part in parts.items() if part})
    mode, dataset = definition(MODES[spec.mode])(), datasets.load(spec.data)
    return spec, mode, mode.tasks(spec, dataset)[0][:1], dataset


def test_all_modes_and_topics_are_among_the_cases():
    assert {case.partition(":")[0] for case in CASES} == set(MODES)
    kinds = ("lesson", "tail")
    shown = {plan(*CASES[case][:2], "smoke")[0].spec.lesson for case in CASES if case.startswith(kinds)}
    assert {type(lesson) for lesson in shown} == set(topics())


def unlearned(x, y, num_classes, held, keys, seeds):
    """Heads of zeros, in place of those that learn on the CPU whatever the device."""
    weight, bias = torch.zeros(1, 1, num_classes, x.shape[1]), torch.zeros(1, 1, num_classes)
    return {key: Fitted(weight, bias, False, 1.0) for key in keys}


@pytest.mark.parametrize("case", CASES)
def test_a_mode_runs_on_the_card_in_the_precision_of_its_spec(card, monkeypatch, tmp_path, case):
    monkeypatch.setattr("lt_lib.works.bench.frozen.fit", unlearned)
    spec, mode, tasks, dataset = case_of(tmp_path, *CASES[case])
    with card:
        (outcome,) = mode.train(tasks, dataset, tmp_path / "checkpoint.pt", None)
    assert all(logits.isfinite().all() for logits in outcome.logits.values())
    if spec.mode == "floor":  # a rule of scikit-learn, which knows no card
        assert not card.learned and not card.ran
        return
    if case == "tail: head":  # its features come from the card
        assert card.ran and not card.learned
        return
    assert card.learned and card.ran
    allowed = {torch.bfloat16} if spec.optimizer.precision == "bf16" else {torch.float32}
    if spec.recipe and spec.recipe.gan and spec.mode == "recipe":  # counterfeits are drawn in float32
        allowed.add(torch.float32)
    assert card.convolved <= allowed and (card.convolved == allowed or spec.mode == "lesson")


class Forgetful(recipes.Objective):
    """Its class weights stay on the CPU."""

    def start(self, epoch):
        super().start(epoch)
        self.weight = torch.ones(len(self.counts))


class Misled(recipes.Objective):
    """Labels on the CPU are picked by a list that is on the card."""

    def __call__(self, net, split, batch, gen):
        split.labels = split.labels.cpu()
        return super().__call__(net, split, batch, gen)


@pytest.mark.parametrize("broken", [Forgetful, Misled])
def test_a_tensor_left_on_the_cpu_is_found(card, tmp_path, broken):
    *_, tasks, dataset = case_of(tmp_path, "spectrum-table2", "r18-652-ce", {})
    with card:
        recipes.train_recipe(tasks[0], dataset)
    with card, pytest.raises(RuntimeError, match="device"):
        recipes.train_recipe(tasks[0], dataset, objective=broken)
