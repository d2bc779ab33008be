# stands for: ast:817f9d7625e190e011da5272b9d5b2379f671ad9217b805ccf2693d1832ad359
# The file of the weights has a checksum beside them; the weights are the same
# (tests/lab/train/test_features.py).
from safetensors.torch import save


def pretrain(
    backbone: Backbone, source: datasets.ImageSet, path: Path, deadline: float | None = None
) -> None:
    """Train a backbone from scratch by its recipe and write its weights, head left out, as safetensors."""
    recipe = backbone.pretrained
    labels = np.asarray(source.labels("train"))
    keep = np.arange(len(labels))
    if recipe.n_per_class:
        keep = np.concatenate(
            [np.flatnonzero(labels == k)[: recipe.n_per_class] for k in range(len(source.classes))]
        )
    train = on_device(source.images("train")[np.sort(keep)], labels[np.sort(keep)])
    test = on_device(source.images("test"), source.labels("test"))
    torch.manual_seed(recipe.seed)
    plain = backbone.model_copy(update={"pretrained": False, "resolution": recipe.resolution})
    net = backbone_network(plain, len(source.classes))
    optimizer = Optimizer(
        lr=recipe.lr, epochs=recipe.epochs, batch_size=recipe.batch_size, schedule="one-cycle"
    )
    part, what = path.with_suffix(".part"), f"pre-training {backbone.name}"
    seeds = Seeds(subset=recipe.seed, init=recipe.seed, order=recipe.seed)
    train_network(net, plain, (train, None, test), optimizer, seeds, part, deadline, what)
    net.reset_classifier(0)
    atomic_write(path, save({k: v.detach().cpu().contiguous() for k, v in net.state_dict().items()}))
    part.unlink(missing_ok=True)
