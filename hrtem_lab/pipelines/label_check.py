"""Comparison of labels with a network that has not learned from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from hrtem_lab.cli.progress import print_lines, track
from hrtem_lab.figures.micrographs import gallery
from hrtem_lab.figures.style import save
from hrtem_lab.micrograph import FloatArray, InputError, IntArray, LabelledMicrograph
from hrtem_lab.pipelines.open_method import find_split
from hrtem_lab.segmentation.last_layer import LastLayer, Pixels
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.segmentation.split import seen_labels, set_fingerprints
from hrtem_lab.segmentation.splitters import deal_to_folds
from hrtem_lab.segmentation.survey import Survey
from hrtem_lab.tracking.models import find_model

SHOWN = 12
"""Micrographs on the sheet of suspects."""
PIXELS, MOST_PIXELS = 200_000, 2_000
"""Number of pixels that a last layer learns from, of the whole set and of one micrograph at most."""


def compare_labels(
    surveyed: Survey, model: str | None, folds: int | None, seed: int, output: Path
) -> list[dict[str, object]]:
    """Disagreement of each label with a network that has not seen it, and `suspects.png` with the largest.

    Args:
        surveyed: Content of the set.
        model: Model that compares, as for `find_model`.
        folds: Number of parts, of whole groups, each compared with a network whose last layer has learned from the
            other ones; None for the network as it is.
        seed: Seed of the parts.
        output: Folder for the sheet.

    Returns:
        A row per micrograph: `name`, `disagreement`, and `flag` where there is none.

    Raises:
        InputError: There are fewer groups than parts, or the network cannot learn.
    """
    segmenter = NetworkSegmenter.load(find_model(model))
    split_file = None if model is None else find_split(model)
    seen = seen_labels(split_file, set_fingerprints(surveyed.micrographs)) if split_file else {}
    rows: list[dict[str, object]] = [
        {"name": name, "flag": f"{name}: the model was {what} on this label, and would repeat its faults"}
        for name, what in seen.items()
        if name in surveyed.table.index
    ]
    kept: list[tuple[float, str, IntArray]] = []
    for name, judge in _judges(segmenter, surveyed, seen, folds, seed):
        micrograph = surveyed.micrographs.select([name])[0]
        try:
            segmentation = judge.segment(micrograph)
        except InputError as error:
            rows.append({"name": name, "flag": str(error)})
            continue
        disagreement = label_disagreement(micrograph, segmentation.particle_probability)
        rows.append({"name": name, "disagreement": disagreement, "flag": ""})
        kept = sorted([*kept, (disagreement, name, segmentation.instances)], key=lambda each: -each[0])[:SHOWN]
    if kept:
        _draw_sheet(surveyed, kept, output / "suspects.png")
    return rows


def _judges(
    segmenter: NetworkSegmenter, surveyed: Survey, seen: Mapping[str, str], folds: int | None, seed: int
) -> Iterator[tuple[str, NetworkSegmenter]]:
    """Each micrograph that the network has not seen, and the network that its label is compared with."""
    names = [str(name) for name in surveyed.table.index if name not in seen]
    if folds is None:
        print_lines(
            ["Labels are compared with the network as it is; with folds=5 its last layer learns from the others"]
        )
        yield from ((name, segmenter) for name in track(names, "Comparing labels with the network"))
        return
    fold_of = deal_to_folds(surveyed, folds, seed)
    layer, rng = LastLayer(segmenter), np.random.default_rng(seed)
    pixels: dict[str, Pixels] = {}
    for name in track(names, "Drawing pixels to learn from"):
        try:
            count = min(PIXELS // len(names) + 1, MOST_PIXELS)
            pixels[name] = layer.draw(surveyed.micrographs.select([name])[0], count, rng)
        except InputError:
            continue  # too coarse to learn from; it is named when it is compared
    print_lines([f"Labels are compared in {folds} parts, each with a network whose last layer learned from the others"])
    for fold in range(folds):
        learned = layer.learn([drawn for name, drawn in pixels.items() if fold_of[name] != fold])
        part = [name for name in names if fold_of[name] == fold]
        yield from ((name, learned) for name in track(part, f"Comparing labels, part {fold + 1} of {folds}"))


def _draw_sheet(surveyed: Survey, kept: list[tuple[float, str, IntArray]], path: Path) -> None:
    """Draw the micrographs that disagree most, with label and network."""
    shown = [surveyed.micrographs.select([name])[0] for _, name, _ in kept]
    none = [pd.Series(dtype=object)] * len(kept)
    titles = [f"{name}: disagreement {disagreement:.2f}" for disagreement, name, _ in kept]
    save(gallery(shown, [instances for *_, instances in kept], none, titles, truth_name="label"), path)


def label_disagreement(micrograph: LabelledMicrograph, probability: FloatArray) -> float:
    """Sum of the differences between a label and the probability of a particle, in units of the particles' area.

    Differences of up to one half are those of a network that is not sure, and count nothing. The area is at least a
    hundredth of the image.
    """
    label = micrograph.mask if micrograph.soft is None else micrograph.soft
    difference = np.maximum(np.abs(label - probability) - 0.5, 0) * 2
    if micrograph.ignored is not None:
        difference = difference[~micrograph.ignored]
    return float(difference.sum() / max(micrograph.mask.sum(), 0.01 * micrograph.mask.size))
