"""Write a trained segmenter as ONNX."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hrtem_lab.cli.command import command

if TYPE_CHECKING:
    from omegaconf import DictConfig


@command("export")
def main(config: DictConfig) -> None:
    """Write a model as ONNX, which `predict model=FOLDER` runs by onnxruntime, or the analysis of files for MLflow."""
    if config.format == "mlflow":
        from hrtem_lab.service.mlflow_export import export_mlflow

        export_mlflow(config)
    else:
        from hrtem_lab.pipelines.export import export

        export(config)


if __name__ == "__main__":
    main()
