"""Fit a forest for a trained segmenter, score it beside its baselines and log all of it to MLflow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hrtem_lab.cli.command import command

if TYPE_CHECKING:
    from omegaconf import DictConfig


@command("forest")
def main(config: DictConfig) -> None:
    """Fit a forest for a trained segmenter, score it beside its baselines and log all of it to MLflow."""
    from hrtem_lab.pipelines.fit_forest import fit_forest

    fit_forest(config)


if __name__ == "__main__":
    main()
