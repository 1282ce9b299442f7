"""A training before its first step, its folder, and one batch of every experiment."""

import shutil
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import InstantiationException
from omegaconf import OmegaConf

from hrtem_lab.micrograph import InputError
from hrtem_lab.paths import CONF
from hrtem_lab.pipelines.fit_network import fit_network
from hrtem_lab.pipelines.run_folder import make_run_folder
from hrtem_lab.pipelines.train import train as run_training
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.tracking.runs import Run
from tests.small import TRAINING

TRAINED = [path for path in (CONF / "experiment").glob("*.yaml") if "hrtem_lab.train " in path.read_text()]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # they are looked at where a whole training runs
@pytest.mark.parametrize("experiment", sorted({path.stem for path in TRAINED} - {"quickstart", "finetune"}))
def test_every_experiment_runs_one_batch(
    experiment: str,
    empty_store: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    """In this process, and beside one rival or none: the quickstart and the fine-tuning have run whole."""
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    paths = [f"data.library.root={tmp_path / 'waves'}", f"output={tmp_path / 'out'}"]
    words = [f"+experiment={experiment}", *TRAINING, *paths, "+trainer.limit_train_batches=1", "methods=[otsu]"]
    if experiment == "segmenter":
        words = [word for word in words if not word.startswith("references.")] + ["methods=[]", "references=[]"]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        if compose("train", overrides=words).start:  # one that goes on has the network of what it begins with
            words.append("model.net.decoder_channels=[128,64,32,16]")
        metrics = run_training(compose("train", overrides=words))
    assert "test/dice" in metrics
    too_few_particles = "a forest needs two or more" in capsys.readouterr().out
    assert ("forest/test/accuracy" in metrics) != too_few_particles
    assert NetworkSegmenter.load(tmp_path / "out" / "model").provenance["run"]


def test_runs_of_one_second_have_folders_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("hrtem_lab.pipelines.run_folder.workspace", lambda: tmp_path)
    monkeypatch.setattr("time.strftime", lambda _: "2026-01-02_03-04-05")
    config = OmegaConf.create({"name": "study", "output": None})
    folders = [make_run_folder(config) for _ in range(3)]
    assert [folder.name for folder in folders] == [f"2026-01-02_03-04-05{end}" for end in ("", "_2", "_3")]
    assert {folder.parent for folder in folders} == {tmp_path / "outputs" / "study"}
    assert all(folder.is_dir() for folder in folders)


def test_a_folder_that_was_asked_for_is_taken_as_it_is(tmp_path: Path):
    config = OmegaConf.create({"name": "study", "output": str(tmp_path / "mine")})
    assert make_run_folder(config) == make_run_folder(config) == tmp_path / "mine"
    (tmp_path / "file").touch()
    config.output = str(tmp_path / "file" / "mine")
    with pytest.raises(InputError, match="cannot be made"):
        make_run_folder(config)


@pytest.mark.parametrize("word", ["data.validation=1", "data.test=0"])
def test_what_would_fail_after_the_training_is_refused_before_it(word: str):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", overrides=["+experiment=quickstart", word])
    with pytest.raises(InputError, match="expected at least 2 specimens to tune and cross-validate on and 1 to score"):
        run_training(config)


def test_too_few_specimens_are_refused_in_one_line():
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", overrides=[*TRAINING, "data.library.count=5"])
    with pytest.raises(InstantiationException) as refused:
        run_training(config)
    said = str(refused.value.__cause__)
    assert isinstance(refused.value.__cause__, InputError)
    assert "raise data.library.count" in said
    assert "\n" not in said


def test_settings_of_no_start_cannot_be_kept():
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", overrides=["+experiment=quickstart", "kept_settings=true"])
    with pytest.raises(InputError, match="kept_settings=true keeps the settings of the model in start"):
        run_training(config)


@pytest.mark.parametrize(("share", "start"), [(0.5, None), (1.0, "models/default"), (-0.1, "models/default")])
def test_what_cannot_be_kept_of_a_start_is_refused(tmp_path: Path, share: float, start: str | None):
    config = OmegaConf.create({"start": start, "kept_of_start": share})
    with pytest.raises(InputError, match=f"kept_of_start={share}, start={start}"):
        fit_network(config, None, tmp_path, Run(""), [])
