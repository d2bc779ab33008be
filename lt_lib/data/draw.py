"""Random numbers of the sets that the code makes: the same on every platform, under every NumPy."""

import numpy as np


class Draw:
    """Integers from the raw words of PCG64, made in a way that no NumPy release changes."""

    def __init__(self, seed: list[int]):
        self._bits = np.random.PCG64(seed)

    def bytes(self, *shape: int) -> np.ndarray:
        """Uniform uint8."""
        count = int(np.prod(shape))
        words = self._bits.random_raw((count + 7) // 8).astype("<u8", copy=False)
        return words.view(np.uint8)[:count].reshape(shape)

    def between(self, low: int, high: int, *shape: int) -> np.ndarray:
        """Uniform int32 in low..high, both included; the bias, below span / 2**32, does not matter here."""
        words = self._bits.random_raw(int(np.prod(shape))) >> np.uint64(32)
        scaled = words * np.uint64(high - low + 1) >> np.uint64(32)
        return scaled.astype(np.int32).reshape(shape) + np.int32(low)
