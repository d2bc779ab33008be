"""One bench for all remedies, on a reader's own images: frozen features, a linear head a remedy, all seeds
at once, and a page that says which remedy can be told from plain cross-entropy."""
