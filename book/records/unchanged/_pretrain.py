# stands for: ast:ef471a23cc4eab6e1ea09f6b2cea81d42b8107489a5f68ca703fe75402ed883a
# A last batch of one image is left out, batches of one are refused; other lists are dealt as before
# (tests/lab/train/test_loop.py).


def _pretrain(backbone: Backbone, source_data: datasets.ImageSet, path: Path, deadline: float | None) -> None:
    """Train a source: Adam, one cycle, images standardised each by itself."""
    recipe, where = backbone.pretrained, device()
    rows = np.sort(
        np.concatenate(
            [
                np.flatnonzero(np.asarray(source_data.labels("train")) == k)[: recipe.n_per_class]
                for k in range(len(source_data.classes))
            ]
        )
    )
    pixels = centre_crops(source_data.images("train"), rows, (), recipe.resolution).to(where)
    labels = torch.from_numpy(np.asarray(source_data.labels("train"))[rows]).long().to(where)
    seed_all("lend", recipe.seed)
    net = _fresh(backbone, len(source_data.classes)).to(where, memory_format=torch.channels_last)
    descent, steps = torch.optim.Adam(net.parameters(), lr=recipe.lr), -(-len(rows) // recipe.batch_size)
    cycle = Optimizer(lr=recipe.lr, epochs=recipe.epochs, batch_size=recipe.batch_size, schedule="one-cycle")
    rates, part = schedule(descent, cycle, steps), path.with_suffix(".part")
    parts = {"net": net, "descent": descent, "rates": rates}
    loop = Loop(f"pre-training {backbone.name}", recipe.epochs, part, deadline, steps=steps, **parts)
    for epoch in loop:
        order = torch.randperm(len(rows), generator=generator("lend", recipe.seed, epoch)).to(where)
        for batch in order.split(recipe.batch_size):
            loss = F.cross_entropy(net(standardise(pixels[batch])), labels[batch])
            descent.zero_grad(set_to_none=True)
            loss.backward()
            descent.step()
            rates.step()
            loop.advance()
    buffer = io.BytesIO()
    torch.save({name: value.detach().cpu() for name, value in net.state_dict().items()}, buffer)
    atomic_write(path, buffer.getvalue())
    part.unlink(missing_ok=True)
