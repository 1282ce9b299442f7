"""Find, measure and classify the particles of micrographs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hrtem_lab.cli.command import command

if TYPE_CHECKING:
    from omegaconf import DictConfig


@command("predict")
def main(config: DictConfig) -> None:
    """Find, measure and classify the particles of micrographs.

    Exit code 1 when some files could not be read (they are in failures.csv), 0 otherwise.
    """
    from hrtem_lab.pipelines.predict import predict

    if predict(config):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
