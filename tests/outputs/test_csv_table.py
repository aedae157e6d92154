"""A table that spreadsheets read: a row per box."""

from __future__ import annotations

import csv

from yolov3.outputs.csv_table import COLUMNS, CsvTable


def rows_of(folder) -> list[dict[str, str]]:
    with (folder / "detections.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_a_row_per_box_of_images_and_of_videos(make_result, tmp_path):
    with CsvTable(tmp_path) as table:
        table.write(make_result())
        table.write(make_result([], source="empty.jpg"))
        table.write(make_result([([1.0, 2.0, 3.0, 4.0], 0.5, 1)], source="clip.mp4", index=7))
    rows = rows_of(tmp_path)
    assert len(rows) == 4 and tuple(rows[0]) == COLUMNS
    assert rows[0] == {
        "source": "a/street.jpg", "frame": "", "seconds": "", "class": "2", "name": "a/b", "score": "0.875000",
        "left": "4.25", "top": "3.00", "right": "40.50", "bottom": "30.75",
    }  # fmt: skip
    assert (rows[3]["frame"], rows[3]["seconds"], rows[3]["source"]) == ("7", "0.560", "clip.mp4")


def test_names_with_commas_quotes_and_odd_letters_come_back(make_result, tmp_path):
    with CsvTable(tmp_path) as table:
        table.write(make_result(source='a, "b"\n\udcff.jpg', names=("Große, Katze", "x", 'y"z')))
    rows = rows_of(tmp_path)
    assert {row["source"] for row in rows} == {r'a, "b"\n\xff.jpg'}
    assert [row["name"] for row in rows] == ['y"z', "Große, Katze", "9"]


def test_no_name_is_a_formula(make_result, tmp_path):
    with CsvTable(tmp_path) as table:
        table.write(make_result(source="=HYPERLINK(A1).jpg", names=("-1", "x", "@SUM(A1)")))
    assert {(row["source"], row["name"]) for row in rows_of(tmp_path)} >= {("'=HYPERLINK(A1).jpg", "'@SUM(A1)")}


def test_no_boxes_are_a_table_without_rows(tmp_path):
    with CsvTable(tmp_path):
        pass
    assert (tmp_path / "detections.csv").read_text() == ",".join(COLUMNS) + "\n"
