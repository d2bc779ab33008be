"""Figures, one file per chapter; each registers itself."""
