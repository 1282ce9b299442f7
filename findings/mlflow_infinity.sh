#!/usr/bin/env bash
# MLflow 3.17.2 (mlflow-skinny): log_metric of infinity, with a SQLite store.
#
# Expected: infinity, or an error; nan, after all, comes back as nan.
# Seen:     the largest number that a float can hold, "1.7976931348623157e+308", which is finite.
# Matters:  the peak signal-to-noise ratio of an image against itself is infinite, and so is a loss that ran away. Code
#           that looks for the latter with isinf or isfinite takes it as a value like any other; a mean over runs is
#           1e308.
# Instead:  leave such a value out and say so in a tag, or test for abs(value) > 1e300 when reading.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -I -m pip install --quiet --disable-pip-version-check \
    mlflow-skinny==3.17.2 sqlalchemy==2.1.9 alembic==1.20.1
cd "$folder"
venv/bin/python -I - <<'EOF'
import logging
import math
import sys

import mlflow

logging.getLogger("mlflow").setLevel(logging.WARNING)
print("MLflow", mlflow.__version__)
mlflow.set_tracking_uri("sqlite:///store.db")
with mlflow.start_run() as run:
    mlflow.log_metrics({"psnr": math.inf, "dice": math.nan})
read = mlflow.get_run(run.info.run_id).data.metrics
print("expected: psnr inf, dice nan")
print(f"seen: psnr {read['psnr']}, finite: {math.isfinite(read['psnr'])}; dice {read['dice']}")
if read["psnr"] != sys.float_info.max or not math.isnan(read["dice"]):
    sys.exit("CHANGED: MLflow gives infinity back as something else")
EOF
