"""The best remedies once more, with the whole network: first its head, as it was fitted, then all of it."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lt_lib.lab.bench.features import Eye, network_of
from lt_lib.lab.bench.kept import kept
from lt_lib.lab.bench.model import Part
from lt_lib.lab.bench.reading import Own
from lt_lib.lab.bench.remedies import LATE, REMEDIES, Cost, Fitted, beta, stream
from lt_lib.lab.record.digests import digest
from lt_lib.lab.train.device import prepare
from lt_lib.mixup import mixup
from lt_lib.progress import Progress

EPOCHS, BATCH, RATE = 5, 32, 1e-4


def trainable(keys: Sequence[str]) -> list[str]:
    """Remedies that can train a whole network: not those done to a trained head, nor several heads."""
    return [key for key in keys if not REMEDIES[key].after and REMEDIES[key].draws != "bags"]


def finetune(own: Own, train: np.ndarray, key: str, start: Part, epochs: int = EPOCHS) -> Part:
    """The network of a part and its head trained together under the loss and the draws of a remedy.

    AdamW with a rate of 1e-4, half a cosine, batches of 32, no augmentation; batch normalisation keeps its
    statistics. A part once trained is kept in the cache.

    Args:
        own: images.
        train: positions of those to train on.
        key: of `trainable`.
        start: the frozen network and the head that was fitted under the same remedy.
        epochs: how often each image is shown, on average.
    """
    known = [key, epochs, start.eye.spec.model_dump(mode="json"), [own.keys[i] for i in train]]
    known += [own.labels[train].tolist(), float(start.heads.weight.double().sum())]
    tensors = kept(f"finetuned-{digest(known)[7:19]}", lambda: _train(own, train, key, start, epochs))
    heads = Fitted(tensors.pop("weight"), tensors.pop("bias"), start.heads.cosine, start.heads.setting)
    net = network_of(start.eye.spec, len(start.eye.mean))
    net.load_state_dict(tensors)
    eye = start.eye
    return Part(
        Eye.around(eye.spec, net, eye.mean, eye.std, eye.scale), heads, start.mean, start.std, tensors
    )


def _train(own: Own, train: np.ndarray, key: str, start: Part, epochs: int) -> dict[str, Tensor]:
    eye, remedy, y = start.eye, REMEDIES[key], torch.from_numpy(own.labels[train])
    net = network_of(eye.spec, len(eye.mean)).requires_grad_()
    weight = start.heads.weight[0].clone().requires_grad_()  # (1, K, D)
    bias = start.heads.bias[0].clone().requires_grad_(not remedy.cosine)
    length = weight.detach().norm(dim=2).mean()  # of a cosine head, its scale
    cost = Cost([remedy], length.view(1, 1, 1), y.bincount(minlength=weight.shape[1]))
    steps, chance = epochs * -(-len(y) // BATCH), torch.Generator().manual_seed(0)
    descent = torch.optim.AdamW([*net.parameters(), weight, bias], lr=RATE)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(descent, steps)
    shown = stream(remedy.draws, y, steps, chance).flatten().split(BATCH)[:steps]
    with Progress(steps, f"the whole network, {remedy.title}", "step") as bar:
        for step, part in enumerate(shown):
            pixels = np.stack([eye.pixels(own.files[train[i]])[0] for i in part])
            x = torch.from_numpy(pixels).permute(0, 3, 1, 2).to(eye.mean.device)
            x, target = prepare(x, eye.spec.resolution, eye.mean, eye.std), F.one_hot(y[part], len(weight[0]))
            if remedy.alpha:
                perm = torch.randperm(len(part), generator=chance)
                x, target = mixup(x, target.float(), beta(remedy.alpha, chance), perm)
            f = (net(x).cpu() - start.mean) / start.std
            head = F.normalize(weight, dim=2) * length if remedy.cosine else weight
            z = (F.normalize(f) if remedy.cosine else f) @ head[0].T + bias
            descent.zero_grad(set_to_none=True)
            cost(z[:, None], target.float(), late=step >= LATE * steps).backward()
            descent.step()
            falling.step()
            bar.update()
    head = F.normalize(weight, dim=2) * length if remedy.cosine else weight
    tensors = {"weight": head.detach()[None], "bias": bias.detach()[None]}
    return {k: v.contiguous() for k, v in (tensors | net.state_dict()).items()}
