"""Measure particles whose outlines are there already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hrtem_lab.cli.command import command

if TYPE_CHECKING:
    from omegaconf import DictConfig


@command("measure")
def main(config: DictConfig) -> int:
    """Measure particles whose outlines are there already.

    With the micrographs, particles are classified, too. Exit code 0 when every mask was measured, 3 when some failed
    (failures.csv says why), 1 when all did.
    """
    from hrtem_lab.pipelines.measure import measure

    return measure(config)


if __name__ == "__main__":
    main()
