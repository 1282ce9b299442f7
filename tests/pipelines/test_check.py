"""The command `check`: what it says of a set that is right, and of one in which something is wrong."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hydra import compose, initialize_config_dir
from PIL import Image

from hrtem_lab.files import write_folder
from hrtem_lab.micrograph import InputError, LabelledMicrograph
from hrtem_lab.paths import CONF
from hrtem_lab.pipelines.check import check
from hrtem_lab.pipelines.label_check import label_disagreement
from hrtem_lab.segmentation.split import Split
from tests.models import save_model
from tests.segmentation.scenes import dark_discs, discs_elsewhere, mask_of


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("model"), forest=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_folder(tmp_path / "set", [(n, dark_discs(n, discs_elsewhere(n), contrast=3.0)) for n in range(4)])
    return tmp_path / "set"


def run(folder: Path, model: Path, *words: str) -> int:
    words = (f"data.root={folder}", f"model={model}", f"output={folder.parent / 'out'}", *words)
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return check(compose("check", overrides=list(words)))


def test_a_set_that_is_right(folder: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, model) == 0
    out = folder.parent / "out"
    table = pd.read_csv(out / "check.csv")
    assert table["name"].tolist() == [f"dark_{n}" for n in range(4)]
    assert table["particles"].tolist() == [3] * 4
    assert table["disagreement"].notna().all()
    assert (out / "suspects.png").stat().st_size > 5000
    assert sum(len(side) for side in Split.load(out / "split.json").sides.values()) == 4
    printed = capsys.readouterr().out
    assert "numbers of particles" in printed
    assert "0.05 nm per pixel" in printed


def test_what_is_wrong_is_said_and_ends_with_3(folder: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(folder, model)
    Image.fromarray(np.zeros((9, 9), dtype=np.uint8)).save(folder / "dark_1_label.png")
    assert run(folder, model) == 3
    out = folder.parent / "out"
    assert "dark_1_label.png: the label has shape (9, 9)" in capsys.readouterr().out.replace("\n", " ")
    assert len(pd.read_csv(out / "check.csv")) == 3
    assert not (out / "split.json").exists()


def test_a_label_is_not_judged_by_a_network_that_has_learned_from_it(folder: Path, model: Path) -> None:
    assert run(folder, model) == 0
    trained = folder.parent / "trained"
    shutil.copytree(model, trained / "model")
    shutil.copy(folder.parent / "out" / "split.json", trained)
    assert run(folder, trained) == 0
    table, split = pd.read_csv(folder.parent / "out" / "check.csv", index_col="name"), Split.load(trained)
    assert set(table.index[table["disagreement"].notna()]) == set(split.sides["test"])
    for name in split.sides["train"]:
        assert "was trained on this label" in table.at[name, "flag"]


def test_partners_that_are_missing_are_named_and_the_others_are_checked(
    folder: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "dark_1_label.png").unlink()
    (folder / "dark_2.tif").unlink()
    assert run(folder, model) == 3
    printed = capsys.readouterr().out.replace("\n", " ")
    assert "dark_1.tif has no label; draw dark_1_label.png" in printed
    assert "dark_2_label.png is a label without a micrograph" in printed
    assert pd.read_csv(folder.parent / "out" / "check.csv")["name"].tolist() == ["dark_0", "dark_3"]


def test_two_groups_are_enough_to_train_without_a_test_score(folder: Path, model: Path) -> None:
    for number in (2, 3):
        for end in (".tif", "_label.png"):
            (folder / f"dark_{number}{end}").unlink()
    assert run(folder, model) == 0


def faulty(seed: int, fault: str) -> LabelledMicrograph:
    """Dark discs whose label leaves one out, moves one by its radius, or has one where there is none."""
    discs = discs_elsewhere(seed)
    micrograph = dark_discs(seed, discs, contrast=3.0)
    (row, column, radius), *others = discs
    (free,) = {(r, c) for r in (0, 90) for c in (0, 90)} - {(r // 90 * 90, c // 90 * 90) for r, c, _ in discs}
    marked = {
        "nothing": discs,
        "left out": others,
        "moved": [(row, column + radius, radius), *others],
        "invented": [*discs, (free[0] + 45, free[1] + 45, 25)],
    }
    return replace(micrograph, instances=mask_of(marked[fault]))


def test_planted_faults_are_found_by_networks_that_learned_from_other_groups(tmp_path: Path, model: Path) -> None:
    faults = ["nothing"] * 9
    faults[1], faults[4], faults[8] = "left out", "moved", "invented"
    write_folder(tmp_path / "set", [(n, faulty(n, fault)) for n, fault in enumerate(faults)])
    assert run(tmp_path / "set", model, "folds=3") == 0
    table = pd.read_csv(tmp_path / "out" / "check.csv").sort_values("disagreement", ascending=False)
    assert set(table["name"][:3]) == {"dark_1", "dark_4", "dark_8"}


def test_more_folds_than_groups_are_refused(folder: Path, model: Path) -> None:
    with pytest.raises(InputError, match="folds=5: there are 4 groups"):
        run(folder, model, "folds=5")


def test_annotators_are_compared(folder: Path, model: Path) -> None:
    label = folder / "dark_0_label.png"
    wide = np.asarray(Image.open(label)).copy()
    wide[:, 1:] |= wide[:, :-1]
    label.rename(folder / "dark_0_label_anna.png")
    Image.fromarray(wide).save(folder / "dark_0_label_ben.png")
    assert run(folder, model) == 0
    table = pd.read_csv(folder.parent / "out" / "agreement.csv")
    assert table[["first", "second", "micrograph"]].values.tolist() == [["anna", "ben", "dark_0"]]
    assert 0.9 < table["dice"][0] < 1


def test_a_label_is_as_far_from_the_network_as_was_drawn() -> None:
    micrograph = dark_discs()
    sure = micrograph.mask.astype(np.float32)
    assert label_disagreement(micrograph, sure) == 0
    assert label_disagreement(micrograph, np.full_like(sure, 0.5)) == 0
    assert label_disagreement(micrograph, 1 - sure) == pytest.approx(sure.size / sure.sum())
    half = sure.copy()
    half[:, 90:] = 0
    assert label_disagreement(micrograph, half) == pytest.approx(sure[:, 90:].sum() / sure.sum())
