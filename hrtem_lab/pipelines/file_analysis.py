"""Analysis of one file of `predict`, in whatever process it is called: read, analysed, drawn and written by itself."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from omegaconf import DictConfig

from hrtem_lab.analysis.analyser import Analyser, Analysis
from hrtem_lab.analysis.batch import describe_file, refuse_taken_names, share_mask
from hrtem_lab.atomic_write import DiskError
from hrtem_lab.cli.build import build, to_plain
from hrtem_lab.cli.config_keys import drop_machine_keys
from hrtem_lab.figures.micrographs import overlay
from hrtem_lab.figures.style import save
from hrtem_lab.files import (
    ImageTable,
    Label,
    LabelRule,
    LeftOut,
    find_image_table,
    label_path,
    read,
    read_calibration,
    read_label,
    write_label,
    write_mask,
)
from hrtem_lab.files.content import content_digest, digest_files
from hrtem_lab.files.reader_pool import ReaderPool
from hrtem_lab.files.records import Records
from hrtem_lab.fingerprint import fingerprint
from hrtem_lab.micrograph import InputError, Micrograph
from hrtem_lab.paths import PACKAGE
from hrtem_lab.pipelines.exports import check_exports, write_exports
from hrtem_lab.pipelines.read_settings import read_limits, read_options
from hrtem_lab.progress import ProgressCallback, no_progress

if TYPE_CHECKING:
    from hrtem_lab.physics.material import Material

WITHOUT_EFFECT = ("input", "output", "model", "calibration", "leave_out", "report")
"""Settings that do not say what becomes of a file; its content, its rows of tables, its region and the model do."""
LABELLED = "labelled"
"""Folder of the labels to be mended, in the output."""


@dataclass(frozen=True)
class FileAnalysis:
    """Everything needed to analyse any of the files; it can be sent to another process.

    Attributes:
        config: Settings of `predict`.
        model: Folder of the model.
        output: Folder of the results.
        settings: Fingerprint of what the results of every file depend on: settings, model and program.
        kind: Class that does the work.
    """

    config: DictConfig = field(compare=False)
    model: Path
    output: Path
    settings: str
    kind: type[OpenAnalysis]

    def __call__(self, name: str, path: Path, taken: Collection[str]) -> str | None:
        """Analyse a file in this process, which keeps the model for the next one; see `OpenAnalysis`."""
        with _one_at_a_time:
            return _open(self)(name, path, taken)


def fingerprint_settings(config: DictConfig, model: Path) -> str:
    """Fingerprint of the settings, the model's files and the program's."""
    settings = {key: value for key, value in to_plain(config).items() if key not in WITHOUT_EFFECT}
    files = sorted(file for file in model.rglob("*") if file.is_file())
    program = digest_files(sorted(PACKAGE.rglob("*.py")))
    return fingerprint([drop_machine_keys(settings), [file.name for file in files], digest_files(files), program])


def load_analyser(config: DictConfig, model: Path) -> Analyser:
    """Load the model of a folder with the settings of `predict`.

    Raises:
        InputError: The model cannot be read, or a setting is out of its range.
    """
    for key in ("threshold", "min_diameter_nm"):
        if not isinstance(config[key], float | int | None) or isinstance(config[key], bool):
            raise InputError(f"{key}={config[key]}: expected a number, as in {key}=0.7")
    features = build(config.features)
    knobs = {"tta": config.tta, "threshold": config.threshold, "min_diameter_nm": config.min_diameter_nm}
    knobs |= {"engine": config.engine, "outline": config.outline, "materials": build_materials(config)}
    return Analyser.load(model, features, **knobs)


def build_materials(config: DictConfig) -> list[Material]:
    """The material that the particles are of, where it is named."""
    return [build(config.material)] if config.get("material") else []


class OpenAnalysis:
    """A `FileAnalysis` with its model loaded, and a process that reads files.

    Args:
        analysis: Settings.

    Raises:
        InputError: The settings or the model are at fault.
    """

    def __init__(self, analysis: FileAnalysis) -> None:
        config, self.settings, self.records = analysis.config, analysis.settings, Records(analysis.output)
        self.options, self.rule = read_options(config), LabelRule(config.label.background)
        self.table = read_calibration(config.calibration) if config.calibration else None
        self.table_beside = cache(find_image_table)  # read once per folder
        self.readers = ReaderPool(*read_limits(config))
        self.left_out = None if config.leave_out is None else LeftOut(Path(config.leave_out))
        self.exports = check_exports(config.exports)
        self.labels = analysis.output / LABELLED if config.labelled else None
        self.analyser = load_analyser(config, analysis.model)

    def __call__(
        self, name: str, path: Path, taken: Collection[str] = (), *, progress: ProgressCallback = no_progress
    ) -> str | None:
        """Analyse a file and write its masks, overlays and record, unless that was done before.

        Args:
            name: Name of the results.
            path: The file.
            taken: Names of other files, which an image of this one may not have.
            progress: Called after each tile of a micrograph.

        Returns:
            Reason why the file failed; None where it did not.

        Raises:
            DiskError: Nothing can be written any more.
        """
        try:
            key = self._key(name, path)
            if self.records.find(name, key) is None:
                self.records.adopt(key, name, path)
            if not self._is_done(name, path, key):
                self._analyse(name, path, taken, key, progress)
            return None
        except DiskError:
            raise
        except InputError as error:
            return str(error)
        except OSError as error:
            return f"{path.name}: cannot be read ({error.strerror or error})"
        except Exception as error:  # whatever is wrong with one file, the others are still wanted
            return f"{path.name}: {type(error).__name__}: {error}"

    def _is_done(self, name: str, path: Path, key: str) -> bool:
        """Whether everything of a file is written, without the regions that are left out of its images now."""
        record = self.records.find(name, key)
        if record is None:
            return False
        images = [row["micrograph"] for row in record["micrographs"]]
        if record["left_out"] != self._digest_regions(images, name, path):
            return False
        # the record leaves out labels, which are the user's to change
        return self.labels is None or all(label_path(self.labels, image).exists() for image in images)

    def _digest_regions(self, images: Iterable[str], name: str, path: Path) -> list[str]:
        """Fingerprint of the file with the region to leave out of each image of a file; '' where there is none."""
        if self.left_out is None:
            return ["" for _ in images]
        files = [self.left_out.find([image, name, path.stem]) for image in images]
        return ["" if file is None else digest_files([file]) for file in files]

    def _key(self, name: str, path: Path) -> str:
        """Fingerprint of everything that the results of a file depend on, apart from its name."""
        return fingerprint([self.settings, *self._depends_on(name, path)])

    def _depends_on(self, name: str, path: Path) -> list[Any]:
        """Everything of a file, besides the settings, that its results depend on."""
        tables, columns = self._tables(path), ("pixel_size_nm", "group")
        cells = [
            (column, text) for table in tables for column in columns for _, text in table.lookup(column, path, name)
        ]
        names = [path.name] if "coco" in self.exports else []  # it names the file
        return [content_digest(path), names, cells, [table.error for table in tables if table.error]]

    def _tables(self, path: Path) -> list[ImageTable]:
        """The tables that may say something of a file."""
        return [table for table in (self.table, self.table_beside(path.parent)) if table is not None]

    def _group(self, name: str, path: Path) -> str:
        """Specimen or session of a file, as a table says; '' where none does."""
        cells = [cell for table in self._tables(path) for cell in table.lookup("group", path, name)]
        return cells[0][1] if cells else ""

    def _read(self, name: str, path: Path) -> list[Micrograph]:
        """The micrographs of a file, without the regions to leave out."""
        tables = self._tables(path)
        micrographs: list[Micrograph] = self.readers.call(read, path, path, name=name, tables=tables, **self.options)
        if self.left_out is None:
            return micrographs
        return [self.left_out.apply(each, [each.name, name, path.stem]) for each in micrographs]

    def _analyse(self, name: str, path: Path, taken: Collection[str], key: str, progress: ProgressCallback) -> None:
        micrographs = self._read(name, path)
        refuse_taken_names(path, name, micrographs, taken)
        analyses, refused = self._analyse_all(micrographs, path, progress)
        earlier = self.records.find(name)
        self.records.discard(name)
        pictures = self._write(name, analyses)
        record = describe_file(path, name, analyses, self.analyser.model, self._group(name, path), self._read_label)
        regions = self._digest_regions([row["micrograph"] for row in record["micrographs"]], name, path)
        written = {"refused": refused, "key": key, "left_out": regions, "pictures": pictures}
        self.records.write({**record, **written})
        for outdated in set(earlier["pictures"] if earlier else ()).difference(pictures):
            (self.records.output / outdated).unlink(missing_ok=True)

    def _analyse_all(
        self, micrographs: Iterable[Micrograph], path: Path, progress: ProgressCallback
    ) -> tuple[list[Analysis], list[str]]:
        """Analyse the images of a file; gives the reasons why some could not be, too.

        Raises:
            InputError: None could be analysed.
        """
        analyses: list[Analysis] = []
        refused: list[InputError] = []
        for micrograph in micrographs:
            try:
                analyses.append(self._analyse_micrograph(micrograph, path, progress))
            except InputError as error:
                refused.append(error)
        if refused and not analyses:
            raise refused[0]
        return analyses, list(map(str, refused))

    def _analyse_micrograph(self, micrograph: Micrograph, path: Path, progress: ProgressCallback) -> Analysis:
        """Find, measure and classify the particles of a micrograph of a file."""
        return self.analyser(micrograph, progress=progress)

    def _write(self, name: str, analyses: list[Analysis]) -> list[str]:
        """Write the masks, overlays, exports and labels of one file; gives the paths of all but the labels."""
        output = self.records.output
        written = write_pictures(output, name, analyses)
        for analysis in analyses:
            written += write_exports(output, self.exports, analysis)
            if self.labels is not None:
                write_label(self.labels, analysis.micrograph, analysis.instances)
        return written

    def _read_label(self, path: Path, shape: tuple[int, int], metadata: Mapping[str, Any]) -> Label:
        return self.readers.call(read_label, path, path, shape, metadata, self.rule)

    def close(self) -> None:
        """End the process that reads files."""
        self.readers.close()


@lru_cache(maxsize=1)
def _open(analysis: FileAnalysis) -> OpenAnalysis:
    """The analysis with its model loaded, which stays for the next file."""
    return analysis.kind(analysis)


_one_at_a_time = threading.Lock()
"""Matplotlib draws one figure at a time, and the network takes all cores for one micrograph."""


def write_pictures(output: Path, name: str, analyses: list[Analysis]) -> list[str]:
    """Write the masks and overlays of one file, and return their paths from the output."""
    masks = share_mask(name, analyses)
    written = []
    for mask in dict.fromkeys(masks):
        sharing = [analysis for analysis, its_mask in zip(analyses, masks, strict=True) if its_mask == mask]
        stack = np.stack([analysis.instances for analysis in sharing])
        pixel_size_nm = sharing[0].micrograph.pixel_size_nm
        written.append(f"masks/{mask}.tif")
        write_mask(output / written[-1], stack if len(stack) > 1 else stack[0], pixel_size_nm)
    for analysis in analyses:
        written.append(f"overlays/{analysis.micrograph.name}.png")
        save(overlay(analysis), output / written[-1])
    return written
