"""What a person is told of an export."""

from __future__ import annotations

from yolov3.export.export import REPORT, ExportReport
from yolov3.watching.words import counted, some

MOST_LAYERS = 6  # are named


def report_lines(report: ExportReport) -> list[str]:
    """What was written, what changed, the verdict."""
    folder = report.files[0].parent
    sizes = ", ".join(f"{path.name} {path.stat().st_size / 1e6:.1f} MB" for path in report.files)
    proof, agreement = report.proof, report.proof.agreement
    lines = [
        f"written: {folder}: {sizes}, {REPORT}",
        f"{report.runtime} beside torch float32 on {counted(agreement.images, 'image')}: scores differ by at most "
        f"{agreement.score:.2g}, boxes by {agreement.box:.2g} pixels of the input; {counted(agreement.both, 'detection')} "
        f"in both, {agreement.gained} gained, {agreement.lost} lost",
    ]
    if proof.precisions is not None:
        numbers = proof.precisions
        lines.append(
            f"on {counted(numbers.images, 'labelled image')}: AP50 {numbers.ap50_before:.4f} -> {numbers.ap50_after:.4f}, "
            f"AP {numbers.ap_before:.4f} -> {numbers.ap_after:.4f}"
        )
    if report.in_float:
        named = some(report.in_float, most=MOST_LAYERS)
        lines.append(f"{counted(len(report.in_float), 'convolution')} in floating point: {named}")
    verdict = {True: "passed", False: "FAILED", None: "not judged"}[proof.passed]
    lines.append(f"verdict: {verdict}: {proof.why}")
    return lines
