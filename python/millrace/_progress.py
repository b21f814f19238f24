"""The progress bar on a terminal."""

from __future__ import annotations

import sys
import time
from typing import Optional, TextIO

DELAY = 0.5
INTERVAL = 0.1
WIDTH = 24


class Bar:
    """A line on standard error that is written over, and erased at the end. It shows what takes longer than 0.5 s.

    Parameters
    ----------
    enabled : bool or None
        None shows it if standard error is a terminal.
    """

    def __init__(self, label: str, enabled: Optional[bool], stream: Optional[TextIO] = None) -> None:
        self._stream = stream if stream is not None else sys.stderr
        if enabled is None:
            enabled = self._stream is not None and self._stream.isatty()
        self.enabled = enabled
        self._label = label
        self._start = time.monotonic()
        self._next = self._start + DELAY
        self._shown = False

    def update(self, done: float, total: float, text: str = "") -> None:
        """Show that ``done`` of ``total`` is reached."""
        now = time.monotonic()
        if not self.enabled or now < self._next:
            return
        self._next = now + INTERVAL
        share = min(1.0, done / total) if total > 0 else 0.0
        filled = int(share * WIDTH)
        left = ""
        if 0.02 < share < 1:
            left = f", {(now - self._start) * (1 - share) / share:.0f} s left"
        bar = "#" * filled + "." * (WIDTH - filled)
        self._write(f"\r\x1b[K{self._label} [{bar}] {share * 100:3.0f} %{text}{left}")
        self._shown = True

    def bytes(self, done: int, total: int) -> None:
        """Show a transfer."""
        self.update(done, total, f", {done / 1e6:,.0f} of {total / 1e6:,.0f} MB")

    def close(self) -> None:
        """Erase the line."""
        if self._shown:
            self._write("\r\x1b[K")
        self._shown = False

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # the terminal is gone
            self.enabled = False

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
