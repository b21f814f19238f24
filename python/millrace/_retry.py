"""When to try again, and after which pause."""

from __future__ import annotations

import random
import time
from typing import Callable, TypeVar

from ._errors import Error, QuotaError, TooBusyError, UnreachableError

T = TypeVar("T")

FIRST_PAUSE = 0.1
LAST_PAUSE = 5.0


def is_transient(error: Error) -> bool:
    """Whether another attempt may succeed."""
    if isinstance(error, QuotaError):  # room for bytes comes by deleting, not by waiting
        return "stored-bytes" not in error.policies
    return isinstance(error, (TooBusyError, UnreachableError)) and getattr(error, "final", False) is False


class Attempts:
    """The attempts at one operation: they end some seconds after the last one that made progress.

    Pauses double from 100 ms to 5 s, each jittered to between half and all of it; a ``Retry-After`` makes them longer.
    """

    def __init__(self, retry_for: float) -> None:
        self._retry_for = retry_for
        self.progressed()

    def progressed(self) -> None:
        """Begin anew: the attempt has brought something."""
        self._failed = 0
        self._deadline = time.monotonic() + self._retry_for

    def pause(self, error: Error, passes: bool = False) -> None:
        """Wait before the next attempt, or raise the error if there is none: unless it ``passes``, or is transient."""
        pause = min(LAST_PAUSE, FIRST_PAUSE * 2 ** min(self._failed, 10))
        pause *= random.uniform(0.5, 1)
        if error.retry_after is not None:
            pause = max(pause, error.retry_after * random.uniform(1, 1.1))
        if not (passes or is_transient(error)) or time.monotonic() + pause > self._deadline:
            raise error
        self._failed += 1
        time.sleep(pause)


def repeat(attempt: Callable[[], T], retry_for: float) -> T:
    """Call ``attempt`` until it returns, raises what a retry does not mend, or the time is over."""
    attempts = Attempts(retry_for)
    while True:
        try:
            return attempt()
        except Error as error:
            attempts.pause(error)
