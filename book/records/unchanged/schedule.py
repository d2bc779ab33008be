# stands for: ast:169af621bb5dfc0597b0fbe2bf22f0c7022fae4463f72bf8e04e167aaac99174
# One-cycle can peak at a multiple of the rate; by default it peaks at the rate, as before
# (tests/lab/train/test_recipes.py).


def schedule(
    descent: torch.optim.Optimizer, optimizer: Optimizer, steps: int
) -> torch.optim.lr_scheduler.LRScheduler:
    """The learning rates of `optimizer.schedule`, stepped after each of `steps` batches an epoch; one-cycle
    peaks at each group's rate."""
    if optimizer.schedule == "one-cycle":
        peaks = [group["lr"] for group in descent.param_groups]
        return torch.optim.lr_scheduler.OneCycleLR(
            descent, peaks, total_steps=steps * optimizer.epochs + 1, cycle_momentum=False
        )
    return torch.optim.lr_scheduler.ConstantLR(descent, factor=1.0)
