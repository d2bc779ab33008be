# stands for: ast:7c63901978f74e73ac07824451aa50eced0ece7b44906866f5a4fdf65709d981
# An error with a message, where it had none; no number depends on it (tests/lab/train/test_loop.py).


class Damaged(Exception):
    """A checkpoint could not be read and was removed; the caller starts the same training again."""
