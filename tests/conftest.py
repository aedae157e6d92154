"""What all tests share: where the reference data lies, quiet libraries, three images in every format, a little web server,
a real browser."""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import cv2
import numpy as np
import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from yolov3.datasets.dataset import Dataset

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
if "PYTEST_XDIST_WORKER" in os.environ:  # as many test processes as processors: a thread each
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# The same examples each time, however slow the machine is: a change is judged by what it changes. HYPOTHESIS_PROFILE=default
# looks for new ones.
settings.register_profile("same examples", derandomize=True, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same examples"))

SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if (SHARED / "reference").is_dir():
        return
    skip = pytest.mark.skip(reason="the reference data does not lie beside the project")
    for item in items:
        if item.get_closest_marker("shared"):
            item.add_marker(skip)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of the reference data (real images, real Darknet models, answers of the C programs)."""
    if not (SHARED / "reference").is_dir():
        pytest.skip("the reference data does not lie beside the project")
    return SHARED


class Files:
    """The same three images with the same objects, and how each format writes them down."""

    names: ClassVar = ("cat", "dog", "bird")
    sizes: ClassVar = {"one": (48, 64), "three": (33, 57), "two": (80, 40)}  # (height, width)
    objects: ClassVar = {  # (label, left, top, right, bottom) in pixels
        "one": [(0, 4, 6, 30, 40), (2, 10, 12, 64, 48)],
        "three": [(1, 0, 0, 57, 33), (0, 20, 2, 40, 30)],
        "two": [],
    }
    coco_ids: ClassVar = {"one": 7, "three": 11, "two": 42}
    category_ids: ClassVar = (3, 17, 90)

    def write_images(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        for number, (name, (height, width)) in enumerate(self.sizes.items()):
            image = np.random.default_rng(number).integers(0, 255, (height, width, 3), dtype=np.uint8)
            assert cv2.imwrite(str(folder / f"{name}.png"), image)

    def coco_content(self) -> dict[str, Any]:
        flat = [(name, item) for name, items in self.objects.items() for item in items]
        return {
            "images": [
                {"id": self.coco_ids[name], "file_name": f"{name}.png", "height": height, "width": width}
                for name, (height, width) in self.sizes.items()
            ],
            "annotations": [
                {
                    "id": 100 + number,
                    "image_id": self.coco_ids[name],
                    "category_id": self.category_ids[label],
                    "iscrowd": 0,
                    "bbox": [left, top, right - left, bottom - top],
                    "area": (right - left) * (bottom - top),
                }
                for number, (name, (label, left, top, right, bottom)) in enumerate(flat)
            ],
            "categories": [{"id": number, "name": name} for number, name in zip(self.category_ids, self.names)],
        }

    def write_coco(self, root: Path, content: dict[str, Any] | None = None, *, split: str = "val") -> Path:
        self.write_images(root / "images" / split)
        (root / "annotations").mkdir(exist_ok=True)
        text = json.dumps(content or self.coco_content())
        (root / "annotations" / f"instances_{split}.json").write_text(text)
        return root

    def voc_object(self, label: int, left: float, top: float, right: float, bottom: float, more: str = "") -> str:
        return (
            f"<object><name>{self.names[label]}</name>{more}<bndbox><xmin>{left + 1}</xmin><ymin>{top + 1}</ymin>"
            f"<xmax>{right}</xmax><ymax>{bottom}</ymax></bndbox></object>"
        )

    def write_voc(self, root: Path, *, split: str = "val") -> Path:
        self.write_images(root / "JPEGImages")
        (root / "Annotations").mkdir()
        (root / "ImageSets" / "Main").mkdir(parents=True)
        (root / "ImageSets" / "Main" / f"{split}.txt").write_text("".join(f"{name}\n" for name in self.sizes))
        for name, items in self.objects.items():
            objects = "".join(self.voc_object(*item) for item in items)
            (root / "Annotations" / f"{name}.xml").write_text(f"<annotation>{objects}</annotation>")
        return root

    def write_yolo(self, root: Path, *, split: str = "val") -> Path:
        self.write_images(root / "images" / split)
        (root / "labels" / split).mkdir(parents=True)
        (root / "classes.txt").write_text("\n".join(self.names))
        for name, items in self.objects.items():
            height, width = self.sizes[name]
            lines = [
                f"{label} {(left + right) / 2 / width!r} {(top + bottom) / 2 / height!r} {(right - left) / width!r} "
                f"{(bottom - top) / height!r}"
                for label, left, top, right, bottom in items
            ]
            if lines:
                (root / "labels" / split / f"{name}.txt").write_text("\n".join(lines))
        return root

    def opened(self, root: Path, split: str = "val", **settings: Any) -> Dataset:
        """The data set in a folder; VOC's, which has no list of its classes, with their names."""
        from yolov3.catalogue.opening import open_dataset
        from yolov3.config.experiment import DataSection

        names = self.names if (root / "Annotations").is_dir() else None
        return open_dataset(DataSection(root=str(root), **{"names": names, **settings}), split)


@pytest.fixture(scope="session")
def files() -> Files:
    """Writes data sets of three images and opens them."""
    return Files()


@dataclass
class Page:
    """An answer: its body, or ``frames`` times the body as a network camera sends images. ``pause``: seconds before each
    part of it; ``length``: what it says to have."""

    kind: str
    body: bytes = b""
    status: int = 200
    frames: int = 0
    pause: float = 0.0
    length: int | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Web:
    """A server of pages by their path. With a ``login`` (user:password) it answers only those who know it; ``asked`` are
    the paths it was asked for, ``logins`` what came as a login."""

    pages: dict[str, Page] = field(default_factory=dict)
    login: str | None = None
    asked: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    port: int = 0

    def address(self, path: str, login: str = "") -> str:
        """The address of a page; ``login`` stands in it as given."""
        return f"http://{login + '@' if login else ''}127.0.0.1:{self.port}/{path}"


def _handler_of(web: Web) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0].lstrip("/")
            web.asked.append(path)
            given = str(self.headers.get("Authorization", "")).partition(" ")[2]
            given = base64.b64decode(given).decode() if given else ""
            web.logins += [given] if given else []
            page = web.pages.get(path, Page("text/plain", b"not here", 404))
            if web.login is not None and given != web.login:
                page = Page("text/plain", b"who are you?", 401, headers={"WWW-Authenticate": 'Basic realm="camera"'})
            with contextlib.suppress(OSError):  # whoever asked may have gone
                self.answer(page)

        def answer(self, page: Page) -> None:
            self.send_response(page.status)
            if page.kind:
                self.send_header("Content-Type", page.kind)
            for name, value in page.headers.items():
                self.send_header(name, value)
            if not page.frames:
                self.send_header("Content-Length", str(len(page.body) if page.length is None else page.length))
            self.end_headers()
            for _ in range(page.frames):
                time.sleep(page.pause)
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(page.body)}\r\n\r\n"
                self.wfile.write(head.encode() + page.body + b"\r\n")
            if not page.frames:
                half = len(page.body) // 2
                for part in (page.body[:half], page.body[half:]):
                    time.sleep(page.pause)
                    self.wfile.write(part)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """A real server on this machine; a test puts its pages."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")
    served = Web()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(served)) as server:
        server.daemon_threads = True
        served.port = server.server_port
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield served
        server.shutdown()


@pytest.fixture(scope="session")
def page() -> type[Page]:
    """Makes pages for the server."""
    return Page


@pytest.fixture(scope="session")
def micro_cfg() -> str:
    """A tiny network in Darknet's language: two levels, two classes."""
    convolution = "[convolutional]\nfilters={}\nsize=3\nstride=2\npad=1\nbatch_normalize=1\nactivation={}\n"
    head = "[convolutional]\nfilters=14\nsize=1\nactivation=linear\n[yolo]\nnum=2\nclasses=2\nanchors="
    layers = ((4, "leaky"), (4, "mish"), (8, "leaky"), (8, "leaky"))
    return (
        "[net]\nwidth=64\nheight=96\nchannels=3\n"
        + "".join(convolution.format(*each) for each in layers)
        + f"{head}10,14, 23,27\nscale_x_y=1.1\n[route]\nlayers=-3\n"
        + convolution.format(8, "leaky")
        + f"{head}40,60, 80,50\n"
    )


@pytest.fixture(scope="session")
def dense() -> Callable[[Any], tuple[Any, Any, Any]]:
    """Boxes, objectness and classes of predictions of any kind."""

    def parts(predictions: Any) -> tuple[Any, Any, Any]:
        whole = predictions.decoded() if hasattr(predictions, "decoded") else predictions
        return whole.boxes, whole.objectness, whole.classes

    return parts


@pytest.fixture(scope="session")
def write_seeing_model() -> Callable[..., Path]:
    """Writes an untrained model of the generated shapes that sees things everywhere."""

    def write(path: Path, *, width: float) -> Path:
        import torch

        from yolov3.formats.checkpoint import save_checkpoint
        from yolov3.models.yolov3 import YOLOv3
        from yolov3.shapes.dataset import CLASSES
        from yolov3.structures import ModelMeaning, Preprocessing

        torch.manual_seed(0)
        network = YOLOv3(num_classes=len(CLASSES), variant="yolov3-tiny", width=width)
        for head in network.heads:
            torch.nn.init.normal_(head.predict.weight, std=0.6)
            torch.nn.init.normal_(head.predict.bias, std=0.6)
        save_checkpoint(path, network, meaning=ModelMeaning(CLASSES, Preprocessing(size=(96, 128))))
        return path

    return write


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where graphs are kept during a test, and not in the user's folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "yolov3"


@dataclass
class Unprivileged:
    """Runs Python in ``folder`` as somebody who may not do everything: root gives up for it what lets it pass permissions."""

    folder: Path
    before: tuple[str, ...]

    def run(self, *words: str, given: str = "", seconds: float = 120) -> subprocess.CompletedProcess[str]:
        """A run of ``python WORDS`` in the folder, with a text on its standard input."""
        own = {"PYTHONPATH": str(Path(__file__).resolve().parents[1]), "OMP_NUM_THREADS": "1"}
        return subprocess.run(
            [*self.before, sys.executable, *words], cwd=self.folder, env=os.environ | own, capture_output=True, text=True,
            errors="surrogateescape", input=given, timeout=seconds, check=False,
        )  # fmt: skip

    def command(self, *words: str, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        """A run of ``yolov3 WORDS`` in the folder."""
        return self.run("-m", "yolov3", *words, seconds=seconds)


@pytest.fixture
def unprivileged(tmp_path: Path) -> Iterator[Unprivileged]:
    """A folder, and programs in it that meet permissions."""
    before = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
    reached = Unprivileged(tmp_path, before)
    if before and (shutil.which("setpriv") is None or reached.run("-c", "").returncode):
        pytest.skip("root cannot give up its privileges here")
    yield reached
    for place, folders, _ in os.walk(tmp_path):
        for name in folders:
            (Path(place) / name).chmod(0o700)


class Browser:
    """A Chromium without a window: opens files, and remembers what a page complained of and asked for."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, place: Path | str, width: int = 1280, height: int = 900) -> None:
        """Show a file or an address in a window of that size."""
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
        )
        self.logs()
        self.driver.get(place if isinstance(place, str) else place.as_uri())

    def run(self, script: str) -> Any:
        """What JavaScript returns."""
        return self.driver.execute_script(script)

    def logs(self) -> list[str]:
        """What the console said since it was asked last."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """The addresses that were asked for since this was asked last."""
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
        "--use-fake-ui-for-media-stream",  # and a camera that shows a drawn picture
        "--use-fake-device-for-media-stream",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = selenium.Chrome(options=options, service=selenium.ChromeService(program))
    driver.set_page_load_timeout(60)
    yield Browser(driver)
    driver.quit()


@pytest.fixture(scope="session")
def ray_here() -> None:
    """Skips where Ray is not installed, or its own processes do not start."""
    pytest.importorskip("ray", reason="the extra ray is not installed")
    program = "import ray; ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False); ray.shutdown()"
    environment = os.environ | {"RAY_USAGE_STATS_ENABLED": "0"}
    try:
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, env=environment, timeout=120, check=False
        )
    except subprocess.TimeoutExpired:
        pytest.skip("Ray does not start here within two minutes")
    if done.returncode:
        pytest.skip("Ray does not start here")


class Camera:
    """A network camera whose frames carry a clock: blocks of black and white that say the millisecond (since 1970) at which
    the image was made, and below its number in the connection. ``does`` is what it does from now on: well, stall (send
    nothing), drop (the connection), hurry (frames as fast as they go, whatever rate is claimed), freeze (one image for ever),
    garbage (bytes that are no image), gone (answer nobody)."""

    BLOCK, BITS, COLUMNS = 16, 48, 16

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.does = "well"
        self.connections = 0

    def jpeg(self, number: int) -> bytes:
        """An image of now, the one of this number that a connection gets: what another connection, of somebody who has
        just gone, still gets is none of this one's."""
        clock = round(1000 * time.time())
        bits = [clock >> place & 1 for place in range(self.BITS)] + [number >> place & 1 for place in range(16)]
        blocks = np.array(bits, np.uint8).reshape(-1, self.COLUMNS) * 255
        image = np.kron(blocks, np.ones((self.BLOCK, self.BLOCK), np.uint8))
        return cv2.imencode(".jpg", np.dstack([image] * 3))[1].tobytes()

    @classmethod
    def read(cls, image: np.ndarray) -> tuple[float, int]:
        """The second and the number that an image says."""
        middle = image[cls.BLOCK // 2 :: cls.BLOCK, cls.BLOCK // 2 :: cls.BLOCK, 0].ravel() > 127
        bits = [int(bit) << place for place, bit in enumerate(middle.tolist()[: cls.BITS])]
        number = [int(bit) << place for place, bit in enumerate(middle.tolist()[cls.BITS :])]
        return sum(bits) / 1000, sum(number)

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        """Send images until the connection or this camera ends."""
        self.connections += 1
        if self.does == "gone":
            handler.send_error(503)
            return
        handler.send_response(200)
        handler.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        handler.end_headers()
        number, last = 0, self.jpeg(0)
        due = time.monotonic()
        while self.does not in ("gone", "drop"):
            if self.does == "stall":
                time.sleep(0.02)
                due = time.monotonic()
                continue
            if self.does != "freeze":
                number, last = number + 1, self.jpeg(number + 1)
            body = np.random.default_rng(0).bytes(len(last)) if self.does == "garbage" else last
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(body)}\r\n\r\n"
            handler.wfile.write(head.encode() + body + b"\r\n")
            due += 0.002 if self.does == "hurry" else 1 / self.rate
            time.sleep(max(0.0, due - time.monotonic()))


@pytest.fixture
def cameras() -> Iterator[Callable[..., tuple[list[Camera], list[str]]]]:
    """Makes cameras of these rates, and gives them and their addresses."""
    with contextlib.ExitStack() as stack:

        def make(*rates: float) -> tuple[list[Camera], list[str]]:
            made = [Camera(rate) for rate in rates]

            class Handler(http.server.BaseHTTPRequestHandler):
                def do_GET(self) -> None:
                    with contextlib.suppress(OSError):  # whoever looked may have gone
                        made[int(self.path.rpartition("/")[2])].answer(self)

                def log_message(self, *_: Any) -> None:
                    pass

            server = stack.enter_context(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler))
            server.daemon_threads = True
            server.block_on_close = False
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            stack.callback(server.shutdown)
            for camera in made:
                stack.callback(setattr, camera, "does", "gone")
            return made, [f"http://127.0.0.1:{server.server_port}/camera/{number}" for number in range(len(rates))]

        yield make
