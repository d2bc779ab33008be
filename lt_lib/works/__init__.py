"""The works that the book re-runs, a folder each."""
