"""The pipeline of `predict`: files in, masks, overlays and tables out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from omegaconf import DictConfig
from rich.markup import escape
from rich.table import Table
from skimage.measure import label as connected_components

from hrtem_lab.cli.build import build
from hrtem_lab.cli.progress import bars, console
from hrtem_lab.defects import Features, Forest
from hrtem_lab.evaluation import pixel_counts, ratios
from hrtem_lab.figures.micrographs import overlay
from hrtem_lab.figures.style import save
from hrtem_lab.files import (
    find_calibration,
    find_inputs,
    find_label,
    find_outputs,
    make_folder,
    read_calibrated,
    read_calibration,
    read_label,
    write_json,
    write_mask,
    write_table,
)
from hrtem_lab.micrograph import CLASSES, InputError, IntArray, Micrograph, ParticleClass
from hrtem_lab.particles import measure, network_features
from hrtem_lab.progress import ProgressCallback
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.segmentation.segmenter import Segmentation
from hrtem_lab.tracking.models import find_model


@dataclass
class Results:
    """What has been found so far; written whenever the run ends, however it ends."""

    output: Path
    particles: list[pd.DataFrame] = field(default_factory=list)
    micrographs: list[dict[str, Any]] = field(default_factory=list)
    failures: list[dict[str, str]] = field(default_factory=list)

    def write(self, model: Mapping[str, Any]) -> None:
        """`particles.csv`, `summary.json` and `failures.csv`."""
        particles = pd.concat(self.particles, ignore_index=True) if self.particles else _columns()
        write_table(self.output / "particles.csv", particles)
        write_table(self.output / "failures.csv", pd.DataFrame(self.failures, columns=["file", "reason"]))
        whole = particles[~particles["touches_edge"].astype(bool)]
        summary = {
            "micrographs": len(self.micrographs),
            "particles": len(particles),
            "particles_whole": len(whole),
            "equivalent_diameter_nm": _distribution(whole["equivalent_diameter_nm"]),
            "classes": particles["class"].value_counts().to_dict() if "class" in particles else None,
            "failures": len(self.failures),
            "model": dict(model),
            "per_micrograph": self.micrographs,
        }
        write_json(self.output / "summary.json", summary)


def predict(config: DictConfig) -> int:
    """Analyse every file; one that cannot be read costs the others nothing.

    Returns:
        The number of files that failed.
    """
    inputs = find_inputs(config.input)
    sizes = read_calibration(config.calibration) if config.calibration else None
    size = _checked(config.pixel_size_nm)
    folder = find_model(config.model)
    unet, forest, features = NetworkSegmenter.load(folder), Forest.load(folder), build(config.features)
    if config.tta:
        unet = replace(unet, tta=True)
    results = Results(_folder(config.output, inputs.values()))
    earlier = find_outputs(results.output)
    beside = cache(find_calibration)  # read once per folder
    try:
        with bars("Finding particles", "Tiles of this micrograph") as (move, move_tiles):
            for done, (name, path) in enumerate(inputs.items()):
                move(done, len(inputs))
                try:
                    frames = read_calibrated(path, [sizes, beside(path.parent)], size, name)
                    _refuse_taken([frame.name for frame in frames if frame.name != name and frame.name in inputs], path)
                    analyse(frames, name, path, unet, forest, features, results, move_tiles)
                except Exception as error:  # whatever is wrong with one file, the others are still wanted
                    kind = "" if isinstance(error, InputError) else f"{path.name}: {type(error).__name__}: "
                    results.failures.append({"file": str(path), "reason": f"{kind}{error}"})
            move(len(inputs), len(inputs))
    except KeyboardInterrupt:
        found = f"{len(results.micrographs)} micrographs done of {len(inputs)} files"
        console.print(
            f"Stopped; what was found so far ({found}) is kept in {results.output}", markup=False, soft_wrap=True
        )
        raise
    finally:
        results.write({"folder": str(folder), "threshold": unet.threshold, "tta": unet.tta, **unet.provenance})
    for left in earlier - find_outputs(results.output):
        left.unlink(missing_ok=True)
    show(results, folder)
    return len(results.failures)


def analyse(
    frames: list[Micrograph],
    name: str,
    path: Path,
    unet: NetworkSegmenter,
    forest: Forest | None,
    features: Features,
    results: Results,
    progress: ProgressCallback,
) -> None:
    """Find, measure and classify the particles of one file, and write its mask and overlays.

    The images of a stack share a mask, save where they differ in shape or pixel size: then each has its own. Only a
    file of which all is written counts among the results.
    """
    found = [described(frame, unet.segment(frame, progress), forest, features) for frame in frames]
    alike = len({(frame.image.shape, frame.pixel_size_nm) for frame in frames}) == 1
    masks = {name: list(range(len(frames)))} if alike else {frame.name: [i] for i, frame in enumerate(frames)}
    for mask, numbers in masks.items():
        maps = np.stack([found[i][0] for i in numbers])
        size_nm = frames[numbers[0]].pixel_size_nm
        write_mask(results.output / "masks" / f"{mask}.tif", maps if len(maps) > 1 else maps[0], size_nm)
    rows, tables = [], []
    for frame, (instances, table) in zip(frames, found, strict=True):
        figure = overlay(frame, instances, table.get("class", pd.Series(dtype=object)))
        save(figure, results.output / "overlays" / f"{frame.name}.png")
        rows.append(_row(frame, path, table, instances) | {"mask": name if alike else frame.name})
        tables.append(table.reset_index().assign(micrograph=frame.name).pipe(_micrograph_first))
    results.micrographs += rows
    results.particles += tables


def described(
    frame: Micrograph, found: Segmentation, forest: Forest | None, features: Features
) -> tuple[IntArray, pd.DataFrame]:
    """The particles of a micrograph, and a row for each: sizes and shapes, confidence, class and its probabilities."""
    table = measure(found.instances, frame.pixel_size_nm)
    table["confidence"] = network_features(found.probabilities[:1], found.instances)["seen_particle"]
    if forest is not None and len(table):
        probabilities = forest.probabilities(
            features(frame.image, found.instances, frame.pixel_size_nm, found.probabilities)
        )
        table = table.assign(**{"class": forest.classes(probabilities)}).join(probabilities.add_prefix("p_"))
    return found.instances, table


def _row(frame: Micrograph, path: Path, table: pd.DataFrame, instances: IntArray) -> dict[str, Any]:
    whole = table[~table["touches_edge"]] if len(table) else table
    row = {
        "micrograph": frame.name,
        "file": str(path),
        "pixel_size_nm": frame.pixel_size_nm,
        "rows": frame.image.shape[0],
        "columns": frame.image.shape[1],
        "particles": len(table),
        "equivalent_diameter_nm": _distribution(whole["equivalent_diameter_nm"]),
        "particle_fraction": float((instances > 0).mean()),
        "classes": table["class"].value_counts().to_dict() if "class" in table else None,
    }
    return row | _scores(frame, path, instances)


def _scores(frame: Micrograph, path: Path, instances: IntArray) -> dict[str, Any]:
    """How well the particles were found, where a label lies beside the file; or why that cannot be said."""
    label = find_label(path)
    if label is None:
        return {}
    try:
        truth = read_label(label, frame.image.shape, frame.metadata.get("shape_in_file"))
    except InputError as error:
        return {"label_unused": str(error)}
    particles = int(connected_components(truth, return_num=True, connectivity=1)[1])
    return {**ratios(**pixel_counts(instances > 0, truth)), "particles_true": particles}


def show(results: Results, model: Path) -> None:
    """Print a line per micrograph, then what failed and why."""
    labelled = any("dice" in row for row in results.micrographs)
    table = Table(title=escape(f"Particles found with {model}"))
    for column in ("Micrograph", "nm/px", "Particles", "Diameter nm", "Faults", *(["Dice"] if labelled else [])):
        table.add_column(column, justify="left" if column == "Micrograph" else "right")
    for row in results.micrographs:
        size, classes = row["equivalent_diameter_nm"], row["classes"] or {}
        spread = f"{size['mean']:.2f} ± {size['std']:.2f}" if size["n"] else "-"
        cells = [
            escape(row["micrograph"]),
            f"{row['pixel_size_nm']:.4g}",
            str(row["particles"]),
            spread,
            str(classes.get(ParticleClass.FAULT, 0)),
        ]
        table.add_row(*cells, *([f"{row.get('dice', np.nan):.3f}"] if labelled else []))
    console.print(table)
    for reason in dict.fromkeys(row["label_unused"] for row in results.micrographs if "label_unused" in row):
        console.print(f"[yellow]no Dice[/yellow] {escape(reason)}", highlight=False, soft_wrap=True)
    for failure in results.failures:
        console.print(f"[red]failed[/red] {escape(failure['reason'])}", highlight=False, soft_wrap=True)
    console.print(f"Masks, overlays, particles.csv, summary.json: {results.output}", markup=False, soft_wrap=True)


def _checked(size_nm: Any) -> float | None:
    """The pixel size that was given, if it can be one."""
    is_number = isinstance(size_nm, int | float) and not isinstance(size_nm, bool)
    if size_nm is not None and not (is_number and 0 < size_nm < math.inf):
        raise InputError(f"pixel_size_nm is {size_nm}, expected a positive number of nm, such as pixel_size_nm=0.02")
    return None if size_nm is None else float(size_nm)


def _refuse_taken(names: list[str], path: Path) -> None:
    """Complain of images that would have the names of other files: their overlays and rows would be mixed up."""
    if names:
        raise InputError(f"{path.name}: its image {names[0]} is called as another file is; rename one of the files")


def _folder(output: str, inputs: Iterable[Path]) -> Path:
    """The folder of the results, made if it is not there; refused where they would overwrite a micrograph."""
    folder = Path(output).expanduser()
    written = [(folder / name).resolve() for name in ("masks", "overlays")]
    for path in inputs:
        if any(path.resolve().is_relative_to(place) for place in written):
            raise InputError(f"output={output}: masks and overlays would be written over {path}; give another folder")
    return make_folder(output)


def _columns() -> pd.DataFrame:
    """The table of no particles."""
    empty = measure(np.zeros((1, 1), dtype=np.int32), 1.0).assign(**{"confidence": [], "class": []})
    return empty.reset_index().assign(micrograph=[], **{f"p_{c}": [] for c in CLASSES}).pipe(_micrograph_first)


def _micrograph_first(table: pd.DataFrame) -> pd.DataFrame:
    return table[["micrograph", *(c for c in table.columns if c != "micrograph")]]


def _distribution(values: pd.Series) -> dict[str, float]:
    quantiles = dict(zip(("q05", "median", "q95"), values.quantile([0.05, 0.5, 0.95]), strict=True))
    return {"n": len(values), "mean": values.mean(), "std": values.std(ddof=0), **quantiles}
