"""Settings under which a pipeline runs in seconds, and the whole training that they make."""

import os
import subprocess
import sys
from pathlib import Path

SPECIMENS = (
    "data.library.gpts=192",
    "data.library.workers=0",
    "specimen.field_nm=7",
    "specimen.diameter_nm=[2.0,4.0]",
    "specimen.film_nm=[1.0,2.0]",
    "specimen.empty=0.0",
    "specimen.graphitic=0.0",
)
"""Fields with a few small particles, none of them bare."""
TRAINING = [
    "data.library.count=10",
    *SPECIMENS,
    "specimen.max_particles=1",
    "data.validation=5",
    "data.test=3",
    "data.samples=4",
    "data.batch_size=2",
    "data.workers=0",
    "data.window_nm=6",
    "model.net.decoder_channels=[8,8,8,8]",
    "trainer.max_epochs=1",
    "trainer.log_every_n_steps=1",
    "forest.classifier.n_estimators=8",
    "references.groschner2021.recipe.classifier.n_estimators=8",
    "forest.folds=2",
    "views=3",
    "folds=2",
]
"""A whole training."""


def train(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Call the command `train` on a small training, whose store and exit waves are in the folder."""
    environment = os.environ | {"MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}", "COLUMNS": "120"}
    call = [sys.executable, "-m", "hrtem_lab.train", *TRAINING, f"data.library.root={folder / 'waves'}", *words]
    return subprocess.run(call, capture_output=True, text=True, check=False, env=environment, cwd=folder)
