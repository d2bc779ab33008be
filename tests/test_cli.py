"""The `lt` command: help that teaches, one line for a mistake, exit codes."""

import subprocess
import sys

import pytest
from helpers import run_main
from typer.testing import CliRunner

from lt_lib import cli

runner = CliRunner()


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["run"],
        ["status"],
        ["plan"],
        ["chapter"],
        ["exercises"],
        ["book"],
        ["pdf"],
        ["claims"],
        ["audit"],
        ["ledger"],
        ["data"],
        ["data", "add"],
        ["data", "list"],
        ["data", "verify"],
        ["data", "download"],
    ],
)
def test_every_command_explains_itself(words):
    shown = runner.invoke(cli.app, [*words, "--help"])
    assert shown.exit_code == 0
    assert len(shown.output.splitlines()) > 5


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["run", "ee443-fig22"], "did you mean 'ee443-fig2'"),
        (["run", "ee443-fig2/ratio-0.3"], "did you mean 'ratio-0.1'"),
        (["plan", "ee443-results/R.9"], "has no row 'R.9'"),
        (["data", "verify", "cifar100_even5"], "cifar100_even50"),
        (["data", "add", "cifar100_even50", "--from", "/nowhere"], "/nowhere"),
        (["run", "ee443-fig2", "--data", "real"], "lt data"),
        (["chapter", "ee443/0"], "ee443/0"),
        (["exercises", "ee443/0"], "ee443/0"),
        (["ledger", "ee44"], "nothing is printed of 'ee44'; there are: ee443,"),
        (["run", "ee443-fig2", "--seed", "1", "--seeds", "2"], "--seed asks for one seed"),
        (["plan", "ee443-fig22", "--jobs"], "did you mean 'ee443-fig2'"),
        (["run", "x" * 300], "no experiment"),
        (["plan", "x" * 300], "no experiment"),
        (["chapter", "x" * 300], "no chapter"),
        (["run", "ee443-fig2", "--profile", "smoke", "--store", "~nosuchuser"], "no user ~nosuchuser"),
        (["status", "--store", "~nosuchuser"], "no user ~nosuchuser"),
        (["status", "--store", "x" * 300], "--store"),
        (["chapter", "ee443/01", "--out", "/dev/null/x"], "--out"),
        (["exercises", "ee443/01", "--out", "/dev/null/x"], "--out"),
    ],
)
def test_a_mistake_is_one_clear_line_and_exit_code_1(lab_env, monkeypatch, capsys, words, expected):
    code, _, err = run_main(monkeypatch, capsys, *words)
    assert code == 1
    assert err.startswith("error: ") and expected in err and "Traceback" not in err


def test_a_wrong_option_is_a_usage_error(monkeypatch, capsys):
    code, _, err = run_main(monkeypatch, capsys, "run", "ee443-fig2", "--profile", "laptp")
    assert code == 2 and "laptp" in err


def test_plan_prints_one_json_line_an_item(lab_env, monkeypatch, capsys):
    import json

    code, out, _ = run_main(monkeypatch, capsys, "plan", "ee443-fig2/F2.3", "--seeds", "2")
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and [line["seed"] for line in lines] == [0, 1]
    assert lines[0]["spec"]["subset"]["ratio"] == 0.02


def test_plan_prints_what_is_missing_as_jobs_and_the_commands(lab_env, monkeypatch, capsys):
    import json

    asked = ("plan", "--profile", "smoke", "--store", str(lab_env))
    code, out, _ = run_main(monkeypatch, capsys, *asked, "ee443-fig2/F2.3", "--jobs")
    (line,) = [json.loads(line) for line in out.splitlines() if '"seed": 0' in line]
    assert code == 0 and line["set"] == "digits50" and line["gpu"] == 0
    assert line["record"].startswith("smoke-embedded/ee443-fig2/ratio-0.02--as-released--s0--")
    code, out, _ = run_main(monkeypatch, capsys, *asked, "--work", "sign")
    total, fill, snakemake = out.splitlines()[-3:]
    assert code == 0 and "records to train" in total
    assert fill == "lt fill --profile smoke --data embedded --work sign --budget 150"
    assert snakemake.startswith("snakemake --cores 2 --config profile=smoke data=embedded work=sign ")


def test_status_counts_what_is_there(lab_env, monkeypatch, capsys):
    code, out, _ = run_main(monkeypatch, capsys, "status", "--profile", "smoke", "--store", str(lab_env))
    line = next(line for line in out.splitlines() if line.split()[:1] == ["ee443-fig2"])
    assert code == 0 and line.split()[1:4] == ["0", "8", "0"]


def test_status_shows_the_committed_records_of_every_profile(lab_env, monkeypatch, capsys):
    code, out, _ = run_main(monkeypatch, capsys, "status", "--profile", "paper", "--data", "real")
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert code == 0 and "laptop-real 75" in lines["ee443-results"]
    assert "overnight-embedded 15" in lines["lectures-norms"]


def test_status_loads_nothing_heavy(lab_env):
    """What keeps it under a second; `lt plan` needs no torch either."""
    look = (
        "import sys; from lt_lib import cli\nsys.argv = ['lt', *{words!r}]\n"
        "try: cli.main()\nexcept SystemExit: pass\n"
        "print([m for m in ('torch', 'timm', 'pandas', 'scipy', 'matplotlib') if m in sys.modules])"
    )
    for words in (["status"], ["plan", "ee443-fig2/F2.3"]):
        done = subprocess.run(
            [sys.executable, "-c", look.format(words=words)], capture_output=True, text=True, check=True
        )
        assert done.stdout.splitlines()[-1] == "[]"


def test_completion_knows_experiments_rows_and_data(lab_env):
    assert cli.complete_experiment("ee443-fig2") == ["ee443-fig2"]
    assert "ee443-fig2/ratio-0.1" in cli.complete_experiment("ee443-fig2/")
    assert "digits50" in cli.complete_data("dig") and "mobilenetv2_100_imagenet" in cli.complete_data(
        "mobile"
    )


def test_budget_ended_is_exit_code_3(lab_env, monkeypatch, capsys):
    code, _, err = run_main(
        monkeypatch, capsys, "run", "ee443-fig2/F2.4", "--profile", "smoke", "--budget", "0.0001"
    )
    assert code == 3 and "budget" in err


def test_audit_prints_the_recomputed_rows(monkeypatch, capsys):
    code, out, _ = run_main(monkeypatch, capsys, "audit", "ee443")
    assert code == 0 and "D01" in out and "D20" in out


def test_exercises_writes_the_sheet_of_a_chapter(monkeypatch, capsys, tmp_path):
    code, out, _ = run_main(monkeypatch, capsys, "exercises", "ee443/03", "--out", str(tmp_path))
    assert code == 0 and (tmp_path / "ee443-03-weighting-the-loss-exercises.ipynb").is_file()
    assert "ee443-03-weighting-the-loss-exercises.ipynb" in out


def test_the_checks_of_ledger_claims_and_audit_can_fail(monkeypatch, capsys):
    from lt_lib.lab.read import audit, published

    for words in (["ledger", "ee443"], ["claims", "ee443"], ["audit", "ee443"]):
        assert run_main(monkeypatch, capsys, *words, "--check")[0] == 0

    monkeypatch.setattr("lt_lib.lab.read.badges.is_fresh", lambda record: False)
    code, _, said = run_main(monkeypatch, capsys, "ledger", "ee443", "--check")
    assert code == 1 and "numbers stand on stale records" in said
    code, _, said = run_main(monkeypatch, capsys, "claims", "ee443", "--check")
    assert code == 1 and "claims stand on stale records: EE1" in said

    real, facts = published.facts_of, published.facts_of("audit")
    facts.loc[facts["id"] == "D01", "verdict"] = "another"
    for module in (published, audit):
        monkeypatch.setattr(module, "facts_of", lambda kind: facts if kind == "audit" else real(kind))
    code, _, said = run_main(monkeypatch, capsys, "audit", "ee443", "--check")
    assert code == 1 and "1 verdicts are not those of audit.csv: D01" in said
