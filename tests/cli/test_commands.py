import subprocess
import sys
from pathlib import Path

import pytest

from hrtem_lab import __version__
from hrtem_lab.cli.commands import list_commands, run_command
from hrtem_lab.paths import CONF

HEAVY = ("hydra", "mlflow", "numpy", "omegaconf", "torch")


def test_every_configuration_of_a_command_has_its_command() -> None:
    assert {file.stem for file in CONF.glob("*.yaml")} <= set(list_commands())


def test_help_lists_every_command_with_its_first_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["--help"]) == 0
    shown = capsys.readouterr().out
    assert run_command([]) == 0
    assert capsys.readouterr().out == shown
    for name, line in list_commands().items():
        assert line.endswith(".")
        assert any(row.split(maxsplit=1) == [name, line] for row in shown.splitlines())


def test_help_imports_nothing_that_takes_time(tmp_path: Path) -> None:
    code = (
        "import sys; from hrtem_lab.__main__ import main; sys.argv[1:] = ['--help']; main(); "
        f"print('imported:', [name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "imported: []"


def test_a_mistyped_command_is_answered_with_the_nearest_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["predct", "input=a"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "'predct' is not a command; did you mean predict? hrtem-lab --help lists all\n"


def test_a_setting_in_the_place_of_a_command_is_answered_with_all_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["input=a"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("'input=a' is not a command; ")
    assert set(list_commands()) <= set(line.replace(",", "").split())


def test_the_version_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["--version"]) == 0
    assert capsys.readouterr().out == f"{__version__}\n"


def test_a_command_gets_the_arguments_behind_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [])
    with pytest.raises(SystemExit, match="2"):
        run_command(["predict", "inptu=a"])
    assert capsys.readouterr().err == "inptu is not in the configuration; did you mean input?\n"


def test_the_module_does_what_the_program_does(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hrtem_lab", "forecast"], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 2
    assert done.stderr.startswith("'forecast' is not a command")
