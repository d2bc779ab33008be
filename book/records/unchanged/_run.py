# stands for: ast:bdb89643e272d02ba4dbb13e5bbae25d7a9415b1a19b20d13aedac6810e39a42
# A last batch of one image is left out, batches of one are refused; other lists are dealt as before
# (tests/lab/train/test_loop.py).


def _run(task: Task, dataset: datasets.ImageSet, rate: float, look: bool, loop: Loop) -> dict:
    """One training at one rate: the fields of its trace and, if it looks around, probes."""
    opt, lesson, where = task.optimizer, task.lesson, device()
    images, labels = ({s: read(s) for s in ("train", "test")} for read in (dataset.images, dataset.labels))

    def flat(split: str, rows: np.ndarray) -> Tensor:
        return torch.from_numpy(np.asarray(images[split][rows])).to(where).flatten(1).float().div_(255)

    x, held, test = (
        flat("train", task.train[:, 0]),
        flat("train", task.val[:, 0]),
        flat("test", np.arange(len(labels["test"]))),
    )
    mean, spread = x.mean(), x.std()
    x, held, test = ((t - mean) / spread for t in (x, held, test))
    y, held_y, test_y = (
        torch.as_tensor(np.asarray(t)).to(where)
        for t in (labels["train"][task.train[:, 0]], labels["train"][task.val[:, 0]], labels["test"])
    )
    seed_all("init", task.seeds.init)
    net = plain_network(lesson, x.shape[1], len(dataset.classes)).to(where)
    probes = {
        name: []
        for name in (
            "step",
            "loss_range",
            "gradient_change",
            "gradient_change_relative",
            "curvature",
            "shift",
            "shift_angle",
        )
    }
    trace, step = Trace(), 0
    for epoch in range(opt.epochs):
        order = torch.randperm(len(x), generator=generator("order", task.seeds.order, epoch)).to(where)
        total = 0.0
        net.train()
        for batch in order.split(opt.batch_size):
            if len(batch) == 1:  # has no spread to be normalised by
                continue
            looking = look and step % lesson.probe == 0
            before, random = _copied(net), torch.get_rng_state()
            loss, gradient = _slope(net, x[batch], y[batch])
            if looking:
                found = _ahead(net, x[batch], y[batch], before, gradient, rate, random)
            with torch.no_grad():
                for parameter, start, g in zip(net.parameters(), before, gradient, strict=True):
                    parameter.copy_(start - rate * g)
            if looking:
                found |= _shift(net, x[batch], y[batch], before, gradient, random) | {"step": step}
                for name, value in found.items():
                    probes[name].append(value)
            total, step = total + float(loss) * len(batch), step + 1
        _settle(net, x)
        net.eval()
        with torch.inference_mode():
            logits, said = net(test), net(held)
        trace.log(
            logits,
            net.state_dict(),
            epoch + 1,
            train_loss=total / len(x),
            val_accuracy=accuracy(said, held_y),
            test_accuracy=accuracy(logits, test_y),
        )
        loop.advance()
    return {"trace": vars(trace), "probes": probes}
