"""A matrix of domains with networks whose answers are known."""

import shutil
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image

from hrtem_lab.cli.build import to_plain
from hrtem_lab.cli.compose import compose_config
from hrtem_lab.micrograph import InputError
from hrtem_lab.paths import CONF
from hrtem_lab.pipelines import study
from hrtem_lab.pipelines.matrix import make_domains
from hrtem_lab.pipelines.trainings import run_trainings
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from tests.pipelines.studies import make_train
from tests.segmentation.scenes import PREPROCESSING, dark_discs, discs_elsewhere

MATRICES = sorted(file.stem for file in (CONF / "matrix").glob("*.yaml"))


@pytest.mark.parametrize("name", MATRICES)
def test_domains_differ_in_what_the_matrix_is_of_and_in_nothing_else(name: str):
    config = compose_config("train", [f"matrix={name}"])
    domains = {domain: to_plain(each) for domain, each in make_domains(config).items()}
    assert len(domains) >= 2
    plain = to_plain(config)
    for domain, each in domains.items():
        assert each["matrix"] is None
        for section, values in plain["matrix"][domain].items():
            for key, value in values.items():
                assert each[section][key] == value
                assert (
                    each["data"]["library" if section == "specimen" else "imaging"]
                    != (plain["data"]["library" if section == "specimen" else "imaging"])
                    or plain[section][key] == value
                )
    libraries = [each["data"]["library"] for each in domains.values()]
    is_imaging = name in ("dose", "defocus", "pixel_size")
    assert (libraries[0] == libraries[1]) == is_imaging  # exit waves are shared


def test_a_material_takes_the_place_of_all_others():
    domains = make_domains(compose_config("train", ["matrix=material", "specimen=diverse"]))
    assert {name: list(each.specimen.materials) for name, each in domains.items()} == {
        "gold": ["au"],
        "platinum": ["pt"],
        "cadmium_selenide": ["cdse_zinc_blende"],
    }


@pytest.fixture
def sets(tmp_path: Path) -> dict[str, Path]:
    """Two folders of drawn micrographs: particles darker than their support, and brighter ones."""
    for name, sign in (("dark", 1), ("bright", -1)):
        folder = tmp_path / name
        folder.mkdir()
        rows = ["name,pixel_size_nm,group"]
        for number in range(4):
            drawn = dark_discs(number, discs_elsewhere(number), contrast=8.0)
            pixels = np.clip(128 + 8 * sign * (drawn.image - 100), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{name}{number}.png")
            Image.fromarray(np.uint8(255 * drawn.mask)).save(folder / f"{name}{number}_label.png")
            rows.append(f"{name}{number},0.05,g{number}")
        (folder / "metadata.csv").write_text("\n".join(rows))
    return {name: tmp_path / name for name in ("dark", "bright")}


class Grey(torch.nn.Module):
    """Calls particle what is darker than the mean, or with a sign of -1 what is brighter."""

    def __init__(self, sign: int) -> None:
        super().__init__()
        self.sign = sign

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return -4 * (self.sign * torch.nn.functional.avg_pool2d(images, 5, stride=1, padding=2) + 1)


def test_each_network_is_tested_on_all_domains_and_its_gap_is_to_the_domains_own(
    sets: dict[str, Path], tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch
):
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    monkeypatch.setattr(study, "train", make_train(lambda config: 0.9, []))
    nets = {"dark": Grey(1), "bright": Grey(-1)}
    monkeypatch.setattr(
        NetworkSegmenter,
        "load",
        classmethod(lambda cls, folder: cls(net=nets[folder.parent.name], preprocessing=PREPROCESSING)),
    )
    config = compose_config("train", ["data=labelled", "data.root=x", "data/splitter=test_only"])
    matrix = {name: {"data": {"root": str(folder)}} for name, folder in sets.items()}
    OmegaConf.update(config, "matrix", matrix, force_add=True)
    config.output = str(tmp_path / "out")
    metrics = run_trainings(config)
    cells = pd.read_csv(tmp_path / "out" / "matrix.csv").set_index(["trained_on", "tested_on"])
    assert cells.loc[("dark", "dark"), "dice"] > 0.85
    assert cells.loc[("bright", "bright"), "dice"] > 0.85
    assert cells.loc[("dark", "bright"), "dice"] < 0.5
    for pair in (("dark", "bright"), ("bright", "dark")):
        own = cells.loc[(pair[1], pair[1]), "dice"]
        assert cells.loc[pair, "gap"] == pytest.approx(own - cells.loc[pair, "dice"])
    assert metrics["dark_to_bright/gap"] == pytest.approx(cells.loc[("dark", "bright"), "gap"])
    assert metrics["dark_to_dark/gap"] == 0
    assert (tmp_path / "out" / "figures" / "matrix.png").stat().st_size > 5000
    store = mlflow.MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    experiment = store.get_experiment_by_name("train")
    found = {run.info.run_name: run.data.metrics for run in store.search_runs([experiment.experiment_id])}
    assert set(found) == {"out", "dark", "bright"}  # a network is scored in the run of its training
    assert found["dark"]["bright/dice"] == pytest.approx(cells.loc[("dark", "bright"), "dice"])


def test_a_single_domain_is_no_matrix():
    config = compose_config("train", [])
    OmegaConf.update(config, "matrix", {"one": {"data": {"samples": 8}}}, force_add=True)
    with pytest.raises(InputError, match="matrix holds 1 domain"):
        run_trainings(config)
