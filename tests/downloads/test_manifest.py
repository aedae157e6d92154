"""The manifest: complete, sound, and found by name."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from yolov3.downloads.manifest import KnownData, KnownWeights, find_known, known_files, known_weights_path
from yolov3.errors import UserError
from yolov3.files.class_names import published_names
from yolov3.formats.darknet_files import PUBLISHED

HEXADECIMAL = {"sha256": 64, "md5": 32}


def test_the_manifest_is_sound():
    entries = known_files()
    assert {"yolov3", "yolov3-tiny", "yolov3-spp", "darknet53", "coco2017", "voc2007", "voc2012"} == set(entries)
    for name, entry in entries.items():
        assert entry.name == name
        assert entry.licence and entry.what
        files = entry.archives if isinstance(entry, KnownData) else (entry.file,)
        assert files
        for file in files:
            assert file.urls and all(urlsplit(url).scheme in ("http", "https") for url in file.urls)
            assert all(url.endswith(f"/{file.name}") for url in file.urls)
            assert Path(file.name).name == file.name
            assert file.size or file.digest
            if file.digest:
                algorithm, _, value = file.digest.partition(":")
                assert re.fullmatch(rf"[0-9a-f]{{{HEXADECIMAL[algorithm]}}}", value)
        if isinstance(entry, KnownData):
            assert not Path(entry.folder).is_absolute() and ".." not in Path(entry.folder).parts
        else:
            assert entry.names in ((), published_names("coco"))
            assert entry.published


def test_published_detectors_have_the_sizes_and_classes_that_loading_knows():
    for name in ("yolov3", "yolov3-spp", "yolov3-tiny"):
        entry = find_known(name)
        assert isinstance(entry, KnownWeights)
        published = PUBLISHED[entry.file.size]
        assert (published.variant, published.num_classes) == (name, len(entry.names))


def test_an_unknown_name_is_refused_with_those_that_are_known():
    with pytest.raises(UserError) as caught:
        find_known("yolov9")
    assert str(caught.value) == (
        "nothing known is called 'yolov9' (did you mean yolov3?); known are "
        "yolov3, yolov3-spp, yolov3-tiny, darknet53, coco2017, voc2007, voc2012"
    )


def test_a_slip_of_the_pen_is_asked_about():
    with pytest.raises(UserError, match=r"called 'coco2071' \(did you mean coco2017\?\); known are"):
        find_known("coco2071")
    with pytest.raises(UserError, match=r"called 'weights'; known are"):
        find_known("weights")


def test_known_weights_lie_in_their_folder_once_they_are_fetched(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as caught:
        known_weights_path("yolov3")
    assert str(caught.value) == "weights/yolov3.weights: yolov3 is not there yet; fetch it with: yolov3 download yolov3"
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "yolov3.weights").write_bytes(b"x")
    assert known_weights_path("yolov3") == Path("weights/yolov3.weights")


@pytest.mark.parametrize("name", ["coco2017", "yolov9", "", "weights/yolov3.weights"])
def test_other_names_mean_no_weights(name):
    assert known_weights_path(name) is None
