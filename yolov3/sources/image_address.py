"""The bytes of an image that lies on the network.

A server may lie, stall or send without end; so there is a limit for everything. User and password of an address are told
to nobody.
"""

from __future__ import annotations

import http.client
import re
import time
import urllib.error
import urllib.request
from typing import Any

from yolov3.errors import UserError

SILENCE_SECONDS = 15.0  # without a byte
LONGEST_SECONDS = 60.0  # for the whole image
LARGEST_IMAGE = 100_000_000  # bytes
CHUNK = 1 << 16

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


def is_address(text: str) -> bool:
    """Whether a text begins as an address does."""
    return _ADDRESS.match(text) is not None


def without_login(address: str) -> str:
    """An address without what stands before an ``@`` in it, and without its query, which may hold a token."""
    scheme, _, rest = address.partition("?")[0].partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def fetch_image(address: str) -> bytes:
    """What an http or https address answers with. Raises UserError, which names the address without user and password."""
    name = without_login(address)
    scheme = address.partition("://")[0].lower()
    if scheme not in ("http", "https"):
        raise UserError(f"{name}: images are fetched from http and https addresses, found {scheme}")
    if "@" in address.partition("?")[0]:
        raise UserError(f"{name}: an address with a user and a password cannot be used for an image")
    request = urllib.request.Request(address, headers={"User-Agent": "yolov3", "Accept": "image/*"})
    try:
        with urllib.request.urlopen(request, timeout=SILENCE_SECONDS) as answer:
            if answer.headers.get_content_type() == "text/html":
                raise UserError(f"{name}: answers with a web page, not with an image")
            return _read(answer, name)
    except UserError:
        raise
    except urllib.error.HTTPError as error:
        error.close()
        raise UserError(f"{name}: answers {error.code} {error.reason}".rstrip()) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        told = "no answer in time" if isinstance(reason, TimeoutError) else getattr(reason, "strerror", None)
        raise UserError(f"{name}: cannot be fetched: {told or type(reason).__name__}") from error


def _read(answer: Any, name: str) -> bytes:
    end = time.monotonic() + LONGEST_SECONDS
    data = bytearray()
    while part := answer.read1(CHUNK):
        data += part
        if len(data) > LARGEST_IMAGE:
            raise UserError(f"{name}: more than {LARGEST_IMAGE} bytes, the most that are fetched")
        if time.monotonic() > end:
            raise TimeoutError
    return bytes(data)
