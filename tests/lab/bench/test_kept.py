"""What took long to train is trained once, and a cache that is damaged or read-only costs time alone."""

import pytest
import torch

from lt_lib.errors import LabError
from lt_lib.lab.bench import kept


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LT_CACHE", str(tmp_path))
    return tmp_path / "own"


def test_a_damaged_file_is_made_again(cache, capsys):
    made = []

    def make():
        made.append(1)
        return {"weight": torch.ones(2), "setting": 3.0, "of": {"cosine": False}}

    assert str(kept.kept("heads", make)) == str(kept.kept("heads", make)) and len(made) == 1
    content = (cache / "heads.pt").read_bytes()
    one = torch.ones(2).numpy().tobytes()
    for times, damaged in enumerate((content[:50], content.replace(one, b"\1" + one[1:])), 2):
        (cache / "heads.pt").write_bytes(damaged)
        assert kept.kept("heads", make)["weight"].tolist() == [1, 1] and len(made) == times
        assert "cannot be read" in capsys.readouterr().err


def test_a_cache_that_cannot_be_written_ends_nothing(cache, monkeypatch, capsys):
    def full(*_):
        raise LabError("cannot write heads.pt: No space left on device")

    monkeypatch.setattr(kept, "atomic_write", full)
    assert kept.kept("heads", lambda: {"a": 1.0}) == {"a": 1.0}
    assert "No space left on device; this run goes on" in capsys.readouterr().err
