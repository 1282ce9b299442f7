"""The workers of this machine: started, shown, replaced where one is killed, and stopped by Ctrl-C."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.live import Live
from rich.text import Text

from hrtem_lab.cli.progress import console
from hrtem_lab.interrupts import block_sigint
from hrtem_lab.search.study import SharedStudy
from hrtem_lab.search.worker import Plan, work

LOOK_S = 10.0
"""How often the study is asked what other machines have done."""
GRACE_S = 10.0
"""How long a worker that is ended at once has for its accounts."""


@dataclass
class Hand:
    """One worker and what it is at.

    Attributes:
        number: From 1.
        process: That it is.
        line: To it.
        doing: What it has last said.
        since: When its trial began.
        trial: Which one it is at.
    """

    number: int
    process: SpawnProcess
    line: Connection
    doing: str = "starting"
    since: float = field(default_factory=time.monotonic)
    trial: int | None = None


class Crew:
    """Workers on this machine, until the study has enough.

    Args:
        plan: Of the workers.
        study: Theirs.
        workers: How many.
        folder: For their logs.
    """

    def __init__(self, plan: Plan, study: SharedStudy, workers: int, folder: Path) -> None:
        self.plan, self.study, self.folder = plan, study, folder
        self.hands: list[Hand] = []
        self.size, self.seconds, self.deaths, self.looked = workers, [], 0, 0.0  # type: ignore[var-annotated]
        self.presses = 0
        self.header = ""

    def run(self) -> int:
        """Work; how often the user has pressed Ctrl-C."""
        with self._heeding_ctrl_c(), Live(get_renderable=self._shown, console=console, refresh_per_second=4):
            self.hands = [self._start(number + 1) for number in range(self.size)]
            heeded = 0
            while self.hands:
                self._look()
                self._listen()
                if self.presses > heeded:
                    heeded = self.presses
                    self._stop(heeded)
        self.study.bury()
        return self.presses

    def _start(self, number: int) -> Hand:
        ours, theirs = get_context("spawn").Pipe()
        process = get_context("spawn").Process(target=work, args=(self.plan, theirs, self._log(number)), daemon=False)
        with block_sigint(), _threads(max(1, (os.cpu_count() or 1) // self.size)):
            process.start()
        theirs.close()
        return Hand(number, process, ours)

    def _log(self, number: int) -> Path:
        return self.folder / "logs" / f"{socket.gethostname()}_{number}.log"

    def _listen(self) -> None:
        """Hear what the workers say, and see which of them have ended."""
        connection.wait([wait for hand in self.hands for wait in (hand.line, hand.process.sentinel)], timeout=0.5)
        for hand in list(self.hands):
            ended = hand.process.exitcode is not None  # asked first: then nothing that it said is left in the line
            with suppress(EOFError, OSError):
                while hand.line.poll():
                    self._hear(hand, *hand.line.recv())
            if ended:
                self._ended(hand)

    def _hear(self, hand: Hand, what: str, trial: int, *rest: Any) -> None:
        if what == "trial":
            hand.doing, hand.since, hand.trial = f"trial {trial}", time.monotonic(), trial
        elif what == "epoch":
            step, total, value = rest
            reached = "" if value is None else f", {self.plan.goals[0]} {value:.4f}"
            hand.doing = f"trial {trial}, epoch {step}/{total}{reached}"
        else:
            state, values, seconds = rest
            hand.trial = None
            self.seconds.append(seconds)
            self.looked = 0.0
            reached = self._named(values) if values else "pruned" if state == "PRUNED" else "failed"
            console.print(f"trial {trial}: {reached}, {seconds:.0f} s", highlight=False)

    def _ended(self, hand: Hand) -> None:
        """Take a worker off; one that was killed is replaced, and its trial tried again."""
        self.hands.remove(hand)
        hand.line.close()
        hand.process.join()
        if hand.process.exitcode and not self.presses:
            self.deaths += 1
            self.study.bury()  # unless another worker has
            what = f"worker {hand.number} died with {'no trial' if hand.trial is None else f'trial {hand.trial}'}"
            why = f"exit code {hand.process.exitcode}; see {self._log(hand.number)}"
            console.print(f"{what} ({why})", soft_wrap=True, highlight=False, markup=False)
            if self.deaths <= self.plan.config.max_failures:
                self.hands.append(self._start(hand.number))

    def _stop(self, presses: int) -> None:
        """End after the running trials, or at once."""
        if presses == 1:
            console.print("Ending after the running trials; Ctrl-C once more ends at once")
            for hand in self.hands:
                with suppress(OSError):
                    hand.line.send("stop")
            return
        for hand in self.hands:
            hand.process.terminate()
        ends = time.monotonic() + GRACE_S
        for hand in self.hands:
            hand.process.join(max(0.0, ends - time.monotonic()))
            hand.process.kill()

    def _look(self) -> None:
        """Ask the study where it stands, now and then; what died on another machine is put in line again."""
        if time.monotonic() - self.looked < LOOK_S:
            return
        self.looked = time.monotonic()
        self.study.bury()
        done, failed = self.study.done(), self.study.failures()
        words = [f"{len(done)} of {self.plan.n_trials} trials done"]
        pruned = sum(trial.state.name == "PRUNED" for trial in done)
        words += [f"{pruned} pruned"] if pruned else []
        words += [f"{failed} failed"] if failed else []
        if best := self.study.best():
            front = f"{len(best)} on the Pareto front, one" if len(best) > 1 else "best"
            words.append(f"{front} {self._named(best[0].values)} (trial {best[0].number})")
        if self.seconds and self.hands:
            left = (self.plan.n_trials - len(done)) * sum(self.seconds) / len(self.seconds) / len(self.hands)
            words.append(f"about {_span(left)} left")
        self.header = ", ".join(words)

    def _named(self, values: list[float]) -> str:
        return ", ".join(f"{goal} {value:.4g}" for goal, value in zip(self.plan.goals, values, strict=True))

    def _shown(self) -> Group:
        now = time.monotonic()
        lines = [f"worker {hand.number}: {hand.doing}, {_span(now - hand.since)}" for hand in self.hands]
        return Group(*(Text(line, no_wrap=True, overflow="ellipsis") for line in [self.header, *lines]))

    @contextmanager
    def _heeding_ctrl_c(self) -> Iterator[None]:
        def press(number: int, frame: Any) -> None:
            self.presses += 2 if number == signal.SIGTERM else 1  # who sends SIGTERM does not wait for long

        before = {number: signal.signal(number, press) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def _threads(number: int) -> Iterator[None]:
    """A process that starts in here computes with as many threads, unless the user has said how many."""
    given = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = given or str(number)
    try:
        yield
    finally:
        if given is None:
            del os.environ["OMP_NUM_THREADS"]


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return (
        f"{minutes // 60} h {minutes % 60} min"
        if minutes >= 60
        else f"{minutes} min"
        if minutes >= 5
        else f"{minutes}:{rest:02d}"
    )
