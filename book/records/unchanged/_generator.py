# stands for: ast:657170375e636208c387336959203b0043badf105e1fba7f1600bd8549d7999f
# A kept generator that is damaged is made again; a whole one is read as before
# (tests/lab/train/test_recipes.py).


def _generator(task: Task, dataset: datasets.ImageSet, label: int, deadline: float | None) -> dict:
    """The generator of a class with its history and tiles kept over training: from the cache, or trained
    now."""
    gan, tiles = task.recipe.gan, _tiles(task, dataset, label)
    if len(tiles) < 2:
        raise LabError(
            f"class {dataset.classes[label]} has {len(tiles)} training tiles, too few for a DC-GAN; raise "
            "recipe.tiles"
        )
    own = np.asarray(dataset.labels("train"))[task.train[:, 0]]
    key = digest(
        [
            gan.model_dump(),
            task.recipe.bands,
            label,
            task.train[own == label].tolist(),
            dataset.digest,
            task.seeds.init,
            device().type,
            code_digest("lt_lib.lab.train.gan_oversampling:_fit"),
        ]
    )
    folder = made(cache_root() / "generators")
    path = folder / f"{dataset.name}-{label}-{key[7:19]}.pt"
    with FileLock(path.with_suffix(".lock")):
        if not path.is_file():
            say(f"training a DC-GAN for class {dataset.classes[label]} of {dataset.name} (kept for later)")
            _fit(gan, tiles, task.seeds.init, path, deadline)
    found = torch.load(path, map_location="cpu", weights_only=True)
    generator = Generator(tiles.shape[1], gan.latent, gan.width)
    generator.load_state_dict(found["generator"])
    return found | {"generator": generator.to(device()).eval()}
