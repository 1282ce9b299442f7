"""Few labels, judged on a group that was held out: what fine-tuning gains, and where to choose its threshold.

    python experiments/finetune/few_labels.py tiles outputs/few_labels [SETTING=VALUE ...]

Every group of `tiles` is held out in turn. Of the others 1, 2, 4 and 6 micrographs are taken, from their groups in
turns, those with particles first; where they are of two groups or more, the last group of them is tuned on, as `train`
does. The network of `models/default` learns from the rest as in `+experiment=finetune`, in 32 steps of 512. Then
threshold and temperature are those of before, or chosen on one of four sets, and the result is scored on the group held
out and on simulated micrographs, bare fields included. Writes few_labels.csv, a row per training and way and one for
the model before, and prints the means.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path

import numpy as np
import pandas as pd
import pytorch_lightning as pl
import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig
from torch import nn

from hrtem_lab.cli.build import build
from hrtem_lab.cli.progress import quiet
from hrtem_lab.evaluation import score_masks
from hrtem_lab.files import make_folder
from hrtem_lab.fingerprint import fingerprint_bytes
from hrtem_lab.micrograph import LabelledMicrograph
from hrtem_lab.paths import CONF
from hrtem_lab.pipelines.fit_network import fit_network
from hrtem_lab.segmentation.labelled import LabelledData
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.segmentation.split import FEW_GROUPS, Split, Stage
from hrtem_lab.segmentation.splitters import Splitter
from hrtem_lab.segmentation.survey import Survey
from hrtem_lab.tracking.models import find_model
from hrtem_lab.tracking.runs import start_run

CASES = ((0, "kept"), (1, "kept"), (2, "kept"), (4, "kept"), (6, "kept"), (4, "learned"))
"""Number of labels, and whether the network's norm layers keep their statistics or learn those of the new images."""
BARE = 0.01
"""Part of a micrograph covered by particles below which it counts as a bare field."""
SHORT = [
    "data.validation=10",
    "data.test=20",
    "data.samples=128",
    "data.batch_size=4",
    "data.workers=0",
    "data.augmentation.transforms.0.height=192",
    "data.augmentation.transforms.0.width=192",
    "callbacks.ema.decay=0.953",  # over as large a part of 32 steps as 0.997 of 512
    "trainer.max_epochs=1",
    "+trainer.limit_val_batches=1",
    "+trainer.enable_progress_bar=false",
]


@dataclass(frozen=True)
class Given(Splitter):
    """The sides that are given.

    Attributes:
        train: Names of the micrographs to learn from.
        validation: Names of those to tune on.
    """

    train: tuple[str, ...]
    validation: tuple[str, ...]

    def split(self, survey: Survey, seed: int) -> Split:
        """The split without a test side: the scores are not those of the pipeline."""
        sides: dict[Stage, tuple[str, ...]] = {"train": self.train, "validation": self.validation, "test": ()}
        return Split(sides, rule={"rule": FEW_GROUPS})


class Remembering(nn.Module):
    """A network that computes the logits of an image once, however often it is asked.

    Args:
        net: The network.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net, self.known = net, dict[str, torch.Tensor]()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The logits of the network."""
        key = fingerprint_bytes(images.contiguous().numpy().tobytes())
        if key not in self.known:
            self.known[key] = self.net(images)
        return self.known[key]


def main(tiles: str, output: Path, words: list[str]) -> None:
    """Train, tune and score; groups and numbers of labels that the table has already are left out."""
    quiet()
    torch.set_num_threads(1)
    words = ["+experiment=finetune", f"data.root={tiles}", f"data.cache={output / 'standardised'}", *SHORT, *words]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", overrides=words)
    whole: LabelledData = build(config.data)
    whole.simulate()
    before = NetworkSegmenter.load(find_model(config.start), "torch")
    simulated = {stage: whole.simulated.micrographs(stage) for stage in ("validation", "test")}
    file = make_folder(output) / "few_labels.csv"
    rows = pd.read_csv(file).to_dict("records") if file.is_file() else []
    networks: dict[tuple[str, ...], NetworkSegmenter] = {}
    for labels, statistics in CASES:
        for group in dict.fromkeys(whole.survey.table["group"]):
            case = {"group": group, "labels": labels, "statistics": statistics}
            order = labelling_order(whole.survey.table, group)
            if labels > len(order) or any(case.items() <= row.items() for row in rows):
                continue
            sides = divide(whole.survey.table, order[:labels])
            key = (group, statistics, *sides.train)
            if key not in networks:
                config.model.frozen_statistics = statistics == "kept"
                folder = output / f"{group}_{labels}_{statistics}"
                networks[key] = learn(config, whole, sides, folder) if labels else before
            labelled = list(whole.survey.micrographs.select(sides.validation))
            held_out = list(whole.survey.micrographs.select(whole.survey.table.query("group == @group").index))
            for way, segmenter in ways(networks[key], before, labelled, simulated["validation"]).items():
                settings = {"tuned_on": way, "threshold": segmenter.threshold, "temperature": segmenter.temperature}
                scores = score(segmenter, held_out, "tiles") | score(segmenter, simulated["test"], "simulated")
                rows.append(case | settings | scores)
            pd.DataFrame(rows).to_csv(file, index=False)
    table = pd.DataFrame(rows).drop(columns=["group"])
    print(table.groupby(["statistics", "labels", "tuned_on"]).mean().to_string(float_format="{:.3f}".format))


def labelling_order(table: pd.DataFrame, held_out: str) -> list[str]:
    """Names of the micrographs of all other groups, from their groups in turns, those with particles first."""
    rng = np.random.default_rng(sorted(set(table["group"])).index(held_out))
    shuffled = table.iloc[rng.permutation(len(table))].query("group != @held_out")
    by_group = [
        list(rows.sort_values("particle_fraction", key=lambda part: part < BARE, kind="stable").index)
        for _, rows in shuffled.groupby("group", sort=False)
    ]
    return [name for turn in zip_longest(*by_group) for name in turn if name is not None]


def divide(table: pd.DataFrame, names: Sequence[str]) -> Given:
    """Sides of the labelled micrographs: the group that came last is tuned on, where there is another."""
    groups = list(dict.fromkeys(table.loc[list(names), "group"]))
    last = groups[-1] if len(groups) > 1 else None
    tuned_on = tuple(name for name in names if table.at[name, "group"] == last)
    return Given(tuple(name for name in names if name not in tuned_on), tuned_on)


def learn(config: DictConfig, whole: LabelledData, sides: Given, folder: Path) -> NetworkSegmenter:
    """The network after fine-tuning on the training side."""
    pl.seed_everything(config.seed, verbose=False)
    data = copy(whole)
    data.partition = sides.split(data.survey, config.seed)
    data.labelled = {stage: data.survey.micrographs.select(names) for stage, names in data.partition.sides.items()}
    with start_run(folder.name) as run:
        return fit_network(config, data, folder, run, [])[0]


def ways(
    learned: NetworkSegmenter,
    before: NetworkSegmenter,
    labelled: list[LabelledMicrograph],
    simulated: Sequence[LabelledMicrograph],
) -> dict[str, NetworkSegmenter]:
    """The network with threshold and temperature chosen in every way that is possible."""
    kept = replace(before, net=Remembering(learned.net))
    tuned = {"nothing": kept, "simulated": kept.tune(simulated)}
    if labelled:
        times = round(area_nm2(simulated) / area_nm2(labelled))
        tuned |= {"labelled": kept.tune(labelled), "both": kept.tune([*labelled, *simulated])}
        tuned |= {"both, in equal parts": kept.tune([*labelled * times, *simulated])}
    return tuned


def area_nm2(micrographs: Sequence[LabelledMicrograph]) -> float:
    """Area that micrographs show."""
    return sum(micrograph.field_nm2 for micrograph in micrographs)


def score(segmenter: NetworkSegmenter, micrographs: Sequence[LabelledMicrograph], name: str) -> dict[str, float]:
    """Dice of micrographs with particles, bare fields with anything false, and the mean of all.

    In that mean a bare field counts 1 where nothing false is found in it and 0 where anything is.
    """
    scores = score_masks([segmenter(m) for m in micrographs], micrographs, min_diameter_nm=segmenter.min_diameter_nm)
    is_bare = np.array([micrograph.mask.mean() < BARE for micrograph in micrographs])
    dice, is_false = scores["dice"].to_numpy(), scores["object_fp"].to_numpy() > 0
    values = {"dice": dice[~is_bare].mean(), "bare": is_bare.sum(), "false": is_false[is_bare].sum()}
    values["all"] = np.where(is_bare, ~is_false, dice).mean()
    return {f"{name}_{key}": float(value) for key, value in values.items()}


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
