"""What comes with the package: a file of the user's goes first, the shipped one is found by its name, copies overwrite
nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from yolov3.catalogue.naming import resolve_data
from yolov3.config.loading import load_experiment
from yolov3.config.shipped import (
    copy_configs,
    find_config,
    find_shipped,
    shipped_data,
    shipped_experiments,
    shipped_names,
    shipped_networks,
    shipped_note,
)
from yolov3.errors import UserError

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    """An empty folder as the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_everything_in_configs_is_shipped():
    shipped = {each.name for each in (*shipped_experiments(), *shipped_data(), *shipped_networks())}
    assert shipped == {path.relative_to(CONFIGS).as_posix() for path in CONFIGS.rglob("*") if path.is_file()}


def test_a_name_means_one_file_and_each_says_what_it_is():
    files = (*shipped_experiments(), *shipped_data())
    assert len({each.path.stem for each in files}) == len(files) >= 10
    for each in files:
        assert each.path.is_file() and 10 < len(each.what) < 110 and "\n" not in each.what
        comment = " ".join(each.path.read_text().replace("\n# ", " ").split("\n")[:1])
        assert comment.startswith(f"# {each.what}")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("yolov3_tiny_bccd.yaml", "yolov3_tiny_bccd.yaml"),
        ("configs/yolov3_tiny_bccd.yaml", "yolov3_tiny_bccd.yaml"),
        ("./yolov3_tiny_bccd.yaml", "yolov3_tiny_bccd.yaml"),
        ("bccd.yaml", "data/bccd.yaml"),
        ("bccd", "data/bccd.yaml"),
        ("data/bccd", "data/bccd.yaml"),
        ("configs/yolov3_tiny_bccd", "yolov3_tiny_bccd.yaml"),
        ("yolov3_tiny_bccd", "yolov3_tiny_bccd.yaml"),
        ("data/bccd.yaml", "data/bccd.yaml"),
        ("configs/data/bccd.yaml", "data/bccd.yaml"),
        ("/gone/lib/python3.11/site-packages/yolov3/configs/data/bccd.yaml", "data/bccd.yaml"),
        ("/gone/yolov3/configs/yolov3_tiny_bccd.yaml", "yolov3_tiny_bccd.yaml"),
    ],
)
def test_a_shipped_file_is_found_by_its_name(text, name):
    assert find_config(text) == find_shipped(Path(text)) == CONFIGS / name
    assert shipped_note(text) == f"{Path(text)} is not here; the one that is shipped is used: {CONFIGS / name}"


@pytest.mark.parametrize(
    "text",
    [
        "none.yaml",
        "none",
        "mine/bccd",
        "bccd.yml",
        "bccd.",
        "mine/bccd.yaml",
        "../bccd.yaml",
        "/bccd.yaml",
        "/gone/configs/data/bccd.yaml",
        "configs",
        "",
        "a\0b",
    ],
)
def test_other_names_find_nothing_and_the_shipped_ones_are_told(text):
    if text not in ("", "configs"):
        with pytest.raises(UserError) as caught:
            find_config(text)
        assert re.sub(r" \(did you mean [a-z_]+\.yaml\?\)", "", str(caught.value)) == (
            f"{Path(text)}: there is no such file; {shipped_names()}".replace("\0", r"\x00")
        )
        assert "yolov3_tiny_bccd.yaml" in shipped_names() and "voc.yaml" in shipped_names()
    assert find_shipped(Path(text)) is None and shipped_note(text) is None


def test_a_file_of_the_users_goes_first(here):
    own = here / "configs" / "bccd.yaml"
    own.parent.mkdir()
    own.write_text("root: .\n")
    assert find_config("configs/bccd.yaml") == Path("configs/bccd.yaml") and shipped_note("configs/bccd.yaml") is None
    assert find_config("bccd.yaml") == CONFIGS / "data" / "bccd.yaml"


def test_a_file_of_the_users_is_found_without_its_suffix_and_before_a_shipped_one(here):
    for name in ("mine.yaml", "bccd.yml", "folder.yaml"):
        (here / name).write_text("root: .\n")
    (here / "folder").mkdir()
    for text, found in {"mine": "mine.yaml", "bccd": "bccd.yml", "folder": "folder", "mine.yaml": "mine.yaml"}.items():
        assert find_config(text) == Path(found) and shipped_note(text) is None
    assert resolve_data("mine") == resolve_data("mine.yaml")


@pytest.mark.parametrize("text", ["yolov3_tiny_bcd", "yolov3_tiny_bcd.yaml", "yolov3-tiny-bccd.yaml"])
def test_a_slip_of_the_pen_is_asked_about(text):
    with pytest.raises(
        UserError, match=r"there is no such file \(did you mean yolov3_tiny_bccd\.yaml\?\); shipped are"
    ):
        find_config(text)


def test_what_cannot_be_read_is_the_users_still(here):
    (here / "bccd.yaml").symlink_to("nowhere")
    (here / "voc.yaml").mkdir()
    assert find_config("bccd.yaml") == Path("bccd.yaml") and find_config("voc.yaml") == Path("voc.yaml")
    long = "x" * 300 + ".yaml"
    assert find_config(long) == Path(long)


@pytest.mark.parametrize("experiment", shipped_experiments(), ids=lambda each: each.name)
def test_a_shipped_experiment_loads_anywhere_and_finds_its_data_file(experiment):
    loaded = load_experiment(experiment.name)
    assert loaded.data.file is not None and Path(loaded.data.file).parent == CONFIGS / "data"


def test_copies_are_the_same_and_work_where_they_are(here):
    copies = copy_configs(Path("mine"))
    assert not copies.kept and len(copies.written) == len([p for p in CONFIGS.rglob("*") if p.is_file()])
    for path in copies.written:
        assert path.read_bytes() == (CONFIGS / path.relative_to("mine")).read_bytes()
    assert load_experiment("mine/yolov3_voc.yaml").data.file == "mine/data/voc.yaml"


def test_nothing_is_ever_written_over(here):
    (here / "mine" / "data").mkdir(parents=True)
    (here / "mine" / "data" / "voc.yaml").write_text("root: my own\n")
    (here / "mine" / "data" / "coco.yaml").symlink_to("nowhere")
    copies = copy_configs(Path("mine"))
    assert set(copies.kept) == {Path("mine/data/voc.yaml"), Path("mine/data/coco.yaml")}
    assert (here / "mine" / "data" / "voc.yaml").read_text() == "root: my own\n"
    assert not (here / "nowhere").exists()
    again = copy_configs(Path("mine"))
    assert not again.written and len(again.kept) == len(copies.written) + 2


@pytest.mark.parametrize(
    ("folder", "words"), [("file", "file: is there already and is not a folder"), ("file/x", "x/")]
)
def test_a_folder_that_cannot_be_made_is_told(here, folder, words):
    (here / "file").write_text("mine")
    with pytest.raises(UserError) as caught:
        copy_configs(Path(folder))
    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert (here / "file").read_text() == "mine"
