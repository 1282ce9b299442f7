"""The pipeline of `predict`: files in, masks, overlays and tables out."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from omegaconf import DictConfig
from rich.markup import escape
from rich.table import Table

from hrtem_lab.analysis.analyser import check_outline
from hrtem_lab.analysis.batch import Results
from hrtem_lab.analysis.distribution import Outcomes, run_here, run_in_children, run_on_cluster
from hrtem_lab.analysis.label_ranking import first_to_label
from hrtem_lab.atomic_write import remove_unfinished
from hrtem_lab.cli.build import build, to_plain
from hrtem_lab.cli.command import DONE, FAILED, PARTLY_DONE
from hrtem_lab.cli.config_keys import drop_machine_keys
from hrtem_lab.cli.progress import console, nested_progress_bars
from hrtem_lab.figures.tables import note_lines
from hrtem_lab.files import (
    LabelRule,
    LeftOut,
    find_inputs,
    find_outputs,
    make_folder,
    read_calibration,
    write_json,
    write_label_table,
    write_parquet,
    write_table,
)
from hrtem_lab.files.records import Records
from hrtem_lab.micrograph import UNRESOLVED, InputError, ParticleClass
from hrtem_lab.paths import SAMPLE
from hrtem_lab.pipelines.exports import check_exports, write_export_tables
from hrtem_lab.pipelines.file_analysis import (
    LABELLED,
    FileAnalysis,
    OpenAnalysis,
    build_materials,
    fingerprint_settings,
)
from hrtem_lab.pipelines.read_settings import read_limits, read_options
from hrtem_lab.pipelines.report import write_report
from hrtem_lab.plural import plural
from hrtem_lab.processes.cores import count_cores
from hrtem_lab.progress import ProgressCallback
from hrtem_lab.tracking.models import find_model

PRELOAD = "hrtem_lab.pipelines.file_analysis"
"""Module that every process imports that analyses files."""
MAX_LISTED = 50
"""Number of micrographs and of failures that are printed; the files hold all."""


def predict(config: DictConfig) -> int:
    """Analyse every file that is not done yet, and write masks, overlays and tables.

    Returns:
        Exit code: 0 when every file was analysed, 3 when some failed, 1 when all did.
    """
    return analyse_inputs(config, find_inputs(shipped_sample(config.input) or config.input))


def shipped_sample(pattern: str) -> Path | None:
    """The folder with the sample that ships, where `examples` is asked for and nothing here is called so."""
    if Path(pattern) != Path(SAMPLE.name) or Path(pattern).exists():
        return None
    console.print(f"{pattern}: the sample that ships with hrtem_lab, {SAMPLE}", markup=False, soft_wrap=True)
    return SAMPLE


def analyse_inputs(config: DictConfig, inputs: dict[str, Path], kind: type[OpenAnalysis] = OpenAnalysis) -> int:
    """Analyse the files of these names; see `predict`."""
    _check(config)
    model = find_model(config.model)
    output = make_output_folder(config.output, inputs.values())
    with lock(output):
        return _predict(config, inputs, model, output, kind)


def _check(config: DictConfig) -> None:
    """Refuse wrong settings before anything is read, and say where the calibration is from any working folder."""
    check_outline(config.outline)
    read_options(config)
    read_limits(config)
    LabelRule(config.label.background)
    check_exports(config.exports)
    if not isinstance(config.labelled, bool):
        raise InputError(f"labelled={config.labelled}: expected true or false")
    if config.leave_out is not None:
        config.leave_out = str(LeftOut(Path(config.leave_out).expanduser()).place.absolute())
    if config.calibration:
        config.calibration = str(read_calibration(config.calibration).path.absolute())
    workers = config.workers
    if workers is not None and (isinstance(workers, bool) or not isinstance(workers, int) or workers < 0):
        raise InputError(f"workers={workers}: expected the number of processes, 0 for none but this one")


def _predict(config: DictConfig, inputs: dict[str, Path], model: Path, output: Path, kind: type[OpenAnalysis]) -> int:
    """Analyse every file; see `predict`."""
    earlier, records = find_outputs(output), Records(output)
    records.set_aside(inputs.keys())
    analysis = FileAnalysis(config, model.absolute(), output.absolute(), fingerprint_settings(config, model), kind)
    reasons: dict[str, str | None] = {}
    try:
        with nested_progress_bars("Finding particles", "Tiles of this micrograph") as (advance, advance_tiles):
            advance(0, len(inputs))
            for name, reason in distribute(analysis, inputs, advance_tiles):
                reasons[name] = reason
                advance(len(reasons), len(inputs))
    except KeyboardInterrupt:
        results = write_tables(config, output, records, reasons, inputs)
        kept = f"{plural(len(results.micrographs), 'micrograph')} done of {plural(len(inputs), 'file')}"
        console.print(f"Stopped; what was found so far ({kept}) is kept in {output}", markup=False, soft_wrap=True)
        raise
    results = write_tables(config, output, records, reasons, inputs)
    if config.report and results.micrographs:
        write_report(output)
    for outdated in (earlier | records.clear()) - find_outputs(output):
        outdated.unlink(missing_ok=True)
    masks = config.get("masks")
    print_results(results, f"in the outlines of {masks}" if masks else f"found with {model}", output)
    if results.model and not masks:
        _print_network(results)
    if not results.failures:
        return DONE
    return PARTLY_DONE if results.micrographs else FAILED


def distribute(analysis: FileAnalysis, inputs: Mapping[str, Path], tile_progress: ProgressCallback) -> Outcomes:
    """Analyse the files on a cluster, in several processes of this machine, or in this one; see `run_on_cluster`."""
    cluster, workers = analysis.config.cluster, analysis.config.workers
    if cluster is not None:  # its workers have other working folders
        inputs = {name: path.absolute() for name, path in inputs.items()}
    names = sorted(inputs)
    tasks = {name: (inputs[name], longer_names(name, names)) for name in names}
    if isinstance(cluster, DictConfig):
        with closing(build(cluster)) as started:
            yield from run_on_cluster(analysis, tasks, started, PRELOAD)
        return
    if cluster is not None:
        yield from run_on_cluster(analysis, tasks, cluster, PRELOAD)
        return
    several = min(count_cores() if workers is None else workers, len(inputs))
    if several > (workers is None):  # one is this process, unless it was asked for
        yield from run_in_children(analysis, tasks, several, PRELOAD)
        return
    with closing(analysis.kind(analysis)) as task:
        yield from run_here(partial(task, progress=tile_progress), tasks)


def longer_names(name: str, names: list[str]) -> list[str]:
    """Those of the sorted names that an image of a file could have, too: they begin with its name and an underscore."""
    return names[bisect_left(names, f"{name}_") : bisect_left(names, f"{name}`")]  # ` comes after _


@contextmanager
def lock(output: Path) -> Iterator[None]:
    """Keep the folder of the results from other calls, and remove what a call that was killed left unfinished there.

    Raises:
        InputError: Another call writes there, or nothing can be written there.
    """
    kept = FileLock(output / ".lock")
    try:
        kept.acquire(timeout=0)
        for folder in (output, *(output / name for name in ("masks", "overlays", "records"))):
            remove_unfinished(folder)
    except Timeout as error:
        raise InputError(f"output={output}: another call writes there; wait for it, or give another folder") from error
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"output={output}: cannot be written ({reason}); give another folder") from error
    try:
        yield
    finally:
        kept.release()


def write_tables(
    config: DictConfig,
    output: Path,
    records: Records,
    reasons: Mapping[str, str | None],
    inputs: Mapping[str, Path],
) -> Results:
    """Write the tables and `summary.json` from the records of the files that are done.

    Args:
        config: Settings of `predict`.
        output: Folder of the results.
        records: Records of the files.
        reasons: Reason of each file's failure by its name; None for a file that is done.
        inputs: Path of each file by its name.
    """
    results = Results()
    for name in sorted(reasons):
        if (reason := reasons[name]) is not None:
            results.failures.append({"file": str(inputs[name]), "reason": reason})
        elif (record := records.find(name)) is not None:
            results.add(record)
    results = results.mark_repeats().rank_for_labelling()
    particles = results.particle_table()
    write_table(output / "particles.csv", particles)
    write_parquet(output / "particles.parquet", particles)
    write_table(output / "faults.csv", results.fault_table())
    write_table(output / "micrographs.csv", results.micrograph_table())
    write_table(output / "failures.csv", results.failure_table())
    write_json(output / "summary.json", results.summary(drop_machine_keys(to_plain(config)), build_materials(config)))
    write_export_tables(output, check_exports(config.exports), particles, results.micrographs)
    if config.labelled:
        rows = [row | {"name": row["micrograph"]} for row in results.micrographs]
        write_label_table(output / LABELLED, rows)
    return results


def print_results(results: Results, origin: str, output: Path) -> None:
    """Print a line per micrograph, then what failed and why.

    Args:
        results: The results.
        origin: Where the particles are from.
        output: Folder of the results.
    """
    labelled = any("dice" in row for row in results.micrographs)
    table = Table(title=escape(f"Particles {origin}"))
    scores = ["Dice"] if labelled else []
    for column in ("Micrograph", "Quality", "nm/px", "Particles", "Diameter nm", "Faults", *scores):
        table.add_column(column, justify="left" if column in ("Micrograph", "Quality") else "right")
    for row in results.micrographs[:MAX_LISTED]:
        size, classes = row["equivalent_diameter_nm"], row["classes"] or {}
        spread = f"{size['mean']:.2f} ± {size['std']:.2f}" if size["n"] else "-"
        cells = [
            escape(row["micrograph"]),
            row["quality"],
            f"{row['pixel_size_nm']:.4g}",
            str(row["particles"]),
            spread,
            "-" if UNRESOLVED in classes else str(classes.get(ParticleClass.FAULT, 0)),
        ]
        table.add_row(*cells, *([f"{row.get('dice', np.nan):.3f}"] if labelled else []))
    console.print(table)
    if len(results.micrographs) > MAX_LISTED:
        console.print(f"... and {len(results.micrographs) - MAX_LISTED} more, which summary.json lists")
    if again := int((results.particle_table()["repeat_of"] != "").sum()):
        fields = plural(len({row["field"] for row in results.micrographs}), "field")
        console.print(f"Seen again in another micrograph: {plural(again, 'particle')}, each counted once ({fields})")
    notes = [(Path(row["file"]).name, note) for row in results.micrographs for note in row["notes"]]
    for line in note_lines(notes):
        console.print(f"[yellow]note[/yellow] {escape(line)}", highlight=False, soft_wrap=True)
    doubtful = [(row["micrograph"], row["quality_reason"]) for row in results.micrographs if row["quality_reason"]]
    for line in note_lines(doubtful):
        console.print(f"[yellow]doubtful[/yellow] {escape(line)}", highlight=False, soft_wrap=True)
    for reason in dict.fromkeys(row["label_unused"] for row in results.micrographs if "label_unused" in row):
        console.print(f"[yellow]no Dice[/yellow] {escape(reason)}", highlight=False, soft_wrap=True)
    for failure in results.failures[:MAX_LISTED]:
        console.print(f"[red]failed[/red] {escape(failure['reason'])}", highlight=False, soft_wrap=True)
    if len(results.failures) > MAX_LISTED:
        console.print(f"... and {len(results.failures) - MAX_LISTED} more, which failures.csv lists")
    console.print(f"Masks, overlays, report.html, particles.csv, summary.json: {output}", markup=False, soft_wrap=True)


def _print_network(results: Results) -> None:
    """Print how the network was run, and which micrographs it may learn most from."""
    if names := first_to_label(results.micrographs):
        text = f"Worth labelling next, should the model err: {', '.join(names)} (label_rank in micrographs.csv)"
        console.print(text, markup=False, highlight=False, soft_wrap=True)
    console.print(f"Network run by {results.model['engine']}", markup=False, soft_wrap=True)


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
