# stands for: ast:d6050df846e5c74e71d1db7b704660913a6d16e5c7bf08532794fd0765fd8d36
# The precision of the spec decides in place of the device: float32 on a CPU as before
# (tests/lab/train/test_precision.py).


class Objective:
    """What a step minimises: cross-entropy or LDAM, weighted where re-weighting is deferred, with AugMix's
    consistency where images are mixed.

    Args:
        recipe: says which.
        counts: training images a class.
        mix: (images in [0, 1], generator) -> images, or None.
    """

    def __init__(self, recipe: Recipe, counts: list[int], mix: Mix | None = None):
        self.recipe, self.counts, self.mix, self.weight = recipe, counts, mix, None
        self.ldam = self.weights = None
        if recipe.ldam:
            (loss,) = map(definition, recipe.ldam.code)
            self.ldam = loss(counts, recipe.ldam.max_margin, recipe.ldam.scale).to(device())
        if recipe.drw:
            (self.weights,) = map(definition, recipe.drw.code)

    def start(self, epoch: int) -> None:
        """Set the weights of an epoch, counted from 0."""
        if self.weights:
            weight = self.weights(self.counts, epoch, self.recipe.drw.switch_epoch, self.recipe.drw.betas)
            self.weight = weight.float().to(device())
        if self.ldam:
            self.ldam.weight = self.weight

    def views(self, split: Split, batch: Tensor, gen: torch.Generator) -> Tensor:
        """What the network is shown of a batch, standardised: the images, and where they are mixed two
        mixtures of each after them."""
        x = split.unit(batch)
        return split.standard(x if self.mix is None else torch.cat([x, self.mix(x, gen), self.mix(x, gen)]))

    def __call__(self, net: torch.nn.Module, split: Split, batch: Tensor, gen: torch.Generator) -> Tensor:
        """Loss of one batch, given by the positions of its images."""
        labels = split.labels[batch]
        with torch.autocast("cuda", torch.bfloat16, enabled=device().type == "cuda"):
            logits = net(self.views(split, batch, gen))
        clean, *mixed = logits.float().split(len(batch))
        loss = self.ldam(clean, labels) if self.ldam else F.cross_entropy(clean, labels, weight=self.weight)
        if not mixed:
            return loss
        consistency = definition(self.recipe.augmix.code[1])
        return loss + self.recipe.augmix.consistency * consistency(clean, *mixed)
