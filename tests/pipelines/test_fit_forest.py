"""A forest for a trained segmenter: specimens of its own, scores, and one folder that holds both."""

import json
import shutil

import numpy as np
from hydra import compose, initialize_config_dir

from hrtem_lab.cli.build import build
from hrtem_lab.defects import Forest
from hrtem_lab.paths import CONF
from hrtem_lab.pipelines.fit_forest import find_pieces, fit_forest
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.segmentation.preprocessing import Preprocessing
from hrtem_lab.segmentation.segmenter import Segmentation
from tests.models import Dark, save_model
from tests.small import SPECIMENS

SMALL = [
    "+experiment=defects",
    "data.library.count=7",
    *SPECIMENS,
    "specimen.max_particles=2",
    "data.test=2",
    "forest.classifier.n_estimators=8",
    "forest.folds=2",
    "references=[majority]",
    "views=2",
    "test_views=1",
    "folds=2",
]


def seen(micrograph):
    """All true particles, and one that does not exist."""
    instances = micrograph.instances.copy()
    instances[:20, :20] = instances.max() + 1
    return Segmentation((instances > 0)[None].astype(np.float32), instances)


def test_the_segmenter_and_its_forest_share_a_folder(tmp_path, monkeypatch, empty_store):
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    source = save_model(tmp_path / "source", forest=False)
    monkeypatch.setattr(
        NetworkSegmenter,
        "load",
        classmethod(lambda cls, _: NetworkSegmenter(net=Dark(), preprocessing=Preprocessing())),
    )
    monkeypatch.setattr(NetworkSegmenter, "segment", lambda self, micrograph: seen(micrograph))
    monkeypatch.setattr(NetworkSegmenter, "save", lambda self, folder: shutil.copytree(source, folder))
    paths = [f"data.library.root={tmp_path / 'waves'}", f"output={tmp_path / 'out'}", f"model={source}"]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        metrics = fit_forest(compose("forest", overrides=[*SMALL, *paths, f"tables={tmp_path / 'tables'}"]))
    assert len(list((tmp_path / "tables").glob("*/*.parquet"))) == 3  # training, test, test by true masks
    assert metrics["forest/cv/particles"] > 4
    assert json.loads((tmp_path / "out" / "metrics.json").read_text()).keys() == metrics.keys()
    assert Forest.load_if_present(tmp_path / "out" / "model") is not None
    assert (tmp_path / "out" / "model" / "segmenter.json").is_file()
    assert (tmp_path / "out" / "figures" / "references.png").is_file()


def test_training_and_test_specimens_differ():
    with initialize_config_dir(str(CONF), version_base="1.3"):
        data = compose("forest", overrides=["+experiment=defects"]).data
    assert data.library.count - data.validation - data.test >= 200
    assert data.seed != 0  # of which segmenters are trained


def test_the_place_of_tables_tells_what_they_depend_on(tmp_path):
    """Not the number of specimens, so that more go on from fewer."""
    folders = []
    source = save_model(tmp_path / "source", forest=False)
    other = save_model(tmp_path / "other", forest=False)
    settings = json.loads((other / "segmenter.json").read_text(encoding="utf-8"))
    (other / "segmenter.json").write_text(json.dumps(settings | {"threshold": 0.25}), encoding="utf-8")
    with initialize_config_dir(str(CONF), version_base="1.3"):
        for model, change in (
            (source, "data.library.count=1000"),
            (source, "data.library.count=2000"),
            (source, "data.imaging.max_pixel_size_nm=0.07"),
            (source, "features=uncalibrated"),
            (other, "data.library.count=1000"),
        ):
            changes = ["+experiment=defects", f"tables={tmp_path}", f"data.library.root={tmp_path / 'waves'}", change]
            config = compose("forest", overrides=changes)
            folders.append(find_pieces(config, build(config.data), model))
    assert folders[0] == folders[1]
    assert len(set(folders)) == 4
