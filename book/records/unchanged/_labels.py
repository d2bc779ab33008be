# stands for: ast:23e223633ade58cfb742d63403f4066d5c7e59ba77e28460b996fef6b138662c
# Labels and counts of any kind are taken; what was taken before gives the same draws
# (tests/test_sampling.py).


def _labels(labels: Tensor) -> LongTensor:
    labels = torch.as_tensor(labels).cpu()
    if labels.dim() != 1 or len(labels) == 0 or labels.is_floating_point() or labels.min() < 0:
        found = f"shape {tuple(labels.shape)}, {labels.dtype}"
        raise ValueError(f"labels must be (N,) integers >= 0, N > 0; got {found}")
    return labels.long()
