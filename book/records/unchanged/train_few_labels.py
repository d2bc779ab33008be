# stands for: ast:957bc99da764be3efa9e032654c1203b11fc5222db7e9bd85dedc0bc6eb3b680
# A last batch of one image is left out, batches of one are refused; other lists are dealt as before
# (tests/lab/train/test_loop.py).


def train_few_labels(
    task: Task, dataset: datasets.ImageSet, checkpoint: Path | None = None, deadline: float | None = None
) -> Outcome:
    """Train the classifier of a task, and its generator if its method has one.

    Raises:
        BudgetEnded: the deadline passed; the state is saved.
        LabError: a number of labels that does not fit, or a loss that is no longer finite.
    """
    lesson, opt, where = task.lesson, task.optimizer, device()

    def flat(split: str, rows: np.ndarray) -> Tensor:
        return (
            torch.from_numpy(np.asarray(dataset.images(split)[rows]))
            .to(where)
            .flatten(1)
            .float()
            .div_(127.5)
            .sub_(1)
        )

    known = np.asarray(dataset.labels("train"))
    keep = few(known[task.train[:, 0]], lesson.labels, task.seeds.subset)
    pool, held, test = (
        flat("train", task.train[:, 0]),
        flat("train", task.val[:, 0]),
        flat("test", np.arange(len(dataset.labels("test")))),
    )
    x, y = pool[torch.from_numpy(keep)], torch.as_tensor(known[task.train[keep, 0]]).to(where)
    held_y, test_y = (
        torch.as_tensor(known[task.val[:, 0]]).to(where),
        torch.as_tensor(np.asarray(dataset.labels("test"))).to(where),
    )
    pool = _diluted(pool, lesson, task.seeds.subset)

    seed_all("init", task.seeds.init)
    net = Classifier(x.shape[1], len(dataset.classes), lesson.width, lesson.noise).to(where)
    descent = torch.optim.Adam(net.parameters(), lr=opt.lr, betas=(0.5, 0.999))
    parts, maker = {"net": net, "descent": descent}, None
    if lesson.method in ("ssgan", "matching"):
        maker = image_generator(lesson.latent, x.shape[1], lesson.width).to(where)
        making = torch.optim.Adam(maker.parameters(), lr=opt.lr, betas=(0.5, 0.999))
        parts |= {"maker": maker, "making": making}
    seed_all("drop", task.seeds.order)
    what, size = f"{lesson.method} with {lesson.labels} labels", opt.batch_size
    loop = Loop(what, opt.epochs, checkpoint, deadline, unit="epoch", **parts)
    for epoch in loop:
        gen, total = generator("order", task.seeds.order, epoch), 0.0
        batches = torch.randperm(len(pool), generator=gen).to(where).split(size)
        batches = [batch for batch in batches if len(batch) == size]
        net.train()
        for batch in batches:
            some = torch.randint(len(x), (min(size, len(x)),), generator=gen).to(where)
            made = maker(torch.randn(size, lesson.latent, generator=gen).to(where)) if maker else None
            unfed = None if made is None else made.detach()
            loss = classifier_loss(net, x[some], y[some], pool[batch], unfed, lesson.method)
            descent.zero_grad(set_to_none=True)
            loss.backward()
            descent.step()
            if maker:
                making.zero_grad(set_to_none=True)
                generator_loss(net, made, pool[batch], lesson.method).backward()
                making.step()
            total += float(loss.detach())
        loop.finite(total)
        net.eval()
        with torch.inference_mode():
            logits, said = net(test), net(held)
        loop.log(
            logits,
            net.state_dict(),
            train_loss=total / max(len(batches), 1),
            val_accuracy=accuracy(said, held_y),
            test_accuracy=accuracy(logits, test_y),
        )
    return loop.outcome(len(pool))
