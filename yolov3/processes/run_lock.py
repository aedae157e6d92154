"""A run's folder belongs to one process at a time.

The system holds the lock (flock) for as long as the process lives, so that what a killed process has left is no obstacle,
and it lies on the folder itself, so that there is no file that could be left.
"""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path
from types import TracebackType

from yolov3.errors import UserError

logger = logging.getLogger(__name__)


class RunLock:
    """Held from :meth:`of` until it is left; without a folder it locks nothing."""

    def __init__(self, descriptor: int | None = None) -> None:
        self._descriptor = descriptor

    @classmethod
    def of(cls, folder: Path) -> RunLock:
        """The lock of an existing folder. Raises UserError when another process holds it. Where the system has no such locks,
        as on some network drives, that is told and nothing is locked."""
        if os.name != "posix":
            return cls()
        import fcntl

        try:
            descriptor = os.open(folder, os.O_RDONLY)
        except OSError:  # whoever reads or writes in there says what is wrong with it
            return cls()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                raise UserError(
                    f"{folder}: another process works in this folder; two would overwrite each other's files"
                ) from error
            logger.warning("%s: cannot be locked (%s); see that no second run goes on in it", folder, error.strerror)
            return cls()
        return cls(descriptor)

    def __enter__(self) -> RunLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def __del__(self) -> None:
        self.release()

    def release(self) -> None:
        """Let others in."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
