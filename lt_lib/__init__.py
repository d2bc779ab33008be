"""Long-tailed, robust and trustworthy image classification: the methods of four works, small enough to
read."""

__version__ = "0.1.0"
