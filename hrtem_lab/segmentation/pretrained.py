"""Encoders that begin with published weights."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pooch
import torch
from torch import nn

from hrtem_lab.micrograph import InputError

TIMEOUT_S = 30.0
"""Longest silence of a server."""
RETRIES = 2
"""Number of further attempts where a connection breaks or a file arrives damaged."""


def load_encoder_weights(net: nn.Module, url: str, sha256: str) -> nn.Module:
    """Load the weights of a network's encoder from a file, which is downloaded once.

    If the file's first layer takes three colour channels and the network's takes one grey channel, its weights are
    summed over the colours. The file's classifier (`fc.`) is left out. The file cannot run code.

    Args:
        net: Network with an `encoder` whose weights are named as in the file.
        url: Address (http, https, file) or path of a file that torch saved.
        sha256: Checksum of the whole file, hexadecimal.

    Returns:
        The same network.

    Raises:
        InputError: The file cannot be downloaded, differs from the checksum, or holds weights of another network.
    """
    state = _read(_fetch(url, sha256), url)
    encoder = net.get_submodule("encoder")
    current = encoder.state_dict()
    published = {key.removeprefix("module."): value for key, value in state.items()}
    matching = {key: _to_grey(value, current[key].shape) for key, value in published.items() if key in current}
    if matching.keys() != current.keys() or any(matching[key].shape != current[key].shape for key in current):
        raise InputError(f"{url}: its weights are those of another encoder; choose the net.encoder_name that it is of")
    encoder.load_state_dict(matching)
    return net


def _to_grey(weights: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    """Sum the weights of a convolution over its input channels where `shape` has one of them."""
    return weights.sum(1, keepdim=True) if weights.ndim == 4 and shape[1] == 1 else weights


def _fetch(url: str, sha256: str) -> Path:
    """Path of the file in the folder of torch's hub, after a download where it is not there yet."""
    name = f"{sha256[:16]}_{url.rpartition('/')[2]}"
    address = url if "://" in url else Path(url).expanduser().absolute().as_uri()
    is_local = urlsplit(address).scheme == "file"
    cache = pooch.create(
        Path(torch.hub.get_dir()) / "checkpoints",
        base_url="",
        registry={name: f"sha256:{sha256.lower()}"},
        urls={name: address},
        retry_if_failed=0 if is_local else RETRIES,
    )
    download = _copy if is_local else pooch.HTTPDownloader(progressbar=True, timeout=TIMEOUT_S)
    try:
        return Path(cache.fetch(name, downloader=download))
    except OSError as error:  # those of requests are, too
        raise InputError(
            f"{url}: cannot be downloaded ({error}); connect to the network, give the path of a copy as "
            "model.net.url=..., or choose a net without such weights"
        ) from error
    except ValueError as error:  # the checksum
        raise InputError(f"{url}: is not the file that was meant ({error}); download it again, or check it") from error


def _copy(url: str, output_file: str, _: Any) -> None:
    """Copy a file of this machine, as one of pooch's downloaders."""
    shutil.copyfile(url2pathname(urlsplit(url).path), output_file)


def _read(file: Path, url: str) -> dict[str, torch.Tensor]:
    """Read weights by name, which are alone in the file or in its `state_dict`."""
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"{url}: holds no weights that torch can read ({reason}); give another file") from error
    if not isinstance(state, dict):
        raise InputError(f"{url}: holds no weights by name, but a {type(state).__name__}; give another file")
    weights: dict[str, torch.Tensor] = state.get("state_dict", state)
    return weights
