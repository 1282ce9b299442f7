"""MLflow: runs, data, models. The one subpackage that knows it."""

import os

if not os.environ.keys() & {"MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK"}:
    # MLflow reads this when it is imported; a user who has set either variable has decided
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
