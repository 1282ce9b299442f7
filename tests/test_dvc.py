"""The stages of DVC: each is done once, again where what it depends on has changed, and keeps what it goes on with."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import PROJECT
from tests.small import SPECIMENS

FILE = "experiments/quickstart/dvc.yaml"
COPIED = ("hrtem_lab", "conf", "experiments/quickstart", ".dvc", ".dvcignore", ".gitignore")
TINY = {
    "specimens": 10,
    "specimen": " ".join(
        f"'{word}'" for word in (*SPECIMENS, "specimen.max_particles=1") if word.startswith("specimen.")
    ),
    "simulate": "library.gpts=192 workers=0",
    "train": "data.library.gpts=192 data.library.workers=0 data.workers=0 data.validation=5 data.test=3 data.samples=4 "
    "data.batch_size=2 data.window_nm=6 model.net.decoder_channels=[8,8,8,8] trainer.max_epochs=1 views=3 folds=2 "
    "forest.folds=2 forest.classifier.n_estimators=8 methods=[] references=[]",
    "evaluate": "data.library.gpts=192 data.library.workers=0 data.library.count=3 data.validation=1 data.test=1 "
    "seed=1000",
}


class Repository:
    """A copy of the project in which stages take seconds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in COPIED:
            source, target = PROJECT / name, folder / name
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "tmp", "cache"))
            else:
                shutil.copy(source, target)
        self.set(**TINY)
        for words in (
            ["init", "-q"],
            ["add", "-A"],
            ["-c", "user.email=a@b", "-c", "user.name=a", "commit", "-qm", "all"],
        ):
            subprocess.run(["git", *words], cwd=folder, check=True)

    def set(self, **values: object) -> None:
        """Change values of `params.yaml`."""
        path = (self.folder / FILE).with_name("params.yaml")
        path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | values))

    def repro(self) -> tuple[list[str], str]:
        """Reproduce the stages; gives the names of those that were done, and what was printed."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = os.environ | {"PATH": path, "PYTHONPATH": str(self.folder)}
        call = [sys.executable, "-m", "dvc", "repro", FILE]
        done = subprocess.run(call, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-1500:]
        lines = [line for line in done.stdout.splitlines() if line.startswith("Running stage")]
        return [line.split("'")[1].rpartition(":")[2] for line in lines], done.stdout


@pytest.mark.slow
def test_stages_are_done_where_something_has_changed(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "project")
    assert repository.repro()[0] == ["simulate", "train", "evaluate"]
    waves = repository.folder / "outputs" / "quickstart" / "waves"
    first = {path: path.stat().st_mtime_ns for path in waves.rglob("*.parquet")}
    assert first
    assert repository.repro()[0] == []

    repository.set(evaluate=TINY["evaluate"].replace("1000", "1001"))
    assert repository.repro()[0] == ["evaluate"]

    repository.set(specimens=11, train=f"{TINY['train']} trainer.log_every_n_steps=1")
    names, printed = repository.repro()
    assert names == ["simulate", "train", "evaluate"]
    assert "Going on with the training" not in printed
    now = {path: path.stat().st_mtime_ns for path in waves.rglob("*.parquet")}
    assert len(now) == len(first) + 1
    assert all(now[path] == first[path] for path in first)


def test_what_a_stage_goes_on_with_is_kept_and_no_remote_is_committed() -> None:
    assert "remote" not in (PROJECT / ".dvc" / "config").read_text()
    assert "/config.local" in (PROJECT / ".dvc" / ".gitignore").read_text()
    for file in PROJECT.glob("experiments/*/dvc.yaml"):
        for name, stage in yaml.safe_load(file.read_text())["stages"].items():
            kept = [path for each in stage["outs"] for path, how in each.items() if how.get("persist")]
            assert any(path.endswith(("waves", "checkpoints")) for path in kept) == (name in ("simulate", "train"))
