"""Search for better settings with Optuna, in one or many processes, on one or many machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hrtem_lab.cli.command import command

if TYPE_CHECKING:
    from omegaconf import DictConfig


@command("sweep")
def main(config: DictConfig) -> None:
    """Search for better settings with Optuna, in one or many processes, on one or many machines."""
    from hrtem_lab.search.pipeline import sweep

    sweep(config)


if __name__ == "__main__":
    main()
