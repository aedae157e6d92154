"""``yolov3 models``: the table of networks, against the numbers that Darknet prints for its own."""

from __future__ import annotations

import json

import pytest

from yolov3.cli import main


def rows_of(output: str) -> dict[str, list[str]]:
    """The cells of a Markdown table by their first one."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in output.splitlines()]
    return {cells[0]: cells[1:] for cells in lines[2:]}


def test_the_table_of_networks(capsys):
    assert main(["models"]) == 0
    output = capsys.readouterr().out
    assert output.startswith("| model | classes | input | strides | parameters | operations (GFLOP) |\n|---|")
    rows = rows_of(output)
    assert list(rows) == ["yolov3", "yolov3-spp", "yolov3-tiny", "darknet53 (classifier)"]
    assert rows["yolov3"] == ["80", "416", "32, 16, 8", "61,949,149", "65.86"]
    assert rows["yolov3-tiny"] == ["80", "416", "32, 16", "8,852,366", "5.56"]
    assert rows["darknet53 (classifier)"][:3] == ["1000", "256", "32"]


def test_input_classes_and_width_are_those_asked_for(capsys):
    assert main(["models", "--imgsz", "832", "--num-classes", "20", "--width", "0.5"]) == 0
    rows = rows_of(capsys.readouterr().out)
    assert rows["yolov3"][:2] == ["20", "832"] and rows["darknet53 (classifier)"][:2] == ["1000", "256"]
    assert int(rows["yolov3"][3].replace(",", "")) < 61_949_149 / 3.5
    # Four times the pixels, about a quarter of the work for each.
    assert float(rows["yolov3-tiny"][4]) == pytest.approx(5.56, rel=0.15)


def test_json_is_for_programs(capsys):
    assert main(["models", "--json", "--num-classes", "3"]) == 0
    out, err = capsys.readouterr()
    rows = {row["name"]: row for row in json.loads(out)}
    assert list(rows) == ["yolov3", "yolov3-spp", "yolov3-tiny", "darknet53 (classifier)"] and err == ""
    tiny = rows["yolov3-tiny"]
    assert (tiny["num_classes"], tiny["side"], tiny["strides"]) == (3, 416, [32, 16])
    assert tiny["parameters"] > 8e6 and tiny["operations"] > 5e9


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--imgsz", "100"], "--imgsz must be a multiple of 32, found 100"),
        (
            ["--img-size", "0"],
            "models: --imgsz/--img-size: found '0'; must be a whole number from 1 to 8192; see yolov3 models --help",
        ),
        (
            ["--num-classes", "0"],
            "models: --num-classes: found '0'; must be a whole number from 1 to 100000; see yolov3 models --help",
        ),
        (["--width", "0"], "models: --width: found '0'; must be a number above 0 to 16; see yolov3 models --help"),
        (["--width", "nan"], "models: --width: found 'nan'; must be a number above 0 to 16; see yolov3 models --help"),
    ],
)
def test_wrong_numbers_are_one_line(words, message, capsys):
    assert main(["models", *words]) == 2
    assert capsys.readouterr() == ("", f"yolov3: error: {message}\n")
