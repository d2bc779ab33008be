# stands for: ast:3bf7d5f57a21c08ae8ce0f4ef95f0b448663e0c3a90fc34a28f37f2afb7125d1
# A last batch of one image is left out, batches of one are refused; other lists are dealt as before
# (tests/lab/train/test_loop.py); the precision of the spec decides in place of the device, float32 on a CPU
# as before (tests/lab/train/test_precision.py).


def train_network(
    net: torch.nn.Module,
    backbone: Backbone,
    images: tuple[Images, Images | None, Images],
    optimizer: Optimizer,
    seeds: Seeds,
    checkpoint: Path | None = None,
    deadline: float | None = None,
    what: str = "",
    augment: str = "none",
    weight: tuple[float, ...] | None = None,
) -> Outcome:
    """Train a whole network with Adam, constant or one-cycle, and cross entropy; bf16 autocast on CUDA,
    channels last.

    Args:
        net: (N, 3, H, W) -> (N, K), on the device.
        backbone: gives resolution and normalisation.
        images: training, validation and test images on the device; without validation images the last epoch
            stands for the validation-selected one.
        seeds: `init` seeds dropout and the like, `order` the order of the batches.
        checkpoint: as for :class:`~lt_lib.lab.train.loop.Loop`, as is `deadline`.
        what: shown to the person who waits.
        augment: "none" or "crop-flip".
        weight: class weights or None.

    Raises:
        BudgetEnded: the deadline passed; the state is saved.
        LabError: the loss is no longer finite.
    """
    keep_memory()
    train, val, test = images
    mean, std = normalisation(backbone)
    descent = torch.optim.Adam(net.parameters(), lr=optimizer.lr, weight_decay=optimizer.weight_decay)
    n = len(train.labels)
    steps = -(-n // optimizer.batch_size)
    rates = schedule(descent, optimizer, steps)
    seed_all("drop", seeds.init)
    what = what or f"training {backbone.name}"
    loop = Loop(
        what, optimizer.epochs, checkpoint, deadline, steps=steps, net=net, descent=descent, rates=rates
    )
    cuda = device().type == "cuda"
    weights = None if weight is None else torch.tensor(weight, device=device())

    def scores(images: Images) -> Tensor:
        net.eval()
        with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16, enabled=cuda):
            parts = images.pixels.split(500)
            return torch.cat([net(prepare(x, backbone.resolution, mean, std)).float() for x in parts])

    for epoch in loop:
        net.train()
        gen = generator("order", seeds.order, epoch)
        order, total = torch.randperm(n, generator=gen).to(device()), 0.0
        for batch in order.split(optimizer.batch_size):
            pixels = train.pixels[batch]
            if augment == "crop-flip":
                pixels = crop_flip(pixels, gen)
            with torch.autocast("cuda", torch.bfloat16, enabled=cuda):
                logits = net(prepare(pixels, backbone.resolution, mean, std))
            loss = F.cross_entropy(logits.float(), train.labels[batch], weight=weights)
            descent.zero_grad(set_to_none=True)
            loss.backward()
            descent.step()
            rates.step()
            total += float(loss.detach()) * len(batch)
            loop.advance()
        loop.finite(total)
        logits = scores(test)
        held = float(epoch) if val is None else accuracy(scores(val), val.labels)
        loop.log(
            logits,
            net.state_dict(),
            train_loss=total / n,
            val_accuracy=held,
            test_accuracy=accuracy(logits, test.labels),
        )
    return loop.outcome(n)
