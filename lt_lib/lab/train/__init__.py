"""What makes numbers: the training loop and the modes that use it."""
