#!/usr/bin/env bash
# scikit-learn 1.9.1: RandomForestClassifier.predict_proba for a row of which nothing is known (all features nan).
#
# Expected: an error, since no row of the training data had a nan; or the shares of the classes, 60 % and 40 %.
# Seen:     "probability of the commoner class 1.00". Where a feature had no nan in training, a nan goes with the larger
#           part at each node, and in every tree that ends among the commoner class.
# Matters:  a particle whose features could not be measured is handed on as the surest of all, and a plot of confidence
#           or a limit on it does not catch it.
# Instead:  keep rows with nan away from a forest that was fitted without any, or mark them as not classified.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -I -m pip install --quiet --disable-pip-version-check \
    numpy==2.4.6 scikit-learn==1.9.1
cd "$folder"
venv/bin/python -I - <<'EOF'
import sys

import numpy as np
import sklearn
from sklearn.ensemble import RandomForestClassifier

print("scikit-learn", sklearn.__version__)
rng = np.random.default_rng(0)
truth = np.repeat([0, 1], [180, 120])
features = 3.0 * truth[:, None] + rng.normal(size=(300, 3))
forest = RandomForestClassifier(random_state=0).fit(features, truth)
print("expected: an error, or about 0.60")
seen = forest.predict_proba(np.full((1, 3), np.nan))[0, 0]
typical = forest.predict_proba(features[:1])[0, 0]
print(f"seen: probability of the commoner class {seen:.2f}; of a measured member of it {typical:.2f}")
if seen < 0.95:
    sys.exit("CHANGED: the forest is no longer sure of what it knows nothing about")
EOF
