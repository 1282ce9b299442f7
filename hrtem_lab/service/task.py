"""The task of a child: what it is told, without the libraries that it takes to do it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING

from hrtem_lab.progress import ProgressCallback, no_progress

if TYPE_CHECKING:
    from hrtem_lab.defects import Features

PRELOAD = "hrtem_lab.service.upload_analysis"
"""Module that does it, which a child imports first."""
RESULT, TABLE = "result.json", "particles.csv"


@dataclass(frozen=True)
class AnalysisSettings:
    """Everything that an analysis depends on besides the file.

    Attributes:
        model: Folder of the model.
        features: Feature set that its forest was trained on.
        tta: Whether the network is averaged over the eight turns and mirror images.
        read_limit_s: Time that a file may take to be read.
        read_limit_gib: Memory that a file may take to be read.
    """

    model: Path
    features: Features = field(compare=False)
    tta: bool = False
    read_limit_s: float = 60.0
    read_limit_gib: float = 4.0


@dataclass(frozen=True)
class Upload:
    """A file that was sent.

    Attributes:
        path: Where it was written, under a name of ours.
        name: Name that its sender gave it, as `hrtem_lab.service.uploads.safe_name` leaves it.
        pixel_size_nm: Side length of a pixel in nm, for a file that does not say it.
    """

    path: Path
    name: str
    pixel_size_nm: float | None = None


def check_model(settings: AnalysisSettings) -> None:
    """Load the model in this process, which keeps it.

    Raises:
        InputError: The folder holds no model.
    """
    resolve_name(f"{PRELOAD}:load")(settings)


def analyse(settings: AnalysisSettings, upload: Upload, folder: Path, progress: ProgressCallback = no_progress) -> None:
    """Analyse a file in this process by `hrtem_lab.service.upload_analysis.analyse_upload`."""
    resolve_name(f"{PRELOAD}:analyse_upload")(settings, upload, folder, progress)
