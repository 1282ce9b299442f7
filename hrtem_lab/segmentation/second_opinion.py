"""Two networks and one micrograph: when the second is asked, and whose answer is believed."""

from __future__ import annotations

from dataclasses import dataclass

from hrtem_lab.segmentation.segmenter import Segmentation


@dataclass(frozen=True)
class SecondOpinion:
    """Decides by the Dice that each network's own calibrated probabilities let expect.

    (That the confidence of a calibrated classifier predicts its score where there are no labels: Guillory et al., ICCV
    2021.) The values were chosen by experiments/segmenter/second_opinion.py.

    Attributes:
        sure: Expected Dice from which on no second network is asked.
        lead: Difference in expected Dice by which the second answer has to be better.
        empty: Expected Dice that a second answer without particles stands for: most answers below it are specks on
            bare support.
        least: Expected Dice below which neither answer is believed.
    """

    sure: float = 0.85
    lead: float = 0.03
    empty: float = 0.4
    least: float = 0.3

    def is_sure(self, segmentation: Segmentation) -> bool:
        """Whether an answer stands without a second one; one that finds nothing does, too."""
        return not segmentation.instances.any() or segmentation.expected_dice >= self.sure

    def choose(self, first: Segmentation, second: Segmentation) -> Segmentation:
        """Choose between two networks' answers to one micrograph.

        Args:
            first: Answer of the first network, with particles.
            second: Answer of the second network, with or without particles.

        Returns:
            One of the two with a note, or the first without its particles where neither is to be believed.
        """
        dice, other_dice = first.expected_dice, second.expected_dice if second.instances.any() else self.empty
        if max(dice, other_dice) < self.least:
            note = f"what was found is too unlikely to be shown (expected Dice {max(dice, other_dice):.2f})"
            return first._replace(instances=0 * first.instances, notes=(note,), is_first_answer=False)
        if other_dice <= dice + self.lead:
            return first
        note = f"answered by the second network (expected Dice {other_dice:.2f}, the first {dice:.2f})"
        if not second.instances.any():
            note = f"the second network sees no particle, the first is unsure (expected Dice {dice:.2f})"
        return second._replace(notes=(note,), is_first_answer=False)
