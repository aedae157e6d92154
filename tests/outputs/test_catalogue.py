"""Every word means an output that can be opened, and other words are refused."""

from __future__ import annotations

import pytest

from yolov3.errors import UserError
from yolov3.outputs.catalogue import DRAWN, OUTPUTS, OutputOptions, check_outputs, open_output
from yolov3.outputs.output import Output

WRITTEN = {
    "drawn": {"street.jpg", "clip.mp4"},
    "txt": {"classes.txt", "labels/street.txt", "labels/clip_000000.txt"},
    "json": {"detections.json"},
    "jsonl": {"detections.jsonl"},
    "csv": {"detections.csv"},
    "coco": {"detections.coco.json", "predictions.json"},
    "counts": set(),
    "crop": {"crops/a_b/street_1.jpg", "crops/cat/street_2.jpg", "crops/9/street_3.jpg"}
    | {"crops/a_b/clip_000000_1.jpg", "crops/cat/clip_000000_2.jpg", "crops/9/clip_000000_3.jpg"},
}


@pytest.mark.parametrize("word", OUTPUTS)
def test_every_output_writes_its_own_files_into_the_folder(make_result, tmp_path, word):
    with open_output(word, tmp_path, OutputOptions()) as output:
        assert isinstance(output, Output)
        output.write(make_result())
        output.end("street")
        output.write(make_result(index=0, name="clip", source="clip.mp4"))
        output.end("clip")
    written = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert written == WRITTEN[word]
    assert OUTPUTS[word].help.startswith("write ")


def test_words_are_checked(tmp_path):
    check_outputs(OUTPUTS)
    check_outputs(())
    assert DRAWN in OUTPUTS
    with pytest.raises(
        UserError, match=r"^no output 'xml'; there are: drawn, txt, json, jsonl, csv, coco, crop, counts$"
    ):
        check_outputs(("txt", "xml"))


def test_scores_belong_in_the_labels_only_when_asked_for(make_result, tmp_path):
    for scores, columns in ((False, 5), (True, 6)):
        with open_output("txt", tmp_path, OutputOptions(scores=scores)) as output:
            output.write(make_result())
        assert {len(line.split()) for line in (tmp_path / "labels/street.txt").read_text().splitlines()} == {columns}
