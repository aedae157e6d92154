"""What every runtime is: one verb, fitted images in and predictions out."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from yolov3.structures import Predictions


class Runtime(Protocol):
    """Computes a model. Whoever uses one does not know which it is."""

    @property
    def name(self) -> str:
        """Of the program that computes, for people."""

    @property
    def num_classes(self) -> int:
        """Classes of the model."""

    @property
    def device(self) -> str:
        """Where it computes, for people."""

    @property
    def precision(self) -> str:
        """In which type it computes, for people."""

    def __call__(self, images: Tensor) -> Predictions:
        """The predictions of fitted images (B, 3, H, W) in main memory, uint8 or float32 in [0, 1], RGB. It returns when
        they are computed.

        Raises UserError when memory does not hold a single image, or the model does not take images of this size.
        """
