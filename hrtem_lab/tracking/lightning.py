"""Lightning's curves in an MLflow run."""

from __future__ import annotations

import mlflow
from pytorch_lightning.loggers import MLFlowLogger

from hrtem_lab.tracking.runs import Run


def lightning_logger(run: Run) -> MLFlowLogger:
    """A logger that writes Lightning's metrics to a run."""
    return MLFlowLogger(run_id=run.id, tracking_uri=mlflow.get_tracking_uri(), log_model=False)
