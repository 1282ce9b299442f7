"""Ctrl-C reaches a process, and not those that it starts in `block_sigint`."""

import ctypes
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from hrtem_lab import interrupts
from hrtem_lab.interrupts import block_sigint, is_interrupt

CHILD = """
import threading
import time
print("ready", flush=True)
time.sleep(0.5)
print("alive", flush=True)
"""


def test_an_exit_after_ctrl_c_is_an_interrupt():
    def exit_on_interrupt():
        try:
            raise KeyboardInterrupt
        finally:
            sys.exit(1)

    with pytest.raises(SystemExit) as stop:
        exit_on_interrupt()
    assert is_interrupt(stop.value)
    assert is_interrupt(KeyboardInterrupt())
    assert not is_interrupt(SystemExit(1))
    assert not is_interrupt(None)


def test_a_process_that_is_started_so_does_not_hear_ctrl_c():
    with block_sigint():
        child = subprocess.Popen([sys.executable, "-c", CHILD], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    child.send_signal(signal.SIGINT)
    assert child.communicate()[0] == "alive\n"
    assert child.returncode == 0


def test_ctrl_c_meanwhile_is_heard_afterwards():
    def interrupt_while_blocked():
        with block_sigint():
            signal.pthread_kill(threading.get_ident(), signal.SIGINT)  # a thread of a library might take it else
            heard.append("blocked")
        time.sleep(1)

    heard: list[str] = []
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            interrupt_while_blocked()
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == ["blocked"]


def test_on_windows_the_process_ignores_ctrl_c_meanwhile(monkeypatch: pytest.MonkeyPatch):
    calls: list[object] = []
    kernel = SimpleNamespace(SetConsoleCtrlHandler=lambda handler, ignore: calls.append((handler, ignore)))
    monkeypatch.setattr(interrupts, "sys", SimpleNamespace(platform="win32"))
    monkeypatch.setattr(ctypes, "windll", SimpleNamespace(kernel32=kernel), raising=False)
    with block_sigint():
        calls.append("started")
    assert calls == [(None, True), "started", (None, False)]
