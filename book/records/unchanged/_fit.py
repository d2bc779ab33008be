# stands for: ast:0b727775b406a28b3671ec3885c0562bd55182d2a7d4f0a3d26d07555250d3fa
# A last batch of one image is left out, batches of one are refused; other lists are dealt as before
# (tests/lab/train/test_loop.py).


def _fit(
    task: Task,
    net: Blocks,
    frozen: int,
    sets: dict[str, Split],
    checkpoint: Path | None,
    deadline: float | None,
) -> Outcome:
    """Train all that is above the blocks that stay; looked at `looks` times, evenly."""
    lesson, opt, where = task.lesson, task.optimizer, device()
    count = round(lesson.borrowed * len(net.blocks))
    new = [
        *chain.from_iterable(b.parameters() for b in net.blocks[max(count, frozen) :]),
        *net.head.parameters(),
    ]
    groups = [{"params": new, "lr": opt.lr}]
    learning = [*chain.from_iterable(b.parameters() for b in net.blocks[frozen:count])]
    groups += [{"params": learning, "lr": lesson.slower * opt.lr}] * bool(learning)
    descent = torch.optim.Adam(groups, weight_decay=opt.weight_decay)
    train, n = sets["train"], len(sets["train"].y)
    weight = class_weights(torch.bincount(train.y, minlength=net.head.out_features), "ins").float().to(where)
    steps = -(-n // opt.batch_size)
    rates = schedule(descent, opt, steps)
    looks = sorted({max(1, round(opt.epochs * (i + 1) / lesson.looks)) for i in range(lesson.looks)})
    what = f"{task.backbone.called}, {frozen} of {len(net.blocks)} blocks frozen, {n} images"
    parts = {"net": net, "descent": descent, "rates": rates}
    loop = Loop(what, opt.epochs, checkpoint, deadline, steps=steps, **parts)
    for epoch in loop:
        _mode(net, task, frozen)
        total = 0.0
        order = torch.randperm(n, generator=generator("order", task.seeds.order, epoch)).to(where)
        for batch in order.split(opt.batch_size):
            if len(batch) == 1 and n > 1:
                continue  # has no spread to be normalised by
            loss = F.cross_entropy(net(train.x[batch], frozen), train.y[batch], weight)
            descent.zero_grad(set_to_none=True)
            loss.backward()
            descent.step()
            rates.step()
            total += float(loss.detach()) * len(batch)
            loop.advance()
        loop.finite(total)
        if epoch + 1 in looks:
            held, logits = (_logits(net, frozen, sets[name]) for name in ("val", "test"))
            loop.log(
                logits,
                net.state_dict(),
                train_loss=total / n,
                epoch=epoch + 1,
                val_accuracy=accuracy(held, sets["val"].y),
                test_accuracy=accuracy(logits, sets["test"].y),
            )
    net.eval()
    return loop.outcome(n)
