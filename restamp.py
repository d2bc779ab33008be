"""For one commit: give every committed record the code digest of the new scheme. `python restamp.py
OLD_DIGESTS.py STORE`

OLD_DIGESTS.py is lt_lib/lab/digests.py of the commit before. A record that is not fresh under the old scheme
stops it before anything is written. Numbers are not touched: in each file only `id` and `digests.code`
change, and with the id the file's name."""

import importlib.util
import sys
from pathlib import Path

from lt_lib import data
from lt_lib.lab.record import digests
from lt_lib.lab.record.records import Store, record_id, spec_digest
from lt_lib.lab.train.run import code_of

spec = importlib.util.spec_from_file_location("old_digests", sys.argv[1])
old = importlib.util.module_from_spec(spec)
spec.loader.exec_module(old)
old.ROOT = digests.ROOT
new_digest = digests.code_digest
store = Store(Path(sys.argv[2]).resolve())
records, changes = store.all(), []
if store.damaged:
    sys.exit("\n".join(store.damaged))


def code_by(scheme, record):
    """The digest of a record's code as a scheme sees it now."""
    run = sys.modules["lt_lib.lab.train.run"]
    run.code_digest = scheme
    try:
        return code_of(record.spec)
    finally:
        run.code_digest = new_digest


for record in records:
    code = code_by(old.code_digest, record)
    accepted = data.describe(record.spec.data).digests
    fresh = (
        record.digests["code"] == code
        and record.digests["spec"] == spec_digest(record.spec)
        and (not accepted or record.digests["data"] in accepted)
    )
    if not fresh or record.id != record_id(record.digests["spec"], record.digests["data"], code):
        sys.exit(f"{store.path(record)} is not fresh under the old scheme; nothing was changed")
    renewed = code_by(new_digest, record)
    identity = record_id(record.digests["spec"], record.digests["data"], renewed)
    changes.append(
        (record, record.model_copy(update={"id": identity, "digests": {**record.digests, "code": renewed}}))
    )
for before, after in changes:
    path = store.path(before)
    text = path.read_text(encoding="utf-8")
    for a, b in ((before.id, after.id), (before.digests["code"], after.digests["code"])):
        assert text.count(a) == 1
        text = text.replace(a, b)
    store.path(after).write_text(text, encoding="utf-8")
    if store.path(after) != path:
        path.unlink()
print(f"{len(changes)} records restamped, {len({a.digests['code'] for _, a in changes})} code digests")
