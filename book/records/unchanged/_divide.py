# stands for: ast:74f66f5a0ce865ad665913155e1b31fad3d4ea77f9e82d9c733d91c4fe9e41fb
# Sums and products in Python's integers, any kind of labels taken; what was taken before gives the same
# numbers (tests/test_metrics.py).


def _divide(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.divide(a, b, out=np.full(len(a), np.nan), where=b > 0)
