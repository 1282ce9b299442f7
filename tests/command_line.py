"""A small configuration and a way to call a command that reads it."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from omegaconf import DictConfig

from hrtem_lab.cli.command import command

FILES = {
    "train": """\
        # Train something.
        #
        # It takes a while.
        defaults:
          - net: small
          - methods: [otsu]
          - _self_

        seed: 1  # of everything that is random
        name: run
        rate: 0.5
        # above its setting
        fast: false
        sizes: [1, 2]
        notes: null
        twin: ${seed}
        trainer:
          max_epochs: 8
        data:
          root: /data
          seed: ${seed}
    """,
    "predict": """\
        input: ???  # a micrograph or a folder of them
        output: ${input}
        calibration: null
        later:
          _target_: builtins.dict
          _partial_: true
          given: ???
    """,
    "choose": """\
        defaults:
          - net: ???
    """,
    "net/small": "_target_: fractions.Fraction\nnumerator: 3",
    "net/large": "_target_: fractions.Fraction\nnumerator: 5",
    "methods/otsu": "# @package methods.otsu\nbins: 3",
    "methods/watershed": "# @package methods.watershed\nbins: 4",
    "experiment/quickstart": """\
        # @package _global_
        # Five minutes on a laptop.
        # python -m hrtem_lab.train +experiment=quickstart
        seed: 7
    """,
    "experiment/broken": """\
        # @package _global_
        # An override of what is not there.
        defaults:
          - override /nett: small
    """,
    "experiment/typo": """\
        # @package _global_
        # A file that is no YAML.
        seed: [1
    """,
}


@pytest.fixture(scope="session")
def conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("conf")
    for name, text in FILES.items():
        file = folder / f"{name}.yaml"
        file.parent.mkdir(exist_ok=True)
        file.write_text("\n".join(line.removeprefix("        ") for line in text.splitlines()) + "\n")
    return folder


class Ended(NamedTuple):
    """How a command ended: its exit code, what it printed, and the configurations that its main saw."""

    code: int
    out: str
    err: str
    configs: list[DictConfig]


@pytest.fixture
def call(conf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Call a command as a shell would, in an empty folder that it must leave empty."""

    def ended(*words: str, name: str = "train", act: Callable[[DictConfig], None] = lambda config: None) -> Ended:
        configs: list[DictConfig] = []

        def main(config: DictConfig) -> None:
            """Do it."""
            configs.append(config)
            act(config)

        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["command", *words])
        code = 0
        try:
            command(name, conf)(main)()
        except SystemExit as stop:
            code = stop.code
        assert sys.argv == ["command", *words]
        assert list(tmp_path.iterdir()) == []
        return Ended(code, *capsys.readouterr(), configs)

    return ended
