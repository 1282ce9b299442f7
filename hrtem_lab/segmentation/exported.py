"""Networks as ONNX files, which OpenVINO or ONNX Runtime runs; torch, which takes seconds to import, is not needed."""

from __future__ import annotations

import contextlib
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np

from hrtem_lab.micrograph import FloatArray, InputError
from hrtem_lab.processes.cores import count_threads

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # ONNX Runtime would report to its makers
WITHOUT_BFLOAT16 = ("SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX512_CORE", "AVX512_CORE_VNNI")
"""Limits of ONEDNN_MAX_CPU_ISA below the first instructions that multiply bfloat16."""


class ExportedNet(ABC):
    """An ONNX file in place of its network: (n, 1, rows, columns) images -> (n, outputs, rows, columns) logits.

    Attributes:
        engine: Name of the program that runs it, as in the settings.
        precision: Precision in which it runs.
    """

    engine: ClassVar[str]
    precision: str = "float32"

    @abstractmethod
    def __init__(self, file: Path) -> None: ...

    @abstractmethod
    def __call__(self, images: FloatArray) -> FloatArray:
        """Logits of images, both float32."""


class OnnxRuntimeNet(ExportedNet):
    """Runs an ONNX file by ONNX Runtime.

    Args:
        file: ONNX file.

    Raises:
        InputError: onnxruntime is not installed.
    """

    engine = "onnxruntime"

    def __init__(self, file: Path) -> None:
        with explain_missing_package("run"):
            import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = count_threads()
        self._session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])

    def __call__(self, images: FloatArray) -> FloatArray:
        """Logits of images, both float32."""
        (logits,) = self._session.run(None, {"images": images})
        return np.asarray(logits)


class OpenVinoNet(ExportedNet):
    """Runs an ONNX file by OpenVINO, in bfloat16 where the processor multiplies that.

    Args:
        file: ONNX file.
        full_precision: Whether to run in single precision on any processor.

    Raises:
        InputError: openvino is not installed.
    """

    engine = "openvino"

    def __init__(self, file: Path, full_precision: bool = False) -> None:
        # where this package is missing, OpenVINO does not tell its makers that it was imported
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
        with explain_missing_package("run"):
            import openvino
        core = openvino.Core()
        is_fast = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") and not bfloat16_is_switched_off()
        self.precision = "bfloat16" if is_fast and not full_precision else "float32"
        settings = {
            "INFERENCE_NUM_THREADS": count_threads(),
            "INFERENCE_PRECISION_HINT": {"bfloat16": "bf16", "float32": "f32"}[self.precision],
            "PERFORMANCE_HINT": "LATENCY",
        }
        self._request = core.compile_model(file, "CPU", settings).create_infer_request()

    def __call__(self, images: FloatArray) -> FloatArray:
        """Logits of images, both float32."""
        (logits,) = self._request.infer({0: images}).values()
        return np.array(logits)  # the buffer is written to by the next call


ENGINES: dict[str, type[ExportedNet]] = {net.engine: net for net in (OpenVinoNet, OnnxRuntimeNet)}
"""Programs that run an ONNX file, the fastest first."""


def bfloat16_is_switched_off() -> bool:
    """Whether the environment forbids the instructions that multiply bfloat16, as oneDNN and torch read it."""
    limit = os.environ.get("ONEDNN_MAX_CPU_ISA", os.environ.get("DNNL_MAX_CPU_ISA", ""))
    return limit.upper() in WITHOUT_BFLOAT16 or os.environ.get("ATEN_CPU_CAPABILITY") in ("default", "avx2")


@contextlib.contextmanager
def explain_missing_package(action: str) -> Iterator[None]:
    """Turn an `ImportError` into an `InputError` that says what to install."""
    try:
        yield
    except ImportError as error:
        raise InputError(
            f"to {action} ONNX takes the package {error.name}, which is not installed: python -m pip install onnx "
            "onnxscript onnxruntime openvino"
        ) from error
