"""Pipeline, tracking, figures, report and the commands' front door; the one room that knows Hydra and MLflow."""
