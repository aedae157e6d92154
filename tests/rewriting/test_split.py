"""A data set is divided: as a training would divide it, in every format, told and opened again alike, its files untouched."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from yolov3.catalogue.naming import resolve_data
from yolov3.catalogue.opening import open_dataset, open_splits
from yolov3.config.experiment import DataSection
from yolov3.errors import UserError
from yolov3.files.strict_yaml import read_yaml
from yolov3.rewriting.options import SplitOptions
from yolov3.rewriting.split import split_data

KINDS = ("coco", "voc", "yolo", "darknet")


def stems(data: DataSection | Path, split: str) -> list[str]:
    section = resolve_data(data) if isinstance(data, Path) else data
    return [sample.path.stem for sample in open_dataset(section, split).samples]


@pytest.fixture(scope="module")
def roots(worlds, tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("worlds")
    return {kind: worlds.write(kind, folder / kind) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_there_and_back_in_every_format(worlds, roots, tmp_path, kind):
    before = worlds.fingerprint(roots[kind])
    result = split_data(SplitOptions(roots[kind], val=0.2, test=0.1, out=tmp_path / "new"))
    assert worlds.fingerprint(roots[kind]) == before
    assert result.file == tmp_path / "new" / "data.yaml"
    assert result.names == (tuple(sorted(worlds.names)) if kind == "voc" else worlds.names)
    content = {
        stem: [result.names.index(worlds.names[label]) for label in labels]
        for stem, labels in worlds.content(40).items()
    }
    found: dict[str, str] = {}
    for split, part in result.parts.items():
        dataset = open_dataset(resolve_data(result.file), split)
        assert dataset.names == result.names
        # Each image has the objects it had, and what is told of the part is so.
        assert {s.path.stem: sorted(s.labels.tolist()) for s in dataset.samples} == {
            s.path.stem: sorted(content[s.path.stem]) for s in dataset.samples
        }
        assert all(s.path.is_relative_to(roots[kind]) for s in dataset.samples)
        labels = [content[s.path.stem] for s in dataset.samples]
        assert part.images == len(labels) and part.backgrounds == labels.count([])
        assert part.objects_of == tuple(sum(own.count(label) for own in labels) for label in range(3))
        found |= {sample.path.stem: split for sample in dataset.samples}
    assert sorted(found) == sorted(content)
    counts = Counter(found.values())
    assert abs(counts["val"] - 8) <= 1 and abs(counts["test"] - 4) <= 1
    assert not [path for path in tmp_path.iterdir() if path.name != "new"]


@pytest.mark.parametrize("kind", KINDS)
def test_validation_is_what_a_training_would_set_apart(roots, tmp_path, kind):
    data = roots[kind] / "my.data" if kind == "darknet" else roots[kind]
    splits = open_splits(resolve_data(data).model_copy(update={"val_share": 0.25, "val_seed": 3}))
    for name, test in (("two", 0.0), ("three", 0.25)):
        result = split_data(SplitOptions(data, val=0.25, test=test, seed=3, out=tmp_path / name))
        assert stems(result.file, "val") == [sample.path.stem for sample in splits.val.samples]
    assert stems(tmp_path / "two" / "data.yaml", "train") == [sample.path.stem for sample in splits.train.samples]


def test_every_class_has_its_share_in_every_part(roots, tmp_path):
    parts = split_data(SplitOptions(roots["yolo"], val=0.25, test=0.25, out=tmp_path / "new")).parts
    # 40 images: 28 with cats, 12 with dogs, 8 with birds, 4 with nothing.
    for name, share in (("train", 0.5), ("val", 0.25), ("test", 0.25)):
        for count, total in zip(parts[name].images_of, (28, 12, 8)):
            assert abs(count - share * total) <= 1, (name, parts[name])
        assert parts[name].backgrounds == share * 4


def test_the_same_seed_gives_the_same_lists_and_another_others(roots, tmp_path):
    texts = []
    for number, seed in enumerate((0, 0, 1)):
        split_data(SplitOptions(roots["voc"], val=0.3, seed=seed, out=tmp_path / str(number)))
        texts.append([(tmp_path / str(number) / f"{name}.txt").read_bytes() for name in ("train", "val")])
    assert texts[0] == texts[1] != texts[2]


@pytest.mark.parametrize("kind", ["coco", "voc"])
def test_what_belongs_together_can_be_said(roots, tmp_path, kind):
    options = SplitOptions(roots[kind], val=0.3, test=0.3, group_by=r"scene_(\d)", out=tmp_path / "new")
    result = split_data(options)
    firsts = {name: {stem[6] for stem in stems(result.file, name)} for name in result.parts}
    assert sum(map(len, firsts.values())) == len(set().union(*firsts.values())) == 10
    assert result.notes[-1] == "kept together by group_by: 10 groups"
    message = r"in 1 group \(kept together by group_by: 1 groups\) leave none for val; .*--group-by '\(\.\*\)'"
    with pytest.raises(UserError, match=message):
        split_data(SplitOptions(roots[kind], group_by="scene", out=tmp_path / "other"))
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    val=st.floats(0.05, 0.6), test=st.sampled_from([0.0, 0.1, 0.35]), seed=st.integers(0, 9),
    group_by=st.sampled_from([None, r"(\d)\.", ".*"]),
)  # fmt: skip
def test_whatever_the_shares_each_image_is_in_one_part(roots, tmp_path_factory, val, test, seed, group_by):
    out = tmp_path_factory.mktemp("any") / "new"
    result = split_data(SplitOptions(roots["darknet"] / "my.data", val, test, seed, group_by, None, out))
    listed = [line for name in result.parts for line in (out / f"{name}.txt").read_text().splitlines()]
    assert sorted(listed) == sorted(f"obj/scene_{number}.png" for number in range(40))
    if group_by != r"(\d)\.":
        for name, share in (("val", val), ("test", test)):
            assert (
                name not in result.parts or abs(result.parts[name].images - 40 * share) <= 4
            )  # one a class, and backgrounds


def test_one_split_of_several(roots, tmp_path):
    first = split_data(SplitOptions(roots["voc"], val=0.5, out=tmp_path / "first"))
    second = split_data(SplitOptions(first.file, val=0.2, test=0.4, of="val", out=tmp_path / "second"))
    parts = {name: stems(second.file, name) for name in ("train", "val", "test")}
    assert sorted(parts["train"] + parts["val"] + parts["test"]) == sorted(stems(first.file, "val"))
    with pytest.raises(UserError, match="is divided already"):
        split_data(SplitOptions(first.file, out=tmp_path / "third"))


def test_what_a_data_set_says_of_its_test_images_holds_on(roots, tmp_path):
    first = split_data(SplitOptions(roots["yolo"], val=0.2, test=0.2, out=tmp_path / "first"))
    second = split_data(SplitOptions(first.file, val=0.2, of="train", out=tmp_path / "second"))
    assert set(second.parts) == {"train", "val"} and stems(second.file, "test") == stems(first.file, "test")
    third = split_data(SplitOptions(first.file, val=0.2, test=0.2, of="train", out=tmp_path / "third"))
    assert not set(stems(third.file, "test")) & set(stems(first.file, "test"))


def test_test_images_that_nobody_fetched_are_left_out_and_told(worlds, tmp_path):
    root = worlds.write("yolo", tmp_path / "x", 10)
    (root / "data.yaml").write_text("train: images\ntest: ../test/images\nnames: [cat, dog, bird]\n")
    result = split_data(SplitOptions(root, out=tmp_path / "new"))
    assert "test" not in read_yaml(result.file)
    assert any(note.startswith("its test images are left out: ") and "../test/images" in note for note in result.notes)


def test_of_a_json_all_is_kept_that_it_says(roots, tmp_path):
    source = roots["coco"] / "annotations" / "instances_default.json"
    with pytest.raises(UserError, match=r"is one json, all of which is divided; leave --of val out"):
        split_data(SplitOptions(source, of="val", out=tmp_path / "new"))
    split_data(SplitOptions(source, out=tmp_path / "new"))
    whole = json.loads(source.read_text())
    parts = [json.loads((tmp_path / "new" / f"instances_{name}.json").read_text()) for name in ("train", "val")]
    for table in ("images", "annotations"):
        rows = [row for part in parts for row in part[table]]
        assert sorted(rows, key=lambda row: row["id"]) == whole[table]
    assert all((part["info"], part["categories"]) == (whole["info"], whole["categories"]) for part in parts)


def test_a_file_that_a_json_names_twice_is_on_one_side(worlds, tmp_path):
    root = worlds.write("coco", tmp_path / "x", 6)
    for image in (root / "images" / "default").iterdir():
        cv2.imwrite(str(image), np.full((40, 60, 3), 90, np.uint8))  # without features to be told by
    file = root / "annotations" / "instances_default.json"
    content = json.loads(file.read_text())
    content["images"] += [{**row, "id": 100 + row["id"]} for row in content["images"]]
    file.write_text(json.dumps(content))
    for seed in range(4):
        result = split_data(SplitOptions(root, val=0.4, seed=seed, out=tmp_path / str(seed)))
        assert not set(stems(result.file, "train")) & set(stems(result.file, "val"))


def test_settings_of_the_data_stay(worlds, tmp_path):
    root = worlds.write("voc", tmp_path / "x", 10)
    result = split_data(SplitOptions(root, out=tmp_path / "new", changes=("data.one_based=false",)))
    assert read_yaml(result.file)["one_based"] is False
    assert open_dataset(resolve_data(result.file), "train").samples[0].boxes[0].tolist() == [1, 1, 20, 15]


def test_without_a_folder_a_new_one_is_made_below_runs(roots, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folders = [split_data(SplitOptions(roots["yolo"])).folder for _ in range(2)]
    assert folders == [tmp_path / "runs" / "split" / name for name in ("yolo", "yolo-2")]


def test_a_folder_that_is_not_new_is_refused(roots, worlds, tmp_path):
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(UserError, match="is not empty; name a new folder"):
        split_data(SplitOptions(roots["yolo"], out=tmp_path))
    before = worlds.fingerprint(roots["yolo"])
    with pytest.raises(UserError, match="lies in the data set"):
        split_data(SplitOptions(roots["yolo"], out=roots["yolo"] / "new"))
    assert worlds.fingerprint(roots["yolo"]) == before


def test_plain_values(roots, tmp_path):
    result = split_data(SplitOptions(roots["coco"], out=tmp_path / "new"))
    plain = json.loads(json.dumps(result.as_plain()))
    assert plain["file"] == str(result.file) and plain["parts"]["val"]["images"] == 8
    assert plain["notes"] == list(result.notes)


@pytest.mark.shared
def test_on_real_data(shared, tmp_path):
    result = split_data(SplitOptions(shared / "datasets" / "bccd", 0.2, 0.1, of="train", out=tmp_path / "new"))
    counts = {name: part.images for name, part in result.parts.items()}
    assert sum(counts.values()) == 205 and abs(counts["val"] - 41) <= 1 and abs(counts["test"] - 20.5) <= 1
    for label in range(3):
        images = [part.images_of[label] for part in result.parts.values()]
        assert abs(images[1] - 0.2 * sum(images)) <= 3 and abs(images[2] - 0.1 * sum(images)) <= 3
    coco = split_data(SplitOptions(shared / "datasets" / "coco-tiny", of="val", out=tmp_path / "coco"))
    assert len(open_dataset(resolve_data(coco.file), "val")) == coco.parts["val"].images


def test_wherever_it_is_interrupted_nothing_stays(worlds, tmp_path, interrupt_everywhere):
    root = worlds.write("voc", tmp_path / "x", 60)
    interrupt_everywhere(root, lambda watcher: split_data(SplitOptions(root, out=tmp_path / "new"), watcher=watcher))
