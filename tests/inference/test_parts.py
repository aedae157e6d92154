"""Two processes write the files of one, byte for byte; one that is killed is told, and what it began can be finished."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from yolov3 import UserError
from yolov3.formats.load import load_model
from yolov3.inference.detect import DetectOptions, detect
from yolov3.inference.options import DetectorOptions
from yolov3.inference.parts import detect_in_parts, divide, replayed
from yolov3.processes.world import World
from yolov3.sources.items import DataItem, ImageItem, VideoItem
from yolov3.tracking.counting import CountLine
from yolov3.watching.watcher import Watcher

ROOT = Path(__file__).parents[2]
SAVES = ("--save-json", "--save-jsonl", "--save-csv", "--save-txt", "--save-conf", "--save-coco", "--save-crop")


@pytest.fixture(scope="module")
def pile(tmp_path_factory, images, video) -> Path:
    """Images of one name in several folders, one of them cut off and one that is none, and a video in between."""
    folder = tmp_path_factory.mktemp("pile")
    for place in ("a", "b", "d"):
        shutil.copytree(images, folder / place)
    shutil.copy(video, folder / "c.mp4")
    first, second, *_ = sorted((folder / "b").rglob("*.jpg"))
    first.write_bytes(first.read_bytes()[:-400])
    second.write_bytes(b"no image")
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def command(weights: Path, source: Path, output: Path, *more: str) -> list[str]:
    options = ["--weights", str(weights), "--source", str(source), "--output", str(output), "--batch-size", "2"]
    return [str(ROOT / "scripts" / "detect.py"), *options, "--conf", "0.3", *SAVES, "--codec", "mp4v", *more]


def start(*words: str, processes: int = 1, restarts: int = 0) -> subprocess.Popen[str]:
    several = [
        "-m",
        "torch.distributed.run",
        "--standalone",
        f"--nproc-per-node={processes}",
        f"--max-restarts={restarts}",
    ]
    several = several if processes > 1 else []
    return subprocess.Popen(
        [sys.executable, *several, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def run(*words: str, processes: int = 1) -> tuple[int, str]:
    program = start(*words, processes=processes)
    output, _ = program.communicate(timeout=240)
    return program.returncode, output


@pytest.fixture(scope="module")
def whole(weights, pile, tmp_path_factory) -> Path:
    """What one process writes."""
    output = tmp_path_factory.mktemp("whole")
    code, told = run(*command(weights, pile, output, "--count-line", "0.5,1,0.5,0"))
    assert code == 1 and "1 file could not be used" in told, told
    return output / "detect"


def test_two_processes_write_the_files_of_one(weights, pile, whole, tmp_path):
    code, told = run(*command(weights, pile, tmp_path, "--count-line", "0.5,1,0.5,0"), processes=2)
    assert code == 1, told  # for the file that is no image, as one process says it
    assert content(tmp_path / "detect") == content(whole)
    names = {Path(name).name for name in content(whole)}
    assert {"detections.json", "detections.jsonl", "detections.csv", "predictions.json", "counts.json"} <= names
    assert [path.name for path in tmp_path.iterdir()] == ["detect"], "no note stays"
    for line in ("1 file could not be used, 1 was damaged", "counted in ", f"written: {tmp_path}/detect"):
        assert told.count(line) == 1, told
    assert told.count("not used: ") == 1


def ranks_below(program: subprocess.Popen[str]) -> dict[int, int]:
    """The numbers of the processes that torchrun has started, by their ranks."""
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            parent = int(place.joinpath("stat").read_text().rpartition(")")[2].split()[1])
            words = place.joinpath("environ").read_bytes().split(b"\0")
        except (OSError, IndexError, ValueError):
            continue
        own = [int(word[5:]) for word in words if word.startswith(b"RANK=")]
        if parent == program.pid and own:
            found[own[0]] = int(place.name)
    return found


def kill_one(program: subprocess.Popen[str], rank: int, parts: Path) -> bool:
    """Kill the process of a rank when a first part is done; whether it was still there."""
    deadline = time.monotonic() + 120
    while not list(parts.glob("*.jsonl")) and time.monotonic() < deadline:
        time.sleep(0.005)
    victim = ranks_below(program).get(rank)
    if victim is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
    return victim is not None


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_torchrun_starts_it_again_and_it_goes_on_by_itself(weights, pile, whole, tmp_path):
    words = command(weights, pile, tmp_path, "--count-line", "0.5,1,0.5,0")
    program = start(*words, processes=2, restarts=2)
    killed = kill_one(program, 1, tmp_path / "detect" / ".parts")
    told, _ = program.communicate(timeout=240)
    if not killed or ("SIGKILL" not in told and "-9" not in told):
        pytest.skip("the processes were faster than this test")
    assert program.returncode == 0, "for 1, of the file that is no image, it would do all once more"
    assert [path.name for path in tmp_path.iterdir()] == ["detect"], told
    assert told.count("1 file could not be used") == 1
    assert content(tmp_path / "detect") == content(whole)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
@pytest.mark.parametrize("rank", [0, 1])
def test_when_one_of_two_is_killed_the_rest_can_be_finished(weights, video, pile, whole, tmp_path, rank):
    """Whichever it is; by one process, which does no part again that was done."""
    words = command(weights, pile, tmp_path, "--count-line", "0.5,1,0.5,0")
    program = start(*words, processes=2)
    parts = tmp_path / "detect" / ".parts"
    killed = kill_one(program, rank, parts)
    told, _ = program.communicate(timeout=120)
    if not killed or not parts.is_dir():
        pytest.skip("the processes were faster than this test")
    assert program.returncode == 1 and "SIGKILL" in told
    done = {path: path.stat().st_mtime_ns for path in parts.glob("*.jsonl")}
    assert f"the same command with --resume {tmp_path / 'detect'} goes on" in told
    code, told = run(*words, "--resume", str(tmp_path / "detect"))
    assert code == 1 and len(done) > 0, told
    assert content(tmp_path / "detect") == content(whole)


OPTIONS = DetectorOptions(confidence=0.3, device="cpu")


def in_parts(world: World = World(), resume: Path | None = None, watcher: Watcher | None = None, **changes):  # noqa: B008
    return detect_in_parts(DetectOptions(**changes), world, resume=resume, watcher=watcher)


def test_one_process_alone_may_work_in_parts_too(weights, pile, tmp_path):
    how = {
        "weights": weights, "source": pile, "detector": OPTIONS, "save": ("json", "txt", "counts", "drawn"),
        "batch_size": 3, "count_lines": [CountLine((0, 50), (90, 50))], "codec": "mp4v",
    }  # fmt: skip
    one = detect(**how, output=tmp_path / "one")
    two = in_parts(**how, output=tmp_path / "two")
    assert content(two.folder) == content(one.folder)
    assert (two.frames, two.boxes, two.problems, two.damaged, two.counts) == (
        one.frames, one.boxes, one.problems, one.damaged, one.counts,
    )  # fmt: skip
    assert two.times.images == one.times.images


class Interrupting(Watcher):
    def __init__(self, after: int) -> None:
        self.after, self.said = after, []

    def warn(self, line: str) -> None:
        self.said.append(line)

    def advance(self, done, total=None, *, text=None) -> None:
        if done == self.after and text is None:
            raise KeyboardInterrupt


def test_what_is_resumed_must_be_what_was_begun(weights, images, tmp_path):
    how = {"weights": weights, "source": images, "detector": OPTIONS, "save": ("json",), "batch_size": 1}
    watcher = Interrupting(after=3)
    with pytest.raises(KeyboardInterrupt):
        in_parts(**how, output=tmp_path, watcher=watcher)
    folder = tmp_path / "detect"
    assert f"--resume {folder} goes on" in watcher.said[-1]
    assert len(list((folder / ".parts").glob("*.jsonl"))) == 2
    for changes, words in (
        ({"detector": replace(OPTIONS, confidence=0.4)}, "confidence 0.3, found 0.4"),
        ({"source": sorted(images.rglob("*.jpg"))[:2]}, "sources 5 files"),
        ({"save": ("json", "csv")}, "save "),
    ):
        with pytest.raises(UserError, match=f"was begun with {words}"):
            in_parts(**how | changes, resume=folder)
    other = shutil.copy(weights, tmp_path / "other.pt")
    Path(other).write_bytes(Path(weights).read_bytes()[:-1] + b"\1")
    (folder / ".parts" / "000001.jsonl").write_text("{")
    with pytest.raises(
        UserError, match=r"000001\.jsonl, line 1: damaged; without this file --resume does the part again"
    ):
        in_parts(**how, resume=folder)
    (folder / ".parts" / "000001.jsonl").unlink()
    summary = in_parts(**how, resume=folder)
    assert summary.frames == 5 and len(json.loads((folder / "detections.json").read_text())) == 5
    with pytest.raises(UserError, match="no run lies there that several processes have begun and not finished"):
        in_parts(**how, resume=folder)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"view": True}, "--view is for one process"),
        ({"stream_json": True}, "--save-jsonl - is for one process"),
        ({"save": ()}, "something must be written"),
        ({"source": ["rtsp://127.0.0.1:9/a"]}, "cameras and streams are for one process"),
    ],
)
def test_what_is_for_one_process_alone(weights, images, tmp_path, changes, words):
    how = {"weights": weights, "source": images, "detector": OPTIONS, "output": tmp_path / "runs"}
    with pytest.raises(UserError, match=words):
        in_parts(**how | changes)
    with pytest.raises(UserError, match="each read the weights"):
        in_parts(**how | {"weights": load_model(weights)})
    assert not (tmp_path / "runs").exists()


ITEMS = some.lists(some.sampled_from([ImageItem(Path("a")), DataItem(b"", "b"), VideoItem(Path("c"))]), max_size=80)


@given(ITEMS, some.integers(1, 9), some.integers(1, 5))
def test_parts_are_whole_batches_and_videos(items, batch_size, processes):
    pieces = divide(items, batch_size, processes)
    assert [place for first, last in pieces for place in range(first, last)] == list(range(len(items)))
    begun = 0
    for first, last in pieces:
        kinds = {isinstance(item, VideoItem) for item in items[first:last]}
        assert len(kinds) == 1
        if kinds == {True}:
            assert last - first == 1
            begun = last
        else:
            if first and isinstance(items[first - 1], VideoItem):
                begun = first
            assert (first - begun) % batch_size == 0, "where one process would begin a batch"


def test_what_could_not_be_written_is_told_in_the_end(weights, images, tmp_path):
    """Whichever process it was, and whether it lives or not."""
    how = {"weights": weights, "source": images, "detector": OPTIONS, "save": ("txt", "json"), "batch_size": 1}
    with pytest.raises(KeyboardInterrupt):
        in_parts(**how, output=tmp_path, watcher=Interrupting(after=2))
    folder = tmp_path / "detect"
    written = {path.stem for path in (folder / "labels").iterdir()}
    blocked = [path.stem for path in sorted(images.rglob("*.jpg")) if path.stem not in written][-1]
    (folder / "labels" / f"{blocked}.txt").mkdir()
    with pytest.raises(KeyboardInterrupt):
        in_parts(**how, resume=folder, watcher=Interrupting(after=4))
    summary = in_parts(**how, resume=folder)
    assert len(summary.lost) == 1 and blocked in summary.lost[0] and not summary.is_whole
    assert summary.frames == 5 and not (folder / ".parts").exists(), "the records were put together all the same"


GOOD = {
    "source": "a.jpg", "name": "a", "size": [4, 5], "index": None, "seconds": None, "boxes": [[0, 0, 1, 1]], "scores": [0.5],
    "labels": [0],
}  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        {"source": 3}, {"name": None}, {"size": 4}, {"size": [4]}, {"size": [10**9, 10**12]}, {"size": ["a", "b"]},
        {"index": "1"}, {"index": True}, {"seconds": "x"}, {"counted": 3}, {"counted": [[], {}, 1]},
        {"boxes": None}, {"labels": ["x"]},
    ],
    ids=str,
)  # fmt: skip
def test_a_record_that_cannot_be_is_told(wrong):
    assert replayed(GOOD, Path("run"), ("cat",)).detections[0].name == "cat"
    for record in (
        GOOD | wrong,
        {name: value for name, value in GOOD.items() if name != next(iter(wrong))} | {"source": 3},
    ):
        with pytest.raises(UserError, match=r"^run: a part of the run is damaged"):
            replayed(record, Path("run"), ("cat",))
