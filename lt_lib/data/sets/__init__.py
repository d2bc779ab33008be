"""One file a data set: its entry, pins, and its reader or maker."""
