"""Files that hang or kill their reader."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from hrtem_lab.files.reader_pool import ReaderPool
from hrtem_lab.micrograph import InputError
from tests.files import unruly

FILE = Path("folder") / "a.dm3"


@pytest.fixture(scope="module")
def pool() -> Iterator[ReaderPool]:
    with ReaderPool(time_limit_s=1.5, memory_limit_gib=3) as pool:
        yield pool


def test_a_result_is_that_of_the_call(pool: ReaderPool):
    (micrograph,) = pool.call(unruly.draw, FILE, "drawn")
    assert (micrograph.name, micrograph.metadata["shape"]) == ("drawn", (3, 4))
    assert micrograph.image.tolist() == unruly.draw("drawn")[0].image.tolist()
    assert micrograph.image.flags.writeable


def test_one_child_answers_many_calls_and_is_not_this_process(pool: ReaderPool):
    processes = {pool.call(unruly.process, FILE) for _ in range(5)}
    assert len(processes) == 1
    assert os.getpid() not in processes


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (unruly.hang, r"a.dm3: cannot be read within 1.5 s; .* read_limit_s="),
        (unruly.die, r"a.dm3: its reader crashed \(exit code 7\)"),
        pytest.param(
            unruly.abort,
            r"a.dm3: its reader crashed \(SIGABRT\)",
            marks=pytest.mark.skipif(os.name == "nt", reason="an operating system with signals"),
        ),
        pytest.param(
            unruly.devour,
            "a.dm3: needs more memory than",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="an operating system that limits memory"),
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_file_that_hangs_or_kills_its_reader_costs_only_itself(
    pool: ReaderPool, function: Callable[..., object], message: str
):
    started = time.perf_counter()
    with pytest.raises(InputError, match=message):
        pool.call(function, FILE)
    assert time.perf_counter() - started < 30
    assert pool.call(unruly.chatter, FILE, 5) == 5


def test_errors_come_through(pool: ReaderPool):
    with pytest.raises(InputError, match=r"^a.dm3: is no micrograph$"):
        pool.call(unruly.refuse, FILE, "a.dm3")
    with pytest.raises(RuntimeError, match="ZeroDivisionError: by zero"):
        pool.call(unruly.stumble, FILE)


def test_what_a_library_prints_is_no_answer(pool: ReaderPool):
    assert [pool.call(unruly.chatter, FILE, number) for number in range(3)] == [0, 1, 2]


def test_threads_have_a_child_each(pool: ReaderPool):
    answers: list[list[int]] = [[] for _ in range(3)]

    def ask(thread: int) -> None:
        answers[thread] += [pool.call(unruly.chatter, FILE, 10 * thread + i) for i in range(4)]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [[10 * thread + i for i in range(4)] for thread in range(3)]


def test_children_end_with_the_pool_and_with_a_parent_that_was_killed():
    with ReaderPool() as pool:
        child = pool.call(unruly.process, FILE)
        assert psutil.pid_exists(child)
    assert not psutil.pid_exists(child)
    code = (
        "import os, pathlib\nfrom hrtem_lab.files.reader_pool import ReaderPool\nfrom tests.files import unruly\n"
        "print(ReaderPool().call(unruly.process, pathlib.Path('a')), flush=True)\nos.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    orphan = int(done.stdout)
    deadline = time.monotonic() + 20
    while psutil.pid_exists(orphan) and psutil.Process(orphan).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.1)
