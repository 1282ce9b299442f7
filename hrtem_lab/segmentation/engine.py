"""Engines of a network in use: torch, or, on a processor, whichever of OpenVINO and ONNX Runtime is installed.

Both need the network as an ONNX file, which is written once, checked against torch and kept in the user's cache.
"""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from platformdirs import user_cache_path

from hrtem_lab.atomic_write import move_when_written
from hrtem_lab.fingerprint import fingerprint, fingerprint_bytes
from hrtem_lab.micrograph import InputError
from hrtem_lab.plural import plural
from hrtem_lab.processes.cores import count_threads
from hrtem_lab.segmentation.exported import ENGINES, ExportedNet
from hrtem_lab.segmentation.model_folder import ARCHITECTURE, ONNX, WEIGHTS, read_network

if TYPE_CHECKING:
    from torch import nn

AUTO, TORCH = "auto", "torch"
WRITERS = ("torch", "onnx", "onnxscript", "segmentation-models-pytorch")
"""Packages whose versions an ONNX file depends on."""


class OpenNetwork(NamedTuple):
    """A network, ready to run.

    Attributes:
        net: The network.
        reason: Reason for taking this engine.
    """

    net: nn.Module | ExportedNet
    reason: str


def open_network(folder: Path, stride: int, engine: str | None = None) -> OpenNetwork:
    """Open the network of a saved model with the engine that is asked for.

    Args:
        folder: Folder of the model.
        stride: Factor by which the network downsamples.
        engine: `torch`, `openvino` or `onnxruntime`; `auto` for torch on a GPU, else for the first of the other two
            that is installed; None for the one that the model was saved for: torch, unless it is an ONNX file.

    Raises:
        InputError: There is no such engine, it is not installed, or it cannot run the network.
    """
    is_exported = (folder / ONNX).is_file() and not (folder / ARCHITECTURE).is_file()
    engine = engine or (AUTO if is_exported else TORCH)
    if engine not in (AUTO, TORCH, *ENGINES):
        raise InputError(f"engine={engine}: expected one of {', '.join((AUTO, TORCH, *ENGINES))}")
    if engine == TORCH and is_exported:
        raise InputError(f"engine=torch: the model in {folder} is an ONNX file, which torch cannot run")
    if engine != AUTO:
        return OpenNetwork(_open(folder, stride, engine, is_exported), "as asked for")
    if not is_exported and _has_gpu():
        return OpenNetwork(read_network(folder), "the machine has a GPU")
    installed = [name for name in ENGINES if find_spec(name)]
    if is_exported or installed:
        name = installed[0] if installed else next(iter(ENGINES))
        try:
            return OpenNetwork(_open(folder, stride, name, is_exported), "the fastest that is installed")
        except InputError as error:
            if is_exported:
                raise
            return OpenNetwork(read_network(folder), f"{name} cannot run it: {error}")
    return OpenNetwork(read_network(folder), "neither openvino nor onnxruntime is installed")


def describe(net: nn.Module | ExportedNet) -> str:
    """Engine, precision and number of threads of a network."""
    if isinstance(net, ExportedNet):
        return f"{net.engine} in {net.precision} on {plural(count_threads(), 'thread')}"
    from hrtem_lab.segmentation.device import describe_device

    return f"torch on {describe_device()}"


def _open(folder: Path, stride: int, engine: str, is_exported: bool) -> nn.Module | ExportedNet:
    """Open a network with one engine."""
    if engine == TORCH:
        return read_network(folder)
    return ENGINES[engine](folder / ONNX if is_exported else _converted(folder, stride))


def _has_gpu_driver() -> bool:
    """Whether a file is there that every driver of NVIDIA or AMD has, also within Windows' Linux."""
    windows = sys.platform == "win32"
    drivers = ("C:/Windows/System32/nvcuda.dll",) if windows else ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
    return any(Path(driver).exists() for driver in drivers)


def _has_gpu() -> bool:
    """Whether torch can use a GPU; it is only imported where there is a driver."""
    if "torch" not in sys.modules and not _has_gpu_driver():
        return False
    from hrtem_lab.segmentation.device import default_device

    return default_device().type != "cpu"


def _converted(folder: Path, stride: int) -> Path:
    """The network of a folder as an ONNX file in the user's cache, made at the first call.

    Raises:
        InputError: A package is missing, the cache cannot be written to, or the file differs from the network.
    """
    parts = [fingerprint_bytes((folder / name).read_bytes()) for name in (ARCHITECTURE, WEIGHTS)]
    name = fingerprint([*parts, stride, *map(_version, WRITERS)])
    file = user_cache_path("hrtem_lab") / "networks" / f"{name}.onnx"
    if not file.is_file():
        from hrtem_lab.segmentation.onnx import write_onnx

        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with move_when_written(file) as unfinished:
                write_onnx(read_network(folder), unfinished, stride)
        except OSError as error:
            raise InputError(f"{file}: cannot be written ({error.strerror or error})") from error
    return file


def _version(package: str) -> str:
    """Version of a package; empty where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
