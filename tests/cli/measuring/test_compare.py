"""``yolov3 compare``: a verdict in a line, a page, one JSON document; a clear line for what cannot be compared."""

from __future__ import annotations

import json

import pytest

from yolov3.cli import main
from yolov3.shapes.dataset import write_shapes_dataset


@pytest.fixture(scope="module")
def evaluations(tmp_path_factory, write_seeing_model):
    """Two models' evaluations on the same images, made by the command."""
    folder = tmp_path_factory.mktemp("compared")
    data = write_shapes_dataset(folder / "shapes", train=1, val=4, unseen=0, seed=3)
    for name, width in (("a", 0.0625), ("b", 0.125)):
        weights = write_seeing_model(folder / f"{name}.pt", width=width)
        words = ["--data", str(data), "--device", "cpu", "--workers", "0", "--output", str(folder / "e"), "--no-report"]
        assert main(["evaluate", "--weights", str(weights), *words]) == 0
    return folder / "e" / "a", folder / "e" / "b"


def test_a_verdict_and_a_page(evaluations, tmp_path, capsys):
    one, other = map(str, evaluations)
    assert main(["compare", one, other, "--output", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "AP50" in lines[0] and lines[1].endswith("by a alone")
    assert (
        lines[2] == f"written: {tmp_path / 'compare' / 'comparison.html'}"
        and (tmp_path / "compare" / "comparison.html").is_file()
    )


def test_an_answer_for_programs(evaluations, tmp_path, capsys):
    one, other = map(str, evaluations)
    assert main(["compare", one, other, "--output", str(tmp_path), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["folder"] == str(tmp_path / "compare") and "verdict" in answer


def test_what_cannot_be_compared_is_told(evaluations, tmp_path, capsys):
    assert main(["compare", str(evaluations[0]), str(tmp_path / "none"), "--output", str(tmp_path)]) == 2
    assert "give --data" in capsys.readouterr().err
