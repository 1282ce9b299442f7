"""A network as ONNX: a file that onnxruntime runs, without torch's layers."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from scipy.special import expit
from torch import nn

from hrtem_lab.micrograph import InputError

ONNX = "model.onnx"
TOLERATED = 1e-3
"""Largest difference in probability between a network and its ONNX file."""
CHECKED = ((1, 1), (3, 5), (8, 2))
"""Sizes that a file is checked at, in strides."""


class OnnxNet(nn.Module):
    """Runs a file in the place of the network that it was made from: (n, 1, h, w) images -> (n, k, h, w) logits.

    Raises:
        InputError: onnxruntime is not installed.
    """

    def __init__(self, file: Path) -> None:
        super().__init__()
        with _needed("run"):
            import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        self.session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits, where the images are."""
        (logits,) = self.session.run(None, {"images": images.float().cpu().numpy()})
        return torch.from_numpy(logits).to(images.device)


def write_onnx(net: nn.Module, file: Path, stride: int) -> float:
    """Write a network, for images of any number and of any sides that are multiples of `stride`.

    Returns:
        The largest difference of the file's probabilities from the network's, on noise of the sizes `CHECKED`.

    Raises:
        InputError: onnx or onnxscript is not installed, or the difference is above `TOLERATED`.
    """
    with _needed("write"):
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    net = net.cpu().eval()
    rows, columns, batch = (torch.export.Dim(name, min=1, max=4096) for name in ("rows", "columns", "batch"))
    with _quiet(), torch.inference_mode(False), torch.no_grad():
        program = torch.onnx.export(
            net,
            (torch.randn(2, 1, 3 * stride, 5 * stride),),
            input_names=["images"],
            output_names=["logits"],
            dynamic_shapes=({0: batch, 2: stride * rows, 3: stride * columns},),
            dynamo=True,
            verbose=False,
        )
    file.parent.mkdir(parents=True, exist_ok=True)
    assert program is not None
    program.save(file)
    difference = largest_difference(net, OnnxNet(file), stride)
    if difference > TOLERATED:
        file.unlink()
        raise InputError(
            f"{file}: differs from the network by {difference:.2g} in probability, expected at most {TOLERATED:g}; "
            "use the model as it is"
        )
    return difference


@torch.no_grad()
def largest_difference(net: nn.Module, other: nn.Module, stride: int) -> float:
    """Between the probabilities of two networks on noise."""
    rng = np.random.default_rng(0)
    noise = (rng.normal(size=(1, 1, rows * stride, columns * stride)) for rows, columns in CHECKED)
    images = [torch.from_numpy(image.astype(np.float32)) for image in noise]
    return max(float(np.abs(expit(net(i).numpy()) - expit(other(i).numpy())).max()) for i in images)


@contextlib.contextmanager
def _needed(what: str) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise InputError(
            f"to {what} ONNX takes the package {error.name}, which is not installed: python -m pip install onnx "
            "onnxscript onnxruntime"
        ) from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's notes to its own developers."""
    log, level = logging.getLogger("torch.onnx"), logging.getLogger("torch.onnx").level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
