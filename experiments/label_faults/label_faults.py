"""Faults planted in labels: does a network that learned from the other groups find them better than one as it is?

    python experiments/label_faults/label_faults.py tiles

In each of four rounds three micrographs of a set get a label in which a particle is moved by 0.4 diameters, left out,
or invented. Printed are the part of all pairs of a faulty and a sound label in which the faulty one disagrees more (the
area under the ROC curve, AUC), and the mean disagreement of the sound ones.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.ndimage import binary_dilation, shift
from sklearn.metrics import roc_auc_score

from hrtem_lab.files import read_labelled
from hrtem_lab.micrograph import LabelledMicrograph
from hrtem_lab.pipelines.label_check import label_disagreement
from hrtem_lab.segmentation.last_layer import LastLayer
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.tracking.models import SHIPPED

ROUNDS, PIXELS, FOLDS = 4, 2000, 5
BARE = 0.01
"""Part of a micrograph covered by particles below which no fault is planted."""
Labels = Sequence[LabelledMicrograph]


def plant(micrograph: LabelledMicrograph, fault: str, rng: np.random.Generator) -> LabelledMicrograph:
    """The micrograph with a fault at one of its larger particles, or of its size where nothing is."""
    instances = micrograph.instances.copy()
    numbers, areas = np.unique(instances[instances > 0], return_counts=True)
    number = rng.choice(numbers[areas >= np.median(areas)])
    particle = instances == number
    diameter = 2 * np.sqrt(particle.sum() / np.pi)
    row, column = np.mgrid[: instances.shape[0], : instances.shape[1]]
    if fault == "invented":
        for _ in range(500):
            disc = np.hypot(row - rng.uniform(0, len(row)), column - rng.uniform(0, row.shape[1])) < diameter / 2
            if not instances[disc].any():
                instances[disc] = instances.max() + 1
                break
        return replace(micrograph, instances=instances)
    instances[particle] = 0
    if fault == "moved":
        angle = rng.uniform(0, 2 * np.pi)
        step = 0.4 * diameter * np.array([np.sin(angle), np.cos(angle)])
        instances[(shift(particle.astype(float), step, order=0) > 0.5) & (instances == 0)] = number
    return replace(micrograph, instances=instances)


def grown(micrograph: LabelledMicrograph, pixels: int) -> LabelledMicrograph:
    """The micrograph with outlines that lie further out."""
    mask = binary_dilation(micrograph.mask, iterations=pixels)
    numbers = np.where(mask & (micrograph.instances == 0), micrograph.instances.max() + 1, micrograph.instances)
    return replace(micrograph, instances=numbers)


def drawn(seed: int, contrast: float) -> LabelledMicrograph:
    """Three discs on a noisy support, each in a quarter of its own; each micrograph is a group."""
    rng = np.random.default_rng(seed)
    row, column = np.mgrid[:180, :180]
    instances = np.zeros((180, 180), np.int32)
    for number, (r, c) in enumerate(rng.permutation([(0, 0), (0, 90), (90, 0), (90, 90)])[:3], start=1):
        instances[np.hypot(row - r - rng.uniform(35, 55), column - c - rng.uniform(35, 55)) < rng.uniform(18, 32)] = (
            number
        )
    image = (100 + rng.normal(size=instances.shape) + contrast * (instances > 0)).astype(np.float32)
    name = f"drawn_{seed}"
    return LabelledMicrograph(image=image, pixel_size_nm=0.05, name=name, instances=instances, group=name)


def compare(labels: Labels, groups: Sequence[str], segmenter: NetworkSegmenter) -> dict[str, float]:
    """Mean results of all rounds for the network as it is and with a last layer that learned from the other groups."""
    layer = LastLayer(segmenter)
    fold = {group: number % FOLDS for number, group in enumerate(dict.fromkeys(groups))}
    rows = []
    for round_ in range(ROUNDS):
        rng, now = np.random.default_rng(round_), list(labels)
        places = rng.choice([i for i, each in enumerate(labels) if each.mask.mean() > BARE], 3, replace=False)
        for place, fault in zip(places, ("moved", "left out", "invented"), strict=True):
            now[place] = plant(labels[place], fault, rng)
        pixels = [layer.draw(each, PIXELS, rng) for each in now]
        learned = {
            part: layer.learn([drawn for drawn, group in zip(pixels, groups, strict=True) if fold[group] != part])
            for part in set(fold.values())
        }
        judges = {"as it is": [segmenter] * len(now), "learned": [learned[fold[group]] for group in groups]}
        is_faulty = np.isin(range(len(now)), places)
        row = {}
        for name, each in judges.items():
            values = np.array(
                [
                    label_disagreement(label, judge.segment(label).particle_probability)
                    for label, judge in zip(now, each, strict=True)
                ]
            )
            row |= {f"{name}: AUC": roc_auc_score(is_faulty, values), f"{name}: sound": values[~is_faulty].mean()}
        rows.append(row)
    return pd.DataFrame(rows).mean().to_dict()


def main(tiles: str) -> None:
    """Print the table of all sets."""
    segmenter = replace(NetworkSegmenter.load(SHIPPED, "torch"), load_second=None)
    opened = read_labelled(tiles)
    real, groups = list(opened), [entry.group for entry in opened.entries]
    table = {
        "real tiles": compare(real, groups, segmenter),
        "real tiles, outlines 4 pixels further out": compare([grown(each, 4) for each in real], groups, segmenter),
    }
    for name, contrast in (("drawn, dark", -1.5), ("drawn, faint", -0.6), ("drawn, bright", 1.5)):
        each = [drawn(seed, contrast) for seed in range(10)]
        table[name] = compare(each, [micrograph.group for micrograph in each], segmenter)
    print(pd.DataFrame(table).T.to_string(float_format="{:.3f}".format))


if __name__ == "__main__":
    main(sys.argv[1])
