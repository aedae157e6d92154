"""A small data set of generated images in COCO's format, and a video of the same world, for when no data is at hand.

Image ``i`` of a split depends on nothing but the seed, the split and ``i``: the same seed gives the same bytes, and
more images only add to those there were.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from yolov3.errors import UserError
from yolov3.files.atomic import write_whole
from yolov3.files.unwritable import unwritable
from yolov3.shapes.forms import CLASSES, CLUTTER
from yolov3.shapes.render import Thing, place
from yolov3.shapes.scene import LabelledImage, Setting, draw_image, draw_setting, draw_thing, photograph
from yolov3.structures import Size
from yolov3.videos.writer import VideoWriter

__all__ = ["CLASSES", "write_shapes_dataset", "write_shapes_video"]

SPLITS = ("train", "val", "unseen")
VIDEO_STREAM = len(SPLITS)  # what the video draws from, beside the splits
MARKER = "shapes.json"
"""Tells a folder that this module made, and may make again, from a user's."""

_OWN_FILE = re.compile(rf"{re.escape(MARKER)}|(train|val|unseen)/\d{{6,}}\.jpg|annotations/instances_(train|val)\.json")

VIDEO_SIZE: Size = (256, 320)
SHORT_SIDES, LONG_SIDES = (224, 272), (288, 352)  # pixels, a multiple of 8 of these ranges
PORTRAIT_SHARE = 0.2
JPEG_QUALITIES = (82, 96)


def write_shapes_dataset(folder: Path, *, train: int, val: int, unseen: int, seed: int) -> Path:
    """Write so many images per split into ``folder`` and return it: ``train/``, ``val/``, ``unseen/``,
    ``annotations/instances_train.json`` and ``instances_val.json``; the unseen images have no annotations.

    A folder made here before is made anew. Raises UserError for a folder that holds anything else, or that cannot be
    written.
    """
    folder = Path(folder)
    counts = {"train": train, "val": val, "unseen": unseen}
    if min(counts.values()) < 0 or seed < 0:
        raise UserError(f"the numbers of images and the seed must be 0 or more, found {counts}, seed {seed}")
    try:
        _prepare(folder, {"made_by": "yolov3 shapes", "seed": seed, **counts})
        for split, count in counts.items():
            written = [_write_image(folder / split, seed, split, index) for index in range(count)]
            if split != "unseen":
                content = json.dumps(_as_coco(written, seed), indent=1)
                write_whole(folder / "annotations" / f"instances_{split}.json", content.encode())
    except OSError as error:
        raise unwritable(error.filename or folder, error) from error
    return folder


def write_shapes_video(path: Path, *, frames: int, fps: float, seed: int) -> Path:
    """Write ``frames`` images of moving things over one ground as an MPEG-4 video and return its path.

    Raises UserError when the video cannot be written.
    """
    path = Path(path)
    if frames < 1 or fps <= 0 or seed < 0:
        raise UserError(f"a video needs frames and a rate above 0, found {frames} frames, {fps} a second, seed {seed}")
    if not path.parent.is_dir():
        raise UserError(f"{path}: cannot be written: the folder {path.parent} does not exist")
    generator = np.random.default_rng((seed, VIDEO_STREAM))
    setting = draw_setting(generator, VIDEO_SIZE)
    kinds = [str(kind) for kind in generator.permutation(CLASSES)]
    moving = [
        replace(draw_thing(generator, setting, kind), centre=_cell_centre(number))  # not in one heap at the start
        for number, kind in enumerate(kinds)
    ]
    still = [place(draw_thing(generator, setting, str(generator.choice(CLUTTER)))) for _ in range(4)]
    speeds = generator.uniform(-70, 70, (len(moving), 2))  # pixels a second
    spins = generator.uniform(-1.2, 1.2, len(moving))  # radians a second
    height, width = VIDEO_SIZE
    writer = VideoWriter(path, rate=fps, size=(height, width))
    try:
        for frame in range(frames):
            moved = [
                place(_moved(thing, speed, spin, seconds=frame / fps, setting=setting))
                for thing, speed, spin in zip(moving, speeds, spins)
            ]
            writer.write(photograph(setting, moved + still, generator))
        writer.close()
    finally:
        writer.give_up()
    return path


def _prepare(folder: Path, settings: dict[str, str | int]) -> None:
    """Make the folders of a data set, empty. Only what this module made is removed."""
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: a file lies in the data set's place")
    if folder.is_dir() and any(folder.iterdir()) and not _is_own(folder):
        raise UserError(f"{folder}: holds files that are no data set of generated shapes; name a new or empty folder")
    folder.mkdir(parents=True, exist_ok=True)
    # First of all, so that a folder left half-written is known as ours.
    write_whole(folder / MARKER, (json.dumps(settings, indent=1) + "\n").encode())
    for name in (*SPLITS, "annotations"):
        (folder / name).mkdir(exist_ok=True)
        for file in (folder / name).iterdir():
            file.unlink()


def _is_own(folder: Path) -> bool:
    try:
        made_by = json.loads((folder / MARKER).read_bytes())["made_by"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    files = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
    return made_by == "yolov3 shapes" and all(map(_OWN_FILE.fullmatch, files))


def _write_image(folder: Path, seed: int, split: str, index: int) -> tuple[str, LabelledImage]:
    """Draw and write one image; its file's name and what is on it."""
    generator = np.random.default_rng((seed, SPLITS.index(split), index))
    short, long = (8 * int(generator.integers(low // 8, high // 8 + 1)) for low, high in (SHORT_SIDES, LONG_SIDES))
    size = (long, short) if generator.random() < PORTRAIT_SHARE else (short, long)
    drawn = draw_image(generator, size)
    quality = int(generator.integers(*JPEG_QUALITIES))
    done, encoded = cv2.imencode(
        ".jpg", cv2.cvtColor(drawn.image, cv2.COLOR_RGB2BGR), (cv2.IMWRITE_JPEG_QUALITY, quality)
    )
    assert done, f"an image of {size} must be possible as JPEG"
    name = f"{index + 1:06d}.jpg"
    write_whole(folder / name, encoded.tobytes())
    return name, drawn


def _as_coco(drawn: list[tuple[str, LabelledImage]], seed: int) -> dict[str, object]:
    """The annotation file of a split; all ids count from 1."""
    images: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    for image_id, (name, labelled) in enumerate(drawn, start=1):
        height, width = labelled.image.shape[:2]
        images.append({"id": image_id, "file_name": name, "height": height, "width": width})
        for (left, top, right, bottom), label, area in zip(
            labelled.boxes.tolist(), labelled.labels.tolist(), labelled.areas.tolist()
        ):
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": label + 1,
                    "bbox": [left, top, right - left, bottom - top],
                    "area": area,
                    "iscrowd": 0,
                }
            )
    categories = [{"id": number, "name": name} for number, name in enumerate(CLASSES, start=1)]
    info = {"description": f"generated shapes, seed {seed}"}
    return {"info": info, "images": images, "annotations": annotations, "categories": categories}


def _cell_centre(number: int) -> tuple[float, float]:
    """The middle (x, y) of a cell of the video's image, which has three in a row and two rows."""
    height, width = VIDEO_SIZE
    return (number % 3 + 0.5) * width / 3, (number // 3 % 2 + 0.5) * height / 2


def _moved(thing: Thing, speed: np.ndarray, spin: float, *, seconds: float, setting: Setting) -> Thing:
    """Where a thing is after some seconds: it runs straight on, turns, and comes back at the image's edges."""
    height, width = setting.size
    x, y = (
        _to_and_fro(start + rate * seconds, 0.5 * thing.pose.radius, length - 0.5 * thing.pose.radius)
        for start, rate, length in zip(thing.centre, speed, (width, height))
    )
    return replace(thing, centre=(x, y), pose=replace(thing.pose, angle=float(thing.pose.angle + spin * seconds)))


def _to_and_fro(position: float, low: float, high: float) -> float:
    """A position on a line that is folded back and forth between two ends."""
    phase = (position - low) % (2 * (high - low))
    return float(low + min(phase, 2 * (high - low) - phase))
