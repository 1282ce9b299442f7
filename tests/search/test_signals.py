"""Ctrl-C once, twice, and SIGTERM."""

import os
import signal

import pytest

from hrtem_lab.search.signals import StopRequest, handle_interrupts


@pytest.mark.parametrize(
    ("numbers", "request_"),
    [
        ([], StopRequest.NONE),
        ([signal.SIGINT], StopRequest.AFTER_RUNNING_TRIALS),
        ([signal.SIGINT, signal.SIGINT], StopRequest.IMMEDIATELY),
        ([signal.SIGTERM], StopRequest.IMMEDIATELY),
        ([signal.SIGTERM, signal.SIGINT], StopRequest.IMMEDIATELY),
    ],
)
def test_signals_become_stop_requests(numbers: list[signal.Signals], request_: StopRequest) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with handle_interrupts() as interrupts:
        for number in numbers:
            os.kill(os.getpid(), number)
    assert interrupts.request is request_
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
