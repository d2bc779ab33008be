# stands for: ast:9762e65cd7a4a0bab56013520ce20c67e57d3cf5de301b98452c60ed04aa2926
# The precision of the spec decides in place of the device: float32 on a CPU as before
# (tests/lab/train/test_precision.py).


def _measures(net: nn.Module, sets: Sets) -> tuple[dict[str, float], dict[str, list[float]]]:
    """Numbers of the network at the end, and its reliability histogram."""
    (_, held), (_, test) = _answers(net, sets.val), _answers(net, sets.test)
    features, logits = _answers(net, sets.train)
    heat, truth = fit_temperature(held, sets.val.labels), sets.test.labels
    scaled = classification_report((test.cpu().double() / heat), truth, scores="logits")
    found = {
        "nll": float(F.cross_entropy(test, truth)),
        "nll_scaled": float(F.cross_entropy(test / heat, truth)),
        "ece_scaled": scaled["ece"],
        "temperature": heat,
        "train_accuracy": float((logits.argmax(1) == sets.given).float().mean()),
    }
    found |= _remembered(logits, sets) if sets.wrong.any() else {}
    found |= erased(features, logits, sets.train.labels) if sets.num_classes > 2 else {}
    return found, reliability_bins(test, truth)
