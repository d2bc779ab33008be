"""Fresh or stale: whether a record still stands for what the code would make today."""

from lt_lib import data as datasets
from lt_lib.errors import DataError
from lt_lib.lab.record.plan import code_of
from lt_lib.lab.record.records import Record


def is_fresh(record: Record) -> bool:
    """Whether the record was made by the code as it is now, on data the registry knows; of a set of the
    user's own that is no longer in the store nobody can tell, and it is not."""
    try:
        accepted = datasets.describe(record.spec.data).digests
    except DataError:
        return False
    return record.digests["code"] == code_of(record.spec) and (
        not accepted or record.digests["data"] in accepted
    )
