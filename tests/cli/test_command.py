import io
import os
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from hrtem_lab.cli.build import build
from hrtem_lab.cli.experiments import experiments, opening_comment
from hrtem_lab.micrograph import InputError
from hrtem_lab.paths import CONF

PROJECT = Path(__file__).resolve().parents[2]


def test_conf_is_where_it_is_from_any_folder() -> None:
    assert CONF == PROJECT / "conf"
    assert CONF.is_absolute()


def test_build_gives_plain_containers() -> None:
    node = OmegaConf.create({"_target_": "builtins.dict", "a": [1, {"b": 2}], "c": {"d": None}})
    made = build(node)
    assert made == {"a": [1, {"b": 2}], "c": {"d": None}}
    assert [type(made["a"]), type(made["a"][1]), type(made["c"])] == [list, dict, dict]
    assert build(None) is None


def test_experiments_say_what_they_are(conf: Path) -> None:
    assert experiments(conf)["quickstart"] == "Five minutes on a laptop."
    assert opening_comment(conf / "train.yaml") == ["Train something.", "", "It takes a while."]
    assert opening_comment(conf / "predict.yaml") == []


def test_main_gets_the_composed_configuration(call) -> None:
    ended = call("net=large", "rate=2", "+experiment=quickstart", "+new=[a,b]")
    assert (ended.code, ended.err) == (0, "")
    (config,) = ended.configs
    assert (config.seed, config.data.seed, config.rate, config.net.numerator, config.new) == (7, 7, 2, 5, ["a", "b"])
    assert "hydra" not in config


def test_options_and_settings_come_in_any_order(call) -> None:
    ended = call("name=x", "--cfg", "job", "seed=5", "--resolve")
    assert ended.code == 0
    assert {"name: x", "seed: 5", "twin: 5"} <= set(ended.out.splitlines())
    assert ended.configs == []


def test_a_multirun_calls_main_once_for_each_value(call) -> None:
    ended = call("seed=1,2", "-m", "net=small,large")
    assert ended.code == 0
    assert [(config.seed, config.net.numerator) for config in ended.configs] == [(1, 3), (1, 5), (2, 3), (2, 5)]


def test_a_job_that_fails_does_not_stop_the_others(call) -> None:
    def act(config) -> None:
        if config.seed == 2:
            raise InputError("two is no seed")

    ended = call("seed=1,2,3", "-m", act=act)
    assert (ended.code, ended.err) == (2, "two is no seed\n")
    assert [config.seed for config in ended.configs] == [1, 2, 3]
    ended = call("seed=1,x,3", "-m")
    assert (ended.code, ended.err) == (2, "seed is 'x', expected a number such as 1\n")
    assert [config.seed for config in ended.configs] == [1, 3]


def test_an_input_error_is_one_line(call) -> None:
    def act(config) -> None:
        raise InputError("a.dm3: no\n  pixel size")

    ended = call(act=act)
    assert (ended.code, ended.out, ended.err) == (2, "", "a.dm3: no pixel size\n")


def refuse(numerator: int) -> None:
    raise InputError(f"{numerator} is too much")


def test_an_input_error_is_found_in_what_hydra_wraps_around_it(call) -> None:
    def act(config) -> None:
        config.net._target_ = f"{__name__}.refuse"
        build(config.net)

    sys.modules.setdefault(__name__, sys.modules[refuse.__module__])
    ended = call(act=act)
    assert (ended.code, ended.err) == (2, "3 is too much\n")


def test_anything_else_keeps_its_traceback(call) -> None:
    def act(config) -> None:
        raise RuntimeError("not the user's fault")

    ended = call(act=act)
    assert ended.code == 1
    assert ended.err.startswith("Traceback")
    assert ended.err.endswith("RuntimeError: not the user's fault\n")
    assert "Error executing job" not in ended.err


def test_a_mistake_shows_its_traceback_on_demand(call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    ended = call("data.sed=1")
    assert ended.code == 2
    assert ended.err.startswith("Traceback")
    assert ended.err.endswith("data.sed is not in the configuration; did you mean data.seed?\n")


def test_an_exit_passes_through(call) -> None:
    assert call(act=lambda config: sys.exit(3)).code == 3


def test_an_exit_because_of_ctrl_c_is_told_as_such(call) -> None:
    def act(config) -> None:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            sys.exit(1)  # what Lightning makes of it

    ended = call(act=act)
    assert (ended.code, ended.err) == (130, "stopped\n")


def test_the_environment_is_left_as_it_was(call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    before = dict(os.environ)
    call("seed=2")
    assert dict(os.environ) == before


def test_the_main_below_can_be_called_with_a_configuration(conf: Path) -> None:
    from hrtem_lab.train import main

    assert main.__wrapped__.__name__ == "main"


# As a process

APP = """
import sys, time
from pathlib import Path
from omegaconf import DictConfig
from hrtem_lab.cli.build import build
from hrtem_lab.cli.command import command

@command("train", conf=Path(sys.argv.pop(1)))
def main(config: DictConfig) -> None:
    if config.name == "wait":
        print("ready", flush=True)
        time.sleep(30)
    if config.name == "boom":
        raise RuntimeError("boom")
    print(build(config.net))

if __name__ == "__main__":
    main()
"""


@pytest.fixture
def start(conf: Path, tmp_path: Path):
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "here").mkdir()

    running = []

    def started(*words: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, str(tmp_path / "app.py"), str(conf), *words],
            cwd=tmp_path / "here",
            env=os.environ | {"PYTHONPATH": str(PROJECT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    # tests in the background of a shell would hand on that Ctrl-C is ignored
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield started
    signal.signal(signal.SIGINT, before)
    for process in running:  # one that a failed test left behind would be a warning, and so an error, in another test
        process.kill()
        process.communicate()
    assert list((tmp_path / "here").iterdir()) == []


@pytest.mark.parametrize(
    ("words", "code", "out", "err"),
    [
        (["net=large"], 0, f"{Fraction(5)}\n", ""),
        (["net=large", "-m", "seed=1,2"], 0, "5\n5\n", ""),
        (["net=larg"], 2, "", "net 'larg' does not exist; there are large, small\n"),
        (["trainer.max_epochs=abc"], 2, "", "trainer.max_epochs is 'abc', expected a number such as 8\n"),
    ],
)
def test_exit_code_and_output_of_a_process(start, words: list[str], code: int, out: str, err: str) -> None:
    process = start(*words)
    assert (*process.communicate(timeout=60), process.returncode) == (out, err, code)


def test_ctrl_c(start) -> None:
    process = start("name=wait")
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    assert (*process.communicate(timeout=30), process.returncode) == ("", "stopped\n", 130)


@pytest.mark.parametrize("file", sorted(CONF.glob("*.yaml")), ids=lambda file: file.stem)
def test_help_answers_at_once(file: Path, tmp_path: Path) -> None:
    if not (PROJECT / "hrtem_lab" / f"{file.stem}.py").exists():
        pytest.skip(f"there is no command {file.stem}")
    times = []
    for _ in range(3):
        before = os.times()
        shown = subprocess.run(
            [sys.executable, "-m", f"hrtem_lab.{file.stem}", "--help"],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(PROJECT)},
            capture_output=True,
            text=True,
            check=True,
        )
        after = os.times()  # what the call itself needs, however busy the machine is
        used = (after.children_user + after.children_system) - (before.children_user + before.children_system)
        times.append(used)
        assert f"python -m hrtem_lab.{file.stem}" in shown.stdout
    assert min(times) < 1.5
    assert list(tmp_path.iterdir()) == []


def test_a_character_that_the_encoding_lacks_does_not_end_a_command(call, monkeypatch: pytest.MonkeyPatch) -> None:
    narrow = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")

    def act(config) -> None:
        monkeypatch.setattr(sys, "stdout", sys.__stdout__)
        narrow.write("2 nm\N{SUPERSCRIPT MINUS}\N{SUPERSCRIPT ONE}, 3 \N{PLUS-MINUS SIGN} 1")

    monkeypatch.setattr(sys, "stdout", narrow)
    assert call(act=act).code == 0
    narrow.flush()
    assert narrow.buffer.getvalue().decode("cp1252") == "2 nm?\N{SUPERSCRIPT ONE}, 3 \N{PLUS-MINUS SIGN} 1"
