"""How a run went is told from the files that it keeps, whole or in part."""

from __future__ import annotations

import numpy as np

from yolov3.images.files import write_image
from yolov3.reporting.page import Chart, Gallery
from yolov3.reporting.training import read_rows, training_section

RESULTS = """epoch,train/box,train/obj,train/cls,metrics/AP50,metrics/AP,metrics/AP_train,learning_rate,skipped_steps
1,3.0,4.0,2.0,,,,0.01,0
2,2.0,3.0,1.0,0.5,0.3,,0.005,2
"""
TIMING = "epoch,images_per_second,data_wait_share,seconds\n1,10,0.5,3\n2,20,0.25,3\n2,30,0.1,3\n"
CLASSES = "epoch,class,AP\n1,cat,0.1\n1,dog,0.3\n2,cat,0.2\n2,dog,0.1\n2,dog,0.4\n"


def test_all_that_a_run_keeps_is_shown(tmp_path):
    for name, text in (("results", RESULTS), ("timing", TIMING), ("classes", CLASSES)):
        (tmp_path / f"{name}.csv").write_text(text)
    write_image(tmp_path / "training_batch.png", np.zeros((500, 2000, 3), np.uint8))
    section = training_section(tmp_path)
    charts = [part.title for part in section.parts if isinstance(part, Chart)]
    assert charts == [
        "loss", "average precision", "learning rate", "AP of the classes", "share of the time spent waiting for images",
    ]  # fmt: skip
    assert section.lead == "2 epochs, 20.0 images a second (median), 2 steps skipped for numbers that were not finite."
    (gallery,) = (part for part in section.parts if isinstance(part, Gallery))
    assert gallery.pictures[0].wide and gallery.pictures[0].address.startswith("data:image/jpeg")


def test_a_run_without_files_says_so_little(tmp_path):
    section = training_section(tmp_path)
    assert section.parts == [] and section.lead == "0 epochs."


def test_files_that_cannot_be_read_are_passed_over(tmp_path):
    (tmp_path / "results.csv").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "timing.csv").write_text("epoch,data_wait_share\nx,y\n1,nan\n2\n")
    (tmp_path / "classes.csv").mkdir()
    (tmp_path / "training_batch.png").write_text("no image")
    assert training_section(tmp_path).parts == []
    assert read_rows(tmp_path / "results.csv") == []
