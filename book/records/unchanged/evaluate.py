# stands for: ast:3b321d167df764a4f14444216a3e045c3e8f8568ed241341cb32c02bfc5b69db
# The precision of the spec decides in place of the device: float32 on a CPU as before
# (tests/lab/train/test_precision.py).


def evaluate(net: torch.nn.Module, val: Split, test: Split) -> tuple[Tensor, dict[str, float]]:
    """Test logits (N, K), and the curves of one epoch: accuracy on both splits, balanced accuracy on test."""
    logits, held = scores(net, test), scores(net, val)
    k = logits.shape[1]
    matrix = torch.bincount(test.labels * k + logits.argmax(1), minlength=k * k).view(k, k)
    report = report_from_confusion(matrix.cpu())
    return logits, {
        "val_accuracy": accuracy(held, val.labels),
        "test_accuracy": report["accuracy"],
        "test_balanced_accuracy": report["balanced_accuracy"],
    }
