"""`lt compare`: from images to a page, JSON and a model that predicts; nothing is written beside them."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import safetensors.torch
import torch
from bs4 import BeautifulSoup
from helpers import run_main, serious
from PIL import Image
from safetensors.torch import load_file

from lt_lib.lab.bench import compare, features, finetune, judge, model
from lt_lib.lab.bench.model import SNIPPET, Part
from lt_lib.lab.bench.reading import read_own
from lt_lib.lab.bench.remedies import REMEDIES, Fitted


@pytest.fixture
def run(folder, network, tmp_path, monkeypatch, capsys):
    def command(*options, out="out", images=folder):
        line = ("compare", str(images), "--seeds", "2", "--out", str(tmp_path / out), *options)
        code, said, err = run_main(monkeypatch, capsys, *line)
        assert "Traceback" not in err
        return code, said, err

    return command


def test_page_json_and_words_agree(run, folder, tmp_path):
    (folder / "cats/broken.jpg").write_bytes(b"\xff\xd8 no image")
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    code, said, err = run()
    assert code == 0 and {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    found = json.loads((tmp_path / "out/comparison.json").read_text(encoding="utf-8"))
    page = BeautifulSoup((tmp_path / "out/index.html").read_text(encoding="utf-8"), "html.parser")
    assert found["words"] in said and page.select(".lt-answer")[0].text == found["words"]
    assert found["classes"] == {"cats": 30, "çhiens": 12, "犬": 6}
    assert found["images"] == {"training": 48, "test": 16}
    assert any("broken.jpg" in note for note in found["notes"]) and "broken.jpg" in err
    titles = [row.th.contents[0] for row in page.select("table")[0].select("tbody tr")]
    assert titles[0] == "cross-entropy" and sorted(titles) == sorted(r.title for r in REMEDIES.values())
    gains = [found["remedies"][key]["scores"]["balanced"]["gain"] for key in by_title(found, titles)]
    assert gains[1:] == sorted(gains[1:], reverse=True) and gains[0] == 0
    for tag, source in (("img", "src"), ("script", "src"), ("link", "href")):
        assert all(found[source].startswith("data:") for found in page.select(tag))


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_can_be_read_by_all_and_is_not_cut(run, tmp_path, browser, width):
    run()
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto((tmp_path / "out/index.html").as_uri())
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    table = page.locator("div.lt-table").first
    assert width < 1280 or table.evaluate("box => box.scrollWidth <= box.clientWidth")
    page.close()


def by_title(found, titles):
    keys = {remedy["title"]: key for key, remedy in found["remedies"].items()}
    return [keys[title] for title in titles]


def test_a_second_comparison_looks_at_nothing_again(run, network, tmp_path):
    run()
    seen = sum(network)
    run(out="two")
    assert sum(network) == seen == 64
    first, second = (json.loads((tmp_path / name / "comparison.json").read_text()) for name in ("out", "two"))
    assert scores(first) == scores(second)


def test_features_in_bf16_are_kept_apart_and_said(run, network, tmp_path):
    run()
    seen = sum(network)
    code, _, err = run("--precision", "bf16", out="two")
    assert code == 0 and sum(network) == 2 * seen and "computed in bf16" in err
    assert "in bf16" in (tmp_path / "two/index.html").read_text(encoding="utf-8")
    assert "in bf16" not in (tmp_path / "out/index.html").read_text(encoding="utf-8")


def test_a_wrong_label_and_a_crop_of_a_training_image_are_shown(run, folder, tmp_path):
    chance = np.random.default_rng(1)
    for name, mean in (("cats", 60), ("çhiens", 120), ("犬", 180)):
        for part in ("train", "test"):
            (folder / part / name).mkdir(parents=True)
        for i, file in enumerate(sorted((folder / name).iterdir())):
            file.rename(folder / ("test" if i % 4 == 0 else "train") / name / file.name)
        (folder / name).rmdir()
        if name == "cats":
            wrong = chance.normal(180, 25, (20, 20, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(wrong).save(folder / "train/cats/wrong.png")
            stripes = (np.indices((20, 20)).sum(0)[..., None] % 7 * np.array([20, 9, 2])).astype(np.uint8)
            Image.fromarray(stripes).save(folder / "train/cats/stripes.png")
            stripes[0, 0] = 90
            Image.fromarray(stripes).save(folder / "test/cats/stripes too.png")
    assert run()[0] == 0
    found = json.loads((tmp_path / "out/comparison.json").read_text(encoding="utf-8"))
    (pair,) = found["alike"]
    assert (pair["test"], pair["training"]) == ("test/cats/stripes too.png", "train/cats/stripes.png")
    doubted = {one["file"]: one for one in found["mislabelled"]}
    one = doubted["train/cats/wrong.png"]
    assert (one["label"], one["perhaps"], one["part"]) == ("cats", "犬", "training")
    page = BeautifulSoup((tmp_path / "out/index.html").read_text(encoding="utf-8"), "html.parser")
    said = page.find("h2", string="Nearly the same on both sides").find_next("p").text
    assert "1 of 17 test images is nearly a training image," in said and "without" in said
    assert "cats? others: 犬" in page.text


def scores(found):
    return {key: remedy["scores"] for key, remedy in found["remedies"].items()}


def test_the_model_predicts_and_so_does_the_snippet(run, folder, tmp_path, monkeypatch, capsys):
    run()
    images = [folder / "cats/11.png", folder / "犬/1.png", folder / "broken.png"]
    images[2].write_bytes(b"no image")
    code, said, err = run_main(monkeypatch, capsys, "predict", str(tmp_path / "out"), *map(str, images))
    lines = [line.split("  ") for line in said.splitlines()]
    assert code == 1 and "broken.png" in err and "Traceback" not in err and len(lines) == 2
    assert [line[1] for line in lines] == ["cats", "犬"]
    for name in ("model.safetensors", "model.json"):
        words = "predict", str(tmp_path / "out" / name), str(images[0])
        assert run_main(monkeypatch, capsys, *words)[1] == said.splitlines(keepends=True)[0]
    Image.open(images[0]).save(tmp_path / "out/image.jpg", "PNG")
    done = subprocess.run(
        [sys.executable, "-c", SNIPPET], check=True, cwd=tmp_path / "out", capture_output=True, text=True
    )
    name, p = done.stdout.split()
    assert name == "cats" and float(p) == pytest.approx(float(lines[0][2]), abs=0.02)


FORGED = {
    "scale": [[1.0]],
    "mean": [0.5],
    "network": "local-dir:/nowhere",
    "options": {"checkpoint_path": "/nowhere"},
    "side": 100_000,
    "bands": 10**9,
}


def test_a_damaged_model_is_said(run, folder, tmp_path, monkeypatch, capsys):
    run()
    about, weights = tmp_path / "out/model.json", tmp_path / "out/model.safetensors"
    sound, content = json.loads(about.read_text(encoding="utf-8")), weights.read_bytes()
    tensors = {name: tensor.clone() for name, tensor in load_file(weights).items()}
    tensors["0.bias"][:] = float("nan")
    said = [sound | {"classes": sound["classes"][:-1]}, sound | {"parts": []}]
    said += [sound | {"classes": list(range(len(sound["classes"])))}]
    said += [sound | {"parts": [sound["parts"][0] | {name: value}]} for name, value in FORGED.items()]
    damaged = [(json.dumps(text).encode(), content) for text in said]
    damaged += [(about.read_bytes(), odd) for odd in (content[:-100], safetensors.torch.save(tensors))]
    for files in damaged:
        about.write_bytes(files[0])
        weights.write_bytes(files[1])
        words = "predict", str(tmp_path / "out"), str(folder / "cats/1.png")
        code, _, err = run_main(monkeypatch, capsys, *words)
        assert code == 1 and "holds no model" in err and "Traceback" not in err, files[0]


def test_a_run_killed_between_its_files_leaves_no_mixed_model(run, tmp_path, monkeypatch, capsys, folder):
    run()
    write = model.atomic_write

    def killed(path, *more):
        if path.name == model.ABOUT:
            raise KeyboardInterrupt
        write(path, *more)

    monkeypatch.setattr(model, "atomic_write", killed)
    assert run()[0] == 130
    code, _, err = run_main(monkeypatch, capsys, "predict", str(tmp_path / "out"), str(folder / "cats/1.png"))
    assert code == 1 and "holds no model" in err


def test_what_is_no_file_is_not_predicted(run, folder, tmp_path, monkeypatch, capsys):
    run()
    os.mkfifo(tmp_path / "pipe.png")
    names = [str(tmp_path / name) for name in ("gone.png", "pipe.png", "out")]
    code, said, err = run_main(monkeypatch, capsys, "predict", str(tmp_path / "out"), *names)
    assert code == 1 and not said and err.count("not there, or no regular file") == 3


def test_heads_are_trained_once(run, monkeypatch, tmp_path):
    run()
    monkeypatch.setattr(compare, "fit", lambda *_, **__: pytest.fail("trained again"))
    assert run("--for", "worst-class", out="two")[0] == 0


def test_a_page_of_another_is_not_overwritten(run, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/index.html").write_text("mine")
    code, _, err = run()
    assert code == 1 and "is no page of `lt compare`" in err
    assert (tmp_path / "out/index.html").read_text() == "mine"


def test_a_page_among_images_that_lie_elsewhere_is_refused(run, folder, tmp_path):
    (tmp_path / "linked").mkdir()
    for name in ("cats", "犬"):
        (tmp_path / "linked" / name).symlink_to(folder / name)
    code, _, err = run("--out", str(folder / "cats"), images=tmp_path / "linked")
    assert code == 1 and "choose another with --out" in err
    assert all(path.suffix == ".png" for path in (folder / "cats").iterdir())


def test_names_of_classes_are_shown_as_they_are(run, folder, tmp_path):
    names = ["<script>x", "$\\foo$", "a&b" * 66]
    for path, name in zip(sorted(folder.iterdir()), names, strict=True):
        path.rename(folder / name)
    assert run()[0] == 0
    page = BeautifulSoup((tmp_path / "out/index.html").read_text(encoding="utf-8"), "html.parser")
    assert not page.select("script") and {row.th.text for row in page.select("table")[1].select("tr")} > set(
        names
    )


def test_the_snippet_turns_a_photo_as_predict_does(run, folder, tmp_path, monkeypatch, capsys):
    run()
    pixels = np.zeros((20, 20, 3), np.uint8)
    pixels[:10], exif = 255, Image.Exif()
    exif[274] = 6
    for name, more in (("flat.png", {}), ("image.png", {"exif": exif})):
        Image.fromarray(pixels).save(tmp_path / "out" / name, **more)
    (tmp_path / "out/image.png").rename(tmp_path / "out/image.jpg")
    names = [str(tmp_path / "out" / name) for name in ("flat.png", "image.jpg")]
    lines = run_main(monkeypatch, capsys, "predict", str(tmp_path / "out"), *names)[1].splitlines()
    flat, turned = (float(line.split("  ")[2]) for line in lines)
    done = subprocess.run(
        [sys.executable, "-c", SNIPPET], check=True, cwd=tmp_path / "out", capture_output=True, text=True
    )
    assert float(done.stdout.split()[1]) == pytest.approx(turned, abs=0.02) and abs(flat - turned) > 0.04


def test_no_snippet_where_one_network_is_not_the_model(run, tmp_path, monkeypatch):
    decide = judge.judge
    monkeypatch.setattr(judge, "judge", lambda *known: replace(decide(*known), best="stack"))
    assert run("--network", "a", "--network", "b")[0] == 0
    about = json.loads((tmp_path / "out/model.json").read_text(encoding="utf-8"))
    assert len(about["parts"]) == 2
    assert "Without this library" not in (tmp_path / "out/index.html").read_text(encoding="utf-8")


def test_a_lone_test_image_is_said(run, tmp_path, folder):
    for path in sorted((folder / "犬").iterdir())[4:]:
        path.unlink()
    run()
    assert "How sure the recall of 犬 is" in (tmp_path / "out/index.html").read_text(encoding="utf-8")


def test_no_model_is_said(run, folder, monkeypatch, capsys):
    code, _, err = run_main(monkeypatch, capsys, "predict", str(folder), str(folder / "cats/1.png"))
    assert code == 1 and "holds no model that `lt compare` wrote" in err and "Traceback" not in err


def test_several_networks_are_stacked(run, tmp_path, monkeypatch, capsys, folder):
    code, _, _ = run("--network", "a", "--network", "b")
    found = json.loads((tmp_path / "out/comparison.json").read_text())
    assert code == 0 and found["remedies"]["stack"]["title"] == "stacking of 2 networks"
    plain, stack = (found["remedies"][key] for key in ("plain", "stack"))
    assert stack["recall"] == plain["recall"]  # of one network with itself
    assert stack["parameters"] == 2 * plain["parameters"]


def test_whole_networks_are_trained_once(run, tmp_path, monkeypatch):
    trained = []
    one = finetune._train
    monkeypatch.setattr(finetune, "_train", lambda *known: trained.append(known[2]) or one(*known))
    monkeypatch.setattr(finetune, "EPOCHS", 1)
    assert run("--finetune")[0] == 0
    found = json.loads((tmp_path / "out/comparison.json").read_text())
    whole = [key for key in found["remedies"] if key.startswith("whole-")]
    assert whole == [f"whole-{key}" for key in trained] and trained[0] == "plain" and len(whole) == 3
    assert found["remedies"]["whole-plain"]["parameters"] > 10 * found["remedies"]["plain"]["parameters"]
    run("--finetune", out="two")
    assert len(trained) == 3


def test_a_whole_network_learns_what_its_head_could_not(folder, network, monkeypatch):
    monkeypatch.setattr(finetune, "RATE", 1e-2)
    own, looked = compare._features(read_own(folder), ["toy"], "float32")
    mean, std = looked["toy"].mean(0), looked["toy"].std(0)
    blank = Fitted(torch.zeros(1, 1, 3, len(mean)), torch.zeros(1, 1, 3), False, 1.0)
    start = Part(features.Eye.of("toy"), blank, mean, std)
    part = finetune.finetune(own, np.arange(len(own.files)), "sampler", start, epochs=12)
    images = [part.eye.pixels(file)[0] for file in own.files]
    right = part.probabilities(images).argmax(1).numpy() == own.labels
    assert [right[own.labels == c].mean() > 0.8 for c in range(3)] == [True] * 3
    before = features.network_of(part.eye.spec).state_dict()
    changed = {key for key, value in part.state.items() if not torch.equal(value, before[key])}
    assert changed and not any("running" in key or "tracked" in key for key in changed)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--for", "balancd"), "no aim 'balancd'; did you mean 'balanced'"),
        (("--network", "a", "--network", "a"), "a network is named twice"),
        (("--precision", "float16"), "no precision 'float16'; it is one of float32, bf16"),
    ],
)
def test_what_cannot_be_asked_is_said_before_the_work(run, network, options, said):
    code, _, err = run(*options)
    assert code == 1 and said in err and not network


def test_a_page_among_the_images_is_refused(run, folder):
    code, _, err = run("--out", str(folder / "page"))
    assert code == 1 and "choose another with --out" in err and not (folder / "page").exists()


def test_groups_stay_on_one_side(run, folder, tmp_path, monkeypatch):
    for path in sorted(folder.glob("*/*.png")):
        (path.parent / f"patient{int(path.stem) % 4}").mkdir(exist_ok=True)
        path.rename(path.parent / f"patient{int(path.stem) % 4}" / path.name)
    parted, split = [], compare.split

    def watched(labels, groups=None, **more):
        parted.append((groups, split(labels, groups, **more)))
        return parted[-1][1]

    monkeypatch.setattr(compare, "split", watched)
    assert run("--split", "folder")[0] == 0
    groups, test = parted[0]
    assert not set(groups[test]) & set(groups[~test]) and len(np.unique(groups)) == 4
