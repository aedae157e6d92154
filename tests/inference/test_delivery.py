"""Every result is counted, told and given to every output, whatever one of them wants."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from yolov3.detections import Detections
from yolov3.inference.delivery import Delivery, Tally
from yolov3.outputs.output import Output, Result, StopDetecting
from yolov3.sources.frames import Frame, SourceError
from yolov3.sources.instant import Instant
from yolov3.streams.counts import StreamCounts
from yolov3.watching.stage_times import StageTimes
from yolov3.watching.watcher import Watcher


class Kept(Output):
    """Keeps results and names, and has seen enough after so many."""

    def __init__(self, most: int = 1000) -> None:
        self.results: list[Result] = []
        self.ended: list[str] = []
        self.most = most

    def write(self, result: Result) -> None:
        self.results.append(result)
        if len(self.results) == self.most:
            raise StopDetecting

    def end(self, name: str) -> None:
        self.ended.append(name)

    def settle(self) -> None:
        if len(self.results) > self.most:
            raise StopDetecting


@pytest.fixture
def found() -> Detections:
    boxes = torch.tensor([[0.0, 0, 2, 2], [1, 1, 3, 3], [0, 0, 4, 4]])
    return Detections(boxes, torch.tensor([0.9, 0.8, 0.7]), torch.tensor([1, 0, 1]), ("cat", "dog"))


def frame(source: str, index: int | None = None) -> Frame:
    return Frame(np.zeros((4, 4, 3), np.uint8), source, index)


def test_results_are_named_counted_and_given_to_all(found):
    outputs, tally, times = [Kept(), Kept(2)], Tally(), StageTimes()
    delivery = Delivery(outputs, Watcher(), tally, times)
    delivery.deliver(frame("a/x.jpg"), found, rate=None, total=3)
    with pytest.raises(StopDetecting):
        delivery.deliver(frame("b/x.mp4", 7), found, rate=5.0, total=3)
    assert [len(output.results) for output in outputs] == [2, 2], "the others get it all the same"
    assert [result.file_stem for result in outputs[0].results] == ["x", "x-2_000007"]
    assert [result.rate for result in outputs[0].results] == [None, 5.0]
    assert tally.frames == 2 and tally.boxes == {"dog": 4, "cat": 2}
    delivery.end("b/x.mp4")
    assert [output.ended for output in outputs] == [["x-2"]] * 2
    delivery.settle()
    assert not tally.stopped and times.writing > 0


def test_the_delay_of_a_live_frame_is_measured_when_it_is_given_to_the_outputs(found):
    output, tally = Kept(), Tally(streams={"camera": StreamCounts()})
    delivery = Delivery([output], Watcher(), tally, StageTimes())
    live = Frame(np.zeros((4, 4, 3), np.uint8), "camera", 9, instant=Instant.now().later(-0.5), passed_over=4)
    delivery.deliver(live, found, rate=5.0, total=None)
    delivery.deliver(frame("a.jpg"), found, rate=None, total=None)
    assert [result.delay for result in output.results] == [pytest.approx(0.5, abs=0.4), None]
    (summary,) = tally.stream_summaries()
    assert (summary.name, summary.frames, summary.passed_over) == ("camera", 1, 4)
    assert summary.delay == pytest.approx(output.results[0].delay, rel=0.02) and tally.frames == 2


def test_an_output_that_wants_no_more_while_it_settles_stops(found):
    delivery = Delivery([Kept(0)], Watcher(), Tally(), StageTimes())
    delivery.deliver(frame("x.jpg"), found, rate=None, total=None)
    delivery.settle()
    assert delivery.tally.stopped


def test_a_problem_is_the_end_only_where_it_is_all_there_is(found):
    delivery = Delivery([], Watcher(), Tally(items=1), StageTimes())
    with pytest.raises(SourceError, match="no image"):
        delivery.tell_problem("x.jpg: no image")
    delivery.tally.items = 2
    delivery.tell_problem("x.jpg: no image")
    delivery.tell_damaged("y.jpg: cut off")
    assert delivery.tally.problems == ["x.jpg: no image"] and delivery.tally.damaged == ["y.jpg: cut off"]
