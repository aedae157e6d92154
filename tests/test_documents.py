"""What the documents say is so: every command and every Python snippet of them runs, with the configs we ship, on tiny data;
every linked file is there."""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch

from yolov3.boxes import paired_iou
from yolov3.cli import detect as detect_command
from yolov3.cli import main
from yolov3.config.loading import load_experiment
from yolov3.export.export import export_model
from yolov3.files.class_names import published_names
from yolov3.formats.checkpoint import save_checkpoint
from yolov3.formats.darknet_files import save_darknet
from yolov3.formats.load import load_model
from yolov3.images.files import read_image, write_image
from yolov3.inference.detect import detect
from yolov3.inference.detector import Detector
from yolov3.inference.parts import detect_in_parts
from yolov3.models.yolov3 import YOLOv3
from yolov3.processes.world import World
from yolov3.shapes.dataset import write_shapes_dataset, write_shapes_video
from yolov3.structures import ModelMeaning, Preprocessing
from yolov3.training.classification import train_classifier

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "data" / "README.md", ROOT / "weights" / "README.md"]
DOCUMENTS += sorted((ROOT / "docs").glob("*.md"))
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))

PROGRAMS = ("yolov3", "torchrun", "python", "make", "./darknet")

TINY: dict[str, tuple[str, ...]] = {
    "train": (
        "train.epochs=1", "train.batch_size=4", "train.accumulate=1", "train.multi_scale=null", "train.workers=0",
        "train.device=cpu", "train.precision=float32", "model.image_size=64", "model.width=0.0625",
        "optimiser.warmup_epochs=0", "train.evaluate_training=0", "train.cache=none",
    ),
    "train-classifier": ("--epochs", "1", "--width", "0.0625", "--imgsz", "32", "--batch-size", "4", "--workers", "0"),
    "benchmark": ("model.image_size=64", "model.width=0.0625", "train.batch_size=2", "train.accumulate=1", "--rounds", "1"),
    "evaluate": ("--workers", "0"),
    "doctor": (
        "train.batch_size=4", "train.accumulate=1", "train.multi_scale=null", "train.workers=0", "train.device=cpu",
        "train.precision=float32", "model.image_size=64", "model.width=0.0625",
    ),
    "detect": ("--max-frames", "3"),
    "demo": ("--images", "16", "--epochs", "1"),
    "benchmark detect": ("--rounds", "1"),
}  # fmt: skip
"""What is added to a documented command so that it takes seconds; the words of the document stay."""

STANDS_FOR = {
    "runs/train/NAME": "runs/train/finished", "/path/to/bccd": "data/bccd", "HOST": "127.0.0.1", "NAME": "yolov3-tiny",
    "CONFIG": "configs/yolov3_my_data.yaml",
}  # fmt: skip
"""What a reader puts in the place of some words."""

FAILS_HERE = {
    "--source 0 --view": "camera 0: cannot be opened",
    "yolov3 download yolov3": "could not be downloaded",
    "yolov3 download NAME": "could not be downloaded",
}
"""Commands that need a camera, a screen or a network, and the one clear line that they end with where there is none."""

RUNS = {
    "cells": ("--data", "cells", "data.val_share=0.2", "model.variant=yolov3-tiny"),
    "export": ("--data", "export", "model.variant=yolov3-tiny"),
    "obj": ("--data", "obj.data", "model.variant=yolov3-tiny"),
}
"""The trainings of the tutorial whose runs its other commands use."""

NOT_OURS = {
    "make": "the Makefile's own targets: .ci/run and tests/cli/test_demo.py run what they run",
    "./darknet": "the C program",
    "python -m": "tools of others: pytest",
    "python scripts/house.py": "run by tests/scripts/test_house.py",
    "python scripts/full_disk.py": "run by tests/scripts/test_full_disk.py",
    "yolov3 serve": "run by tests/serving/test_server.py",
    "python scripts/kills.py": "run by tests/scripts/test_kills.py",
    "python scripts/endurance.py": "run by tests/scripts/test_endurance.py",
    "python scripts/bounds.py": "what it decides is tested by tests/scripts/test_bounds.py; it fetches gigabytes",
    "python scripts/resizing.py": "run by tests/scripts/test_resizing.py",
    "python scripts/streams.py": "run by tests/scripts/test_streams.py",
    "python scripts/load.py": "run by tests/scripts/test_load.py",
}

SLOW = ("torchrun", "scripts/ladder.py", "yolov3.weights", "model.variant=yolov3 ")


@dataclass(frozen=True)
class Command:
    """A line of a document."""

    document: str
    line: str

    def __str__(self) -> str:
        return f"{self.document}: {self.line}"


def blocks_of(text: str) -> list[tuple[str, list[str]]]:
    """The language and the lines of each code block."""
    blocks: list[tuple[str, list[str]]] = []
    inside = False
    for line in text.splitlines():
        if line.startswith("```"):
            inside = not inside
            if inside:
                blocks.append((line.removeprefix("```"), []))
        elif inside:
            blocks[-1][1].append(line)
    assert not inside, "a code block that does not end"
    return blocks


def commands_in(document: Path) -> list[Command]:
    """The commands in the document's code blocks and code spans."""
    text = document.read_text()
    plain = [line for language, lines in blocks_of(text) if language != "python" for line in lines]
    lines = "\n".join(plain).replace("\\\n", " ").splitlines()
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    lines += [" ".join(span.split()) for span in re.findall(r"`([^`]*)`", prose)]
    stripped = [" ".join(re.split(r"\s+# ", line)[0].split()) for line in lines]
    found = [line for line in stripped if line.startswith(tuple(f"{program} " for program in PROGRAMS))]
    return [Command(document.relative_to(ROOT).as_posix(), line) for line in dict.fromkeys(found)]


def snippets_in(document: Path) -> list[str]:
    return ["\n".join(lines) for language, lines in blocks_of(document.read_text()) if language == "python"]


COMMANDS = [command for document in DOCUMENTS for command in commands_in(document)]
SNIPPETS = [
    pytest.param(code, id=f"{document.relative_to(ROOT)}-{number}")
    for document in DOCUMENTS
    for number, code in enumerate(snippets_in(document), start=1)
]


def as_parameter(command: Command) -> object:
    slow = any(word in f"{command.line} " for word in SLOW)
    return pytest.param(command, id=str(command), marks=[pytest.mark.slow] if slow else [])


def ours(command: Command) -> bool:
    return not command.line.startswith(tuple(NOT_OURS))


def write_yolo_data(root: Path, shapes: Path) -> None:
    """The folders of data/README.md, with two classes."""
    root.mkdir(parents=True)
    (root / "classes.txt").write_text("first\nsecond\n")
    for split in ("train", "val"):
        content = json.loads((shapes / "annotations" / f"instances_{split}.json").read_text())
        (root / "images" / split).mkdir(parents=True)
        (root / "labels" / split).mkdir(parents=True)
        for image in content["images"]:
            shutil.copy(shapes / split / image["file_name"], root / "images" / split)
            rows = []
            for entry in content["annotations"]:
                if entry["image_id"] == image["id"]:
                    left, top, width, height = entry["bbox"]
                    centre = ((left + width / 2) / image["width"], (top + height / 2) / image["height"])
                    sides = (width / image["width"], height / image["height"])
                    rows.append(" ".join(map(str, (entry["category_id"] % 2, *centre, *sides))))
            (root / "labels" / split / f"{Path(image['file_name']).stem}.txt").write_text("\n".join(rows))


def write_voc_data(root: Path, shapes: Path, names: tuple[str, ...]) -> None:
    for folder in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (root / folder).mkdir(parents=True)
    for split in ("train", "val"):
        content = json.loads((shapes / "annotations" / f"instances_{split}.json").read_text())
        stems = []
        for image in content["images"]:
            stem = f"{split}_{Path(image['file_name']).stem}"
            stems.append(stem)
            shutil.copy(shapes / split / image["file_name"], root / "JPEGImages" / f"{stem}.jpg")
            objects = ""
            for entry in content["annotations"]:
                if entry["image_id"] == image["id"]:
                    left, top, width, height = map(round, entry["bbox"])
                    corners = f"<xmin>{left + 1}</xmin><ymin>{top + 1}</ymin>"
                    corners += f"<xmax>{left + width}</xmax><ymax>{top + height}</ymax>"
                    name = names[entry["category_id"] % len(names)]
                    objects += f"<object><name>{name}</name><bndbox>{corners}</bndbox></object>"
            (root / "Annotations" / f"{stem}.xml").write_text(f"<annotation>{objects}</annotation>")
        (root / "ImageSets" / "Main" / f"{split}.txt").write_text("\n".join(stems))


def write_undivided_voc(root: Path, shapes: Path) -> None:
    """Labelled images, and nobody has said which are for validation."""
    write_voc_data(root, shapes, ("cell",))
    shutil.rmtree(root / "ImageSets")


def write_export(root: Path, yolo: Path) -> None:
    """A labelling tool's export, with paths that lead elsewhere and keys of its own."""
    for split, name in (("train", "train"), ("val", "valid")):
        for folder in ("images", "labels"):
            shutil.copytree(yolo / folder / split, root / name / folder)
    (root / "data.yaml").write_text(
        "train: ../train/images\nval: ../valid/images\ntest: ../test/images\n\nnc: 2\nnames: ['first', 'second']\n\n"
        "roboflow:\n  workspace: me\n  version: 1\n"
    )


def write_coco_data(root: Path, shapes: Path) -> None:
    """COCO's folders; the classes are some of COCO's."""
    (root / "annotations").mkdir(parents=True)
    for split in ("train", "val"):
        content = json.loads((shapes / "annotations" / f"instances_{split}.json").read_text())
        for category, name in zip(content["categories"], ("person", "car", "dog", "cat", "bird", "cup")):
            category["name"] = name
        (root / "annotations" / f"instances_{split}2017.json").write_text(json.dumps(content))
        shutil.copytree(shapes / split, root / f"{split}2017")


def write_class_folders(root: Path, images: Path) -> None:
    paths = sorted(images.glob("*.jpg"))
    for split, count in (("train", 4), ("val", 2)):
        for name in ("red", "blue"):
            (root / split / name).mkdir(parents=True)
            for number, path in enumerate(paths[:count]):
                image = read_image(path)
                image[..., 0 if name == "blue" else 2] = 0
                write_image(root / split / name / f"{number}.jpg", image)


def write_darknet_project(folder: Path) -> None:
    """A project in Darknet's layout, on the images of data/mine."""
    for place in ("cfg", "backup"):
        (folder / place).mkdir()
    network = YOLOv3(variant="yolov3-tiny", width=0.0625, num_classes=2)
    save_darknet(
        network, folder / "backup" / "yolo-obj_best.weights", meaning=ModelMeaning((), Preprocessing((64, 64)))
    )
    (folder / "backup" / "yolo-obj_best.cfg").rename(folder / "cfg" / "yolo-obj.cfg")
    (folder / "data" / "obj.names").write_text("first\nsecond\n")
    for split in ("train", "val"):
        images = sorted((folder / "data" / "mine" / "images" / split).iterdir())
        (folder / "data" / f"{split}.txt").write_text("\n".join(map(str, images)))
    lines = (
        "classes = 2",
        "train = data/train.txt",
        "valid = data/val.txt",
        "names = data/obj.names",
        "backup = backup/",
    )
    (folder / "obj.data").write_text("\n".join(lines))


def write_models(folder: Path) -> None:
    """The model files that the documents name."""
    torch.manual_seed(0)
    names = published_names("coco")
    darknet = YOLOv3(variant="yolov3-tiny", width=0.0625, num_classes=80)
    save_darknet(darknet, folder / "model.weights", meaning=ModelMeaning(names, Preprocessing((64, 64))))
    own = YOLOv3(variant="yolov3-tiny", width=0.0625, num_classes=2)
    meaning = ModelMeaning(("first", "second"), Preprocessing((64, 64)))
    place = folder / "runs" / "train" / "yolov3_my_data" / "weights"
    place.mkdir(parents=True)
    for path in (folder / "best.pt", place / "best.pt"):
        save_checkpoint(path, own, meaning=meaning)
    fastest = folder / "runs" / "train" / "yolo_fastest_bccd" / "weights"
    shutil.copytree(place, fastest)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds what the documents' reader has."""
    folder = tmp_path_factory.mktemp("reader")
    shapes = write_shapes_dataset(folder / "shapes", train=6, val=3, unseen=3, seed=1)
    shutil.copytree(ROOT / "configs", folder / "configs")
    shutil.copytree(ROOT / "scripts", folder / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "yolov3").symlink_to(ROOT / "yolov3")  # scripts find the checkout beside them
    write_yolo_data(folder / "data" / "mine", shapes)
    write_voc_data(folder / "data" / "bccd", shapes, ("RBC", "WBC", "Platelets"))
    write_coco_data(folder / "data" / "coco", shapes)
    write_undivided_voc(folder / "cells", shapes)
    write_export(folder / "export", folder / "data" / "mine")
    shutil.copytree(shapes / "unseen", folder / "pictures")
    write_class_folders(folder / "data" / "my_classes", folder / "pictures")
    shutil.copy(sorted((folder / "pictures").iterdir())[0], folder / "street.jpg")
    shutil.copy(folder / "street.jpg", folder / "large.jpg")
    write_shapes_video(folder / "street.mp4", frames=4, fps=10.0, seed=1)
    shutil.copy(folder / "street.mp4", folder / "crossing.mp4")
    (folder / "cameras.streams").write_text("# nobody has a camera here\nstreet.mp4\ncrossing.mp4\n")
    (folder / "list.txt").write_text("\n".join(map(str, sorted((folder / "pictures").iterdir()))))
    write_models(folder)
    write_darknet_project(folder)
    return folder


@pytest.fixture
def reader(world: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The reader's folder as the current one, without screen and network."""
    monkeypatch.chdir(world)
    monkeypatch.setenv("XDG_CACHE_HOME", str(world / "cache"))
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return world


def made_beforehand(line: str, world: Path) -> None:
    """What an earlier command of the document leaves for this one."""
    if "runs/classifier/my_classes" in line and not (world / "runs" / "classifier" / "my_classes").exists():
        train_classifier(data="data/my_classes", epochs=1, width=0.0625, side=32, batch_size=4, workers=0, device="cpu")
    if "yolov3.weights" in line and not (world / "yolov3.weights").exists():
        save_darknet(YOLOv3(num_classes=80), world / "yolov3.weights", meaning=ModelMeaning(published_names("coco")))
        (world / "yolov3.cfg").unlink()  # a published file is known without one
    for name, words in RUNS.items():
        if f"runs/train/{name}" in line and not (world / "runs" / "train" / name).exists():
            assert main(["train", *words, *TINY["train"]]) == 0
    if "runs/export/yolov3_my_data" in line and not (world / "runs" / "export" / "yolov3_my_data").exists():
        pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
        export_model(weights="runs/train/yolov3_my_data")
    if "openvino" in line or "int8" in line:
        pytest.importorskip("nncf", reason="the extra openvino is not installed")
    if "runs/evaluate/" in line:
        for weights in ("runs/train/yolov3_my_data", "best.pt"):
            if not (world / "runs" / "evaluate" / Path(weights).stem).exists():
                assert main(["evaluate", "--weights", weights, "--data", "data/mine", *TINY["evaluate"]]) == 0
    if "--resume runs/detect/detect" in line:
        shutil.rmtree(world / "runs" / "detect" / "detect", ignore_errors=True)
        begin_in_parts(line)
    if "runs/detect/labelled/" in line and not (world / "runs" / "detect" / "labelled").exists():
        detect(weights="best.pt", source="pictures", save=("coco",), name="labelled")
    if "runs/train/NAME" in line and not (world / "runs" / "train" / "finished").exists():
        assert main(["train", "configs/yolov3_my_data.yaml", *TINY["train"], "train.name=finished"]) == 0


def begin_in_parts(line: str) -> None:
    """A detection that several processes have begun: all they found is there, and nobody has put it together."""
    parser = argparse.ArgumentParser()
    detect_command.add_arguments(parser)
    options = detect_command.parse(parser.parse_args(shlex.split(line)[2:])).options
    with (
        mock.patch("yolov3.inference.parts._put_together", side_effect=KeyboardInterrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        detect_in_parts(options, World())


def words_of(line: str) -> list[str]:
    """The words of a command, with what a reader would put in."""
    for word, meant in STANDS_FOR.items():
        line = re.sub(rf"(?<![A-Za-z]){re.escape(word)}(?![A-Za-z])", meant, line)
    return shlex.split(line)


def run_yolov3(words: list[str]) -> int:
    if "<" in words:
        place = words.index("<")
        with Path(words[place + 1]).open() as stream, mock.patch("sys.stdin", stream):
            return run_yolov3(words[:place])
    name = " ".join(words[:2]) if " ".join(words[:2]) in TINY else words[0]
    return main(words if "--resume" in words else [*words, *TINY.get(name, ())])


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def run_torchrun(words: list[str]) -> int:
    """As many machines as the command asks for, all of them here."""
    machines = next((int(word.partition("=")[2]) for word in words if word.startswith("--nnodes")), 1)
    words = [re.sub(r":29500$", f":{free_port()}", word) for word in words]
    if machines == 1:
        words.insert(0, f"--master-port={free_port()}")
    name = next((name for name in ("detect", "evaluate") if f"scripts/{name}.py" in words or name in words), "train")
    tiny = (*TINY["train"], "train.batch_size=8") if name == "train" else TINY[name]
    command = [sys.executable, "-m", "torch.distributed.run", *words, *tiny]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    running = [subprocess.Popen(command, env=environment) for _ in range(machines)]
    return max(each.wait(timeout=500) for each in running)


def run_script(words: list[str]) -> int:
    """The ladder: its first and its last rung, each tiny."""
    place = words.index("--set") + 1
    words = [*words[:place], *TINY["train"], *words[place:], "--only", "original", "rate 0.008"]
    return subprocess.run([sys.executable, *words], check=False, timeout=500).returncode


RUNNERS: dict[str, Callable[[list[str]], int]] = {
    "yolov3": run_yolov3,
    "torchrun": run_torchrun,
    "python": run_script,
}


@pytest.mark.parametrize("command", [as_parameter(command) for command in COMMANDS if ours(command)])
def test_every_command_runs(
    command: Command, reader: Path, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    made_beforehand(command.line, reader)
    line = command.line
    if "https://example.org/street.jpg" in line:
        web = request.getfixturevalue("web")
        web.pages["street.jpg"] = request.getfixturevalue("page")("image/jpeg", (reader / "street.jpg").read_bytes())
        line = line.replace("https://example.org/", web.address(""))
    program, *words = words_of(line)
    code = RUNNERS[program](words)
    told = capsys.readouterr()
    expected = next((message for part, message in FAILS_HERE.items() if part in command.line), None)
    if expected is None:
        assert code in ((0, 1, 2) if words[0] == "doctor" else (0,)), (
            told.err
        )  # which says so of the tiny data, rightly
        assert not told.err.startswith("yolov3: error"), told.err
    else:
        errors = [line for line in told.err.splitlines() if not line.startswith("warning: ")]
        assert code == 2 and len(errors) == 1 and expected in errors[0], told.err


@pytest.mark.parametrize("code", SNIPPETS)
def test_every_snippet_runs(code: str, reader: Path, request: pytest.FixtureRequest) -> None:
    made_beforehand(code, reader)
    if "import ray" in code:
        request.getfixturevalue("ray_here")
    small = code.replace('["train.epochs=2"]', repr(["train.epochs=2", *TINY["train"][1:]]))
    warnings = [] if "import ray" in code else ["-W", "error"]  # Ray warns of its own settings
    done = subprocess.run([sys.executable, *warnings, "-c", small], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


def test_the_documents_have_commands_and_snippets() -> None:
    assert len([command for command in COMMANDS if ours(command)]) > 25
    assert len(SNIPPETS) >= 6
    assert {command.document for command in COMMANDS} >= {"README.md", "docs/darknet.md", "docs/recipes.md"}


def test_what_is_not_run_is_there_to_be_left_out() -> None:
    left_out = [command.line for command in COMMANDS if not ours(command)]
    assert all(any(line.startswith(start) for line in left_out) for start in NOT_OURS)
    for part in FAILS_HERE:
        assert any(part in command.line for command in COMMANDS)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.name)
def test_every_experiment_is_valid(config: Path) -> None:
    assert load_experiment(config).data.file is not None


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_linked_file_exists(document: Path) -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", document.read_text()):
        assert (document.parent / target).exists(), target


def test_the_table_of_networks_is_the_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    table = capsys.readouterr().out.strip()
    assert table in (ROOT / "README.md").read_text()


@pytest.mark.shared
@pytest.mark.parametrize("name", ["official/yolov3-tiny", "yolo-fastest-1.1", "own"])
def test_the_example_without_this_package_finds_the_same_boxes(name: str, shared: Path, tmp_path: Path) -> None:
    """On five photographs, in a process that has neither torch nor this package."""
    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    weights = shared / "darknet" / f"{name}.weights"
    if name == "own":  # a checkpoint fits images by OpenCV
        source = load_model(shared / "darknet" / "official" / "yolov3-tiny.weights")
        meaning = ModelMeaning(source.names, Preprocessing((416, 608)))
        weights = tmp_path / "own.pt"
        save_checkpoint(weights, source.network, meaning=meaning)
    (graph,) = export_model(weights=weights, output=tmp_path).files
    images = sorted((shared / "images").glob("*.jpg"))
    assert len(images) == 5
    code = next(code for code in snippets_in(ROOT / "docs" / "deploy.md") if "onnxruntime" in code)
    begin, loop = code.split("\n\n\nfor name, score, box")
    begin = begin.replace("runs/export/yolov3_my_data/yolov3_my_data.onnx", str(graph))
    alone = (
        "import sys\nsys.modules['torch'] = sys.modules['yolov3'] = None\n"
        f"{begin}\nfound = {{path: detect(cv2.imread(path)[..., ::-1]) for path in sys.argv[1:]}}\n"
        "print(json.dumps({p: [(n, float(s), b.tolist()) for n, s, b in rows] for p, rows in found.items()}))"
    )
    assert loop
    done = subprocess.run([sys.executable, "-c", alone, *map(str, images)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    detector = Detector(weights)
    for path, rows in json.loads(done.stdout).items():
        found = detector(path)
        assert [row[0] for row in rows] == [each.name for each in found] and len(rows) > 0
        assert np.allclose([row[1] for row in rows], found.scores.numpy(), atol=1e-3)
        boxes = torch.tensor([row[2] for row in rows], dtype=torch.float32)
        assert float(paired_iou(boxes, found.boxes).min()) >= 0.999
