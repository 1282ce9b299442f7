from pathlib import Path

from hrtem_lab.cli.help_text import text


def test_help_says_what_a_newcomer_needs(conf: Path) -> None:
    lines = [" ".join(line.split()) for line in text("Do it.", "train", conf).splitlines()]
    assert lines[:4] == ["Do it.", "", "Train something.", ""]
    assert "python -m hrtem_lab.train +experiment=quickstart" in lines
    assert "quickstart Five minutes on a laptop." in lines
    assert "seed=1 of everything that is random" in lines
    assert "fast=false above its setting" in lines
    assert "net large, small*" in lines
    assert "methods otsu*, watershed" in lines


def test_an_experiment_is_listed_with_its_command_only(conf: Path) -> None:
    assert "quickstart" not in text("", "predict", conf)
    assert "broken" in text("", "predict", conf)


def test_a_value_that_has_to_be_given_is_in_the_example(conf: Path) -> None:
    lines = [" ".join(line.split()) for line in text("", "predict", conf).splitlines()]
    assert "python -m hrtem_lab.predict input=..." in lines
    assert "input=??? a micrograph or a folder of them" in lines


def test_help_needs_no_configuration_that_composes(call) -> None:
    ended = call("+experiment=broken", "--help", "nonsense")
    assert (ended.code, ended.err, ended.configs) == (0, "", [])
    assert ended.out.startswith("Do it.")
