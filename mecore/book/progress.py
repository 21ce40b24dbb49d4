"""How long a build will take: an estimate, from earlier builds on this machine where there are any.

Elsewhere it is extrapolated from what each part takes on a common machine, and from how fast this
one counts. Parts that are finished correct the estimate of those to come.
"""

import heapq
import json
import shutil
import sys
import time
import timeit
from collections.abc import Iterable, Mapping
from pathlib import Path

from mecore.book.pages import SCALES
from mecore.data.files import write_json
from mecore.data.places import cache_home

# Counting to a million on the machine on which `mecore.book.pages.SECONDS` were measured.
_COUNT = 0.04
# Seconds that the first estimate counts for, against what finished parts took.
_TRUST = 30.0


def speed() -> float:
    """Return how fast this machine counts, against the one the seconds in the code are from."""
    counting = "for i in range(1_000_000): total += i"
    return _COUNT / min(timeit.repeat(counting, "total = 0", number=1, repeat=3))


def _file() -> Path:
    return cache_home() / "build-seconds.json"


def _stored_seconds(scale: str) -> dict[str, float]:
    try:
        found = json.loads(_file().read_text(encoding="utf-8"))
        return {str(k): float(v) for k, v in found[scale].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def store_seconds(scale: str, seconds: Mapping[str, float]) -> None:
    """Keep what the parts of a build took, for the estimates of later ones."""
    known = {name: _stored_seconds(name) for name in SCALES}
    write_json(_file(), known | {scale: known[scale] | dict(seconds)})


def expected_seconds(usual: Mapping[str, float], scale: str) -> dict[str, float]:
    """Return what each part will take: as last time, else its usual seconds at this speed."""
    stored, factor = _stored_seconds(scale), speed()
    return {name: stored.get(name, seconds / factor) for name, seconds in usual.items()}


def time_left(running: Iterable[float], waiting: Iterable[float], lanes: int) -> float:
    """Return when the last part ends, if each lane takes the next one as soon as it is free.

    Given are the seconds left of what runs now, and those of what comes, in this order.
    """
    ends = sorted(running)
    ends = [0.0] * (lanes - len(ends)) + ends
    for seconds in waiting:
        heapq.heapreplace(ends, ends[0] + seconds)
    return max(ends, default=0.0)


def clock(seconds: float) -> str:
    """Return seconds as minutes and seconds, such as ``1:15``."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def roughly(seconds: float) -> str:
    """Return an estimate in words, such as ``about 2 minutes`` for 100 seconds."""
    minutes = -(-int(seconds) // 60)
    return f"about {minutes} minutes" if minutes > 1 else "less than a minute"


class Progress:
    """What is running and how long it will take.

    In a terminal a line that is drawn anew by `show`; in a log one line when a part ends.

    Parameters
    ----------
    expected : mapping of str to float
        Seconds of every part, in the order in which they begin; the last one waits for all others.
    lanes : int
        Parts that run at once.
    """

    def __init__(self, expected: Mapping[str, float], lanes: int = 1) -> None:
        self.expected, self.lanes = dict(expected), lanes
        self.begun: dict[str, float] = {}
        self.taken: dict[str, float] = {}
        self.live = sys.stdout.isatty()

    def start(self, part: str) -> None:
        """Note that a part begins."""
        self.begun[part] = time.monotonic()
        self.show()

    def end(self, part: str) -> None:
        """Note that a part has ended, and say so."""
        self.taken[part] = time.monotonic() - self.begun.pop(part)
        done = f"[{len(self.taken)}/{len(self.expected)}] {part}: {clock(self.taken[part])}"
        rest = len(self.taken) < len(self.expected)
        self._write(f"{done}; {self._rest()}" if rest else done, "\n")

    def fail(self, part: str) -> None:
        """Note that a part has failed; only those that run already are waited for."""
        taken = time.monotonic() - self.begun.pop(part)
        self._write(f"{part} failed after {clock(taken)}", "\n")
        self.expected = {p: self.expected[p] for p in (*self.taken, *self.begun)}

    def show(self) -> None:
        """Draw the line anew, in a terminal."""
        if self.live:
            parts = [f"{part} {self._elapsed(part)}" for part in self.begun]
            self._write(" | ".join([self._rest(), *parts]))

    @property
    def left(self) -> float:
        """Estimated seconds to the end."""
        now = time.monotonic()
        running = [max(self._expected(p) - (now - t), 0) for p, t in self.begun.items()]
        *waiting, last = [p for p in self.expected if p not in {*self.begun, *self.taken}] or [""]
        left = time_left(running, map(self._expected, waiting), self.lanes)
        return left + (self._expected(last) if last else 0)

    def _expected(self, part: str) -> float:
        """Expected seconds, corrected by what finished parts took; more so the longer they took."""
        usual = sum(self.expected[p] for p in self.taken) + _TRUST
        return self.expected[part] * (sum(self.taken.values()) + _TRUST) / usual

    def _elapsed(self, part: str) -> str:
        taken, expected = time.monotonic() - self.begun[part], self._expected(part)
        rest = f"of about {clock(expected)}" if taken <= expected else "(longer than estimated)"
        return f"{clock(taken)} {rest}"

    def _rest(self) -> str:
        return f"{roughly(self.left)} left (an estimate)"

    def _write(self, text: str, end: str = "") -> None:
        if self.live:
            text = "\r\x1b[K" + (text if end else text[: shutil.get_terminal_size().columns - 1])
        print(text, end=end, flush=True)
