"""What a request brings: an image and how it is to be looked at. A refusal is a status and a line."""

from __future__ import annotations

import asyncio
import io
import math
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

import numpy as np
from starlette.datastructures import QueryParams, UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request

from yolov3.errors import UserError
from yolov3.images.files import decode_image
from yolov3.images.header import HeaderError, read_header
from yolov3.inference.detector import Detector
from yolov3.inference.options import selection_of
from yolov3.limits import LARGEST_COUNT
from yolov3.selecting.postprocess import Selection
from yolov3.serving.options import ServeOptions
from yolov3.watching.printable import quoted

PARAMETERS = ("confidence", "iou", "max_detections", "classes")
"""What a query may say; ``classes`` several times, or names and numbers with commas between them."""

ANSWERS = {"application/json": ".json", "image/jpeg": ".jpg", "image/png": ".png"}
"""What can be answered, the preferred first."""

FORMS = ("multipart/form-data",)
BYTES = ("image/", "application/octet-stream")
LONGEST_NAME = 200  # characters of a file's name that are repeated


class Refused(Exception):
    """A request that is not answered: a ``status`` of HTTP and a line that says why."""

    def __init__(self, status: int, line: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(line)
        self.status, self.line, self.headers = status, line, headers or {}


@dataclass(frozen=True)
class Sent:
    """The bytes of an image, and what its sender calls it: a label that is repeated, never a path that is opened."""

    data: bytes
    name: str


async def read_image_bytes(request: Request, options: ServeOptions) -> Sent:
    """The image in a request's body, alone or as the one file of a form. Raises Refused."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind and kind not in FORMS and not kind.startswith(BYTES):
        raise Refused(415, f"content type {quoted(kind)}: send the bytes of an image, or a form with one file")
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced[:20]) > options.most_bytes:
        raise _too_many_bytes(options)
    try:
        async with asyncio.timeout(options.seconds):
            if kind in FORMS:
                return await _from_form(request, options)
            return Sent(await _body(request, options), "image")
    except TimeoutError as error:
        raise Refused(408, f"the request did not arrive within {options.seconds:g} seconds") from error
    except ClientDisconnect as error:
        raise Refused(400, "the request ended in the midst of its body") from error


def decode(sent: Sent, options: ServeOptions) -> np.ndarray:
    """The upright image (H, W, 3) uint8 RGB; its size is known before a pixel of it is decoded. Raises Refused."""
    if not sent.data:
        raise Refused(400, "no image in the request")
    try:
        height, width = read_header(io.BytesIO(sent.data)).size
    except HeaderError as error:
        raise Refused(422, f"{sent.name}: {error}") from error
    if height * width > options.most_pixels:
        raise Refused(413, f"{sent.name}: {width}x{height} pixels; at most {options.most_pixels} are taken")
    try:
        return decode_image(sent.data, sent.name)
    except UserError as error:
        raise Refused(422, str(error)) from error


def read_selection(query: QueryParams, detector: Detector) -> Selection:
    """Which boxes count for this request. Raises Refused."""
    for name in query:
        if name not in PARAMETERS:
            raise Refused(400, f"unknown parameter {quoted(name)}; there are {', '.join(PARAMETERS)}")
    changes: dict[str, Any] = {}
    for name, field in (("confidence", "confidence"), ("iou", "nms_threshold")):
        if name in query:
            changes[field] = _share(name, query[name])
    if "max_detections" in query:
        text = query["max_detections"]
        if not (text.isascii() and text.isdigit() and 1 <= int(text[:12]) <= LARGEST_COUNT):
            raise Refused(400, f"max_detections: found {quoted(text)}; a whole number from 1 on is expected")
        changes["max_detections"] = int(text)
    if "classes" in query:
        words = [word.strip() for text in query.getlist("classes") for word in text.split(",")]
        changes["classes"] = tuple(word for word in words if word)
    if not changes:
        return detector.selection
    options = replace(detector.options, thresholds=None) if "confidence" in changes else detector.options
    try:
        return selection_of(replace(options, **changes), detector.model.meaning, detector.runtime.num_classes)
    except (ValueError, UserError) as error:
        raise Refused(400, str(error)) from error


def wanted_answer(accept: str) -> str:
    """The content type that a client likes best of those there are; of equals the first of ours. Raises Refused."""
    liked: list[tuple[float, int, str]] = []
    for part in (accept or "*/*").split(","):
        kind, *parameters = (word.strip().lower() for word in part.split(";"))
        weight = next((_weight(word[2:]) for word in parameters if word.startswith("q=")), 1.0)
        for place, offered in enumerate(ANSWERS):
            if weight > 0 and kind in ("*/*", offered, f"{offered.partition('/')[0]}/*"):
                liked.append((-weight, place, offered))
    if not liked:
        raise Refused(406, f"Accept: there are {', '.join(ANSWERS)}")
    return min(liked)[2]


async def _body(request: Request, options: ServeOptions) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > options.most_bytes:
            raise _too_many_bytes(options)
        parts.append(part)
    return b"".join(parts)


async def _from_form(request: Request, options: ServeOptions) -> Sent:
    """The one file of a form. Its body is counted before it is taken apart, so that nothing is spooled beyond the limit."""
    body = await _body(request, options)

    async def again() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    try:
        async with Request(request.scope, again).form(max_files=1, max_fields=4) as form:
            files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
            if not files:
                raise Refused(400, "a form without a file")
            name = PurePath((files[0].filename or "image").replace("\\", "/")).name[:LONGEST_NAME] or "image"
            return Sent(await files[0].read(), name)
    except (MultiPartException, KeyError, ValueError) as error:
        raise Refused(400, f"a form that cannot be read: {str(error) or type(error).__name__}") from error
    except Exception as error:
        if type(error).__name__ != "HTTPException":  # what starlette makes of the first of these
            raise
        raise Refused(400, f"a form that cannot be read: {getattr(error, 'detail', error)}") from error


def _too_many_bytes(options: ServeOptions) -> Refused:
    return Refused(413, f"at most {options.most_bytes} bytes are taken")


def _share(name: str, text: str) -> float:
    try:
        value = float(text) if len(text) < 40 else math.nan
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise Refused(400, f"{name}: found {quoted(text)}; a number in [0, 1] is expected")
    return value


def _weight(text: str) -> float:
    try:
        return min(1.0, max(0.0, float(text))) if len(text) < 10 else 0.0
    except ValueError:
        return 0.0
