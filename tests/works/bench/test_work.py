"""A work without printed numbers, claims and audit is a work all the same; and its chapter runs."""

import runpy

import pytest

from lt_lib.errors import LabError
from lt_lib.lab.publish.found import found_box
from lt_lib.lab.publish.notebooks import read_notebook
from lt_lib.lab.read.audit import audit
from lt_lib.lab.read.claims import claims_table
from lt_lib.lab.read.report import scoreboard
from lt_lib.lab.record.paths import project_root

CHAPTER = "bench/02-which-remedy-when"


def test_it_has_no_claims_no_audit_and_no_printed_numbers():
    with pytest.raises(LabError, match="no claims of 'bench' are tested; those of"):
        claims_table("bench")
    with pytest.raises(LabError, match="no work 'bench'; audited are"):
        audit("bench")
    assert found_box(CHAPTER, "../pages/") == ""
    frame = scoreboard().frame.set_index("experiment")
    assert frame.loc[["bench-frozen", "bench-whole"], "numbers"].tolist() == [0, 0]


def test_its_chapter_runs(few_steps, tmp_path):
    cells = read_notebook(project_root() / "notebooks" / f"{CHAPTER}.py").cells
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    script = tmp_path / "chapter.py"
    script.write_text(code.replace('profile = "laptop"', 'profile = "smoke"'), encoding="utf-8")
    (run,) = runpy.run_path(str(script))["this_run"].values()
    assert set(run) == {"plain", "sampler", "softmax"}
    assert {r.profile for own in run.values() for r in own} == {"smoke"}
