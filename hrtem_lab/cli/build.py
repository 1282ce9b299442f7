"""From a node of the configuration to the object that it describes, or to plain values."""

from __future__ import annotations

from typing import Any


def build(node: Any) -> Any:
    """Make the object that a configuration node describes: the one call to Hydra's `instantiate`.

    Classes get plain lists and dicts, never a DictConfig. None stays None.
    """
    from hydra.utils import instantiate

    return instantiate(node, _convert_="all")


def to_plain(node: Any) -> Any:
    """A configuration as dicts and lists, its interpolations resolved."""
    from omegaconf import OmegaConf

    return OmegaConf.to_container(node, resolve=True)
