"""Checks of the image files, and of what annotations say about their sizes."""

from __future__ import annotations

from collections.abc import Iterator

from yolov3.checks.finding import Finding, Severity, first_places
from yolov3.doctor.look import Look
from yolov3.doctor.opened import OpenedSplit
from yolov3.structures import Size
from yolov3.watching.words import counted

LARGE_PIXELS = 25_000_000
"""Of an image: 75 MB decoded, and some tenths of a second each time it is shown, when networks see a fiftieth of it."""

PLAIN_SPREAD = 8
"""Grey levels: what spans less is noise on one colour, and nobody sees an object in it."""

SUFFIXES = {
    "JPEG": (".jpg", ".jpeg"),
    "PNG": (".png",),
    "BMP": (".bmp",),
    "WebP": (".webp",),
    "TIFF": (".tif", ".tiff"),
    "GIF": (".gif",),
}

_FAULTS = {
    "missing-image": ("that is not there", "bring the file, or take it out of the data"),
    "broken-image": ("that cannot be read", "replace the file, or take it out of the data"),
    "truncated-image": ("whose end is missing", "copy it again, or take it out of the data"),
    "huge-image": ("with more pixels than are read", "make it smaller, or cut it into parts"),
}


def check_images(split: OpenedSplit) -> Iterator[Finding]:
    """What is wrong or unusual in the image files of a split."""
    looks = split.looks
    for fault, (says, advice) in _FAULTS.items():
        hit = [look for look in looks if look.fault == fault]
        costs = "training stops where it comes to it"
        yield from _told(split, fault, "error", hit, says, costs, advice)
    usable = [look for look in looks if look.fault is None]
    yield from _told(
        split, "wrong-suffix", "note",
        [look for look in usable if look.path.suffix.lower() not in SUFFIXES[look.format]],
        "whose format is not what its name says",
        "nothing here, where the content is asked; other programs may refuse it", "rename it",
    )  # fmt: skip
    yield from _told(
        split, "rotated-by-exif", "note", [look for look in usable if look.orientation != 1],
        "turned by its EXIF orientation",
        "nothing, if the boxes were drawn on the upright image: so they are taken", "look at some with their boxes",
    )  # fmt: skip
    yield from _told(
        split, "unusual-mode", "note", [look for look in usable if look.modes],
        "with other pixels than 8 bit RGB ({})".format(", ".join(sorted({m for look in usable for m in look.modes}))),
        "all become 8 bit RGB: grey is repeated, alpha dropped, of 16 bits the high ones are kept",
        "see that nothing is lost by it",
    )  # fmt: skip
    yield from _told(
        split, "huge-image", "note",
        [look for look in usable if look.size and look.size[0] * look.size[1] > LARGE_PIXELS],
        f"of more than {LARGE_PIXELS // 1_000_000} million pixels", "decoding it takes most of a training's time",
        "make it smaller once",
    )  # fmt: skip
    yield from _told(
        split, "plain-image", "warning", [look for look in usable if look.spread < PLAIN_SPREAD],
        "of one colour", "nothing can be learned from it, or it is not the image that was meant", "take it out of the data",
    )  # fmt: skip
    yield from _check_sizes(split)


def _check_sizes(split: OpenedSplit) -> Iterator[Finding]:
    """Sizes that an annotation gives and the image does not have."""
    believed = split.survey.format == "coco"
    kinds: dict[str, list[str]] = {"size-swapped": [], "size-before-rotation": [], "wrong-size": []}
    for look, said in zip(split.looks, split.survey.said_sizes.tolist()):
        given = (said[0], said[1])
        if look.size is None or min(given) < 1 or given == look.size:
            continue
        kinds[_kind_of_size(look, look.size, given)].append(
            f"{look.path}: {_words(look.size)}, annotation {_words(given)}"
        )
    says = {
        "size-swapped": ("image", "whose annotation has width and height swapped", "exchange the two in the annotations"),
        "size-before-rotation": (
            "image", "whose annotation has the size before its EXIF orientation is applied: its boxes may be drawn on the "
            "image as it lies in the file", "look at some with their boxes; write the images upright, and boxes for that",
        ),
        "wrong-size": ("image", "of another size than its annotation says", "see which file belongs to the annotation"),
    }  # fmt: skip
    for kind, places in kinds.items():
        if not places:
            continue
        noun, text, advice = says[kind]
        yield Finding(
            kind,
            "error" if believed else "warning",
            f"{split.name}: {counted(len(places), noun)} {text}",
            first_places(places),
            len(places),
            "training stops where it comes to it" if believed else "the image is believed; boxes may lie elsewhere",
            advice,
        )


def _kind_of_size(look: Look, size: Size, given: Size) -> str:
    if look.orientation != 1 and given == look.stored_size:
        return "size-before-rotation"
    return "size-swapped" if given == size[::-1] else "wrong-size"


def _words(size: Size) -> str:
    return f"{size[1]}x{size[0]} (width x height)"


def _told(
    split: OpenedSplit, kind: str, severity: Severity, hit: list[Look], says: str, costs: str, advice: str
) -> Iterator[Finding]:
    if hit:
        places = first_places(look.problem or look.path for look in hit)
        what = f"{split.name}: {counted(len(hit), 'image')} {says}"
        yield Finding(kind, severity, what, places, len(hit), costs, advice)
