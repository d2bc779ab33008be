"""One bench for all remedies: no text of others' that is re-run, so no printed numbers and no
claims."""

from lt_lib.works.bench import options  # noqa: F401  its topic registers itself

TITLE = "Your images and the bench"
