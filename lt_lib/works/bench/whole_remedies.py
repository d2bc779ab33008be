"""Remedies for a network that is trained whole on its long tail: those that a head can take, and those that
change the images, the network's training, or how many networks vote."""

from dataclasses import dataclass

from lt_lib.lab.bench.remedies import REMEDIES, Remedy

RATES, POWERS = (1 / 3, 1.0, 3.0), (0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Whole(Remedy):
    """How a network is trained; beside what a :class:`Remedy` says (`alpha` is of mixup, of images):

    `retrain`: in the last fifth of the steps a fresh head learns alone, under the balanced sampler. `cycles`:
    the rate goes up and down ten times, and weights are averaged. `augmix`: two mixtures of each image are
    shown with it, and shall get its answer. `sign`: images and their SIGN copies are shown. `gan`: generated
    images fill all classes up to the largest. `networks`: how many learn and vote."""

    retrain: bool = False
    cycles: bool = False
    augmix: bool = False
    sign: bool = False
    gan: bool = False
    networks: int = 1

    @property
    def settings(self) -> tuple[float, ...]:
        """The values of which one is chosen on validation: of the learning rate, as multiples; of
        tau-normalisation the power."""
        return POWERS if self.after == "norm" else RATES


HEAD_ALONE = Whole("head alone", "Kang et al. 2020", draws="balanced")  # the second half of cRT
HEADS = ("plain", "focal", "ins", "isns", "ens", "artificial", "softmax", "adjusted", "tau")
LDAM = {"cosine": True, "margin": 0.5}
LDAM_DRW = LDAM | {"weights": "ens", "late": True}

WHOLE = {key: Whole(**vars(REMEDIES[key])) for key in (*HEADS, "cosine", "ldam", "ldam-drw")} | {
    "resampled": Whole("balanced sampler", "spectrum", draws="balanced"),
    "crt": Whole("cRT", "Kang et al. 2020", retrain=True),
    "cycles": Whole("CLR and SWA", "spectrum", cycles=True),
    "mixed": Whole("mixup of images", "lectures, sign", alpha=0.2),
    "augmix": Whole("AugMix", "spectrum", augmix=True),
    "sign": Whole("SIGN", "sign", sign=True),
    "gan": Whole("GAN over-sampling", "spectrum", gan=True),
    "bags": Whole("balanced bags", "ee443", draws="bags", networks=3),
    "stack": Whole("stack of three", "ee443", networks=3),
    "stack-ens": Whole("stack of three, ENS", "ee443", networks=3, weights="ens"),
    "ldam-cycles": Whole("LDAM-DRW, CLR and SWA", "spectrum", cycles=True, **LDAM_DRW),
    "augmix-ldam": Whole("AugMix, LDAM-DRW", "spectrum", augmix=True, **LDAM_DRW),
    "gan-resampled": Whole("GAN, balanced sampler", "spectrum", gan=True, draws="balanced"),
}
