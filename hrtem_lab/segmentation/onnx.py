"""Networks of torch as ONNX files."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from scipy.special import expit
from torch import nn

from hrtem_lab.micrograph import FloatArray, InputError
from hrtem_lab.segmentation.exported import OnnxRuntimeNet, OpenVinoNet, explain_missing_package

MAX_DIFFERENCE = 1e-3
"""Largest difference in probability between a network and its ONNX file."""
CHECKED_SIZES = ((1, 1), (3, 5), (8, 2))
"""Sizes of the images that a file is checked with, in strides."""


def write_onnx(net: nn.Module, file: Path, stride: int) -> float:
    """Write a network as ONNX, for any number of images with any side lengths that are multiples of `stride`.

    Returns:
        The largest difference of the file's probabilities from the network's, on noise of the `CHECKED_SIZES`.

    Raises:
        InputError: onnx or onnxscript is not installed, or the difference is above `MAX_DIFFERENCE`.
    """
    with explain_missing_package("write"):
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    net = net.cpu().eval()
    rows, columns, batch = (torch.export.Dim(name, min=1, max=4096) for name in ("rows", "columns", "batch"))
    with _silence_exporter(), torch.inference_mode(False), torch.no_grad():
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
    difference = largest_difference(net, _open(file), stride)
    if difference > MAX_DIFFERENCE:
        file.unlink()
        raise InputError(
            f"{file}: differs from the network by {difference:.2g} in probability, expected at most "
            f"{MAX_DIFFERENCE:g}; use the model as it is"
        )
    return difference


def _open(file: Path) -> Callable[[FloatArray], FloatArray]:
    """Open an ONNX file, in single precision, with what is installed."""
    if find_spec("onnxruntime"):
        return OnnxRuntimeNet(file)
    return OpenVinoNet(file, full_precision=True)


@torch.no_grad()
def largest_difference(net: nn.Module, other: Callable[[FloatArray], FloatArray], stride: int) -> float:
    """Largest difference between the probabilities of two networks on noise of the `CHECKED_SIZES`."""
    rng = np.random.default_rng(0)
    noise = (rng.normal(size=(1, 1, rows * stride, columns * stride)) for rows, columns in CHECKED_SIZES)
    images = [image.astype(np.float32) for image in noise]
    return max(float(np.abs(expit(net(torch.from_numpy(i)).numpy()) - expit(other(i))).max()) for i in images)


@contextlib.contextmanager
def _silence_exporter() -> Iterator[None]:
    """Hide log messages and warnings of torch's exporter, which are for its developers."""
    log, level = logging.getLogger("torch.onnx"), logging.getLogger("torch.onnx").level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
