import pytest


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("trainer.max_epochs=abc", "trainer.max_epochs is 'abc', expected a number such as 8"),
        ("trainer.max_epochs=", "trainer.max_epochs is '', expected a number such as 8"),
        ("trainer.max_epochs=true", "trainer.max_epochs is True, expected a number such as 8"),
        ("twin=x", "twin is 'x', expected a number such as 1"),
        ("rate=[1,2]", "rate is [1,2], expected a number such as 0.5"),
        ("fast=yes", "fast is 'yes', expected true or false"),
        ("fast=1", "fast is 1, expected true or false"),
        ("sizes=3", "sizes is 3, expected a list such as [1,2]"),
        ("name=[a,b]", "name is [a,b], expected a single value such as run"),
        ("trainer=3", "trainer is 3, expected settings below it, such as trainer.max_epochs=..."),
        ("rate=${nothing}", "rate cannot be resolved: Interpolation key 'nothing' not found"),
    ],
)
def test_a_value_of_another_kind_is_told_in_one_line(call, word: str, message: str) -> None:
    ended = call(word)
    assert (ended.code, ended.out, ended.err) == (2, "", f"{message}\n")
    assert ended.configs == []


@pytest.mark.parametrize(
    ("word", "key", "value"),
    [
        ("rate=1", "rate", 1),
        ("seed=2.5", "seed", 2.5),
        ("seed=null", "seed", None),
        ("notes=[1,2]", "notes", [1, 2]),
        ("notes=word", "notes", "word"),
        ("name=5", "name", 5),
        ("fast=true", "fast", True),
        ("sizes=[]", "sizes", []),
        ("rate=${seed}", "rate", 1),
        ("++trainer.max_epochs=auto", "trainer.max_epochs", "auto"),
        ("net.numerator=4", "net.numerator", 4),
    ],
)
def test_a_value_that_fits_is_taken(call, word: str, key: str, value: object) -> None:
    from omegaconf import OmegaConf

    ended = call(word)
    assert (ended.code, ended.err) == (0, "")
    assert OmegaConf.select(ended.configs[0], key) == value


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("input=null", "input is null, expected a path: give input=PATH"),
        ("input=", "input is empty, expected a path: give input=PATH"),
        ("calibration=", "calibration is empty, expected a path: give calibration=PATH"),
    ],
)
def test_a_path_that_is_none(call, word: str, message: str) -> None:
    ended = call(*dict.fromkeys(("input=x", word)), name="predict")
    assert (ended.code, ended.err) == (2, f"{message}\n")
    assert call("input=x", "calibration=null", name="predict").code == 0


def test_a_value_that_is_missing(call) -> None:
    ended = call(name="predict")
    assert (ended.code, ended.err) == (2, "input is missing: give input=PATH\n")
    ended = call("+seed=???", "+folder.root=???", name="predict")
    assert ended.err == "input, seed, folder.root are missing: give input=PATH seed=VALUE folder.root=PATH\n"


def test_what_a_partial_leaves_open_is_not_missing(call) -> None:
    assert call("input=x", name="predict").code == 0
