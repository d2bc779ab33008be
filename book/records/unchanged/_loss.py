# stands for: ast:90dea0263c847703230ce62d32640da64a99c6e998a485723717221e0dd0dd48
# The precision of the spec decides in place of the device: float32 on a CPU as before
# (tests/lab/train/test_precision.py).


def _loss(
    net: nn.Module,
    lesson: Targets,
    sets: Sets,
    batch: Tensor,
    gen: torch.Generator,
    teacher: nn.Module | None,
) -> Tensor:
    """Loss of one batch, given by the positions of its images."""
    pixels = sets.train.pixels[batch.to(sets.train.pixels.device)]
    pixels = crop_flip(pixels, gen) if lesson.augment == "crop-flip" else pixels
    x = sets.train.standard(pixels.to(batch.device).float().div_(255))
    with torch.autocast("cuda", torch.bfloat16, enabled=x.is_cuda):
        if teacher is not None:
            heat = lesson.distillation.temperature
            taught = (teacher(x).float() / heat).log_softmax(1)
            return heat**2 * F.kl_div(
                (net(x).float() / heat).log_softmax(1), taught, reduction="batchmean", log_target=True
            )
        soft = lesson.smoothing
        targets = smooth_labels(
            sets.given[batch], sets.num_classes, *(soft.alpha, soft.variant) if soft else (0.0,)
        )
        if lesson.mixup:
            partners = torch.randperm(len(batch), generator=gen).to(batch.device)
            x, targets = mixup(x, targets, draw_lam(lesson.mixup.alpha, gen), partners)
        return F.cross_entropy(net(x).float(), targets)
