"""Old names of settings: read on a command line and in saved settings, refused in a file with the new name."""

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import get_object
from omegaconf import OmegaConf

from hrtem_lab.cli.argv import rename
from hrtem_lab.cli.compose import compose_config
from hrtem_lab.cli.config_checks import check_config
from hrtem_lab.paths import CONF
from hrtem_lab.physics.manifest import differences
from hrtem_lab.saved_settings import RENAMED_KEYS, RENAMED_TARGETS, current_key, current_settings, describe_differences


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("handling", "postprocessing"),
        ("handling.shrunk", "postprocessing.shrunk"),
        ("imaging.handling", "imaging.postprocessing"),
        ("handling@imaging.handling", "postprocessing@imaging.postprocessing"),
        ("specimen.most", "specimen.max_particles"),
        ("data.library.specimen.most", "data.library.specimen.max_particles"),
        ("data.imaging.coarsest_nm", "data.imaging.max_pixel_size_nm"),
        ("preprocessing.coarsest_nm", "preprocessing.max_pixel_size_nm"),
        ("forest.accuracy", "forest.target_accuracy"),
    ],
)
def test_an_old_key_has_a_new_name(old, new):
    assert current_key(old) == new
    assert current_key(new) == new


@pytest.mark.parametrize("key", ["most", "sweep.most", "specimen.mostly", "mishandling", "seed", ""])
def test_other_keys_stay(key):
    assert current_key(key) == key


def test_saved_settings_get_the_new_names():
    old = {"handling": {"shrunk": 0.4}, "data": {"library": {"specimen": {"most": 3, "empty": 0.1}}}, "most": [1]}
    new = {"postprocessing": {"shrunk": 0.4}, "data": {"library": {"specimen": {"max_particles": 3, "empty": 0.1}}}}
    assert current_settings(old) == new | {"most": [1]}
    assert current_settings(new) == new
    assert current_settings({"most": 3, "film_nm": [1, 2]}, "data.specimen") == {"max_particles": 3, "film_nm": [1, 2]}


@pytest.mark.parametrize("target", RENAMED_TARGETS.values())
def test_every_new_target_can_be_found(target):
    assert callable(get_object(target))


def test_old_targets_are_the_present_ones():
    saved = {"imaging": {"_target_": "hrtem_lab.physics.Imaging", "microscope": {"_target_": "other"}}}
    present = {"imaging": {"_target_": "hrtem_lab.physics.ImageSimulator", "microscope": {"_target_": "other"}}}
    assert current_settings(saved) == present
    assert current_settings({"name": "hrtem_lab.physics.Imaging"}) == {"name": "hrtem_lab.physics.Imaging"}


def test_differences_are_told_key_by_key():
    saved, present = {"seed": 1, "film_nm": [1, 2], "deep": {"a": 1}}, {"seed": 2, "film_nm": (1, 2), "deep": {"b": 3}}
    assert describe_differences(saved, saved) == ""
    expected = ["seed is 1 there and 2 here", "deep.a is 1 there and None here", "deep.b is None there and 3 here"]
    assert describe_differences(saved, present) == "; ".join(expected)
    assert describe_differences(saved, present, ["a note"], max_shown=2) == f"a note; {expected[0]} and 2 more"


def test_an_old_manifest_is_compared_by_the_new_names():
    manifest = {"recipe": {"seed": 1, "specimen": {"most": 3, "empty": 0.2}}}
    assert differences(manifest, {"seed": 1, "specimen": {"max_particles": 3, "empty": 0.2}}) == ""
    found = differences(manifest, {"seed": 1, "specimen": {"max_particles": 4, "empty": 0.2}})
    assert found == "specimen.max_particles is 3 there and 4 here"


@pytest.mark.parametrize(
    ("word", "renamed"),
    [
        ("handling=common", "postprocessing=common"),
        ("++specimen.most=3", "++specimen.max_particles=3"),
        ("~handling", "~postprocessing"),
        ("imaging.coarsest_nm=0.06,0.08", "imaging.max_pixel_size_nm=0.06,0.08"),
        ("output=/a/handling=x", "output=/a/handling=x"),
        ("--help", "--help"),
        ("input=two\nlines", "input=two\nlines"),
    ],
)
def test_words_of_a_command_line(word, renamed):
    assert rename(word) == renamed


def test_overrides_with_old_names_compose_the_same_configuration():
    old = ("handling=common", "handling.shrunk=0.1", "specimen.most=3", "imaging.coarsest_nm=0.06", "output=x")
    new = ("postprocessing.shrunk=0.1", "specimen.max_particles=3", "imaging.max_pixel_size_nm=0.06", "output=x")
    assert compose_config("simulate", old) == compose_config("simulate", new)


MISSING = object()


def test_every_new_name_is_one_of_the_configuration():
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = OmegaConf.to_container(compose("train", overrides=["output=x", "data=labelled"]))
    for old, name in RENAMED_KEYS.items():
        parent = config
        for part in old.split(".")[:-1]:
            parent = parent[part] if part in parent else parent["data"][part]
        assert OmegaConf.select(OmegaConf.create(parent), name, default=MISSING) is not MISSING
        assert old.rpartition(".")[2] not in parent


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"handling": {"shrunk": 0.1}}, "handling is called postprocessing now: rename it in your file of settings"),
        ({"specimen": {"most": 3}}, "specimen.most is called specimen.max_particles now: "),
        (
            {"imaging": {"_target_": "hrtem_lab.physics.Imaging"}},
            "hrtem_lab.physics.Imaging is called hrtem_lab.physics.ImageSimulator now: rename it at imaging._target_",
        ),
    ],
)
def test_an_old_name_in_a_file_is_refused(content, message):
    assert str(check_config(OmegaConf.create(content))).startswith(message)
