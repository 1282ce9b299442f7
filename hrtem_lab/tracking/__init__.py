"""MLflow: runs, data, models. The one subpackage that knows it."""

import os

# a server that has gone away is waited for in seconds, not in minutes: what it misses is kept and brought in later
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
if not os.environ.keys() & {"MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK"}:
    # MLflow reads this when it is imported; a user who has set either variable has decided
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
