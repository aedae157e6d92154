"""What is counted can be read by Prometheus."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from yolov3.serving.measures import Measures


def test_the_text_says_what_was_counted():
    one, other = Measures(lambda: 3), Measures(lambda: 0)
    one.requests.labels("/detect", 200).inc(2)
    one.batch(4, 0.02)
    one.batch(1, 0.5)
    values = {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(one.text().decode())
        for sample in family.samples
    }
    assert values[("yolov3_requests_total", ("/detect", "200"))] == 2
    assert values[("yolov3_batch_size_sum", ())] == 5 and values[("yolov3_batch_size_count", ())] == 2
    assert values[("yolov3_batch_seconds_bucket", ("0.05",))] == 1 and values[("yolov3_inside", ())] == 3
    assert b"/detect" not in other.text(), "a server of the same process counts for itself"
