"""Multiplications that were submitted."""

from __future__ import annotations

import asyncio
import concurrent.futures
import html
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any, Dict, Generator, List, Mapping, Optional, Tuple
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from ._download import Out, check_out
from ._errors import CancelledError, ConflictError, FailedError, NotFoundError
from ._matrix import Matrix

if TYPE_CHECKING:
    from ._caller import Caller

FINAL = ("completed", "failed", "cancelled")
BAR_INTERVAL = 0.2


class Future(concurrent.futures.Future[Any]):
    """A multiplication on the server: a ``concurrent.futures.Future`` of its result.

    ``concurrent.futures.wait`` and ``as_completed`` take it, and ``await`` does. It is done when the multiplication has
    finished; the result is downloaded by ``result``.
    """

    def __init__(self, client: "Caller", info: Mapping[str, Any], *, watch: bool = True) -> None:
        super().__init__()
        self._client = client
        self._lock = threading.Lock()
        self._info: Dict[str, Any] = {}
        self._array: "Optional[weakref.ref[NDArray[Any]]]" = None
        self.uploads: List[Matrix] = []
        self.id: str = info["id"]
        self._update(info)
        if watch and not self.done():
            client.watcher.add(self)

    @property
    def path(self) -> str:
        """The path of the multiplication on the server."""
        return "/v1/multiplications/" + quote(self.id)

    @property
    def status(self) -> str:
        """``"pending"``, ``"in_progress"``, ``"completed"``, ``"failed"`` or ``"cancelled"``, as far as is known."""
        return str(self._info.get("state", "pending"))

    @property
    def progress(self) -> float:
        """The share of the tiles that are completed, from 0 to 1, as far as is known."""
        return float(self._info.get("progress", 0.0))

    @property
    def tiles(self) -> Tuple[int, int]:
        """How many tiles are completed, and how many there are."""
        tiles = self._info.get("tiles", {})
        return int(tiles.get("completed", 0)), int(tiles.get("total", 0))

    @property
    def shape(self) -> Optional[Tuple[int, int]]:
        """Rows and columns of the result; None if only ``refresh`` can tell."""
        shape = self._info.get("shape") or {}
        result = self._info.get("result") or {}
        rows, cols = shape.get("m", result.get("rows")), shape.get("n", result.get("cols"))
        return None if rows is None or cols is None else (int(rows), int(cols))

    @property
    def info(self) -> Dict[str, Any]:
        """What the server has said of the multiplication last, as in the API."""
        return dict(self._info)

    def refresh(self) -> Dict[str, Any]:
        """Ask the server for the present state: times, attempts, errors, and in ``waiting`` what it waits for."""
        self._update(self._client.call("GET", self.path))
        return self.info

    def result(self, timeout: Optional[float] = None, *, out: Out = None) -> NDArray[Any]:
        """Wait until the multiplication has finished, and download its result.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait for the multiplication, not for the download.
        out : ndarray or path, optional
            An array of the right shape and type to receive the result, such as a ``np.memmap``, or a .npy file to
            write.

        Returns
        -------
        ndarray, shape (m, n)
            Of float32 if both operands are, else of float64. ``out`` if it is an array; a read-only ``np.memmap`` if it
            is a path.

        Raises
        ------
        FailedError
            The multiplication has failed.
        CancelledError
            It was cancelled.
        NotFoundError
            It was deleted, or has expired.
        concurrent.futures.TimeoutError
            It has not finished in time. It goes on.
        """
        self._wait(timeout)
        if out is None:
            array = self._array() if self._array is not None else None
            if array is not None:
                return array
        array = self._values(out)
        if array is None:
            array = self._client.download(self.path + "/result", out)
        if out is None:
            self._array = weakref.ref(array)
        return array

    def matrix(self, timeout: Optional[float] = None) -> Matrix:
        """Wait until the multiplication has finished, and return its result without downloading it.

        The matrix can be an operand, or be read in windows. Raises what ``result`` raises.
        """
        self._wait(timeout)
        return Matrix(self._client, self._info["result"], self.path + "/result")

    def cancel(self) -> bool:
        """Cancel the multiplication on the server; False if it has finished already."""
        try:
            self._update(self._client.call("POST", self.path + "/cancel"))
        except ConflictError:
            return False
        return self.cancelled()

    def cancelled(self) -> bool:
        """Whether the multiplication was cancelled."""
        return self.status == "cancelled"

    def running(self) -> bool:
        """Whether a tile has begun, and the multiplication has not finished."""
        return self.status == "in_progress" and not self.done()

    def retry(self) -> "Future":
        """Queue a failed or cancelled multiplication again. Returns another future; completed tiles are kept."""
        return Future(self._client, self._client.call("POST", self.path + "/retry"))

    def delete(self) -> None:
        """Delete the multiplication, its result, and the operands that were uploaded for it. It may not exist."""
        for path in [self.path] + [m.path for m in self.uploads]:
            try:
                self._client.call("DELETE", path)
            except NotFoundError:
                pass
        self._array = None

    def _wait(self, timeout: Optional[float]) -> None:
        """Wait for the end, and raise what the multiplication has ended with."""
        if self.done():
            super().result(0)
            return
        end = None if timeout is None else time.monotonic() + timeout
        with self._client.bar("multiply") as bar:
            while bar.enabled and not self.done():
                left = BAR_INTERVAL if end is None else min(BAR_INTERVAL, end - time.monotonic())
                if left <= 0:
                    break
                concurrent.futures.wait([self], left)
                done, total = self.tiles
                bar.update(self.progress, 1, f", {done} of {total} tiles, {self.status.replace('_', ' ')}")
        super().result(None if end is None else max(0.0, end - time.monotonic()))

    def _values(self, out: Out) -> Optional[NDArray[Any]]:
        """The result, if the server has sent it with the state."""
        result = self._info["result"]
        if "values" not in result or not (out is None or isinstance(out, np.ndarray)):
            return None
        shape, dtype = (int(result["rows"]), int(result["cols"])), np.dtype(result["dtype"])
        array = np.array(result["values"], dtype=dtype).reshape(shape)
        if out is None:
            return array
        check_out(out, shape, dtype)
        out[...] = array
        return out

    def _update(self, info: Mapping[str, Any]) -> None:
        """Note what the server has said, and end the future if the multiplication has ended."""
        with self._lock:
            if self._info.get("state") in FINAL:  # events may arrive late
                if info.get("state") == self.status:
                    self._info.update(info)
                return
            self._info.update(info)
            state = self._info.get("state")
        if state == "completed":
            self._finish(None)
        elif state == "cancelled":
            self._finish(CancelledError(f"multiplication {self.id} was cancelled"))
        elif state == "failed":
            self._finish(FailedError(self._info.get("failure") or f"multiplication {self.id} has failed"))

    def _finish(self, error: Optional[BaseException]) -> None:
        try:
            if error is None:
                self.set_result(None)
            else:
                self.set_exception(error)
        except concurrent.futures.InvalidStateError:  # it has ended before
            pass

    def __await__(self) -> Generator[Any, None, NDArray[Any]]:
        return self._await().__await__()

    async def _await(self) -> NDArray[Any]:
        """Wait without a thread, and download in one. Cancelling the task does not cancel the multiplication."""
        await self.finished()
        return await asyncio.get_running_loop().run_in_executor(None, self.result)

    async def finished(self) -> None:
        """Wait until the multiplication has finished, however it has, without downloading its result."""
        if self.done():
            return
        loop = asyncio.get_running_loop()
        ended = loop.create_future()

        def wake() -> None:
            if not ended.done():
                ended.set_result(None)

        def call(_: Any) -> None:
            try:
                loop.call_soon_threadsafe(wake)
            except RuntimeError:  # the loop was closed meanwhile
                pass

        self.add_done_callback(call)
        await ended

    def __repr__(self) -> str:
        done, total = self.tiles
        return f"<millrace.Future {self.id}: {self.status}, {done} of {total} tiles>"

    def _repr_html_(self) -> str:
        error = super().exception(0) if self.done() else None
        text = f"<br>{html.escape(str(error))}" if error is not None else ""
        done, total = self.tiles
        rows = f", {self.shape[0]:,} × {self.shape[1]:,}" if self.shape is not None else ""
        return (
            f"<b>millrace.Future</b> {self.status.replace('_', ' ')}{rows} "
            f'<progress value="{self.progress:.3f}" max="1"></progress> {done} of {total} tiles'
            f"<br><code>{html.escape(self.id)}</code>{text}"
        )
