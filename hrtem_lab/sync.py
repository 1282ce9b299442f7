"""Bring in what a tracking server missed while it was away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hrtem_lab.cli.command import command

if TYPE_CHECKING:
    from omegaconf import DictConfig


@command("sync")
def main(config: DictConfig) -> None:
    """Bring in what a tracking server missed while it was away."""
    from hrtem_lab.pipelines.sync import sync

    sync(config)


if __name__ == "__main__":
    main()
