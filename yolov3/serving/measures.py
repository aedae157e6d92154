"""What is counted while a model is served, as Prometheus reads it."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
SIZES = (1, 2, 4, 8, 16, 32, 64)


class Measures:
    """Counters of their own for each server, so that several of a process do not mix."""

    def __init__(self, inside: Callable[[], float]) -> None:
        self._registry = registry = CollectorRegistry()
        self.requests = Counter("yolov3_requests", "Requests answered", ["path", "status"], registry=registry)
        self.seconds = Histogram(
            "yolov3_request_seconds", "From a request's head to its answer", buckets=SECONDS, registry=registry
        )
        self.batches = Histogram("yolov3_batch_size", "Images in a batch", buckets=SIZES, registry=registry)
        self.network = Histogram("yolov3_batch_seconds", "Of a batch", buckets=SECONDS, registry=registry)
        self.received = Counter("yolov3_received_bytes", "Bytes of images", registry=registry)
        self.boxes = Counter("yolov3_boxes", "Boxes found", registry=registry)
        Gauge("yolov3_inside", "Requests that have a place", registry=registry).set_function(inside)

    def batch(self, size: int, seconds: float) -> None:
        """A batch went through the network."""
        self.batches.observe(size)
        self.network.observe(seconds)

    def text(self) -> bytes:
        """All of it, in Prometheus' text format."""
        return generate_latest(self._registry)
