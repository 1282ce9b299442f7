"""MLflow: runs, data, models. The one subpackage that knows it."""
