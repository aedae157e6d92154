"""A real browser for pages, where there is one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


class Browser:
    """A Chromium without a window: opens files, and remembers what a page complained of and asked for."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, path: Path, width: int = 1280, height: int = 900) -> None:
        """Show a file in a window of that size."""
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
        )
        self.logs()
        self.driver.get(path.as_uri())

    def run(self, script: str) -> Any:
        """What JavaScript returns."""
        return self.driver.execute_script(script)

    def logs(self) -> list[str]:
        """What the console said since it was asked last."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """The addresses that were asked for since this was asked last."""
        import json

        messages = (json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance"))
        sent = (message for message in messages if message["method"] == "Network.requestWillBeSent")
        addresses = [message["params"]["request"]["url"] for message in sent]
        return [address for address in addresses if not address.startswith(("data:", "chrome:"))]  # the page's own

    def dark(self, on: bool) -> None:
        """Ask for a dark page."""
        feature = {"name": "prefers-color-scheme", "value": "dark" if on else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    binary, program = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
    if binary is None or program is None:
        pytest.skip("no Chromium with its driver is installed")
    selenium = pytest.importorskip("selenium.webdriver")
    options = selenium.ChromeOptions()
    options.binary_location = binary
    profile = tmp_path_factory.mktemp("profile")
    for word in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = selenium.Chrome(options=options, service=selenium.ChromeService(program))
    driver.set_page_load_timeout(60)
    yield Browser(driver)
    driver.quit()


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The validation images of a drawn data set."""
    from yolov3.catalogue.opening import open_dataset
    from yolov3.config.experiment import DataSection
    from yolov3.shapes.dataset import write_shapes_dataset

    folder = write_shapes_dataset(tmp_path_factory.mktemp("drawn") / "shapes", train=1, val=12, unseen=0, seed=3)
    return open_dataset(DataSection(root=str(folder)), "val")


@pytest.fixture(scope="session")
def guesses(drawn: Any) -> Any:
    """What a mediocre model might find there: most objects, some badly placed, confused or twice, and some that are not."""
    import numpy as np
    import torch

    from yolov3.detections import Detections

    random = np.random.default_rng(0)
    found = []
    for sample in drawn.samples:
        boxes, labels = sample.boxes.copy(), sample.labels.copy()
        kept = random.random(len(boxes)) < 0.85
        boxes, labels = boxes[kept], labels[kept]
        boxes = boxes + random.normal(0, 0.1, boxes.shape) * (boxes[:, 2:] - boxes[:, :2]).repeat(2, 1)
        labels = np.where(random.random(len(labels)) < 0.15, random.integers(0, len(drawn.names), len(labels)), labels)
        low = random.uniform(0, 60, (4, 2))
        boxes = np.concatenate((boxes, boxes[:1] + 3, np.concatenate((low, low + random.uniform(5, 40, (4, 2))), 1)))
        labels = np.concatenate((labels, labels[:1], random.integers(0, len(drawn.names), 4)))
        scores = np.concatenate((random.beta(5, 2, len(boxes) - 4), random.beta(2, 4, 4)))
        order = np.argsort(-scores)
        found.append(
            Detections(
                torch.from_numpy(boxes[order].astype(np.float32)),
                torch.from_numpy(scores[order].astype(np.float32)),
                torch.from_numpy(labels[order]),
                drawn.names,
                sample.size,
            )
        )
    return tuple(found)


@pytest.fixture(scope="session")
def measured(drawn: Any, guesses: Any) -> Any:
    """Their evaluation, which knows all that a report tells."""
    from dataclasses import replace

    from yolov3.evaluation.measure import EvaluationSettings, measure
    from yolov3.reporting.report import Measured
    from yolov3.selecting.postprocess import Selection
    from yolov3.structures import Preprocessing
    from yolov3.watching.stage_times import StageTimes

    settings = EvaluationSettings(
        model="a guess <b>",
        data="drawn shapes",
        images=len(drawn),
        num_classes=len(drawn.names),
        preprocessing=Preprocessing(size=(96, 128)),
        selection=Selection(confidence=0.001, nms_threshold=0.6, multi_label=True),
        batch_size=4,
        device="cpu",
        precision="float32",
    )
    times = StageTimes(reading=0.1, network=1.0, selecting=0.2, images=len(drawn))
    evaluation = replace(measure(drawn, guesses), settings=settings, times=times, dataset=drawn, strides=(32, 16))
    return Measured.of(evaluation)
