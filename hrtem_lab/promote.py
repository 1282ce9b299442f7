"""Make the model of a run the one that a lab works with (models:/hrtem-segmenter@champion)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hrtem_lab.cli.command import command

if TYPE_CHECKING:
    from omegaconf import DictConfig


@command("promote")
def main(config: DictConfig) -> None:
    """Make the model of a run the one that a lab works with (models:/hrtem-segmenter@champion)."""
    from hrtem_lab.pipelines.promote import promote_run

    promote_run(config)


if __name__ == "__main__":
    main()
