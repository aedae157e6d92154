"""Which files are meant: by a file, a folder, a stem, Darknet's .data, a known name; what could mean several is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from yolov3.errors import UserError
from yolov3.formats.model_files import ModelFiles, base_name, cfg_beside, find_model, names_beside, names_folders


def lay(root: Path, *names: str) -> Path:
    """Files of these names below a folder."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """An empty folder, the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def weights_of(text: str) -> str:
    return find_model(text).weights.as_posix()


# ---- files ----


def test_a_file_is_itself(here):
    lay(here, "a.pt", "b.weights", "darknet53.conv.74", "c")
    for name in ("a.pt", "b.weights", "darknet53.conv.74", "c"):
        assert find_model(name) == ModelFiles(Path(name))


@pytest.mark.parametrize(
    ("name", "darknet"),
    [
        ("a.weights", True),
        ("a.backup", True),
        ("A.WEIGHTS", True),
        ("darknet53.conv.74", True),
        ("a", True),
        ("a.pt", False),
        ("a.PT", False),
        ("a.safetensors", False),
        ("a.onnx", False),
        ("a.XML", False),
    ],
)
def test_which_files_are_darknets(name, darknet):
    assert ModelFiles(Path(name)).is_darknet is darknet


def test_what_was_given_goes_first(here):
    lay(here, "a.weights", "a.cfg", "a.names")
    assert find_model("a.weights", cfg="b.cfg", names="b.names") == ModelFiles(
        Path("a.weights"), Path("b.cfg"), Path("b.names")
    )


@pytest.mark.parametrize("given", [{"cfg": "a.cfg"}, {"names": "a.names"}])
def test_files_of_darknet_belong_to_darknets_weights(here, given):
    lay(here, "a.pt")
    with pytest.raises(UserError, match=r"^a\.pt: --cfg and --names belong to Darknet's weights only$"):
        find_model("a.pt", **given)


def test_a_file_that_is_not_there_is_named_with_its_neighbours(here):
    with pytest.raises(UserError, match=r"^none/a\.pt: no such weights file$"):
        find_model("none/a.pt")
    lay(here, "b.pt", "c.weights", "d.jpg")
    with pytest.raises(UserError, match=r"^a\.pt: no such weights file; in its folder are b\.pt, c\.weights$"):
        find_model("a.pt")


# ---- folders ----


def test_a_run_is_its_best_weights(here, caplog):
    caplog.set_level("INFO")
    lay(here, "run/weights/best.pt", "run/weights/last.pt", "run/weights/last-previous.pt", "run/results.csv")
    assert weights_of("run") == "run/weights/best.pt"
    assert "run: run/weights/best.pt is taken (also there: last.pt)" in caplog.text
    assert weights_of("run/weights") == "run/weights/best.pt"
    (here / "run/weights/best.pt").unlink()
    caplog.clear()
    assert weights_of("run") == "run/weights/last.pt"
    assert "run/weights/last.pt is taken" in caplog.text and "also" not in caplog.text


def test_a_folder_with_one_model_is_that_model(here, caplog):
    caplog.set_level("INFO")
    lay(here, "a/x.cfg", "a/x_1000.weights", "a/x_final.weights", "a/x.names", "a/notes.txt", "b/mine.safetensors")
    assert weights_of("a") == "a/x_final.weights"
    assert "a: a/x_final.weights is taken (also there: x_1000.weights)" in caplog.text
    assert weights_of("b") == "b/mine.safetensors"


@pytest.mark.parametrize(
    "names", [("x_final.weights", "y_final.weights"), ("x.pt", "y.pt"), ("x.pt", "x.weights"), ("best.pt", "y.pt")]
)
def test_a_folder_with_several_models_is_refused_with_all_of_them(here, names):
    lay(here / "a", *names)
    found = ", ".join(f"a/{name}" for name in sorted(names))
    with pytest.raises(UserError, match=rf"^a: several models could be meant; give one of {found}$"):
        find_model("a")


def test_weights_with_a_cfg_of_their_very_name_are_no_state_of_another_model(here):
    lay(here, "a/yolov3_416.weights", "a/yolov3_608.weights")
    assert weights_of("a") == "a/yolov3_608.weights"
    lay(here, "a/yolov3_416.cfg", "a/yolov3_608.cfg")
    with pytest.raises(
        UserError, match=r"several models could be meant; give one of a/yolov3_416\.weights, a/yolov3_608"
    ):
        find_model("a")


def test_a_folder_without_a_model_says_what_it_holds(here):
    lay(here, "detect/one.jpg", "detect/two.jpg")
    with pytest.raises(UserError, match=r"^detect: a folder without a model: .*; found one\.jpg, two\.jpg$"):
        find_model("detect")
    (here / "empty").mkdir()
    with pytest.raises(UserError, match=r"; found nothing$"):
        find_model("empty")
    lay(here / "full", *(f"{number:02}.jpg" for number in range(13)))
    with pytest.raises(UserError, match=r"; found 00\.jpg, .*09\.jpg and 3 more$"):
        find_model("full")


def test_a_folder_with_an_exported_graph_is_that_graph(here):
    lay(here, "a/x.onnx", "a/export.json", "b/x.xml", "b/x.bin")
    assert weights_of("a") == "a/x.onnx" and weights_of("b") == "b/x.xml"
    lay(here, "b/x.onnx")
    with pytest.raises(UserError, match=r"^b: several models could be meant; give one of b/x\.onnx, b/x\.xml$"):
        find_model("b")


def test_an_xml_is_a_graph_only_beside_its_numbers(here):
    """Elsewhere it is what is labelled in an image."""
    lay(here, "a/x.pt", "a/one.xml", "a/two.xml", "labels/one.xml")
    assert weights_of("a") == "a/x.pt"
    with pytest.raises(UserError, match=r"^labels: a folder without a model: .*\.onnx, \.xml; found one\.xml$"):
        find_model("labels")
    with pytest.raises(UserError, match=r"^labels/one: no such weights file$"):
        find_model("labels/one")
    (here / "labels" / "one.bin").mkdir()
    with pytest.raises(UserError, match=r"^labels: a folder without a model"):
        find_model("labels")
    assert weights_of("labels/one.xml") == "labels/one.xml"  # whoever names a file means it


def test_what_a_run_keeps_goes_before_its_graphs(here):
    lay(here, "run/weights/best.pt", "run/weights/last.pt", "run/x.onnx")
    assert weights_of("run") == "run/weights/best.pt"


# ---- stems ----


@pytest.mark.parametrize(
    ("there", "taken"),
    [
        ("x.weights x_best.weights x_final.weights", "x.weights"),
        ("x_best.weights x_final.weights x_last.weights x_9000.weights", "x_best.weights"),
        ("x_final.weights x_last.weights x_9000.weights", "x_final.weights"),
        ("x_last.weights x_9000.weights x_10000.weights", "x_last.weights"),
        ("x.backup x_900.weights", "x.backup"),
        ("x_900.weights x_10000.weights x_9000.weights", "x_10000.weights"),
        ("x.pt", "x.pt"),
        ("x.safetensors other.weights", "x.safetensors"),
        ("x.onnx other.weights x.xml", "x.onnx"),
        ("x.xml x.bin", "x.xml"),
    ],
)
def test_a_stem_is_the_wanted_state_of_its_model(here, caplog, there, taken):
    caplog.set_level("INFO")
    lay(here / "backup", *there.split(), "x.cfg", "xy_best.weights")
    assert weights_of("backup/x") == f"backup/{taken}"
    assert f"backup/x: backup/{taken} is taken" in caplog.text


def test_a_stem_with_a_point_in_it(here):
    lay(here, "yolo-fastest-1.1.weights", "yolo-fastest-1.1-xl.weights")
    assert weights_of("yolo-fastest-1.1") == "yolo-fastest-1.1.weights"


def test_a_stem_of_several_models_is_refused_with_all_of_them(here):
    lay(here, "a/x.pt", "a/x_best.weights")
    with pytest.raises(
        UserError, match=r"^a/x: several models could be meant; give one of a/x\.pt, a/x_best\.weights$"
    ):
        find_model("a/x")


def test_a_bare_name_means_known_weights(here):
    with pytest.raises(UserError, match=r"yolov3-tiny is not there yet; fetch it with: yolov3 download yolov3-tiny"):
        find_model("yolov3-tiny")
    lay(here, "yolov3-tiny_final.weights")  # until they are there, the stem of one's own
    assert weights_of("yolov3-tiny") == "yolov3-tiny_final.weights"
    lay(here, "weights/yolov3-tiny.weights", "weights/darknet53.conv.74")
    assert weights_of("yolov3-tiny") == "weights/yolov3-tiny.weights"
    assert weights_of("darknet53") == "weights/darknet53.conv.74"
    with pytest.raises(
        UserError, match=r"^coco2017: no such weights file; in its folder are yolov3-tiny_final\.weights$"
    ):
        find_model("coco2017")
    lay(here, "yolov3")  # a file of that name comes first
    assert weights_of("yolov3") == "yolov3"


# ---- Darknet's .data ----

DATA = "classes = 2\ntrain = data/train.txt\nvalid = data/val.txt\nnames = data/obj.names\nbackup = backup/\n"


@pytest.fixture
def project(here) -> Path:
    """The usual layout of a Darknet project."""
    lay(here, "cfg/yolo-obj.cfg", "data/obj.names", "backup/yolo-obj_last.weights", "backup/yolo-obj_best.weights")
    (here / "data" / "obj.data").write_text(DATA)
    return here


def test_the_data_file_alone_gives_all(project, caplog):
    caplog.set_level("INFO")
    files = find_model("data/obj.data")
    assert files.weights.resolve() == project / "backup" / "yolo-obj_best.weights"
    assert files.cfg is not None and files.cfg.resolve() == project / "cfg" / "yolo-obj.cfg"
    assert files.names is not None and files.names.resolve() == project / "data" / "obj.names"
    assert "yolo-obj_best.weights is taken (also there: yolo-obj_last.weights)" in caplog.text


def test_the_data_file_may_be_given_from_anywhere(project, monkeypatch):
    (project / "elsewhere").mkdir()
    monkeypatch.chdir(project / "elsewhere")
    files = find_model(project / "data" / "obj.data")
    assert files.weights.name == "yolo-obj_best.weights" and files.cfg is not None and files.names is not None


def test_all_in_one_folder(here):
    lay(here, "cars/cars.cfg", "cars/cars.names", "cars/cars_best.weights")
    (here / "cars" / "cars.data").write_text("names = /home/else/cars.names\nbackup = /home/else/cars\n".replace(
        "/home/else/cars.names", "cars.names"))  # fmt: skip
    assert find_model("cars/cars.data") == ModelFiles(
        Path("cars/cars_best.weights"), Path("cars/cars.cfg"), (here / "cars" / "cars.names")
    )


def test_a_data_file_without_a_backup_means_the_folder_of_that_name(project):
    (project / "data" / "obj.data").write_text("names = data/obj.names\n")
    assert find_model("data/obj.data").weights.name == "yolo-obj_best.weights"


def test_of_several_models_the_one_of_the_files_own_name_or_of_the_given_cfg(project):
    lay(project, "backup/other_final.weights", "cfg/other.cfg")
    found = r"backup/other_final\.weights, .*backup/yolo-obj_best\.weights, .*backup/yolo-obj_last\.weights$"
    with pytest.raises(UserError, match=rf"^data/obj\.data: several models could be meant; give one of .*{found}"):
        find_model("data/obj.data")
    files = find_model("data/obj.data", cfg="cfg/other.cfg")
    assert files.weights.name == "other_final.weights" and files.cfg == Path("cfg/other.cfg")
    lay(project, "backup/obj_900.weights", "cfg/obj.cfg")
    files = find_model("data/obj.data")
    assert files.weights.name == "obj_900.weights" and files.cfg is not None and files.cfg.name == "obj.cfg"


def test_a_data_file_whose_model_is_nowhere_says_where_it_was_looked_for(project):
    for path in (project / "backup").iterdir():
        path.unlink()
    with pytest.raises(
        UserError, match=r"^data/obj\.data: no \.weights in .*backup nor in data; the line backup = FOLDER"
    ):
        find_model("data/obj.data")
    (project / "data" / "obj.data").write_text("names = none.names\n")
    with pytest.raises(UserError, match=r"^data/obj\.data: none\.names was found neither in"):
        find_model("data/obj.data")
    with pytest.raises(UserError, match=r"^none\.data: cannot be read: No such file"):
        find_model("none.data")


# ---- what lies beside ----


@pytest.mark.parametrize("stem", ["x", "x_final", "x_best", "x_last", "x_1000", "x_final_ema", "x_10x20"])
def test_the_name_without_what_training_adds(stem):
    assert base_name(Path(f"a/{stem}.weights")) == "x"
    assert base_name(Path(f"a/{stem}.backup")) == "x"
    assert base_name(Path(f"a/{stem}.pt")) == stem  # of ours only the name itself


@pytest.mark.parametrize(
    ("cfg", "weights"),
    [
        ("x.cfg", "x.weights"),
        ("a/x.cfg", "a/x_final.weights"),
        ("cfg/x.cfg", "backup/x_best.weights"),
        ("cfg/x.cfg", "x.weights"),
        ("../cfg/x.cfg", "x_900.weights"),
    ],
)
def test_the_cfg_is_beside_or_in_the_folder_for_it(tmp_path, monkeypatch, cfg, weights):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    lay(Path(), cfg, weights)
    assert cfg_beside(Path(weights)) == Path(cfg)
    assert cfg_beside(Path("y.weights")) is None


def test_the_nearest_cfg_of_the_very_name_comes_first(here):
    lay(here, "backup/x.cfg", "backup/x_best.cfg", "cfg/x_best.cfg")
    assert cfg_beside(Path("backup/x_best.weights")) == Path("backup/x_best.cfg")
    (here / "backup/x_best.cfg").unlink()
    assert cfg_beside(Path("backup/x_best.weights")) == Path("backup/x.cfg")


@pytest.mark.parametrize("names", ["backup/x_best.names", "backup/x.names", "cfg/x.names", "data/x.names"])
def test_the_names_are_beside_or_in_the_folder_for_them(here, names):
    lay(here, names, "data/other.names")
    assert names_beside(Path("backup/x_best.weights"), Path("cfg/x.cfg")) == Path(names)
    assert names_beside(Path("backup/y.weights"), None) is None


def test_where_names_may_lie():
    near, far = names_folders(Path("backup/x.weights"), Path("cfg/x.cfg"))
    assert near == (Path("backup"), Path("cfg"))
    assert far == (Path("data"), Path("backup/data"), Path("cfg/data"))
    assert names_folders(Path("x.weights"), None) == ((Path(),), (Path("../data"), Path("data")))
