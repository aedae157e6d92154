"""Archives unpacked without trusting them: nothing leaves the folder, nothing grows without bound."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from yolov3.downloads import unpack as module
from yolov3.downloads.unpack import unpack
from yolov3.errors import UserError


def zip_of(path: Path, entries: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in entries.items():
            file.writestr(name, data)
    return path


def tar_of(path: Path, entries: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as file:
        for name, data in entries.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            file.addfile(entry, io.BytesIO(data))
    return path


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


ENTRIES = {"val2017/1.jpg": b"x", "annotations/i.json": b"{}", "empty.txt": b""}


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("a.zip", zip_of),
        ("a.tar", tar_of),
        ("a.tar.gz", lambda path, entries: tar_of(path, entries, "w:gz")),
        ("no ending", zip_of),
    ],
)
def test_archives_are_unpacked(tmp_path, name, make):
    archive = make(tmp_path / name, ENTRIES)
    assert unpack(archive, tmp_path / "new" / "coco") == 3
    assert files_in(tmp_path / "new" / "coco") == ENTRIES
    assert archive.is_file()


@pytest.mark.parametrize("make", [zip_of, tar_of])
def test_what_lies_there_is_replaced_and_the_rest_stays(tmp_path, make):
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "empty.txt").write_bytes(b"old")
    (folder / "mine.txt").write_bytes(b"mine")
    unpack(make(tmp_path / "archive", ENTRIES), folder)
    assert files_in(folder) == {**ENTRIES, "mine.txt": b"mine"}


@pytest.mark.parametrize("make", [zip_of, tar_of])
@pytest.mark.parametrize("place", ["empty.txt", "val2017", "val2017/1.jpg"])
def test_a_link_that_lies_there_is_not_followed(tmp_path, make, place):
    folder, elsewhere = tmp_path / "data", tmp_path / "elsewhere"
    (folder / place).parent.mkdir(parents=True)
    if place == "val2017":
        elsewhere.mkdir()
        (elsewhere / "1.jpg").write_bytes(b"mine")
    else:
        elsewhere.write_bytes(b"mine")
    before = files_in(tmp_path / "elsewhere") if elsewhere.is_dir() else elsewhere.read_bytes()
    (folder / place).symlink_to(elsewhere)
    with pytest.raises(UserError, match=r"a link, which unpacking would follow"):
        unpack(make(tmp_path / "archive", ENTRIES), folder)
    assert (files_in(elsewhere) if elsewhere.is_dir() else elsewhere.read_bytes()) == before


def test_folders_are_no_files(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.mkdir("images")
        file.writestr("images/1.jpg", b"x")
    with tarfile.open(tmp_path / "a.tar", "w") as file:
        entry = tarfile.TarInfo("images")
        entry.type = tarfile.DIRTYPE
        file.addfile(entry)
        file.addfile(tarfile.TarInfo("images/1.jpg"))
    assert [unpack(tmp_path / name, tmp_path / "out") for name in ("a.zip", "a.tar")] == [1, 1]


OUTSIDE = ["../out.txt", "/out.txt", "a/../../out.txt", "C:\\out.txt", "..\\out.txt", "../../../../../../tmp/out.txt"]


@pytest.mark.parametrize("name", OUTSIDE)
def test_names_in_a_zip_that_lead_outside_lead_inside(tmp_path, name):
    folder = tmp_path / "in" / "deep"
    archive = zip_of(tmp_path / "a.zip", {"fine.txt": b"1", name: b"2"})
    assert unpack(archive, folder) == 2
    assert sorted(files_in(tmp_path)) == sorted(["a.zip", *(f"in/deep/{inside}" for inside in files_in(folder))])
    assert sorted(files_in(folder).values()) == [b"1", b"2"]


@pytest.mark.parametrize("name", ["../out.txt", "a/../../out.txt", "../../../../../../tmp/out.txt"])
def test_names_in_a_tar_that_lead_outside_are_refused(tmp_path, name):
    archive = tar_of(tmp_path / "a.tar", {"fine.txt": b"1", name: b"2"})
    with pytest.raises(UserError, match=r"a\.tar: damaged or not to be trusted: .* outside the destination"):
        unpack(archive, tmp_path / "in" / "deep")
    assert set(files_in(tmp_path)) <= {"a.tar", "in/deep/fine.txt"}


def test_a_whole_path_in_a_tar_leads_inside(tmp_path):
    assert unpack(tar_of(tmp_path / "a.tar", {"/out.txt": b"2"}), tmp_path / "in") == 1
    assert files_in(tmp_path / "in") == {"out.txt": b"2"}


@pytest.mark.parametrize(
    ("kind", "target"),
    [(tarfile.SYMTYPE, "../secret"), (tarfile.SYMTYPE, "/etc/passwd"), (tarfile.LNKTYPE, "../secret")],
)
def test_links_out_of_a_tar_are_refused(tmp_path, kind, target):
    (tmp_path / "secret").write_text("secret")
    with tarfile.open(tmp_path / "a.tar", "w") as file:
        entry = tarfile.TarInfo("link")
        entry.type, entry.linkname = kind, target
        file.addfile(entry)
    with pytest.raises(UserError, match=r"a\.tar: damaged or not to be trusted"):
        unpack(tmp_path / "a.tar", tmp_path / "in")
    assert not list((tmp_path / "in").iterdir())


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_devices_in_a_tar_are_refused(tmp_path, kind):
    with tarfile.open(tmp_path / "a.tar", "w") as file:
        entry = tarfile.TarInfo("device")
        entry.type = kind
        file.addfile(entry)
    with pytest.raises(UserError, match=r"a\.tar: damaged or not to be trusted"):
        unpack(tmp_path / "a.tar", tmp_path / "in")


def test_a_link_in_a_zip_becomes_a_file(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        entry = zipfile.ZipInfo("link")
        entry.external_attr = 0o120777 << 16
        file.writestr(entry, "/etc/passwd")
    unpack(tmp_path / "a.zip", tmp_path / "in")
    assert not (tmp_path / "in" / "link").is_symlink()
    assert (tmp_path / "in" / "link").read_text() == "/etc/passwd"


@pytest.mark.parametrize("make", [zip_of, lambda path, entries: tar_of(path, entries, "w:gz")], ids=["zip", "tar.gz"])
def test_bombs_are_refused_before_they_grow(tmp_path, make):
    archive = make(tmp_path / "bomb", {"zeros": bytes(50_000_000)})
    with pytest.raises(
        UserError, match=rf"bomb: 1 files of 50000000 bytes out of {archive.stat().st_size}: not unpacked"
    ):
        unpack(archive, tmp_path / "in")
    assert not (tmp_path / "in").exists()


@pytest.mark.parametrize(("limit", "value"), [("MOST_ENTRIES", 2), ("LARGEST_TOTAL", 2)])
@pytest.mark.parametrize("make", [zip_of, tar_of])
def test_archives_beyond_measure_are_refused(tmp_path, monkeypatch, make, limit, value):
    archive = make(tmp_path / "a", ENTRIES)
    monkeypatch.setattr(module, limit, value)
    with pytest.raises(UserError, match=r"a: 3 files of 3 bytes out of \d+: not unpacked"):
        unpack(archive, tmp_path / "in")


def test_damaged_archives_are_refused(tmp_path):
    content = {"a": np.random.default_rng(0).bytes(1000)}
    whole = zip_of(tmp_path / "a.zip", content).read_bytes()
    for name, data, message in (
        ("cut.zip", whole[:60], "neither a zip nor a tar"),
        ("empty.zip", b"", "neither a zip nor a tar"),
        ("text.zip", b"<html>not found</html>", "neither a zip nor a tar"),
        ("bad.zip", whole[:500] + bytes([whole[500] ^ 0xFF]) + whole[501:], "damaged"),
        ("cut.tar", tar_of(tmp_path / "b.tar", content).read_bytes()[:700], "damaged"),
        ("cut.tar.gz", tar_of(tmp_path / "c.tar.gz", content, "w:gz").read_bytes()[:700], "damaged"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(UserError, match=message) as caught:
            unpack(tmp_path / name, tmp_path / "in")
        assert str(caught.value).startswith(str(tmp_path / name))


def test_archives_whose_codes_or_names_are_damaged_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", b"1" * 400)
    whole = (tmp_path / "a.zip").read_bytes()
    packed = whole.index(b"a.txt") + 5
    for name, data in (
        ("codes", whole[:packed] + b"\xff" + whole[packed + 1 :]),
        ("unnamed", whole.replace(b"a.txt", b"\0.txt")),
    ):
        (tmp_path / f"{name}.zip").write_bytes(data)
        with pytest.raises(UserError, match=rf"{name}\.zip: damaged or not to be trusted"):
            unpack(tmp_path / f"{name}.zip", tmp_path / "in")


def test_a_locked_archive_is_refused(tmp_path):
    data = bytearray(zip_of(tmp_path / "a.zip", {"a.txt": b"x"}).read_bytes())
    for place in (data.index(b"PK\x03\x04") + 6, data.index(b"PK\x01\x02") + 8):
        data[place] |= 1  # the flag that says encrypted
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(UserError, match=r"a\.zip: damaged or not to be trusted: .*password"):
        unpack(tmp_path / "a.zip", tmp_path / "in")


def test_missing_archives_and_folders_in_the_way_are_named(tmp_path):
    with pytest.raises(UserError, match=r"none\.zip: cannot be unpacked: No such file"):
        unpack(tmp_path / "none.zip", tmp_path / "in")
    archive = zip_of(tmp_path / "a.zip", ENTRIES)
    (tmp_path / "in").write_text("a file")
    with pytest.raises(UserError, match=r"in.*: cannot be unpacked"):
        unpack(archive, tmp_path / "in")


@pytest.mark.parametrize("make", [zip_of, tar_of])
@pytest.mark.parametrize("limit", [0, 500, 3000])
def test_on_a_full_disk_nothing_is_touched_and_nothing_stays(tmp_path, make, limit):
    folder = tmp_path / "data"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "1.txt").write_bytes(b"old")
    noise = np.random.default_rng(0).bytes(4000)
    archive = make(tmp_path / "archive", {"a/1.txt": noise[:400], "a/2.txt": noise[:1000], "b/3.txt": noise})
    program = (
        "import resource, sys\nfrom pathlib import Path\nfrom yolov3.downloads.unpack import unpack\n"
        "from yolov3.errors import UserError\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        "try: unpack(Path(sys.argv[1]), Path(sys.argv[2]))\nexcept UserError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(archive), str(folder)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"{folder}: cannot be unpacked: File too large\n"), done.stderr
    assert files_in(folder) == {"a/1.txt": b"old"} and [path.name for path in folder.iterdir()] == ["a"]
