"""Fresh or stale: whether a record still stands for what the code would make today."""

from lt_lib import data as datasets
from lt_lib.lab.record.plan import code_of
from lt_lib.lab.record.records import Record


def is_fresh(record: Record) -> bool:
    """Whether the record was made by the code as it is now, on data the registry knows."""
    accepted = datasets.describe(record.spec.data).digests
    return record.digests["code"] == code_of(record.spec) and (
        not accepted or record.digests["data"] in accepted
    )
