"""The counts of every source, as they stood at its end."""

from __future__ import annotations

import json
from dataclasses import replace

from yolov3.outputs.counts_file import EVERY, CountsFile
from yolov3.tracking.counting import Counted
from yolov3.tracking.following import Followed


def test_each_source_has_its_last_counts(make_result, tmp_path):
    path = tmp_path / "counts.json"
    with CountsFile(tmp_path) as output:
        output.write(make_result())
        for number in range(3):
            for source in ("a.mp4", "b.mp4"):
                plain = {"lines": [{"in": {"cat": number}, "out": {}}], "zones": []}
                result = make_result(index=number, source=source, name=source[0])
                output.write(replace(result, followed=Followed((), Counted((), (), plain))))
        output.write(replace(make_result(index=9, name="c"), followed=Followed(())))
        assert not path.exists()
        output.end("a")
        assert len(json.loads(path.read_text())) == 2
    assert json.loads(path.read_text()) == [
        {"source": source, "frame": 2, "lines": [{"in": {"cat": 2}, "out": {}}], "zones": []}
        for source in ("a.mp4", "b.mp4")
    ]


def test_without_counts_there_is_no_file(make_result, tmp_path):
    with CountsFile(tmp_path) as output:
        output.write(make_result(index=0))
        output.end("street")
    assert list(tmp_path.iterdir()) == []


def test_of_what_never_ends_the_counts_are_written_now_and_then(make_result, tmp_path):
    path = tmp_path / "counts.json"
    output = CountsFile(tmp_path)
    for number in range(EVERY + 1):
        counted = Counted((), (), {"lines": [{"in": {"cat": number}, "out": {}}], "zones": []})
        output.write(replace(make_result(index=number, name="a"), followed=Followed((), counted)))
        assert path.exists() == (number >= EVERY - 1)
    assert json.loads(path.read_text())[0]["frame"] == EVERY - 1
