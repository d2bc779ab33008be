# stands for: ast:19144405a88472762645098a68a80405c953ff2bf9ba0026cd7111d38450bdb6
# A last batch of one image is left out, batches of one are refused; other lists are dealt as before
# (tests/lab/train/test_loop.py); the precision of the spec decides in place of the device, float32 on a CPU
# as before (tests/lab/train/test_precision.py).


def _train_one(
    task: Task,
    lesson: Targets,
    net: nn.Module,
    sets: Sets,
    teacher: nn.Module | None,
    checkpoint: Path | None,
    deadline: float | None,
) -> tuple[Outcome, nn.Module]:
    """Train one network by a lesson; targets in place of labels."""
    opt, n, where = task.optimizer, len(sets.given), device()
    if lesson.rule == "sgd":
        descent = torch.optim.SGD(net.parameters(), lr=opt.lr, momentum=0.9, weight_decay=opt.weight_decay)
    else:
        descent = torch.optim.Adam(net.parameters(), lr=opt.lr, weight_decay=opt.weight_decay)
    seed_all("drop", task.seeds.init)
    what, steps = f"training {task.backbone.called} on {n} images", -(-n // opt.batch_size)
    loop = Loop(what, opt.epochs, checkpoint, deadline, steps=steps, net=net, descent=descent)
    for epoch in loop:
        rate = opt.lr * 0.1 ** sum(epoch >= share * opt.epochs for share in lesson.drops)
        for group in descent.param_groups:
            group["lr"] = rate
        net.train()
        gen, total = generator("order", task.seeds.order, epoch), torch.zeros((), device=where)
        for batch in torch.randperm(n, generator=gen).split(opt.batch_size):
            if len(batch) == 1 and n > 1:
                continue  # batch statistics of a single image are no statistics
            loss = _loss(net, lesson, sets, batch.to(where), gen, teacher)
            descent.zero_grad(set_to_none=True)
            loss.backward()
            descent.step()
            total += loss.detach() * len(batch)
            loop.advance()
        loop.finite(total)
        logits, curves = evaluate(net, sets.val, sets.test)
        if sets.wrong.any():
            curves |= _remembered(_answers(net, sets.train)[1], sets)
        loop.log(logits, net.state_dict(), train_loss=float(total) / n, lr=rate, **curves)
    return loop.outcome(n), net
