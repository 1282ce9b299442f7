"""Make the reference beside a model by which the quality of micrographs is judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hrtem_lab.cli.command import command

if TYPE_CHECKING:
    from omegaconf import DictConfig


@command("reference")
def main(config: DictConfig) -> None:
    """Make the reference beside a model by which `predict` judges the quality of micrographs."""
    from hrtem_lab.pipelines.reference import reference

    reference(config)


if __name__ == "__main__":
    main()
