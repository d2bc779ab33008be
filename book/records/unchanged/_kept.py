# stands for: ast:dcab92d2f352863cf48f802d1b06cac315fda108bc9d1b2f3c59117ab34b6178
# What is damaged in any bit is made again, not only what cannot be read; what is whole is read as before
# (tests/works/sign/test_training.py).


def _kept(path: Path) -> Any:
    """What the cache holds there; None for nothing, or nothing that can be read."""
    if not path.is_file():
        return None
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        say(f"{path}: damaged ({type(error).__name__}), made again")
        return None
