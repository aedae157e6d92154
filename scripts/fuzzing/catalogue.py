"""All readers of the program that are fed."""

from __future__ import annotations

from fuzzing import data_readers, image_readers, model_readers, text_readers
from fuzzing.reader import Reader

READERS: list[Reader] = [*text_readers.READERS, *data_readers.READERS, *image_readers.READERS, *model_readers.READERS]
