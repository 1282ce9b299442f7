"""Distributions of size, shape and faults, what goes together, and two populations compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hrtem_lab.cli.command import command

if TYPE_CHECKING:
    from omegaconf import DictConfig


@command("statistics")
def main(config: DictConfig) -> None:
    """Distributions of size, shape and faults, what goes together, and two populations compared."""
    from hrtem_lab.pipelines.statistics import statistics

    statistics(config)


if __name__ == "__main__":
    main()
