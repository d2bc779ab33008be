"""Stochastic weight averaging: which epochs enter the average, and its batch statistics computed anew at the
end."""

import torch
from torch.optim.swa_utils import AveragedModel, update_bn

from lt_lib.lab.record.spec import Averaging


class Averaged(AveragedModel):
    """The average of a network over epochs (:class:`torch.optim.swa_utils.AveragedModel`).

    Args:
        net: the network that trains.
        settings: which epochs enter.
    """

    def __init__(self, net: torch.nn.Module, settings: Averaging):
        super().__init__(net)
        self.settings = settings

    def take(self, net: torch.nn.Module, epoch: int, last: bool) -> None:
        """Let the weights at the end of an epoch, counted from 1, enter the average if it is one of those
        that do."""
        swa = self.settings
        if last if swa.snapshots == "last" else epoch > swa.start and epoch % swa.every == 0:
            self.update_parameters(net)

    def recompute_bn(self, batches) -> torch.nn.Module:
        """The averaged network, its batch statistics computed over batches of standardised images."""
        update_bn(batches, self)
        return self.module
