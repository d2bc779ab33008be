# stands for: ast:3bda33e31163443accf659c97617aabc11599debb70b3744e90aac0d87300295
# The precision of the spec decides in place of the device: float32 on a CPU as before
# (tests/lab/train/test_precision.py).


def train_recipe(
    task: Task,
    dataset: datasets.ImageSet,
    checkpoint: Path | None = None,
    deadline: float | None = None,
    extra: tuple[Tensor, Tensor] | None = None,
    mix: Mix | None = None,
    objective: Callable = Objective,
    optimizer: Callable = adam,
    network: Callable = recipe_network,
) -> Outcome:
    """Train the network of a task.

    The last three arguments are what another work replaces; the loop, its checkpoints and its selections stay
    the same.

    Args:
        task: from :func:`tasks`.
        dataset: where its images are.
        checkpoint: as for :class:`~lt_lib.lab.train.loop.Loop`, as is `deadline`.
        extra: generated images (E, C, H, W) uint8, at least as large as the crop, and their labels (E,),
            added to the training list.
        mix: (images in [0, 1], generator) -> images: called twice a batch for the consistency term of
            `recipe.augmix`.
        objective: (recipe, class counts, mix) -> an :class:`Objective` or its like.
        optimizer: (parameters, `Optimizer`) -> a torch optimizer.
        network: (task, classes, bands) -> a module on the device.

    Returns:
        Outcome. "last" is the network at the end: with averaging, the averaged one, its batch statistics
        computed anew from
        batches drawn as in training.

    Raises:
        BudgetEnded: the deadline passed; the state is saved.
        LabError: the network cannot be built, batches of one image, or a loss that is no longer finite.
    """
    keep_memory()
    recipe, opt = task.recipe, task.optimizer
    images, labels = dataset.images("train"), np.asarray(dataset.labels("train"))
    side, n_test = task.backbone.resolution, recipe.test_tiles
    pixels = centre_crops(images, task.train[:, 0], recipe.bands, side)
    mean, spread = band_statistics(pixels)
    own = torch.from_numpy(labels[task.train[:, 0]])
    if extra is not None:
        cut = [(size - pixels.shape[-1]) // 2 for size in extra[0].shape[-2:]]
        window = extra[0][..., cut[0] : cut[0] + pixels.shape[-2], cut[1] : cut[1] + pixels.shape[-1]]
        pixels, own = torch.cat([pixels, window]), torch.cat([own, extra[1]])
    counts = torch.bincount(own, minlength=len(dataset.classes)).tolist()
    train_set = Split(pixels, own, mean, spread)
    held = centre_crops(images, task.val[:, 0], recipe.bands, side)
    val_set = Split(held, labels[task.val[:, 0]], mean, spread)
    test = np.arange(len(dataset.labels("test")))[:n_test]
    unseen = centre_crops(dataset.images("test"), test, recipe.bands, side)
    test_set = Split(unseen, np.asarray(dataset.labels("test"))[test], mean, spread)

    seed_all("init", task.seeds.init)
    net = network(task, len(counts), pixels.shape[1])
    descent, loss_of = optimizer(net.parameters(), opt), objective(recipe, counts, mix)
    parts = {"net": net, "descent": descent}
    if recipe.swa:
        (averaged,) = map(definition, recipe.swa.code)
        parts["average"] = averaged(net, recipe.swa)
    average = parts.get("average")
    seed_all("drop", task.seeds.init)
    n, where = len(own), device()
    what = f"training {task.backbone.called} on {n} images"

    def drawn(epoch: int, sampler: str) -> Iterator[tuple[Tensor, torch.Generator]]:
        gen = generator("order", task.seeds.order, epoch)
        order = balanced_sample(own, n, gen) if sampler == "balanced" else torch.randperm(n, generator=gen)
        for batch in batches(order, opt.batch_size):
            yield batch.to(where), gen

    steps = len(batches(torch.arange(n), opt.batch_size))
    if not recipe.clr:
        parts["rates"] = schedule(descent, opt, steps)
    loop = Loop(what, opt.epochs, checkpoint, deadline, steps=steps, **parts)
    for epoch in loop:
        if recipe.clr:
            for group in descent.param_groups:
                group["lr"] = cyclic_rate(recipe.clr, epoch)
        loss_of.start(epoch)
        net.train()
        total = torch.zeros((), device=where)
        for batch, gen in drawn(epoch, recipe.sampler):
            loss = loss_of(net, train_set, batch, gen)
            total += loss.detach() * len(batch)
            if recipe.learn:
                descent.zero_grad(set_to_none=True)
                loss.backward()
                if recipe.clip_norm:
                    torch.nn.utils.clip_grad_norm_(net.parameters(), recipe.clip_norm)
                descent.step()
                if not recipe.clr:
                    parts["rates"].step()
            loop.advance()
        loop.finite(total)
        judged, last = net, epoch + 1 == opt.epochs
        if average is not None:
            average.take(net, epoch + 1, last)
            if last and int(average.n_averaged):
                if recipe.swa.norms == "test":
                    shown = test_set.loader(opt.batch_size)
                else:  # one more epoch
                    sampler = recipe.sampler if recipe.swa.norms == "drawn" else "none"
                    shown = (loss_of.views(train_set, *drawing) for drawing in drawn(epoch + 1, sampler))
                judged = average.recompute_bn(shown)
        logits, curves = evaluate(judged, val_set, test_set)
        rate = descent.param_groups[0]["lr"]
        loop.log(logits, judged.state_dict(), train_loss=float(total) / n, **curves, lr=rate)
    return loop.outcome(n)
