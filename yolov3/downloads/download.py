"""Files from the network: the right file under its name, or no file and a clear error.

A download goes into ``.NAME.part`` beside its target, which an interrupted one leaves and the next one continues. Only
when size and hash are right does it get its name. What a server says about itself is not believed: it may lie about the
length, cut, stall, or answer with a page.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolov3.downloads.manifest import RemoteFile
from yolov3.errors import UserError
from yolov3.files.kinds import ENOUGH, WEB_PAGE, kind_of_file
from yolov3.files.temporary import sync_folder
from yolov3.files.unwritable import unwritable
from yolov3.watching.watcher import Watcher

TRIES = 3  # connections per address
CHUNK = 1 << 20
USER_AGENT = "yolov3-downloader"  # some hosts answer 403 to Python's own
LARGEST_UNKNOWN = 20 << 30  # bytes of a file whose size is not known


class _WrongAnswer(Exception):
    """This address will not give the file, however often it is asked."""


class _Retry(Exception):
    """The connection broke; what came is kept."""


@dataclass(frozen=True)
class Patience:
    """``timeout``: seconds without a byte; ``pause``: seconds before the second try, doubled before the third."""

    timeout: float = 30.0
    pause: float = 1.0


def download(
    file: RemoteFile, folder: Path, *, watcher: Watcher | None = None, patience: Patience | None = None
) -> Path:
    """Fetch a file into ``folder`` and return its path; a right one that lies there is kept. ``watcher`` is told the bytes
    that are there and those in all, where known.

    Raises UserError, with what each address said, when none gives the right file; for people without a network the
    message tells what to put where.
    """
    target = folder / file.name
    if target.exists():
        problem = _problem_of(target, file)
        if problem is None:
            return target
        raise UserError(f"{target}: lies there, but {problem}; move it away to download it")
    part = folder / f".{file.name}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(part):
            complaints = []
            for url in file.urls:
                complaint = _try_address(url, file, part, watcher or Watcher(), patience or Patience())
                if complaint is None:
                    part.replace(target)
                    sync_folder(folder)
                    return target
                complaints.append(f"{url}: {complaint}")
    except OSError as error:
        raise unwritable(error.filename or part, error) from error
    raise UserError(
        f"{file.name} could not be downloaded ({'; '.join(complaints)}). Without a network: fetch it elsewhere and put it "
        f"at {target}"
    )


def _try_address(url: str, file: RemoteFile, part: Path, watcher: Watcher, patience: Patience) -> str | None:
    """Fill ``part`` from one address. None when it is the right file, else why not."""
    complaint = ""
    for attempt in range(TRIES):
        if attempt:
            time.sleep(patience.pause * 2 ** (attempt - 1))
        try:
            _fetch(url, file, part, watcher, patience.timeout)
        except _WrongAnswer as error:
            return str(error)
        except _Retry as error:
            complaint = str(error)
            continue
        problem = _problem_of(part, file)
        if problem is None:
            return None
        # Wrong bytes do not become right by adding more; the next try begins anew.
        part.unlink()
        complaint = problem
    return complaint


def _fetch(url: str, file: RemoteFile, part: Path, watcher: Watcher, timeout: float) -> None:
    """Add to ``part`` what is missing. Raises _WrongAnswer or _Retry."""
    have = part.stat().st_size if part.exists() else 0
    if file.size is not None and have >= file.size:
        if have == file.size:
            return
        part.unlink()
        have = 0
    request = urllib.request.Request(url, headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        with _open(request, timeout) as answer:
            continues = answer.status == 206 and _starts_at(answer, have)
            if not continues:
                have = 0
            _copy(answer, part, have, file, watcher)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # more is there than the server has: not this file
            part.unlink(missing_ok=True)
            raise _Retry("asked for bytes beyond its end") from error
        if error.code in (408, 429) or error.code >= 500:
            raise _Retry(f"answers {error.code} {error.reason}") from error
        raise _WrongAnswer(f"answers {error.code} {error.reason}") from error
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", None) or error
        raise _Retry(f"{'no answer in time' if isinstance(reason, TimeoutError) else reason}") from error


def _copy(answer: Any, part: Path, have: int, file: RemoteFile, watcher: Watcher) -> None:
    """Append the body to ``part`` from byte ``have`` on."""
    limit = file.size if file.size is not None else LARGEST_UNKNOWN
    first = have == 0
    with part.open("r+b" if have else "wb") as stream:
        stream.seek(have)
        stream.truncate()
        while chunk := answer.read(CHUNK):
            if first:
                _refuse_pages(chunk, answer)
                first = False
            have += len(chunk)
            if have > limit:
                stream.truncate(0)
                raise _WrongAnswer(f"sends more than the {limit} bytes that the file has")
            stream.write(chunk)
            watcher.advance(have, file.size, text=file.name)
        stream.flush()
        os.fsync(stream.fileno())
    if file.size is not None and have < file.size:
        raise _Retry(f"ended after {have} of {file.size} bytes")


def _refuse_pages(start: bytes, answer: Any) -> None:
    kind = kind_of_file(start[:ENOUGH])
    if answer.headers.get_content_type() == "text/html" or kind == WEB_PAGE:
        raise _WrongAnswer("answers with a web page, not with the file")


def _open(request: urllib.request.Request, timeout: float) -> Any:
    if request.type not in ("http", "https"):
        raise _WrongAnswer(f"only http and https addresses are used, found {request.type}")
    # An opener of its own, because urllib's shared one remembers the proxies of the first time it was used.
    opener = urllib.request.build_opener()
    return opener.open(request, timeout=timeout)  # redirects are followed, to http and https only


def _starts_at(answer: Any, have: int) -> bool:
    return str(answer.headers.get("Content-Range", "")).startswith(f"bytes {have}-")


def _problem_of(path: Path, file: RemoteFile) -> str | None:
    """What shows that a file is not the right one."""
    size = path.stat().st_size
    if file.size is not None and size != file.size:
        return f"it has {size} bytes and should have {file.size}"
    if size == 0:
        return "it is empty"
    if file.digest is not None:
        algorithm, _, expected = file.digest.partition(":")
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()
        if found != expected:
            return f"its {algorithm} is {found} and should be {expected}"
    return None


@contextlib.contextmanager
def _locked(part: Path) -> Iterator[None]:
    """Nobody else downloads the same file meanwhile. The lock ends with the process, however it ends."""
    lock = part.with_name(f"{part.name}.lock")
    with lock.open("a") as stream:
        try:
            import fcntl

            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:  # Windows has no such lock; two downloads at once then end in a wrong hash, which is found
            pass
        except OSError as error:
            raise UserError(f"{part}: another program is downloading this file") from error
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                lock.unlink()
