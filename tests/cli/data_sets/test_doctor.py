"""``yolov3 doctor`` tells what is wrong with data, for people and for programs, and how bad it is by its exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from yolov3.cli import main
from yolov3.shapes.dataset import write_shapes_dataset

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def clean(tmp_path) -> Path:
    """A folder of generated images, with enough objects of each class."""
    return write_shapes_dataset(tmp_path / "shapes", train=40, val=10, unseen=0, seed=3)


def annotate(folder: Path, split: str, **changes) -> None:
    file = folder / "annotations" / f"instances_{split}.json"
    content = json.loads(file.read_bytes())
    content["annotations"][0].update(changes)
    file.write_text(json.dumps(content))


def test_clean_data_are_fine(clean, capsys):
    assert main(["doctor", str(clean)]) == main(["doctor", str(clean), "--strict"]) == 0
    out, _ = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0].startswith("train: 40 images, ") and lines[1].startswith("val: 10 images, ")
    assert lines[-1].startswith(f"{clean}: 0 errors, 0 warnings, ")


def test_warnings_are_1_and_strictly_2(clean, capsys):
    annotate(clean, "train", bbox=[10, 10, 0, 20])
    assert main(["doctor", str(clean)]) == 1
    out, _ = capsys.readouterr()
    lines = out.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("warning: box-without-area: train: 1 of "))
    assert lines[at - 1] == "" and lines[at + 1].startswith("  costs: ") and lines[at + 2].startswith("  advice: ")
    assert lines[at + 3].startswith(f"  at: {clean}/annotations/instances_train.json: annotations[0] (id 1), ")
    assert main(["doctor", str(clean), "--strict"]) == 2


def test_errors_are_2_and_the_rest_is_told_all_the_same(clean, capsys):
    annotate(clean, "val", bbox=[10, 10, 0, 20])
    (clean / "train" / "000017.jpg").unlink()  # whose name no image of val has
    assert main(["doctor", str(clean)]) == 2
    out, err = capsys.readouterr()
    assert "error: missing-image: train: 1 image" in out and "warning: box-without-area: val: 1 of " in out
    assert out.index("error: missing-image") < out.index("warning: box-without-area") and "error" not in err


def test_json_is_for_programs(clean, capsys):
    annotate(clean, "train", bbox=[10, 10, 0, 20])
    assert main(["doctor", str(clean), "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert (answer["target"], answer["errors"], answer["warnings"]) == (str(clean), 0, 1)
    assert [split["name"] for split in answer["splits"]] == ["train", "val"]
    (finding,) = [each for each in answer["findings"] if each["severity"] == "warning"]
    assert finding["kind"] == "box-without-area" and finding["count"] == 1 and len(finding["places"]) == 1
    assert set(finding) == {"kind", "severity", "what", "places", "count", "costs", "advice"}


def test_places_are_as_many_as_asked_for(clean, capsys):
    for name in ("000003", "000004", "000005"):
        (clean / "train" / f"{name}.jpg").write_bytes(b"x")
    assert main(["doctor", str(clean), "--places", "2"]) == 2
    out = capsys.readouterr().out
    assert out.count("  at: ") >= 2 and "000004.jpg" in out and "000005.jpg" not in out and "  and 1 more" in out
    assert main(["doctor", str(clean), "--places", "0"]) == 2
    assert "  at: " not in capsys.readouterr().out


def test_settings_are_laid_over_it(clean, capsys):
    words = ["doctor", str(clean), "model.variant=yolov3-tiny", "model.anchors=[[[200,9],[300,9]],[[9,200],[9,300]]]"]
    assert main(words) == 1
    assert "warning: poor-anchors: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "nowhere: neither a data YAML nor the folder of a data set exists there"),
        (["EMPTY"], "not recognised as a data set"),
        (["CLEAN", "data.rot=3"], "unknown key data.rot"),
        (["CLEAN", "--places", "-1"], "--places: found '-1'; must be a whole number from 0"),
        ([], "the following arguments are required: TARGET"),
    ],
)
def test_mistakes_are_one_line(words, message, clean, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    places = {"CLEAN": str(clean), "EMPTY": str(tmp_path / "empty")}
    assert main(["doctor", *(places.get(word, word) for word in words)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and message in err and err.count("\n") == 1


def test_a_mistake_in_words_is_told_before_torch_is_imported():
    code = "import sys; from yolov3.cli import main; code = main(['doctor']); print(code, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout == "2 False\n"


def test_why_a_score_is_low_is_told_too(clean, tmp_path, write_seeing_model, capsys):
    weights = write_seeing_model(tmp_path / "untrained.pt", width=0.0625)
    words = ["doctor", str(clean), "--weights", str(weights), "--images", "4", "--device", "cpu"]
    code = main(words)
    out, _ = capsys.readouterr()
    assert code in (0, 1) and out.index(f"{clean}: 0 errors") < out.index("score: AP50 0.") and "on 4 images" in out
    assert f"{'warning' if code else 'note'}: score: " in out and " mistakes were supposed; " in out
    assert main([*words, "--json"]) == code
    score = json.loads(capsys.readouterr().out)["score"]
    assert score["images"] == 4 and len(score["tried"]) > 10 and (score["best"] is not None) is bool(code)


@pytest.mark.parametrize(
    ("words", "message"),
    [(["--images", "0"], "--images: found '0'; must be a whole number from 1"), (["--weights", "none.pt"], "none.pt")],
)
def test_a_model_that_cannot_be_asked_is_told(clean, words, message, capsys):
    assert main(["doctor", str(clean), *words]) == 2
    assert message in capsys.readouterr().err


def test_whether_a_network_can_learn_is_told_too(clean, monkeypatch, capsys):
    """What is tried is shortened: how it is tried has tests of its own."""
    from yolov3.doctor.learning import trial

    whole = trial.try_to_learn
    monkeypatch.setattr(trial, "try_to_learn", lambda *words, **more: whole(*words, images=1, steps=2, side=64, **more))
    words = ["doctor", str(clean), "model.variant=yolov3-tiny", "model.width=0.0625", "train.device=cpu", "--learn"]
    assert main(words) == 1
    assert "warning: learning: " in capsys.readouterr().out
    assert main([*words, "--strict", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["learning"]["steps"] == 2


def test_what_training_costs_is_told_of_an_experiment_and_not_of_data(clean, tmp_path, capsys):
    small = "model: {variant: yolov3-tiny, width: 0.0625, image_size: 96}\ntrain: {workers: 0, device: cpu, batch_size: 8}\n"
    experiment = tmp_path / "mine.yaml"
    experiment.write_text(f"{small}data: {{root: {clean}}}\n")
    main(["doctor", str(experiment)])
    assert "note: training-cost: an epoch takes about " in capsys.readouterr().out
    main(["doctor", str(experiment), "--no-step"])
    assert "training-cost" not in capsys.readouterr().out
    main(["doctor", str(clean)])
    assert "training-cost" not in capsys.readouterr().out
