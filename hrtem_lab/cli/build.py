"""From a node of the configuration to the object that it describes, or to plain values."""

from __future__ import annotations

from typing import Any

from hrtem_lab.micrograph import InputError


def build(node: Any, **arguments: Any) -> Any:
    """Make the object that a configuration node describes: the one call to Hydra's `instantiate`.

    Classes get plain lists and dicts, never a DictConfig. None stays None.

    Args:
        node: Node of the configuration.
        arguments: Objects in the place of what the node says of these arguments.
    """
    from hydra.utils import instantiate

    return instantiate(node, _convert_="all", **arguments)


def build_or_refuse(node: Any, name: str) -> Any:
    """Build an object whose arguments the user may have got wrong.

    Args:
        node: Node of the configuration.
        name: Name of the object in the message.

    Raises:
        InputError: Its class refuses the arguments.
    """
    from hydra.errors import InstantiationException

    try:
        return build(node)
    except InstantiationException as error:
        raise InputError(f"{name} cannot be made: {error.__cause__ or error}; check its settings") from error


def to_plain(node: Any) -> Any:
    """A configuration as dicts and lists, its interpolations resolved."""
    from omegaconf import OmegaConf

    return OmegaConf.to_container(node, resolve=True)
