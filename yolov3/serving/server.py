"""The server: sockets, slow senders, and an end in which all that was taken is answered."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sys
from collections.abc import Callable, Iterator

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from yolov3.errors import UserError
from yolov3.inference.detector import Detector
from yolov3.processes.interruption import Interruption
from yolov3.processes.stopping import Stopped
from yolov3.serving.application import HEAD_BYTES, Service, make_application
from yolov3.serving.batching import Batching
from yolov3.serving.measures import Measures
from yolov3.serving.options import ServeOptions

HEAD_SECONDS = 10.0  # within which the head of a request must have come
IDLE_SECONDS = 15.0  # that a connection without a request stays open
CONNECTIONS = 1_000  # at a time
LAST_SECONDS = 30.0  # for what was taken, when the server is told to end
TICK = 0.05  # seconds between two looks whether it was


class PatientProtocol(H11Protocol):
    """uvicorn's, with an end to its patience: a request's head must come whole within HEAD_SECONDS."""

    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        waiting = self._is_between_requests()
        super().data_received(data)
        if not self._is_between_requests():
            self._forget_head()
        elif waiting and self._head_timer is None:
            self._await_head()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._is_between_requests() and self._head_timer is None and self.conn.trailing_data[0]:
            self._await_head()

    def _is_between_requests(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._lose_patience)

    def _forget_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _lose_patience(self) -> None:
        self._head_timer = None
        if self._is_between_requests() and not self.transport.is_closing():
            self.transport.close()


class _Server(uvicorn.Server):
    """uvicorn's, which leaves the signals to us."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def serve(options: ServeOptions, tell: Callable[[str], None], *, version: str) -> None:
    """Serve until a signal comes; then take no more, answer what was taken, and raise Stopped. ``tell`` takes the line that
    says where; ``version`` is ours, for who asks. Raises UserError for a model or an address that cannot be used."""
    detector = Detector(options.weights, options.detector)
    with _bound(options) as listener, Interruption() as interruption:
        detector.warm_up()
        batching: Batching | None = None
        measures = Measures(lambda: batching.inside if batching is not None else 0)
        batching = Batching(
            lambda images, selection: detector.detect_batch(images, selection=selection),
            most=options.batch_size,
            places=options.queue,
            gather=options.gather,
            seen=measures.batch,
        )
        server = _Server(_settings(Service(detector, options, batching, measures, version)))
        host, port = listener.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        tell(f"serving {detector.model.described_with(detector.preprocessing)} at http://{shown}:{port}/")
        try:
            asyncio.run(_until_told(server, listener, interruption))
        finally:
            batching.close()
    if interruption.received is not None:
        raise Stopped(interruption.received)


def _settings(service: Service) -> uvicorn.Config:
    for name in ("uvicorn.error", "python_multipart"):  # what clients send wrong is told to them
        logging.getLogger(name).setLevel(logging.ERROR)
    return uvicorn.Config(
        make_application(service),
        http=PatientProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=int(IDLE_SECONDS),
        timeout_graceful_shutdown=int(LAST_SECONDS),
        h11_max_incomplete_event_size=HEAD_BYTES,
    )


async def _until_told(server: uvicorn.Server, listener: socket.socket, interruption: Interruption) -> None:
    async def watch() -> None:
        while interruption.received is None:
            await asyncio.sleep(TICK)
        server.should_exit = True

    watching = asyncio.create_task(watch())
    try:
        await server.serve(sockets=[listener])
    finally:
        watching.cancel()


@contextlib.contextmanager
def _bound(options: ServeOptions) -> Iterator[socket.socket]:
    """A socket at the address that is wanted, before anything heavy begins. Raises UserError."""
    host = options.host.strip("[]")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, options.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise UserError(f"--host {options.host}: {getattr(error, 'strerror', None) or error}") from error
    with listener:
        try:
            if sys.platform != "win32":  # where it would let two servers have one port
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(CONNECTIONS)  # before anybody is told where
        except OSError as error:
            raise UserError(f"--host {options.host} --port {options.port}: {error.strerror or error}") from error
        yield listener
