# stands for: ast:df981c0ebdaef994f8584b3af63db201dee198b722dc07056e4a19e6c0db16ad
# Kept weights that are damaged are made again; whole ones are read as before
# (tests/works/lectures/test_thaw.py).


def _source_weights(backbone: Backbone, source_data: datasets.ImageSet, deadline: float | None) -> Path:
    """File with the weights of a source trained here; trained once, then kept in the cache."""
    recipe = backbone.pretrained
    key = digest(
        [
            backbone.name,
            backbone.options,
            recipe.model_dump(),
            source_data.digest,
            code_digest("lt_lib.works.lectures.thaw:_pretrain"),
        ]
    )
    path = made(cache_root() / "weights") / f"{backbone.name}-{key[7:19]}.pt"
    with FileLock(path.with_suffix(".lock")):
        if not path.is_file():
            say(f"pre-training {backbone.name} on {recipe.data} (kept for later)")
            _pretrain(backbone, source_data, path, deadline)
    return path
