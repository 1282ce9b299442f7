#!/usr/bin/env bash
# Optuna 5.0.0: a stored study, resumed by the same script with a seeded sampler.
#
# Expected: the second call adds trials that the first has not made.
# Seen:     the sampler begins its random numbers anew, so the first call's trials are run again, number for number:
#           "the second call's 5 trials are those of the first: True" for RandomSampler, and for TPESampler while it
#           starts up (10 trials). The same goes for several workers with one seed.
# Matters:  a trial of this field is hours of training on simulated micrographs. A sweep that was stopped, or is shared
#           by four workers, pays for the same settings again, and counts them as more evidence.
# Instead:  derive the seed from the number of trials in the study and the worker, or keep the sampler itself (pickle).
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -I -m pip install --quiet --disable-pip-version-check \
    optuna==5.0.0
cd "$folder"
venv/bin/python -I - <<'EOF'
import sys

import optuna
from optuna.storages.journal import JournalFileBackend

print("Optuna", optuna.__version__)
print("expected: False")
optuna.logging.set_verbosity(optuna.logging.WARNING)
seen = []
for kind in (optuna.samplers.RandomSampler, optuna.samplers.TPESampler):
    for _ in range(2):  # what two calls of one script do
        storage = optuna.storages.JournalStorage(JournalFileBackend("journal.log"))
        study = optuna.create_study(
            storage=storage, study_name=kind.__name__, sampler=kind(seed=7), load_if_exists=True
        )
        study.optimize(lambda trial: trial.suggest_float("lr", 1e-5, 1e-1, log=True), n_trials=5)
    rates = [trial.params["lr"] for trial in study.trials]
    seen.append(rates[:5] == rates[5:])
    print(f"seen: {kind.__name__}: the second call's 5 trials are those of the first: {seen[-1]}")
if not all(seen):
    sys.exit("CHANGED: a resumed study no longer repeats its trials")
EOF
