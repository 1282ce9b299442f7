import errno

import pytest

from hrtem_lab.cli import user_errors
from hrtem_lab.micrograph import InputError


@pytest.mark.parametrize(
    ("words", "message"),
    [
        # a key
        (["data.sed=3"], "data.sed is not in the configuration; did you mean data.seed?"),
        (["sed=3"], "sed is not in the configuration; did you mean seed?"),
        (["nett=small"], "nett is not in the configuration; did you mean net?"),
        (["max_epochs=3"], "max_epochs is not in the configuration; did you mean trainer.max_epochs?"),
        (["dta.root=/x"], "dta.root is not in the configuration; did you mean data.root?"),
        (["sed=1,2", "-m"], "sed is not in the configuration; did you mean seed?"),
        (["~sizs"], "sizs is not in the configuration; did you mean sizes?"),
        (["+seed=3"], "seed is in the configuration already: write seed=3, without the +"),
        (
            ["trainer.devices=2"],
            "trainer.devices is not in the configuration: --cfg job shows what is, to add it write +trainer.devices=2",
        ),
        (["seed=2", "data.sed=3", "zzz=1"], "data.sed is not in the configuration; did you mean data.seed?"),
        # a group
        (["net=smal"], "net 'smal' does not exist; there are small, large"),
        (["net=18"], "net '18' does not exist; there are large, small"),
        (["net=small,lage", "-m"], "net 'lage' does not exist; there are large, small"),
        (["methods=[otsu,watershd]"], "methods 'watershd' does not exist; there are watershed, otsu"),
        (["net=null"], "net 'null' does not exist; there are large, small"),
        (["methods=[otsu]", "net=null"], "net 'null' does not exist; there are large, small"),
        (["methods=[otsu]", "sed=1"], "sed is not in the configuration; did you mean seed?"),
        (["+net=large"], "net is small already: to choose another write net=large, without the +"),
        (
            ["experiment=quickstart"],
            "experiment is not part of this command by default: to add it write +experiment=quickstart",
        ),
        (["+experiment=quikstart"], "experiment 'quikstart' does not exist; there are quickstart, typo, broken"),
        # a file of the configuration
        (["+experiment=broken"], "In 'experiment/broken': Could not override 'nett'. No match in the defaults list."),
        # a word
        (["quickstart"], "'quickstart' is not a setting: give KEY=VALUE, such as seed=1"),
        (["se ed=1"], "'se ed' in 'se ed=1' is not the name of a setting: give KEY=VALUE, such as seed=1"),
        (["name=a(b"], "cannot read the value of 'name=a(b': quote it, 'name=\"a(b\"'"),
        (
            ["seed=1,2"],
            "seed=1,2 is more than one value: add -m to run once for each, or give a list as 'seed=[1,2]'",
        ),
        (
            ["--epochs=5"],
            "--epochs=5 is not an option; a setting is given as KEY=VALUE, such as epochs=...; --help lists them",
        ),
    ],
)
def test_a_mistake_is_told_in_one_line(call, words: list[str], message: str) -> None:
    ended = call(*words)
    assert (ended.code, ended.out, ended.err) == (2, "", f"{message}\n")
    assert ended.configs == []


def test_a_file_in_place_of_a_setting(call, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("my data") / "a.dm3"
    file.touch()
    assert call(str(file)).err == f"'{file}' is not a setting: give KEY=VALUE, such as input='{file}'\n"


def test_a_group_that_has_to_be_chosen(call) -> None:
    assert call(name="choose").err == "net is missing: give net=NAME, one of large, small\n"


def test_a_file_that_is_no_yaml_says_where(call) -> None:
    ended = call("+experiment=typo")
    assert ended.code == 2
    assert ended.err.count("\n") == 1
    assert "typo.yaml" in ended.err
    assert "line 3" in ended.err


def test_what_the_quote_in_a_message_says_works(call) -> None:
    assert call('name="a(b"').configs[0].name == "a(b"


def test_an_argument_that_the_class_does_not_take(call) -> None:
    from hrtem_lab.cli.build import build

    ended = call("+net.denom=4", act=lambda config: build(config.net))
    assert (ended.code, ended.err) == (
        2,
        "net.denom is not an argument of fractions.Fraction: check its spelling, or leave it out\n",
    )


def test_the_same_error_is_no_mistake_of_the_user_without_such_an_override(call) -> None:
    from hrtem_lab.cli.build import build

    def act(config) -> None:
        config.net = {"_target_": "fractions.Fraction", "denom": 4}
        build(config.net)

    assert call(act=act).code == 1


def test_an_input_error_from_a_worker_of_a_data_loader() -> None:
    words = "Caught InputError in DataLoader worker process 0.\nOriginal Traceback (most recent call last):\n"
    words += '  File "x.py", line 1, in f\nhrtem_lab.micrograph.InputError: a.dm3: no pixel size'
    assert user_errors.explain_runtime_error(InputError(words), []) == "a.dm3: no pixel size"


def test_weights_that_cannot_be_downloaded() -> None:
    from huggingface_hub.errors import LocalEntryNotFoundError

    error = RuntimeError("Error in call to target 'segmentation_models_pytorch.Unet'")
    error.__cause__ = LocalEntryNotFoundError("An error happened\nwhile trying to locate the file on the Hub")
    message = user_errors.explain_runtime_error(error, [])
    assert message is not None
    assert "model.net.encoder_weights=null" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left", "out/a.csv"), "out/a.csv cannot be written: no space is left"),
        (OSError(errno.EROFS, "Read-only file system", "out"), "out cannot be written: the disk is read-only"),
        (PermissionError(errno.EACCES, "Permission denied", "/lab/x.lock"), "/lab/x.lock cannot be written: you may"),
        (RuntimeError("(sqlite3.OperationalError) attempt to write a readonly database\n[SQL]"), "MLFLOW_TRACKING_URI"),
        (RuntimeError("(sqlite3.OperationalError) database or disk is full"), "no space is left"),
    ],
)
def test_a_disk_that_cannot_be_written_is_no_fault_of_ours(error: Exception, words: str) -> None:
    message = user_errors.explain_runtime_error(error, [])
    assert message is not None
    assert words in message
    assert "\n" not in message
    outer = RuntimeError("outer")
    outer.__cause__ = error
    assert user_errors.explain_runtime_error(outer, []) == message


def test_an_input_error_behind_others() -> None:
    error = RuntimeError("outer")
    error.__cause__ = ValueError("middle")
    error.__cause__.__cause__ = InputError("inner")
    assert user_errors.explain_runtime_error(error, []) == "inner"
    assert user_errors.explain_runtime_error(ValueError("a bug"), []) is None
