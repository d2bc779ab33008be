"""What a chapter calls first."""

import pytest

from lt_lib.lab import LabError, check_parameters


def test_a_store_is_a_folder_from_where_the_notebook_stands(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert check_parameters({"store": "rec"})["store"] == tmp_path / "rec"
    assert check_parameters({"store": None})["store"] is None
    for wrong in (5, ["rec"], True):
        with pytest.raises(LabError, match="give a folder, or None"):
            check_parameters({"store": wrong})
