"""Encoders that begin with weights trained elsewhere."""

from __future__ import annotations

import pickle
import socket
from pathlib import Path

import torch
from torch import nn

from hrtem_lab.micrograph import InputError

PATIENCE_S = 30.0
"""How long a server may be silent."""


def load_encoder_weights(net: nn.Module, url: str, sha256: str) -> nn.Module:
    """Give the encoder of a network the weights in a file, which is downloaded once.

    Where the file's first layer sees three colours and the network's one grey, its weights are summed over the colours.
    The file's classifier (`fc.`) is left out. The file can run no code.

    Args:
        net: With an `encoder` whose weights are named as in the file.
        url: Address (http, https, file) or path of a file that torch saved.
        sha256: Of the whole file, hexadecimal.

    Returns:
        The same network.

    Raises:
        InputError: The file cannot be had, is another one than the checksum says, or is of another network.
    """
    state = _read(_downloaded(url, sha256), url)
    encoder = net.get_submodule("encoder")
    own = encoder.state_dict()
    given = {key.removeprefix("module."): value for key, value in state.items()}
    fitting = {key: _grey(value, own[key].shape) for key, value in given.items() if key in own}
    if fitting.keys() != own.keys() or any(fitting[key].shape != own[key].shape for key in own):
        raise InputError(f"{url}: its weights are those of another encoder; choose the net.encoder_name that it is of")
    encoder.load_state_dict(fitting)
    return net


def _grey(weights: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    """Weights of a layer that sees one channel, from one that sees several; others as they are."""
    return weights.sum(1, keepdim=True) if weights.ndim == 4 and shape[1] == 1 else weights


def _downloaded(url: str, sha256: str) -> Path:
    """The file, from the folder of torch's hub if it has been here before."""
    file = Path(torch.hub.get_dir()) / "checkpoints" / f"{sha256[:16]}_{url.rpartition('/')[2]}"
    if file.is_file():
        return file
    file.parent.mkdir(parents=True, exist_ok=True)
    address = url if "://" in url else Path(url).expanduser().absolute().as_uri()
    patience = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE_S)
    try:
        torch.hub.download_url_to_file(address, str(file), hash_prefix=sha256.lower())
    except OSError as error:  # an HTTPError and an URLError are such
        raise InputError(
            f"{url}: cannot be downloaded ({getattr(error, 'reason', error)}); connect to the network, give the "
            "path of a copy as model.net.url=..., or choose a net without such weights"
        ) from error
    except RuntimeError as error:  # the checksum
        raise InputError(f"{url}: is not the file that was meant ({error}); download it again, or check it") from error
    finally:
        socket.setdefaulttimeout(patience)
    return file


def _read(file: Path, url: str) -> dict[str, torch.Tensor]:
    """Weights by name, alone in the file or beside what else a training keeps."""
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"{url}: holds no weights that torch can read ({reason}); give another file") from error
    if not isinstance(state, dict):
        raise InputError(f"{url}: holds no weights by name, but a {type(state).__name__}; give another file")
    weights: dict[str, torch.Tensor] = state.get("state_dict", state)
    return weights
