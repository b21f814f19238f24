"""The client for asyncio."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
from typing import Any, AsyncIterator, Callable, Iterable, List, Optional, Sequence, TypeVar

from numpy.typing import NDArray

from ._client import DEFAULT_SERVER, Client
from ._download import Out
from ._future import Future
from ._matrix import Matrix
from ._operands import Operand
from ._submission import Object

T = TypeVar("T")
THREADS = 8


class AsyncClient:
    """A client for asyncio, without a dependency: transfers run in eight threads, waits take none.

    Parameters
    ----------
    url, **options
        As of ``Client``.

    Examples
    --------
    ``async with AsyncClient() as client: c = await client.matmul(a, b)``
    """

    def __init__(self, url: str = DEFAULT_SERVER, **options: Any) -> None:
        self.sync = Client(url, **options)
        self._threads = concurrent.futures.ThreadPoolExecutor(THREADS, "millrace")

    async def matmul(
        self,
        a: Operand,
        b: Operand,
        *,
        out: Out = None,
        priority: Optional[int] = None,
        retention_seconds: Optional[int] = None,
        reuse: bool = True,
        keep: bool = False,
    ) -> NDArray[Any]:
        """Multiply two matrices, as ``Client.matmul``. If the task is cancelled, so is the multiplication."""
        submitted = self._threads.submit(
            self.sync.submit, a, b, priority=priority, retention_seconds=retention_seconds, reuse=reuse
        )
        try:
            future = await asyncio.wrap_future(submitted)
            await future.finished()
        except asyncio.CancelledError:
            await asyncio.shield(self._run(self._cancel, submitted))
            raise
        result = await self._run(future.result, out=out)
        if not keep:
            await self._run(self.sync.quietly, future.delete)
        return result

    async def submit(
        self,
        a: Operand,
        b: Operand,
        *,
        priority: Optional[int] = None,
        retention_seconds: Optional[int] = None,
        reuse: bool = True,
        webhook: Optional[str] = None,
        output: Optional[Object] = None,
    ) -> Future:
        """Queue a multiplication, as ``Client.submit``. The future can be awaited."""
        chosen = {"priority": priority, "retention_seconds": retention_seconds, "reuse": reuse, "webhook": webhook}
        return await self._run(self.sync.submit, a, b, output=output, **chosen)

    async def submit_many(
        self,
        pairs: Iterable[Sequence[Operand]],
        *,
        priority: Optional[int] = None,
        retention_seconds: Optional[int] = None,
        reuse: bool = True,
    ) -> List[Future]:
        """Queue many multiplications, as ``Client.submit_many``. The futures can be awaited."""
        return await self._run(
            self.sync.submit_many, pairs, priority=priority, retention_seconds=retention_seconds, reuse=reuse
        )

    async def map(
        self,
        a: Iterable[Operand],
        b: Iterable[Operand],
        *,
        priority: Optional[int] = None,
        retention_seconds: Optional[int] = None,
        reuse: bool = True,
        chunk: int = 500,
    ) -> AsyncIterator[NDArray[Any]]:
        """Multiply pairs of matrices, as ``Client.map``: ``async for c in client.map(a, b)``."""
        results = self.sync.map(a, b, priority=priority, retention_seconds=retention_seconds, reuse=reuse, chunk=chunk)
        while True:
            result: Optional[NDArray[Any]] = await self._run(lambda: next(results, None))
            if result is None:
                return
            yield result

    async def upload(self, value: Operand) -> Matrix:
        """Store a matrix on the server, as ``Client.upload``."""
        return await self._run(self.sync.upload, value)

    async def in_bucket(self, bucket: str, key: str, version: Optional[str] = None) -> Matrix:
        """Make a matrix of an object in a bucket, as ``Client.in_bucket``."""
        return await self._run(self.sync.in_bucket, bucket, key, version)

    async def matrices(self, source: Optional[str] = None) -> AsyncIterator[Matrix]:
        """List the stored matrices, as ``Client.matrices``: ``async for m in client.matrices()``."""
        listed = self.sync.matrices(source)
        while True:
            matrix: Optional[Matrix] = await self._run(lambda: next(listed, None))
            if matrix is None:
                return
            yield matrix

    async def future(self, id: str) -> Future:
        """Return the future of a multiplication that was submitted before."""
        return await self._run(self.sync.future, id)

    async def close(self) -> None:
        """Close the connections, as ``Client.close``."""
        await asyncio.get_running_loop().run_in_executor(None, self.sync.close)
        self._threads.shutdown(wait=False)

    def _cancel(self, submitted: "concurrent.futures.Future[Future]") -> None:
        """Cancel a multiplication, also if it is being submitted."""
        if not submitted.cancelled() and submitted.exception() is None:
            self.sync.quietly(submitted.result().cancel)

    async def _run(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        call = functools.partial(function, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<millrace.AsyncClient of {self.sync.url}>"
