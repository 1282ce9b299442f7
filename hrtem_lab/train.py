"""Train a segmenter, compare it with the classical methods, fit the forest and log all of it to MLflow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hrtem_lab.cli.command import command

if TYPE_CHECKING:
    from omegaconf import DictConfig


@command("train")
def main(config: DictConfig) -> None:
    """Train a segmenter, compare it with the classical methods, fit the forest and log all of it to MLflow."""
    from hrtem_lab.pipelines.trainings import run_trainings

    run_trainings(config)


if __name__ == "__main__":
    main()
