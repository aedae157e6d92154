"""The page in a real browser: an image in, boxes out, the threshold moved, a mistake shown, nobody else asked."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

DROP = """
const [name, type, base64] = arguments;
const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
const data = new DataTransfer();
data.items.add(new File([bytes], name, { type }));
document.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
"""


@pytest.fixture(scope="module")
def running(run_server):
    with run_server() as running:
        yield running


def wait_for(browser, script: str, seconds: float = 20):
    """What a script returns once it is something."""
    deadline = time.monotonic() + seconds
    while not (value := browser.run(f"return {script}")):
        assert time.monotonic() < deadline, f"{script}: {browser.run('return document.body.innerText')}"
        time.sleep(0.05)
    return value


def drop(browser, data: bytes, name: str = "a.jpg", kind: str = "image/jpeg") -> None:
    import base64

    browser.driver.execute_script(DROP, name, kind, base64.b64encode(data).decode())


def set_threshold(browser, value: float) -> None:
    browser.driver.execute_script(
        "const s = document.getElementById('threshold'); s.value = arguments[0]; s.dispatchEvent(new Event('input'));",
        value,
    )


MESSAGE = "document.getElementById('message').textContent"
ROWS = "document.querySelectorAll('#boxes tbody tr').length"


@pytest.mark.parametrize("width", [1280, 390])
def test_an_image_is_dropped_and_the_threshold_moved(browser, running, make_jpeg, tmp_path, width):
    browser.requests()
    browser.open(running.url, width)
    assert "tiny" in wait_for(browser, "document.getElementById('model').textContent.includes('yolov3') && "
                              "document.getElementById('model').textContent")  # fmt: skip
    drop(browser, make_jpeg(5, 480, 360))
    wait_for(browser, f"{MESSAGE}.includes('box')")
    assert browser.run("const c = document.getElementById('picture'); return [c.width, c.height, c.hidden]") == [
        480,
        360,
        False,
    ]
    set_threshold(browser, 0.05)
    many = browser.run(f"return {ROWS}")
    set_threshold(browser, 0.6)
    few = browser.run(f"return {ROWS}")
    assert many > few > 0
    assert browser.run(f"return {MESSAGE}") in (f"{few} boxes", "1 box")
    assert browser.run("return document.documentElement.scrollWidth <= window.innerWidth"), (
        "nothing is wider than the window"
    )
    for dark in (False, True):
        browser.dark(dark)
        browser.driver.save_screenshot(str(tmp_path / f"page-{width}-{dark}.png"))
    browser.dark(False)
    drop(browser, b"this is no image", "a.txt", "text/plain")
    wait_for(browser, "document.getElementById('message').classList.contains('wrong')")
    assert "unknown" in browser.run(f"return {MESSAGE}") or "image" in browser.run(f"return {MESSAGE}")
    asked = browser.requests()
    assert asked and all(address.startswith((running.url, "blob:")) for address in asked)
    assert [line for line in browser.logs() if "422" not in line] == []


def test_the_camera_shows_boxes_until_it_is_stopped(browser, running):
    browser.open(running.url)
    wait_for(browser, "document.getElementById('model').textContent.includes('yolov3')")
    browser.run("document.getElementById('camera').click()")
    wait_for(browser, "!document.getElementById('picture').hidden")
    assert browser.run("return document.getElementById('camera').getAttribute('aria-pressed')") == "true"
    browser.run("document.getElementById('camera').click()")
    wait_for(browser, "document.getElementById('camera').getAttribute('aria-pressed') === 'false'")
    assert browser.logs() == []


def test_a_server_that_has_gone_is_told(browser, run_server, make_jpeg):
    with run_server() as running:
        browser.open(running.url)
        wait_for(browser, "document.getElementById('model').textContent.includes('yolov3')")
    drop(browser, make_jpeg())
    wait_for(browser, f"{MESSAGE} === 'the server does not answer'")


def test_a_token_is_asked_for(browser, run_server):
    secret = "a-secret-of-the-test"
    with run_server(YOLOV3_TOKEN=secret) as running:
        browser.open(running.url)
        wait_for(browser, "!document.getElementById('secret').hidden")
        browser.driver.execute_script(
            "const t = document.getElementById('token'); t.value = arguments[0]; t.dispatchEvent(new Event('change'));",
            secret,
        )
        wait_for(browser, "document.getElementById('model').textContent.includes('yolov3')")


def test_the_page_is_small_and_whole():
    folder = Path(__file__).parents[2] / "yolov3" / "serving"
    assert sum((folder / name).stat().st_size for name in ("page.html", "page.css", "page.js")) < 20_000
