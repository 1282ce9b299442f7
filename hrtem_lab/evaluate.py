"""Score models, classical methods and masks made elsewhere on labelled micrographs, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hrtem_lab.cli.command import command

if TYPE_CHECKING:
    from omegaconf import DictConfig


@command("evaluate")
def main(config: DictConfig) -> None:
    """Score models, classical methods and masks made elsewhere on labelled micrographs, side by side."""
    from hrtem_lab.pipelines.evaluate import evaluate

    evaluate(config)


if __name__ == "__main__":
    main()
