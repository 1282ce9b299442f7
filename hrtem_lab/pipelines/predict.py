"""The pipeline of `predict`: files in, masks, overlays and tables out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig
from rich.markup import escape
from rich.table import Table

from hrtem_lab.analysis.analyser import Analyser, Analysis
from hrtem_lab.analysis.batch import Results, analyse_files, share_mask
from hrtem_lab.cli.build import build
from hrtem_lab.cli.command import DONE, FAILED, PARTLY_DONE
from hrtem_lab.cli.progress import console, nested_progress_bars
from hrtem_lab.figures.micrographs import overlay
from hrtem_lab.figures.style import save
from hrtem_lab.figures.tables import note_lines
from hrtem_lab.files import (
    Label,
    LabelRule,
    check_choice,
    find_image_table,
    find_inputs,
    find_outputs,
    make_folder,
    read,
    read_calibration,
    read_label,
    write_json,
    write_mask,
    write_table,
)
from hrtem_lab.files.reader_pool import ReaderPool
from hrtem_lab.micrograph import InputError, Micrograph, ParticleClass
from hrtem_lab.tracking.models import find_model


def predict(config: DictConfig) -> int:
    """Analyse every file, and write masks, overlays and tables.

    Returns:
        Exit code: 0 when every file was analysed, 3 when some failed, 1 when all did.
    """
    inputs = find_inputs(config.input)
    with ReaderPool(*check_read_limits(config)) as readers:
        return _predict(config, inputs, readers)


def _predict(config: DictConfig, inputs: dict[str, Path], readers: ReaderPool) -> int:
    """Analyse every file, with child processes that read them; see `predict`."""
    table = read_calibration(config.calibration) if config.calibration else None
    options = check_read_options(config)
    rule = LabelRule(config.label.background)
    folder = find_model(config.model)
    analyser = Analyser.load(folder, build(config.features), tta=config.tta)
    output = make_output_folder(config.output, inputs.values())
    earlier = find_outputs(output)
    table_beside = cache(find_image_table)  # read once per folder

    def read_file(path: Path, name: str) -> list[Micrograph]:
        tables = [table, table_beside(path.parent)]
        return readers.call(read, path, path, name=name, tables=tables, **options)

    def read_label_file(path: Path, shape: tuple[int, int], metadata: Mapping[str, Any]) -> Label:
        return readers.call(read_label, path, path, shape, metadata, rule)

    results = Results()
    try:
        with nested_progress_bars("Finding particles", "Tiles of this micrograph") as (advance, advance_tiles):
            write = partial(write_pictures, output)
            analyse_files(inputs, read_file, analyser, write, results, advance, advance_tiles, read_label_file)
    except KeyboardInterrupt:
        kept = f"{len(results.micrographs)} micrographs done of {len(inputs)} files"
        console.print(f"Stopped; what was found so far ({kept}) is kept in {output}", markup=False, soft_wrap=True)
        raise
    finally:
        write_tables(output, results, analyser)
    for outdated in earlier - find_outputs(output):
        outdated.unlink(missing_ok=True)
    print_results(results, folder, output)
    if not results.failures:
        return DONE
    return PARTLY_DONE if results.micrographs else FAILED


def write_pictures(output: Path, name: str, analyses: list[Analysis]) -> None:
    """Write the masks and overlays of one file."""
    masks = share_mask(name, analyses)
    for mask in dict.fromkeys(masks):
        sharing = [analysis for analysis, its_mask in zip(analyses, masks, strict=True) if its_mask == mask]
        stack = np.stack([analysis.instances for analysis in sharing])
        pixel_size_nm = sharing[0].micrograph.pixel_size_nm
        write_mask(output / "masks" / f"{mask}.tif", stack if len(stack) > 1 else stack[0], pixel_size_nm)
    for analysis in analyses:
        save(overlay(analysis), output / "overlays" / f"{analysis.micrograph.name}.png")


def write_tables(output: Path, results: Results, analyser: Analyser) -> None:
    """Write `particles.csv`, `failures.csv` and `summary.json`."""
    write_table(output / "particles.csv", results.particle_table())
    write_table(output / "failures.csv", results.failure_table())
    write_json(output / "summary.json", results.summary(analyser.model))


def print_results(results: Results, model: Path, output: Path) -> None:
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
    notes = [(Path(row["file"]).name, note) for row in results.micrographs for note in row["notes"]]
    for line in note_lines(notes):
        console.print(f"[yellow]note[/yellow] {escape(line)}", highlight=False, soft_wrap=True)
    for reason in dict.fromkeys(row["label_unused"] for row in results.micrographs if "label_unused" in row):
        console.print(f"[yellow]no Dice[/yellow] {escape(reason)}", highlight=False, soft_wrap=True)
    for failure in results.failures:
        console.print(f"[red]failed[/red] {escape(failure['reason'])}", highlight=False, soft_wrap=True)
    console.print(f"Masks, overlays, particles.csv, summary.json: {output}", markup=False, soft_wrap=True)


def check_read_options(config: DictConfig) -> dict[str, Any]:
    """The arguments of `read` that hold for every file.

    Raises:
        InputError: A value is not one that `read` takes, or files are to be overruled and nothing is given instead.
    """
    pixel_size_nm = check_pixel_size(config.pixel_size_nm)
    if not isinstance(config.overrule, bool):
        raise InputError(f"overrule={config.overrule}: expected true or false")
    if config.overrule and pixel_size_nm is None and not config.calibration:
        raise InputError("overrule=true: give pixel_size_nm or calibration, which is to count more than the files")
    return {
        "pixel_size_nm": pixel_size_nm,
        "overrule": config.overrule,
        "frames": check_choice(config.frames),
        "signal": None if config.signal is None else str(config.signal),
    }


def check_read_limits(config: DictConfig) -> tuple[float, float]:
    """Time (s) and memory (GiB) that a file may take to be read.

    Raises:
        InputError: One is no positive number.
    """
    for key in ("read_limit_s", "read_limit_gib"):
        if not _is_positive(config[key]):
            raise InputError(f"{key} is {config[key]}, expected a positive number, such as {key}=60")
    return float(config.read_limit_s), float(config.read_limit_gib)


def check_pixel_size(pixel_size_nm: Any) -> float | None:
    """The pixel size in nm that was given, if any.

    Raises:
        InputError: It is no positive number.
    """
    if pixel_size_nm is not None and not _is_positive(pixel_size_nm):
        raise InputError(
            f"pixel_size_nm is {pixel_size_nm}, expected a positive number of nm, such as pixel_size_nm=0.02"
        )
    return None if pixel_size_nm is None else float(pixel_size_nm)


def _is_positive(value: Any) -> bool:
    """Whether a setting is a finite number above 0."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def make_output_folder(output: str, inputs: Iterable[Path]) -> Path:
    """Make the folder of the results.

    Raises:
        InputError: It cannot be made, or results would overwrite a micrograph.
    """
    folder = Path(output).expanduser()
    written = [(folder / name).resolve() for name in ("masks", "overlays")]
    for path in inputs:
        if any(path.resolve().is_relative_to(place) for place in written):
            raise InputError(f"output={output}: masks and overlays would be written over {path}; give another folder")
    return make_folder(output)
