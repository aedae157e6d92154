"""What is behind an http(s) address: an image, which is fetched, or a stream, which somebody else opens.

The suffix and the answer's Content-Type tell them apart. A server may lie, stall or send without end; so there is a
limit for everything.
"""

from __future__ import annotations

import http.client
import re
import time
import urllib.error
import urllib.request
from pathlib import PurePosixPath
from typing import Any

from yolov3.images.files import IMAGE_SUFFIXES
from yolov3.sources.address import scheme_of, split_login, without_login
from yolov3.sources.frames import Frame, Unusable
from yolov3.sources.image_files import frame_of_bytes
from yolov3.sources.items import StreamItem

SILENCE_SECONDS = 15.0  # without a byte
LONGEST_SECONDS = 60.0  # for a whole image
LARGEST_IMAGE = 100_000_000  # bytes
CHUNK = 1 << 16

_STREAMS = ("multipart/", "video/", "audio/")
_PLAYLISTS = frozenset(("application/vnd.apple.mpegurl", "application/x-mpegurl", "application/dash+xml"))
_PAGES = frozenset(("text/html", "application/xhtml+xml"))


class _Refused(Exception):
    """What comes is no image, for a reason."""


def suffix_of(address: str) -> str:
    """The suffix of what an address names, in small letters: ``.jpg``. Whether its host can be one is not asked here."""
    path = re.split("[?#]", address.partition("://")[2], maxsplit=1)[0].partition("/")[2]
    return PurePosixPath(path).suffix.lower()


def ask(address: str) -> Frame | Unusable | StreamItem:
    """The image behind an http(s) address, or that it is a stream, or why it cannot be had."""
    name = without_login(address)
    named_image = suffix_of(address) in IMAGE_SUFFIXES
    try:
        with _open(address) as answer:
            kind = str(answer.headers.get("Content-Type", "")).partition(";")[0].strip().lower()
            if _is_stream(kind, named_image):
                return StreamItem(address)
            if kind in _PAGES:
                raise _Refused("answers with a web page, not with an image or a stream")
            data = _read(answer)
    except urllib.error.HTTPError as error:
        error.close()
        return Unusable(f"{name}: answers {error.code} {http.client.responses.get(error.code, '')}".rstrip())
    except _Refused as error:
        return Unusable(f"{name}: {error}")
    except (http.client.HTTPException, ValueError) as error:
        # No HTTP that Python knows, or a way of logging in that it does not: cameras have their own.
        if named_image:
            return Unusable(f"{name}: cannot be fetched: {type(error).__name__}")
        return StreamItem(address)
    except OSError as error:
        return Unusable(f"{name}: cannot be fetched: {_reason_of(error)}")
    return frame_of_bytes(data, name)


def _is_stream(kind: str, named_image: bool) -> bool:
    if kind.startswith(_STREAMS) or kind in _PLAYLISTS:
        return True
    return not (named_image or kind.startswith("image/") or kind in _PAGES)


class _HttpOnly(urllib.request.HTTPRedirectHandler):
    """Follows to http and https addresses."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if scheme_of(newurl) not in ("http", "https"):
            raise _Refused("leads to another kind of address")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _open(address: str) -> Any:
    """The answer. User and password are given to the host of the address alone, and only when it asks for them."""
    login = split_login(address)
    handlers: list[urllib.request.BaseHandler] = [_HttpOnly()]
    if login.user is not None:
        passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
        passwords.add_password(None, login.address, login.user, login.password)
        handlers.append(urllib.request.HTTPBasicAuthHandler(passwords))
        handlers.append(urllib.request.HTTPDigestAuthHandler(passwords))
    request = urllib.request.Request(login.address, headers={"User-Agent": "yolov3", "Accept": "*/*"})
    return urllib.request.build_opener(*handlers).open(request, timeout=SILENCE_SECONDS)


def _read(answer: Any) -> bytes:
    """The body. Raises _Refused when it is too large, TimeoutError when it takes too long."""
    announced = str(answer.headers.get("Content-Length", ""))
    if announced.isdigit() and int(announced) > LARGEST_IMAGE:
        raise _Refused(f"{announced} bytes; at most {LARGEST_IMAGE} are fetched")
    end = time.monotonic() + LONGEST_SECONDS
    parts, size = [], 0
    while part := answer.read1(CHUNK):
        size += len(part)
        if size > LARGEST_IMAGE:
            raise _Refused(f"more than {LARGEST_IMAGE} bytes, the most that are fetched")
        if time.monotonic() > end:
            raise TimeoutError
        parts.append(part)
    return b"".join(parts)


def _reason_of(error: OSError) -> str:
    reason = getattr(error, "reason", None) or error
    if isinstance(reason, TimeoutError):
        return "no answer in time"
    return str(getattr(reason, "strerror", None) or reason) or type(reason).__name__
