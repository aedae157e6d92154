"""Why a score is low: the usual mistakes as hypotheses, each undone and measured on a few images, and the one that repairs the
score named.

Nothing of the model, the data or their files changes: the network is a copy, in float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from yolov3.datasets.dataset import Dataset
from yolov3.detections import Detections
from yolov3.doctor.low_score.classes import class_guesses
from yolov3.doctor.low_score.hypothesis import Hypothesis, best_of
from yolov3.doctor.low_score.inputs import fitting_guesses, pixel_guesses, statistics_guesses
from yolov3.doctor.low_score.labels import label_guesses
from yolov3.doctor.low_score.levels import level_guesses
from yolov3.doctor.low_score.trial import Trial, open_trial, partners
from yolov3.errors import UserError
from yolov3.formats.model import ExportedModel, Model
from yolov3.watching.watcher import Watcher
from yolov3.watching.words import counted

FINE = 0.5
"""An AP50 from which on there is nothing to explain."""

SHOWN = 0.25
"""The score from which on boxes are shown where nobody says otherwise."""

LEAST_SHARE_SHOWN, LEAST_ORDERED = 0.1, 0.1
"""Scores are called low when less than a tenth of the boxes that are right is shown (of yolov3-tiny, which is not the best,
about a half), and they order boxes at least as well as this AP50 says: among thousands of random boxes some are right."""


@dataclass(frozen=True)
class Explanation:
    """AP50 in [0, 1] of so many ``images`` as they stand (``baseline``), all hypotheses that were ``tried``, the one that
    explains the score (``best``, None where none does), and the ``verdict`` in a sentence or two."""

    baseline: float
    tried: tuple[Hypothesis, ...]
    best: Hypothesis | None
    verdict: str
    images: int

    def as_plain(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "baseline": self.baseline,
            "tried": [each.as_plain() for each in self.tried],
            "best": self.best.as_plain() if self.best else None,
            "verdict": self.verdict,
            "images": self.images,
        }


def explain_low_score(
    model: Model,
    dataset: Dataset,
    *,
    images: int = 32,
    device: str = "auto",
    watcher: Watcher | None = None,
    seed: int = 0,
) -> Explanation:
    """Measure a model on so many labelled images of a data set, drawn by the seed, as it stands and with each of the usual
    mistakes undone, one at a time: colours, range of the pixels, fit and size of the input, which class is which, what the
    numbers of the data's boxes mean, which anchors belong to which level, the arithmetic of boxes, batch norm's statistics.

    It takes about ten passes of the network; ``watcher`` is told how far it is. Raises UserError for an exported graph, a
    model that is no detector, data without labels, an image that cannot be read.
    """
    if isinstance(model, ExportedModel):
        raise UserError(
            f"{model.source}: an exported graph cannot be taken apart; give the weights that it was made of"
        )
    watcher = watcher or Watcher()
    trial = open_trial(model, dataset, images=images, device=device, seed=seed)
    watcher.advance(0, text="looking at the images as they are")
    view = trial.look()
    found = trial.found(view)
    baseline = trial.score(found).ap50
    guesses = [  # the plainer ones first: of equals the first is named
        *pixel_guesses(trial, baseline),
        *fitting_guesses(trial, baseline),
        *class_guesses(trial, view, model.names, baseline, seed=seed),
        *label_guesses(trial, found, baseline),
        *level_guesses(trial, view, baseline),
        *statistics_guesses(trial, baseline),
    ]
    tried = []
    for number, guess in enumerate(guesses):
        watcher.advance(number, len(guesses), text=f"trying: {guess.kind}")
        tried.append(guess.tried())
    watcher.advance(len(guesses), len(guesses), text="tried all")
    best = best_of(tried)
    low, hidden = _low_scores(trial, found, baseline)
    if best is None and hidden:
        best = low
    count = len(trial.dataset)
    return Explanation(baseline, (*tried, low), best, _verdict(count, baseline, best), count)


def _low_scores(trial: Trial, found: Sequence[Detections], baseline: float) -> tuple[Hypothesis, bool]:
    """The hypothesis that boxes are right and their scores too low to be shown, and whether that is so. Its baseline is the
    AP50 of what is shown."""
    scores = np.array([pair.score for pair in partners(trial.dataset, found, same_class=True)])
    truths = sum(int((~sample.ignore).sum()) for sample in trial.dataset.samples)
    below = int((scores < SHOWN).sum())
    shown = [each[each.scores > SHOWN] for each in found]
    typical = f"{float(np.median(scores)) / 2:.1g}" if len(scores) else "0.001"
    words = (
        f"boxes are right and their scores low: of {counted(truths, 'truth')} {len(scores)} have a box of their class, "
        f"{below} of them ({below / max(truths, 1):.0%} of all truths) only below a score of {SHOWN}"
    )
    fix = f"give --conf {typical} to see them; to raise the scores train longer, and on more images"
    hidden = baseline >= LEAST_ORDERED and len(scores) - below < LEAST_SHARE_SHOWN * len(scores)
    return Hypothesis("scores", words, baseline, trial.score(shown).ap50, fix), hidden


def _verdict(images: int, baseline: float, best: Hypothesis | None) -> str:
    start = f"AP50 {baseline:.3f} on {counted(images, 'image')}"
    if best is None and baseline >= FINE:
        return f"{start}: the score is fine, and none of the usual mistakes holds it down"
    if best is None:
        return f"{start}: none of the usual mistakes explains the score"
    if best.kind == "scores":
        return f"{start}, {best.baseline:.3f} of the boxes above {SHOWN}: {best.words}. What to do: {best.fix}"
    where = "" if best.baseline == baseline else f" (from {best.baseline:.3f}, on the half of them it was not found on)"
    return f"{start}; it would be {best.ap50:.3f}{where} if this is so: {best.words}. What to do: {best.fix}"
