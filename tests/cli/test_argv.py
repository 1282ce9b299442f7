from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import assume, example, given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from hrtem_lab.cli.argv import quote_path, split_options

NOWHERE = Path("/nowhere")
AWKWARD = st.text(st.sampled_from(list("ab/\\'\"${}()[],=:~ .é×\n\t@|?*#!&%+-")), min_size=1, max_size=12)


def read(word: str) -> str:
    """The value as a command sees it."""
    (override,) = OverridesParser.create().parse_overrides([word])
    config = OmegaConf.create({"input": None})
    OmegaConf.update(config, override.key_or_group, override.value(), merge=True)
    assert OmegaConf.to_container(config, resolve=True) == {"input": config.input}
    return config.input


@given(AWKWARD | st.text(min_size=1).filter(str.isprintable))
@example("/tmp/über (1), a=b [x].dm3")
@example("${oc.env:HOME}/a")
@example("\\${x}\\")
@example("C:\\data\\")
@example('it\'s "it"')
@example("2024")
@example("1,2")
def test_a_path_arrives_as_the_shell_passed_it(path: str) -> None:
    assume(path not in ("null", "~", "???") and not path.startswith("~/"))
    assume(not (len(path) > 1 and path[0] == path[-1] and path[0] in "'\""))
    word = quote_path(f"input={path}", NOWHERE)
    assert read(word) == path
    assert quote_path(word, NOWHERE) == word
    # a multirun writes the override anew
    (override,) = OverridesParser.create().parse_overrides([word])
    assert read(f"input={override.get_value_element_as_str()}") == path


@pytest.mark.parametrize(
    "word",
    [
        "seed=1",
        "name=a b",
        "input=null",
        "input='a b'",
        'input="a","b"',
        "inputs=a b",
        "--config-dir=a b",
        "~input",
        "data/root=x y",
    ],
)
def test_other_words_stay(word: str) -> None:
    assert quote_path(word, NOWHERE) == word


@pytest.mark.parametrize(
    "key", ["input", "output", "against", "model", "calibration", "+input", "++data.root", "a.b.path"]
)
def test_keys_that_hold_a_path(key: str) -> None:
    assert quote_path(f"{key}=a b", NOWHERE) == f'{key}="a b"'


def test_a_group_is_no_path(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    assert quote_path("model=a,b", tmp_path) == "model=a,b"
    assert quote_path("model=a,b", NOWHERE) == 'model="a,b"'


def test_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert read(quote_path("input=~/a", NOWHERE)) == "/home/me/a"
    assert read(quote_path("input=~", NOWHERE)) == "/home/me"
    assert read(quote_path("input=~a/b", NOWHERE)) == "~a/b"


def test_a_path_reaches_the_command(call) -> None:
    ended = call("input=/tmp/über (1), a=b [x].dm3", "output=a${b}", name="predict")
    assert ended.code == 0
    assert (ended.configs[0].input, ended.configs[0].output) == ("/tmp/über (1), a=b [x].dm3", "a${b}")


@pytest.mark.parametrize(
    ("words", "options", "overrides"),
    [
        (["a=1", "-m", "b=2"], ["-m"], ["a=1", "b=2"]),
        (["--cfg", "job", "a=1", "--resolve", "~b"], ["--cfg", "job", "--resolve"], ["a=1", "~b"]),
        (["--cfg=job", "foo"], ["--cfg=job"], ["foo"]),
        (["--info", "a=1"], ["--info"], ["a=1"]),
        (["-m", "--", "a=-1"], ["-m"], ["a=-1"]),
    ],
)
def test_options_and_overrides_are_told_apart(words: list[str], options: list[str], overrides: list[str]) -> None:
    assert split_options(words) == (options, overrides)
