"""Addresses on the network, and how they are called without the user and the password that may stand in them.

Whatever is shown, written or told of an address is made by :func:`without_login`; only what opens a connection sees the
address itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

HIDDEN = "***"
SCHEMES = ("rtsp", "rtsps", "rtmp", "http", "https", "udp", "tcp", "srt")

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_IN_TEXT = re.compile(r"([a-z][a-z0-9+.-]+):/{1,2}([^\s'\"]+)", re.IGNORECASE)  # a Path has one slash left
# Cameras take a login as words of the path or the query, services as a token: user=admin&password=..., ?token=...
_SECRET = re.compile(
    r"((?:user|usr|login|pass|pwd|token|secret|key|sig|auth|credential)[\w.-]*=)[^&;/?#]*", re.IGNORECASE
)


@dataclass(frozen=True)
class Login:
    """An http(s) ``address`` without its user and password, and those two where it had them."""

    address: str
    user: str | None = None
    password: str = ""


def is_address(text: str) -> bool:
    """Whether a text begins as an address does."""
    return _ADDRESS.match(text) is not None


def scheme_of(address: str) -> str:
    """The way an address is spoken to: ``rtsp``, ``http`` ..."""
    return address.partition("://")[0].lower()


def without_login(text: str) -> str:
    """An address without user, password and tokens; any other text as it is.

    A password may hold what no address should (``rtsp://user:pa/ss@camera``). Where that cannot be told from a path,
    rather too much is left out than too little.
    """
    if not is_address(text):
        return text
    scheme, _, rest = text.partition("://")
    host = re.split(r"[/?#]", rest, maxsplit=1)[0]
    plain_host = "@" not in host and (":" not in host or host.startswith("["))
    if "@" in rest and not (plain_host and scheme.lower() in ("http", "https")):
        rest = rest.rpartition("@")[2]
    elif not plain_host and not re.fullmatch(r"[^:]*:\d{0,5}", host):
        rest = HIDDEN + rest.removeprefix(host)  # half an address: what follows the colon is no port
    return f"{scheme}://" + _SECRET.sub(rf"\1{HIDDEN}", rest)


def without_logins(text: str) -> str:
    """A text with all addresses in it without user and password."""
    return _IN_TEXT.sub(_shown, text)


def _shown(found: re.Match[str]) -> str:
    address = f"{found[1]}://{found[2].lstrip('/')}"
    shown = without_login(address)
    return found[0] if shown == address else shown


def split_login(address: str) -> Login:
    """An http(s) address as urllib wants it. Raises ValueError for what is none."""
    parts = urlsplit(address)
    user, _, host = parts.netloc.rpartition("@")
    name, _, password = user.partition(":")
    path = quote(parts.path, safe="/%:=&~+!$,;'@()*") or "/"
    plain = parts._replace(netloc=host, path=path, query=quote(parts.query, safe="/%:=&~+!$,;'@()*?"), fragment="")
    if not plain.hostname:
        raise ValueError("no host")
    plain.port  # noqa: B018 - raises ValueError for what is no number
    return Login(plain.geturl(), unquote(name) if user else None, unquote(password))
