"""Run again what a run in MLflow did, and say which of its numbers agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hrtem_lab.cli.command import command

if TYPE_CHECKING:
    from omegaconf import DictConfig


@command("reproduce")
def main(config: DictConfig) -> None:
    """Run again what a run in MLflow did, and say which of its numbers agree."""
    from hrtem_lab.pipelines.reproduce import reproduce

    reproduce(config)


if __name__ == "__main__":
    main()
