"""Device and precision in which networks run."""

from __future__ import annotations

import contextlib

import torch
from torch import nn

from hrtem_lab.micrograph import FloatArray
from hrtem_lab.processes.cores import count_threads


def default_device() -> torch.device:
    """The GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def has_bfloat16() -> bool:
    """Whether the device multiplies bfloat16 in hardware (GPUs since Ampere; AVX512-BF16, AMX or Arm's BF16)."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool(torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported())


def resolve_precision(precision: str) -> str:
    """Precision of a Lightning trainer; `auto` is bfloat16 where the device multiplies it in hardware."""
    if precision != "auto":
        return precision
    return "bf16-mixed" if has_bfloat16() else "32-true"


def autocast() -> contextlib.AbstractContextManager[object]:
    """Context of mixed precision where it is fast, and of nothing elsewhere."""
    return torch.autocast(default_device().type, dtype=torch.bfloat16) if has_bfloat16() else contextlib.nullcontext()


def describe_device() -> str:
    """Name of the device that networks run on."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"{torch.backends.cpu.get_cpu_capability()}{', bfloat16' if has_bfloat16() else ''}"


@torch.inference_mode()
def run_network(net: nn.Module, images: FloatArray) -> FloatArray:
    """Logits of images, (n, 1, rows, columns) -> (n, outputs, rows, columns), in mixed precision where that is fast."""
    torch.set_num_threads(min(torch.get_num_threads(), count_threads()))
    device = default_device()
    net = net.to(device).to(memory_format=torch.channels_last).eval()
    with autocast():
        return net(torch.from_numpy(images).to(device, memory_format=torch.channels_last)).float().cpu().numpy()
