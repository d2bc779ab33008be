"""One file a data set (or a family of them): its ENTRIES with their pins, and its reader or maker. A file put
here is found (:func:`lt_lib.data.registry.data_sets`); no list names it."""
