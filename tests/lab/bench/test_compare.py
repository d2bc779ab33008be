"""`lt compare`: from a folder to a page, JSON and a model that predicts; nothing is written beside images."""

import json

import pytest
from bs4 import BeautifulSoup
from helpers import run_main

from lt_lib.lab.bench import model


@pytest.fixture
def written(folder, eye, tmp_path, monkeypatch, capsys):
    (folder / "cats/broken.jpg").write_bytes(b"\xff\xd8 no image")
    before = sorted(folder.rglob("*"))
    code, said, err = run_main(
        monkeypatch, capsys, "compare", str(folder), "--seeds", "2", "--out", str(tmp_path / "out")
    )
    assert code == 0 and sorted(folder.rglob("*")) == before
    return tmp_path / "out", said, err


def test_page_json_and_words_agree(written):
    out, said, err = written
    found = json.loads((out / "comparison.json").read_text(encoding="utf-8"))
    page = BeautifulSoup((out / "index.html").read_text(encoding="utf-8"), "html.parser")
    assert found["words"] in said and page.select(".lt-answer")[0].text == found["words"]
    assert found["classes"] == {"cats": 30, "çhiens": 12, "犬": 6} and found["images"] == {
        "training": 48,
        "test": 16,
    }
    assert "1 image left out, unreadable: cats/broken.jpg." in found["left_out"] and "broken.jpg" in err
    remedies = [row.th.text for row in page.select("table")[0].select("tbody tr")]
    assert remedies == list(found["scores"]["balanced"]) and "logit adjustment" in remedies
    assert all(link.startswith("data:") for link in (image["src"] for image in page.select("img")))


def test_a_second_comparison_looks_at_nothing_again(written, folder, eye, tmp_path, monkeypatch, capsys):
    eye.looked = 0
    assert (
        run_main(monkeypatch, capsys, "compare", str(folder), "--seeds", "2", "--out", str(tmp_path / "two"))[
            0
        ]
        == 0
    )
    assert eye.looked == 0
    first, second = ((tmp_path / name / "comparison.json").read_text() for name in ("out", "two"))
    assert json.loads(first)["scores"] == json.loads(second)["scores"]


def test_the_model_predicts(written, folder, eye, monkeypatch, capsys):
    monkeypatch.setattr(model, "Eye", type("Eye", (), {"of": lambda network: eye()}))
    files = [str(next((folder / name).glob("1*.png"))) for name in ("cats", "犬")]
    code, said, _ = run_main(monkeypatch, capsys, "predict", str(written[0]), *files)
    assert code == 0 and [line.split("  ")[1] for line in said.splitlines()] == ["cats", "犬"]
    code, _, err = run_main(monkeypatch, capsys, "predict", str(folder), files[0])
    assert code == 1 and "holds no model of `lt compare`" in err and "Traceback" not in err


def test_a_page_among_the_images_is_refused(folder, eye, monkeypatch, capsys):
    code, _, err = run_main(monkeypatch, capsys, "compare", str(folder), "--out", str(folder / "page"))
    assert code == 1 and "choose another with --out" in err and not (folder / "page").exists()
