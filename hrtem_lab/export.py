"""Write a trained segmenter as ONNX."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hrtem_lab.cli.command import command

if TYPE_CHECKING:
    from omegaconf import DictConfig


@command("export")
def main(config: DictConfig) -> None:
    """Write a trained segmenter as ONNX, which `predict model=FOLDER` runs by onnxruntime."""
    from hrtem_lab.pipelines.export import export

    export(config)


if __name__ == "__main__":
    main()
