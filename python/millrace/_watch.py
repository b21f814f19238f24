"""Threads that learn when multiplications have finished."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Deque, List, Optional

from ._errors import ClosedError, Error, NotFoundError, TooBusyError, UnreachableError
from ._events import NoEvents, open_events, read_events
from ._retry import Attempts

if TYPE_CHECKING:
    from ._caller import Caller
    from ._future import Future

MAX_STREAMS = 16  # multiplications with an event stream of their own
IDLE = 5.0  # how long a thread waits for another future, in seconds
POLL_INTERVAL = 0.2


class Watcher:
    """Watches the futures of one client.

    The first 16 that are unfinished have an event stream each, so that their progress is known. The others are asked
    for in turn by one more thread, until there is room for a stream.
    """

    def __init__(self, client: "Caller") -> None:
        self._client = client
        self._changed = threading.Condition()
        self._pending: Deque["Future"] = deque()
        self._watched: List["Future"] = []
        self._idle = 0
        self._streams = 0
        self._polling = False
        self._closed = False
        self._no_events = False

    def add(self, future: "Future") -> None:
        """Watch a future until it is done."""
        with self._changed:
            self._pending.append(future)
            if self._idle >= len(self._pending):
                self._changed.notify()
            elif self._streams < MAX_STREAMS:
                self._streams += 1
                threading.Thread(target=self._stream, name="millrace-events", daemon=True).start()
            elif not self._polling:
                self._polling = True
                threading.Thread(target=self._poll, name="millrace-poll", daemon=True).start()

    def close(self) -> None:
        """End the threads. What is not done ends with a ClosedError."""
        with self._changed:
            self._closed = True
            futures = list(self._pending) + self._watched
            self._pending.clear()
            self._changed.notify_all()
        for future in futures:
            future._finish(ClosedError("the client was closed before the multiplication had finished"))

    def _next(self) -> "Optional[Future]":
        with self._changed:
            self._idle += 1
            found = self._changed.wait_for(lambda: bool(self._pending) or self._closed, IDLE)
            self._idle -= 1
            if not found or self._closed:
                self._streams -= 1
                return None
            future = self._pending.popleft()
            self._watched.append(future)
            return future

    def _stream(self) -> None:
        while True:
            future = self._next()
            if future is None:
                return
            try:
                self._follow(future)
            except (UnreachableError, TooBusyError) as error:
                error.args = (f"{error}; the multiplication goes on: client.future({future.id!r})",)
                future._finish(error)
            except Exception as error:  # a fault of this package must not leave a future that never ends
                future._finish(error)
            with self._changed:
                self._watched.remove(future)

    def _follow(self, future: "Future") -> None:
        """Read events until the future is done, over as many connections as it takes."""
        attempts = Attempts(self._client.retry_for)
        last: Optional[str] = None
        while not future.done():
            if self._no_events:
                future._update(self._client.call("GET", future.path, headers={"Prefer": "wait=2"}))
                time.sleep(0 if future.done() else POLL_INTERVAL)
                continue
            try:
                with open_events(self._client, future.id, last) as reply:
                    for last, event in read_events(reply):
                        attempts.progressed()
                        future._update(event)
                        if future.done():
                            reply.drain()
                            return
                future.refresh()  # the stream has ended: the state may be final
            except NoEvents:
                self._no_events = True
            except NotFoundError:
                future.refresh()  # raises it if it is the multiplication that is not there
                self._no_events = True
            except Error as error:
                attempts.pause(error)

    def _poll(self) -> None:
        while True:
            with self._changed:
                futures = list(self._pending)
                if not futures or self._closed:
                    self._polling = False
                    return
            begun = time.monotonic()
            for future in futures:
                try:
                    future.refresh()
                except Error as error:
                    future._finish(error)
                if future.done():
                    with self._changed:
                        if future in self._pending:
                            self._pending.remove(future)
            time.sleep(max(0.0, begun + POLL_INTERVAL - time.monotonic()))
