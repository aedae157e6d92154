"""What is seen of an image file."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from yolov3.catalogue.look_alikes import difference_hash
from yolov3.doctor.look import MINIATURE, look_at, look_at_all
from yolov3.images.files import read_image, read_image_size
from yolov3.watching.watcher import Watcher


@pytest.fixture
def pixels(drawn) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(drawn.items[0].data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


@pytest.mark.parametrize(
    ("mode", "suffix", "modes"),
    [
        ("RGB", "jpg", ()),
        ("L", "jpg", ("grey",)),
        ("CMYK", "jpg", ("CMYK",)),
        ("RGB", "png", ()),
        ("RGBA", "png", ("alpha",)),
        ("LA", "png", ("grey", "alpha")),
        ("I;16", "png", ("16 bits", "grey")),
        ("P", "png", ()),
        ("RGBA", "webp", ("alpha",)),
        ("RGB", "bmp", ()),
        ("L", "tif", ("grey",)),
        ("P", "gif", ()),
    ],
)
def test_unusual_pixels_are_told(mode, suffix, modes, pixels, tmp_path):
    path = tmp_path / f"x.{suffix}"
    if mode == "I;16":
        Image.fromarray(pixels[..., 0].astype(np.uint16) * 256).save(path)
    else:
        image = Image.fromarray(np.ascontiguousarray(pixels)).convert(mode)
        if mode == "RGBA":
            image.putalpha(100)
        image.save(path)
    look = look_at(path)
    assert (look.fault, look.modes) == (None, modes)
    assert look.size == look.stored_size == read_image_size(path) == pixels.shape[:2]
    assert look.hash == difference_hash(path) is not None
    assert look.miniature is not None and look.miniature.shape == (MINIATURE, MINIATURE)


def test_sixteen_bits_of_colour_are_told(pixels, tmp_path):
    cv2.imwrite(str(tmp_path / "x.png"), pixels.astype(np.uint16) * 256)
    assert look_at(tmp_path / "x.png").modes == ("16 bits",)


def test_what_cannot_be_read_is_told_as_the_reader_would(drawn, tmp_path):
    whole = drawn.items[0].data
    contents = {
        "missing-image": None,
        "broken-image": b"<html>",
        "truncated-image": whole[: len(whole) // 2],
    }
    for fault, content in contents.items():
        path = tmp_path / f"{fault}.jpg"
        if content is not None:
            path.write_bytes(content)
        look = look_at(path)
        assert look.fault == fault and str(path) in look.problem and look.hash is None
        with pytest.raises(Exception, match=r"not an image|cut off|does not exist"):
            read_image(path)
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "folder.jpg").mkdir()
    assert look_at(tmp_path / "empty.jpg").fault == look_at(tmp_path / "folder.jpg").fault == "broken-image"


def test_pixels_that_cannot_be_decoded_are_told(tmp_path):
    done, content = cv2.imencode(".png", np.random.default_rng(0).integers(0, 255, (40, 40, 3), dtype=np.uint8))
    assert done
    damaged = bytearray(content.tobytes())
    damaged[60] ^= 0xFF  # in the pixels' block
    (tmp_path / "x.png").write_bytes(bytes(damaged))
    look = look_at(tmp_path / "x.png")
    assert look.fault == "broken-image" and "PNG" in look.problem


def test_one_colour_has_no_spread(tmp_path):
    cv2.imwrite(str(tmp_path / "x.jpg"), np.full((100, 100, 3), (30, 90, 200), np.uint8))
    look = look_at(tmp_path / "x.jpg")
    assert look.spread < 3 and look.hash is None and look.fault is None


def test_all_are_looked_at_once_and_the_watcher_is_told(drawn, tmp_path):
    class Counting(Watcher):
        def __init__(self) -> None:
            self.seen: list[tuple[int, int | None]] = []

        def advance(self, done: int, total: int | None = None, *, text: str | None = None) -> None:
            self.seen.append((done, total))

    paths = []
    for item in drawn.items[:5]:
        paths.append(tmp_path / f"{item.stem}.jpg")
        paths[-1].write_bytes(item.data)
    watcher = Counting()
    looks = look_at_all([*paths, paths[0]], watcher)
    assert list(looks) == paths and watcher.seen == [(number, 5) for number in range(1, 6)]
    assert all(look.path == path and look.size == (160, 208) for path, look in looks.items())
    assert len({look.digest for look in looks.values()}) == 5
    assert look_at_all([], watcher) == {}
