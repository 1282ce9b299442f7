"""Two networks and one micrograph: when the second is asked, and whose answer is believed."""

from __future__ import annotations

from hrtem_lab.segmentation.segmenter import Segmentation

SURE = 0.85
"""Expected Dice from which on no second network is asked."""
LEAD = 0.03
"""Difference in expected Dice by which the second answer has to be better."""
EMPTY = 0.4
"""Expected Dice that an answer without particles stands for: of answers below it, most are specks on bare support."""
LEAST = 0.3
"""Expected Dice below which neither answer is believed.

The four were chosen on 280 simulated fields (multislice and drawn bodies) that no network had seen; see
experiments/segmenter.
"""


def is_sure(segmentation: Segmentation) -> bool:
    """Whether an answer stands without a second one: what finds nothing does, too."""
    return not segmentation.instances.any() or segmentation.expected_dice >= SURE


def choose(first: Segmentation, second: Segmentation) -> Segmentation:
    """Choose between two networks' answers to one micrograph by the Dice that their probabilities let expect.

    Probabilities have to be calibrated, each network's for itself. (That the confidence of a calibrated classifier
    predicts its score where there are no labels: Guillory et al., ICCV 2021.)

    Args:
        first: Answer of the first network, with particles.
        second: Answer of the second network, with or without particles.

    Returns:
        One of the two with a note, or the first without its particles where neither is to be believed.
    """
    promises = [first.expected_dice, second.expected_dice if second.instances.any() else EMPTY]
    best = max(promises)
    if best < LEAST:
        note = f"what was found is too unlikely to be shown (expected Dice {best:.2f})"
        return first._replace(instances=0 * first.instances, notes=(note,))
    if promises[1] <= promises[0] + LEAD:
        return first
    note = f"answered by the second network (expected Dice {promises[1]:.2f}, the first {promises[0]:.2f})"
    if not second.instances.any():
        note = f"the second network sees no particle, the first is unsure (expected Dice {promises[0]:.2f})"
    return second._replace(notes=(note,))
