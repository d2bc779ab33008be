"""Figures of the wing `sign`, a file a chapter or part of one."""
