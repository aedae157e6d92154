"""Every path answers whom it should, as it should, and nobody else."""

from __future__ import annotations

import asyncio
import io
import threading
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from yolov3.serving.application import OPEN, PAGE, SAFE_HEADERS, make_application

SECRET = "0123456789abcdef"
HERE = "http://127.0.0.1:8000"


class Client:
    """Asks an application without a socket."""

    def __init__(self, service, base_url: str) -> None:
        self.service = service
        self._transport, self._base_url = httpx.ASGITransport(make_application(service)), base_url

    def request(self, method: str, path: str, **how) -> httpx.Response:
        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url=self._base_url) as client:
                return await client.request(method, path, **how)

        return asyncio.run(ask())

    def get(self, path: str, **how) -> httpx.Response:
        return self.request("GET", path, **how)

    def post(self, path: str, **how) -> httpx.Response:
        return self.request("POST", path, **how)


@pytest.fixture
def make_client(make_service):
    services = []

    def make(base_url: str = HERE, **changes) -> Client:
        services.append(make_service(**changes))
        return Client(services[-1], base_url)

    yield make
    for service in services:
        service.batching.close()


@pytest.fixture
def client(make_client) -> Client:
    return make_client()


def test_an_image_in_any_way_gives_the_same_as_the_detector(client, make_jpeg, make_service):
    service = make_service()
    data = make_jpeg(3)
    expected = service.detector(data).to_dicts()
    answers = [
        client.post("/detect", content=data),
        client.post("/detect", content=data, headers={"Content-Type": "image/jpeg"}),
        client.post("/detect", files={"file": ("../a.jpg", data, "image/jpeg")}),
    ]
    for answer, name in zip(answers, ("image", "image", "a.jpg")):
        assert answer.status_code == 200 and answer.headers["content-type"] == "application/json"
        content = answer.json()
        assert list(content) == ["source", "frame", "seconds", "width", "height", "detections"]
        assert (content["source"], content["width"], content["height"]) == (name, 120, 90)
        assert content["detections"] == expected and len(expected) > 0
    service.batching.close()


def test_thresholds_are_those_of_the_request(client, make_jpeg):
    def found(**query) -> list:
        return client.post("/detect", content=make_jpeg(), params=query).json()["detections"]

    every = found(confidence=0.1, max_detections=1000)
    some = [each for each in every if each["score"] > 0.5]
    assert len(every) > len(found(confidence=0.5, max_detections=1000)) > 0
    assert {each["score"] for each in found(confidence=0.5, max_detections=1000)} >= {some[0]["score"]}
    assert len(found(max_detections=2)) == 2
    assert {each["name"] for each in found(classes=["ring", "0"])} <= {"ring", "ball"}


@pytest.mark.parametrize(("accept", "kind"), [("image/jpeg", "JPEG"), ("image/png", "PNG")])
def test_a_drawn_image(client, make_jpeg, make_service, accept, kind):
    answer = client.post("/detect", content=make_jpeg(), headers={"Accept": accept})
    with Image.open(io.BytesIO(answer.content)) as image:
        assert (image.format, image.size) == (kind, (120, 90)) and answer.headers["content-type"] == accept
        if kind == "PNG":
            service = make_service()
            assert np.array_equal(np.array(image), service.detector(make_jpeg()).draw(make_jpeg()))
            service.batching.close()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/detect", 405), ("DELETE", "/health", 405), ("GET", "/nowhere", 404), ("POST", "/", 405),
        ("GET", "/../../etc/passwd", 404), ("GET", "/page.html", 404), ("GET", "/%2e%2e/yolov3/cli/serve.py", 404),
        ("POST", "/detect", 400), ("POST", "/detect?confidence=7", 400), ("POST", "/detect?path=/etc/passwd", 400),
    ],
)  # fmt: skip
def test_what_there_is_not(client, method, path, status):
    answer = client.request(method, path)
    assert answer.status_code == status
    assert list(answer.json()) == ["error"] and answer.json()["error"]
    assert SAFE_HEADERS.items() <= dict(answer.headers).items() or all(
        answer.headers[name] == value for name, value in SAFE_HEADERS.items()
    )


def test_what_is_served(client):
    content = client.get("/model").json()
    assert content["classes"] == ["ball", "box", "star", "ring", "cone", "capsule"] and content["size"] == [96, 128]
    assert content["version"] == "1.2.3" and content["runtime"] == "torch"
    assert "small.pt" not in str(content) and "/tmp" not in str(content), "where files lie is nobody's business"
    assert client.get("/health").json() == {"status": "ok"}


def test_the_page_and_what_belongs_to_it(client):
    for path, (name, kind) in PAGE.items():
        answer = client.get(path)
        assert answer.status_code == 200 and answer.headers["content-type"].startswith(kind)
        assert answer.content == (Path(__file__).parents[2] / "yolov3" / "serving" / name).read_bytes()
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "*" not in policy and "http" not in policy
    assert "://" not in "".join(client.get(path).text for path in PAGE), "it asks nobody else"


def test_counts_of_what_happened(client, make_jpeg):
    for data in (make_jpeg(), b"no image"):
        client.post("/detect", content=data)
    lines = client.get("/metrics").text.splitlines()
    assert 'yolov3_requests_total{path="/detect",status="200"} 1.0' in lines
    assert 'yolov3_requests_total{path="/detect",status="422"} 1.0' in lines
    assert f"yolov3_received_bytes_total {float(len(make_jpeg()) + 8)}" in lines and "yolov3_inside 0.0" in lines


def test_a_token_opens_what_is_closed(make_client, make_jpeg):
    client = make_client(token=SECRET, host="0.0.0.0", base_url="http://camera.example.org:8000")
    for path in OPEN:
        assert client.get(path).status_code in (200, 204)
    for wrong in ({}, {"Authorization": "Bearer"}, {"Authorization": f"Basic {SECRET}"}, {"Authorization": "Bearer x" * 999},
                  {"Authorization": f"Bearer {SECRET}x"}, {"Authorization": f"Bearer {SECRET[:-1]}"}):  # fmt: skip
        for answer in (client.get("/model", headers=wrong), client.post("/detect", content=make_jpeg(), headers=wrong)):
            assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer"
    right = {"Authorization": f"bearer  {SECRET}"}
    assert client.get("/metrics", headers=right).status_code == client.get("/model", headers=right).status_code == 200
    assert client.post("/detect", content=make_jpeg(), headers=right).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200), ({"Host": "localhost:9"}, 200), ({"Host": "[::1]:8000"}, 200), ({"Host": "evil.example.org"}, 403),
        ({"Host": "127.0.0.1.evil.example.org:8000"}, 403), ({"Host": ""}, 403),
        ({"Origin": "http://127.0.0.1:8000"}, 200), ({"Origin": "https://evil.example.org"}, 403), ({"Origin": "null"}, 403),
    ],
)  # fmt: skip
def test_other_sites_cannot_use_a_browser_here(client, headers, status):
    assert client.get("/model", headers=headers).status_code == status


def test_who_finds_no_place_is_told_to_come_again(make_client, make_service, make_jpeg):
    client = make_client(queue=1)
    service = client.service
    with service.batching.place():
        answer = client.post("/detect", content=make_jpeg())
        assert answer.status_code == 503 and answer.headers["retry-after"] == "1"
        assert client.get("/health").status_code == 200
    assert client.post("/detect", content=make_jpeg()).status_code == 200
    service.batching.close()
    assert client.post("/detect", content=make_jpeg()).status_code == 503
    assert client.get("/health").json() == {"status": "stopping"}


def test_who_waits_too_long_is_told(make_client, make_jpeg, monkeypatch):
    client = make_client(seconds=0.2)
    service = client.service
    goes_on, whole = threading.Event(), service.batching._detect
    monkeypatch.setattr(service.batching, "_detect", lambda *given: goes_on.wait(20) and whole(*given))
    assert client.post("/detect", content=make_jpeg()).status_code == 503
    goes_on.set()
    assert client.get("/health").status_code == 200


def test_many_at_once_get_what_is_theirs(client, make_jpeg, make_service):
    service = make_service()
    expected = [service.detector(make_jpeg(number)).to_dicts() for number in range(24)]
    answers: dict[int, list] = {}

    def ask(number: int) -> None:
        answers[number] = client.post("/detect", content=make_jpeg(number)).json()["detections"]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(24):
        assert [each["name"] for each in answers[number]] == [each["name"] for each in expected[number]]
        for one, other in zip(answers[number], expected[number]):
            assert one["score"] == pytest.approx(other["score"], abs=1e-4)
            assert one["box"] == pytest.approx(other["box"], abs=0.01)
    service.batching.close()
