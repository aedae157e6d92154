"""The application: which paths there are and who may use them."""

from __future__ import annotations

import asyncio
import hmac
import importlib.resources
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from anyio import to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from yolov3.detections import Detections
from yolov3.errors import UserError
from yolov3.images.files import encode_image
from yolov3.inference.detector import Detector
from yolov3.outputs.output import Result
from yolov3.serving.batching import Batching, Full
from yolov3.serving.measures import CONTENT_TYPE, Measures
from yolov3.serving.options import ServeOptions, is_loopback
from yolov3.serving.requests import (
    ANSWERS,
    Refused,
    Sent,
    decode,
    read_image_bytes,
    read_selection,
    wanted_answer,
)
from yolov3.sources.frames import Frame

PAGE = {
    "/": ("page.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
}
ICON = "/favicon.ico"
OPEN = {*PAGE, ICON, "/health"}
"""The paths that need no token: they tell nothing of the model."""

SAFE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src "
    "'self'; media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
HEAD_BYTES = 32_768  # of all headers of a request
COME_AGAIN = {"Retry-After": "1"}

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Service:
    """What the paths share."""

    detector: Detector
    options: ServeOptions
    batching: Batching
    measures: Measures
    version: str

    async def detect(self, request: Request) -> Response:
        """``POST /detect``: an image in, what is in it out."""
        kind = wanted_answer(request.headers.get("accept", ""))
        selection = read_selection(request.query_params, self.detector)
        try:
            with self.batching.place():
                sent = await read_image_bytes(request, self.options)
                self.measures.received.inc(len(sent.data))
                image = await to_thread.run_sync(decode, sent, self.options)
                answer = asyncio.wrap_future(self.batching.submit(image, selection))
                async with asyncio.timeout(self.options.seconds):
                    found = await answer
                self.measures.boxes.inc(len(found))
                return await to_thread.run_sync(_answered, found, Frame(image, sent.name), sent, kind)
        except Full as error:
            raise Refused(503, "too many requests at once; come again", COME_AGAIN) from error
        except TimeoutError as error:
            raise Refused(503, f"no answer within {self.options.seconds:g} seconds; come again", COME_AGAIN) from error

    async def health(self, request: Request) -> Response:
        """``GET /health``: whether images are looked at."""
        works = self.batching.works
        return JSONResponse({"status": "ok" if works else "stopping"}, 200 if works else 503)

    async def model(self, request: Request) -> Response:
        """``GET /model``: what is served."""
        detector = self.detector
        preprocessing, selection, runtime = detector.preprocessing, detector.selection, detector.runtime
        return JSONResponse(
            {
                "description": detector.model.described_with(preprocessing),
                "classes": list(detector.names) or [str(number) for number in range(runtime.num_classes)],
                "size": list(preprocessing.size),
                "fit": preprocessing.fit,
                "runtime": runtime.name,
                "precision": runtime.precision,
                "device": runtime.device,
                "confidence": selection.lowest,
                "iou": selection.nms_threshold,
                "max_detections": selection.max_detections,
                "version": self.version,
            }
        )

    async def metrics(self, request: Request) -> Response:
        """``GET /metrics``: what is counted."""
        return Response(self.measures.text(), media_type=CONTENT_TYPE)

    async def icon(self, request: Request) -> Response:
        """What browsers ask for by themselves."""
        return Response(status_code=204)

    async def page(self, request: Request) -> Response:
        """The page and what belongs to it."""
        name, kind = PAGE[request.url.path]
        content = importlib.resources.files("yolov3.serving").joinpath(name).read_bytes()
        return Response(content, media_type=kind)


def make_application(service: Service) -> Starlette:
    """The application that a server runs."""
    routes = [
        Route("/detect", service.detect, methods=["POST"]),
        Route("/health", service.health, methods=["GET"]),
        Route("/model", service.model, methods=["GET"]),
        Route("/metrics", service.metrics, methods=["GET"]),
        Route(ICON, service.icon, methods=["GET"]),
        *(Route(path, service.page, methods=["GET"]) for path in PAGE),
    ]
    guarded = [
        Route(route.path, _guarded(route.endpoint, service), methods=sorted((route.methods or set()) - {"HEAD"}))
        for route in routes
    ]
    return Starlette(routes=guarded, exception_handlers={HTTPException: _refused_by_starlette})


def _guarded(handler: Handler, service: Service) -> Handler:
    """The handler of a path behind all that holds for every path: who may ask, what is counted, how refusals look."""

    async def answer(request: Request) -> Response:
        start = time.perf_counter()
        try:
            check_caller(request, service.options)
            response = await handler(request)
        except Refused as refused:
            response = JSONResponse({"error": refused.line}, refused.status, refused.headers)
            if refused.status in (400, 408, 413):  # what is left of the body is not waited for
                response.headers["Connection"] = "close"
        response.headers.update(SAFE_HEADERS)
        service.measures.requests.labels(request.url.path, response.status_code).inc()
        service.measures.seconds.observe(time.perf_counter() - start)
        return response

    return answer


def check_caller(request: Request, options: ServeOptions) -> None:
    """Refuse who may not ask: without the token; or from another site's page, which a browser here has open;
    or with a head without end. Raises Refused."""
    if sum(len(name) + len(value) for name, value in request.headers.raw) > HEAD_BYTES:
        raise Refused(431, f"a head of more than {HEAD_BYTES} bytes")
    host = _host_of(request.headers.get("host", ""))
    if options.token is None and not is_loopback(host):
        raise Refused(403, "this server answers by the name of this machine alone")
    origin = request.headers.get("origin")
    if origin is not None and origin.partition("://")[2] != request.headers.get("host", ""):
        raise Refused(403, "this server answers its own page and programs, not other sites")
    if options.token is None or request.url.path in OPEN:
        return
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), options.token.encode()):
        raise Refused(401, "a token is needed: Authorization: Bearer TOKEN", {"WWW-Authenticate": "Bearer"})


def _host_of(header: str) -> str:
    """The host of a Host header without its port."""
    if header.startswith("["):
        return header.partition("]")[0] + "]"
    return header.rpartition(":")[0] if ":" in header else header


def _answered(found: Detections, frame: Frame, sent: Sent, kind: str) -> Response:
    if kind == "application/json":
        return JSONResponse(Result(frame, found, sent.name).as_plain())
    try:
        data = encode_image(found.draw(frame.image), ANSWERS[kind], sent.name, may_change=True)
    except UserError as error:
        raise Refused(406, f"an image of this size is no {kind}") from error
    return Response(bytes(data), media_type=kind)


async def _refused_by_starlette(request: Request, error: Any) -> Response:
    """A path or a verb that there is not."""
    return JSONResponse({"error": str(error.detail)}, error.status_code, {**(error.headers or {}), **SAFE_HEADERS})
