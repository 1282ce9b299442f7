"""A library made by the command, and what other programs find in its exports."""

import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import tifffile
from hydra import compose, initialize_config_dir
from PIL import Image

from hrtem_lab.cli.build import build
from hrtem_lab.figures.micrographs import contact_sheet
from hrtem_lab.files import find_image_table, find_inputs, find_label, read, read_label
from hrtem_lab.micrograph import CLASSES, InputError
from hrtem_lab.paths import CONF
from hrtem_lab.physics import ExitWaveLibrary
from hrtem_lab.pipelines import simulate as simulation

SMALL = [
    "n=3",
    "library.gpts=64",
    "specimen.field_nm=4",
    "specimen.diameter_nm=[2.0,2.4]",
    "specimen.max_particles=2",
    "specimen.film_nm=[0.8,1.0]",
    "specimen.empty=0.3",
    "microscope.pixel_size_nm=[0.0075,0.03]",
    "workers=0",
]


def composed(*words: str):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("simulate", overrides=[*SMALL, *words])


def simulate(folder: Path, *words: str) -> ExitWaveLibrary:
    return simulation.simulate(composed(f"output='{folder}'", *words))


def simulated_images(*words: str, images_per_specimen: int = 1) -> simulation.SimulatedImages:
    config = composed(*words)
    return simulation.SimulatedImages(build(config.library), build(config.imaging), images_per_specimen, config.seed)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of three specimens, with both exports of two images each and the contact sheet."""
    folder = tmp_path_factory.mktemp("library") / "Gold (1)"
    simulate(folder, "images=2", "export=folder", "preview=true")
    simulate(folder, "images=2", "export=groschner")
    return folder


def test_the_folder_export_is_read_back_by_our_own_readers(made: Path):
    images = find_inputs(made / "images")
    metadata = pd.read_csv(made / "images" / "metadata.csv").set_index("name")
    assert list(images) == list(metadata.index)
    assert len(images) == 6
    taken = simulated_images(f"output='{made}'", images_per_specimen=2)
    for number, (name, path) in enumerate(images.items()):
        (micrograph,) = read(path)
        truth = taken.simulate(number)
        assert (name, metadata.loc[name, "group"]) == (truth.name, truth.group)
        np.testing.assert_array_equal(micrograph.image, truth.image)
        assert micrograph.pixel_size_nm == pytest.approx(truth.pixel_size_nm)
        np.testing.assert_array_equal(read_label(find_label(path), micrograph.image.shape).mask, truth.instances > 0)
        np.testing.assert_array_equal(tifffile.imread(made / "images" / "instances" / path.name), truth.instances)
        for key in ("defocus_nm", "dose_e_per_nm2"):
            assert metadata.loc[name, key] == pytest.approx(truth.metadata[key])
        assert micrograph.pixel_size_nm * len(micrograph.image) == pytest.approx(4.0)
    sizes = find_image_table(made / "images")
    found = {path.stem: sizes.pixel_size_nm(path)[1] for path in images.values()}
    assert found == pytest.approx(metadata["pixel_size_nm"].to_dict())


def test_every_image_of_a_specimen_has_a_condition_of_its_own(made: Path):
    metadata = pd.read_csv(made / "images" / "metadata.csv")
    assert metadata.groupby("group").size().tolist() == [2, 2, 2]
    assert metadata["defocus_nm"].nunique() == metadata["dose_e_per_nm2"].nunique() == 6


def test_the_facts_go_with_the_instances(made: Path):
    facts = pd.read_parquet(made / "images" / "particles.parquet")
    for path in (made / "images" / "instances").glob("*.tif"):
        mine = facts[facts["name"] == path.stem]
        assert set(np.unique(tifffile.imread(path))) - {0} <= set(mine["particle"])
    assert set(facts["label"]) <= set(CLASSES)
    assert facts["diameter_nm"].between(2.0, 2.4).all()
    of_library = pd.read_parquet(made / "facts")
    assert set(facts["name"].str.rsplit("_", n=1).str[0]) == set(of_library["name"])


def test_groschners_layout(made: Path):
    with h5py.File(made / "groschner" / "images.h5") as file:
        images, maps = file["images"][()], file["maps"][()]
    assert (images.shape, maps.shape) == ((6, 512, 512, 1), (6, 512, 512, 2))
    assert images.dtype == np.float32
    assert [(image.min(), image.max()) for image in images] == [(0, 1)] * 6
    assert set(np.unique(maps)) == {0, 1}
    assert (maps.sum(axis=-1) == 1).all()
    metadata = pd.read_csv(made / "groschner" / "metadata.csv")
    assert (metadata["pixel_size_nm"] * 512 <= 4.0 + 1e-6).all()
    facts = pd.read_parquet(made / "groschner" / "particles.parquet")
    for row, name in enumerate(metadata["name"]):
        assert maps[row, ..., 1].any() == (name in set(facts["name"]))
    micrographs = read(made / "groschner" / "images.h5", pixel_size_nm=0.007)
    np.testing.assert_array_equal(np.stack([m.image for m in micrographs]), images[..., 0])


def test_the_map_lies_where_the_particle_is(tmp_path: Path):
    """Gold scatters more than a thin film: near focus the contrast is inside the outlines, whatever was cut out."""
    words = ("specimen.empty=0", "specimen.edge_on=1", "microscope.dose_e_per_nm2=[1e6,1e6]")
    pixels = ("microscope.defocus_nm=[-8,8]", "microscope.pixel_size_nm=[0.006,0.007]")
    simulate(tmp_path, *words, *pixels, "images=2", "export=groschner")
    with h5py.File(tmp_path / "groschner" / "images.h5") as file:
        pairs = list(zip(file["images"][..., 0], file["maps"][..., 1].astype(bool), strict=True))
    here = [image[truth].std() / image[~truth].std() for image, truth in pairs]
    turned = [image[truth.T].std() / image[~truth.T].std() for image, truth in pairs]
    assert np.median(here) > 1.15 * np.median(turned)


def test_the_contact_sheet(made: Path):
    with Image.open(made / "preview.png") as sheet:
        assert min(sheet.size) > 1000
        assert np.asarray(sheet.convert("L")).std() > 20
    micrographs = simulation.select_preview(simulated_images(f"output='{made}'"))
    assert len(micrographs) == 24
    defocus = [m.metadata["defocus_nm"] for m in micrographs]
    assert defocus == sorted(defocus)
    assert len(set(defocus)) == 24
    assert sum(m.ground_truth.empty for m in micrographs) <= 3
    figure = contact_sheet(micrographs)
    for axes, micrograph in zip(figure.axes, micrographs, strict=True):
        title = axes.get_title()
        assert f"{micrograph.pixel_size_nm:.3f} nm/px" in title
        assert ("Au" in title) == (not micrograph.ground_truth.empty)
        assert len(axes.images) == 1


@pytest.mark.parametrize("export", ["groschner", "folder"])
def test_no_specimens_give_an_empty_result(export: str, tmp_path: Path):
    library = simulate(tmp_path, "n=0", "preview=true", f"export={export}")
    assert len(library) == 0
    assert json.loads((tmp_path / "manifest.json").read_text())["count"] == 0
    assert (tmp_path / "preview.png").is_file()
    folder = tmp_path / ("groschner" if export == "groschner" else "images")
    assert len(pd.read_csv(folder / "metadata.csv")) == len(pd.read_parquet(folder / "particles.parquet")) == 0
    if export == "groschner":
        with h5py.File(folder / "images.h5") as file:
            assert (file["images"].shape, file["maps"].shape) == ((0, 512, 512, 1), (0, 512, 512, 2))


def test_specimens_without_particles_have_an_empty_truth(tmp_path: Path):
    simulate(tmp_path, "n=2", "specimen.max_particles=0", "export=folder", "preview=true")
    assert len(pd.read_parquet(tmp_path / "facts")) == 0
    assert len(pd.read_parquet(tmp_path / "images" / "particles.parquet")) == 0
    labels = sorted((tmp_path / "images").glob("*_label.png"))
    assert len(labels) == 2
    assert not any(np.asarray(Image.open(path)).any() for path in labels)


def test_fewer_images_leave_none_of_the_earlier_ones(tmp_path: Path):
    simulate(tmp_path, "images=2", "export=folder")
    (tmp_path / "images" / "mine.tif").write_bytes(b"")
    simulate(tmp_path, "n=2", "images=1", "export=folder")
    assert len(pd.read_csv(tmp_path / "images" / "metadata.csv")) == 2
    assert len(list((tmp_path / "images").glob("*_label.png"))) == 2
    assert len(list((tmp_path / "images" / "instances").glob("*.tif"))) == 2
    assert (tmp_path / "images" / "mine.tif").exists()


def test_processes_take_the_same_images(made: Path, monkeypatch: pytest.MonkeyPatch):
    alone = simulated_images(f"output='{made}'")
    monkeypatch.setattr(simulation, "MIN_PARALLEL_IMAGES", 0)
    together = simulated_images(f"output='{made}'", "workers=2")
    found = dict(together.simulate_all("Taking images"))
    assert sorted(found) == [0, 1, 2]
    for number, micrograph in found.items():
        np.testing.assert_array_equal(micrograph.image, alone.simulate(number).image)


def test_ctrl_c_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def interrupted(self: ExitWaveLibrary, index: int) -> None:
        if index:
            raise KeyboardInterrupt
        simulate_one(self, index)

    simulate_one = ExitWaveLibrary._simulate_one
    monkeypatch.setattr(ExitWaveLibrary, "_simulate_one", interrupted)
    with pytest.raises(KeyboardInterrupt):
        simulate(tmp_path)
    said = capsys.readouterr().out
    assert f"{tmp_path} holds 1 of 3 specimens; the same command goes on from there" in said
    monkeypatch.undo()
    assert simulate(tmp_path).missing() == []


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("n=-3", "n is -3, expected a whole number of at least 0"),
        ("n=1.5", "n is 1.5, expected a whole number"),
        ("images=-1", "images is -1"),
        ("seed=-1", "seed is -1"),
        ("export=tif", "export is tif, expected groschner or folder"),
        ("specimen.diameter_nm=[2,5]", "diameter_nm goes to 5 nm, the field is 4 nm wide"),
        ("microscope.dose_e_per_nm2=[-1,10]", r"dose_e_per_nm2 is \[-1, 10\]"),
        ("microscope.pixel_size_nm=[0.1,0.2]", "pixel_size_nm goes to 0.2 nm: beyond its Nyquist frequency"),
        ("library.gpts=32", "gpts is 32, .*Nyquist"),
        ("export=groschner microscope.pixel_size_nm=[0.01,0.03]", "leaves 400 of a field of 4 nm; .* at least 5.12"),
    ],
)
def test_a_wrong_setting_is_one_line_and_exit_code_2(
    word: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    from hrtem_lab.simulate import main

    words = [f"output={tmp_path / 'out'}", *(s for s in SMALL if s.split("=")[0] not in word), *word.split()]
    monkeypatch.setattr(sys, "argv", ["simulate", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    err = capsys.readouterr().err
    assert ended.value.code == 2, err
    assert err.count("\n") == 1
    with pytest.raises(InputError, match=message):
        raise InputError(err)
    assert not (tmp_path / "out").exists()


def test_the_command_goes_on_with_what_is_there(made: Path, tmp_path: Path):
    before = {path: path.stat().st_mtime_ns for path in (made / "facts").iterdir()}
    words = [f"output={made}", *SMALL[1:], "n=4"]
    done = subprocess.run(
        [sys.executable, "-m", "hrtem_lab.simulate", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=os.environ | {"COLUMNS": "200"},
    )
    assert done.returncode == 0, done.stderr
    assert "".join(f"4 specimens in {made}".split()) in "".join(done.stdout.split())  # the title may be wrapped
    after = {path: path.stat().st_mtime_ns for path in (made / "facts").iterdir()}
    assert len(after) == 4
    assert {path: after[path] for path in before} == before
