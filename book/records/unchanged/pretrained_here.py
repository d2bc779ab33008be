# stands for: ast:7fb7423fe446dc96dd670d48b97005f6fedb261c01f3545fa5cbce4b4c1cd579
# Kept weights that are damaged are made again; whole ones are read as before
# (tests/lab/train/test_features.py).


def pretrained_here(backbone: Backbone, deadline: float | None = None) -> Path:
    """File with the weights of a backbone trained by its recipe on embedded data; trained once, then kept in
    the cache."""
    recipe = backbone.pretrained
    source = datasets.load(recipe.data)
    key = digest(
        [
            backbone.name,
            recipe.model_dump(),
            source.digest,
            code_digest("lt_lib.lab.train.backbones:pretrain"),
        ]
    )
    path = cache_root() / "weights" / f"{backbone.name}-{key[7:19]}.safetensors"
    with FileLock(made(path.parent) / f"{path.stem}.lock"):
        if not path.is_file():
            say(f"pre-training {backbone.name} on {recipe.data} (kept for later)")
            pretrain(backbone, source, path, deadline)
    return path
