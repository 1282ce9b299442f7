"""Find, measure and classify the particles of micrographs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hrtem_lab.cli.command import command

if TYPE_CHECKING:
    from omegaconf import DictConfig


@command("predict")
def main(config: DictConfig) -> int:
    """Find, measure and classify the particles of micrographs.

    Exit code 0 when every file was analysed, 3 when some failed (failures.csv says why), 1 when all did.
    """
    from hrtem_lab.pipelines.predict import predict

    return predict(config)


if __name__ == "__main__":
    main()
