"""How a model is served, and what a request may ask of it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from yolov3.errors import UserError
from yolov3.formats.model import Model
from yolov3.images.files import MAXIMUM_PIXELS
from yolov3.inference.options import DetectorOptions

TOKEN_VARIABLE = "YOLOV3_TOKEN"
"""The variable of the environment that holds the token that clients must show."""

LEAST_TOKEN = 16  # characters; fewer can be guessed


@dataclass(frozen=True)
class ServeOptions:
    """``weights`` served at ``host`` and ``port`` (0: any that is free). At most ``batch_size`` requests go through the
    network together, which waits ``gather`` seconds for those that are on their way; at most ``queue`` are in the house,
    the others are told to come again. A request has at most ``most_bytes`` bytes and an image of ``most_pixels`` pixels,
    ``seconds`` to arrive and as many to be answered. ``token``: what clients must show, needed unless ``host`` is this
    machine alone."""

    weights: str | Path | Model
    detector: DetectorOptions = field(default_factory=DetectorOptions)
    host: str = "127.0.0.1"
    port: int = 8000
    batch_size: int = 8
    gather: float = 0.004
    queue: int = 64
    most_bytes: int = 20_000_000
    most_pixels: int = 50_000_000
    seconds: float = 30.0
    token: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for name, least in (("batch_size", 1), ("queue", 1), ("most_bytes", 1), ("most_pixels", 1), ("port", 0)):
            if getattr(self, name) < least:
                raise UserError(f"{name} must be at least {least}, found {getattr(self, name)}")
        if self.port > 65_535:
            raise UserError(f"--port must be at most 65535, found {self.port}")
        if not 0 < self.seconds < float("inf") or not 0 <= self.gather < 1:
            raise UserError(f"seconds must be above 0 and gather in [0, 1), found {self.seconds} and {self.gather}")
        if self.most_pixels > MAXIMUM_PIXELS:
            raise UserError(f"most_pixels must be at most {MAXIMUM_PIXELS}, found {self.most_pixels}")
        if self.token is not None and (len(self.token) < LEAST_TOKEN or not self.token.isascii()):
            raise UserError(f"{TOKEN_VARIABLE} must have at least {LEAST_TOKEN} characters, all of them ASCII")
        if self.token is None and not is_loopback(self.host):
            raise UserError(
                f"--host {self.host}: others could use this model; set a secret of at least {LEAST_TOKEN} characters in the "
                f"environment ({TOKEN_VARIABLE}) that they must show, or serve this machine alone: --host 127.0.0.1"
            )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens there."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
