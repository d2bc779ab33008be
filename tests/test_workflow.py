"""The Snakefile, run by a Snakemake in an environment of its own: it is no part of the lock."""

import json
import os
import shutil
import subprocess
import sys
import tomllib

import pytest
import yaml
from helpers import ROOT
from packaging.requirements import Requirement

from lt_lib.lab import jobs, queue

EXTRA = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["cluster"]


@pytest.fixture(scope="session")
def snakemake(tmp_path_factory):
    """The `snakemake` of the extra `cluster`, from PyPI."""
    home = tmp_path_factory.mktemp("snakemake")
    wanted = next(line for line in EXTRA if Requirement(line).name == "snakemake")
    subprocess.run([sys.executable, "-m", "venv", home], check=True)
    uv = shutil.which("uv", path=os.path.dirname(sys.executable))
    install = [uv, "pip", "install", "--python", home] if uv else [home / "bin" / "pip", "install"]
    subprocess.run([*install, "--quiet", wanted], check=True)
    return home / "bin" / "snakemake"


def test_a_run_whose_time_ends_goes_on_at_the_next_attempt(snakemake, lab_env, tmp_path, monkeypatch):
    """One record of two epochs, and time for one at a time."""
    monkeypatch.setenv("LT_BOOK", str(ROOT))
    monkeypatch.delenv("LT_DATA")  # it is of shapes alone
    asked = {"profile": "smoke", "data": "embedded", "experiment": "ee443-finetuned/finetuned-0.005"}
    (job,) = jobs(queue(**asked, seeds=1))
    config = asked | {"store": lab_env, "lt": f"{sys.executable} -m lt_lib", "seeds": 1, "minutes": 0}
    words = [f"{name}={value}" for name, value in config.items()]
    done = subprocess.run(
        [snakemake, "--snakefile", ROOT / "workflow" / "Snakefile", "--cores", "1", "--config", *words],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("Trying to restart job") == 1
    assert json.loads((lab_env / job.record).read_text())["env"]["cores"] == 1


@pytest.mark.parametrize("name", ["slurm", "kubernetes"])
def test_a_profile_names_its_executor_and_what_it_needs_is_declared(name):
    profile = yaml.safe_load((ROOT / "workflow" / "profiles" / name / "config.yaml").read_text())
    assert profile["executor"] == name
    assert f"snakemake-executor-plugin-{name}" in [Requirement(line).name for line in EXTRA]
