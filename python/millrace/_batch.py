"""Many multiplications in one request."""

from __future__ import annotations

import collections
import concurrent.futures
import http.client
import json
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any, Deque, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple, Union

from numpy.typing import NDArray

from ._errors import Error, RequestError, ServerError, UnreachableError, from_problem
from ._future import Future
from ._operands import check_shapes, resolve
from ._submission import Options, operand_json
from ._retry import Attempts
from ._connection import BytesBody

if TYPE_CHECKING:
    from ._caller import Caller
    from ._matrix import Matrix

MEDIA_NDJSON = "application/x-ndjson"
PATH = "/v1/multiplications:batch"
MAX_ORDERS = 10_000
MAX_BYTES = 12 << 20  # of the text of a batch; servers take 16 MiB of numbers
POLL_INTERVAL = 0.2
AHEAD = 2  # how many batches are under way while results are taken


class _Batch:
    """Orders that go in one request. One that is wrong takes a place, too, but is not sent."""

    def __init__(self) -> None:
        self.lines: List[bytes] = []
        self.size = 0
        self.orders: List[Union[List["Matrix"], RequestError]] = []  # what was uploaded for each, or what is wrong
        self._key = str(uuid.uuid4())

    def add(self, line: bytes, uploads: List["Matrix"]) -> None:
        self.lines.append(line)
        self.size += len(line)
        self.orders.append(uploads)

    def items(self, client: "Caller", wait: bool) -> Iterator[Dict[str, Any]]:
        """Yield what has become of each order that is sent, in their order.

        A response that breaks is requested again: the key makes the server accept each order once.
        """
        if not self.lines:
            return
        headers = {"Idempotency-Key": self._key, "Accept": MEDIA_NDJSON}
        if wait:
            headers["Prefer"] = "wait=60"
        body = BytesBody(b"\n".join(self.lines), MEDIA_NDJSON)
        attempts = Attempts(client.retry_for)
        yielded = 0
        while True:
            try:
                with client.send("POST", PATH, headers, body) as reply:
                    for at, item in enumerate(_lines(reply.raw)):
                        if at >= yielded:
                            yielded += 1
                            attempts.progressed()
                            yield item
                if yielded != len(self.lines):
                    raise UnreachableError(f"the response had {yielded} of {len(self.lines)} items")
                return
            except Error as error:
                attempts.pause(error)

    def futures(self, client: "Caller", wait: bool) -> List[Future]:
        """Send the batch, and return a future for each order. Those that are not done must be watched."""
        items = self.items(client, wait)
        futures = []
        for order in self.orders:
            if isinstance(order, RequestError):
                futures.append(_refused(client, order))
                continue
            item = next(items)
            if "problem" in item:
                futures.append(_refused(client, from_problem(item["problem"], {})))
            else:
                if item["state"] == "completed" and "result" not in item:  # with its submission: it is asked for
                    item["state"] = "pending"
                futures.append(Future(client, item, watch=False))
            futures[-1].uploads = order
        next(items, None)  # the end of the response
        return futures

    def watch(self, client: "Caller", futures: List[Future]) -> None:
        """End futures as their multiplications finish: one request waits for all of them."""
        sent = [f for f, order in zip(futures, self.orders) if not isinstance(order, RequestError)]
        try:
            while not all(f.done() for f in sent):
                begun = time.monotonic()
                for item, future in zip(self.items(client, wait=True), sent):
                    if "problem" not in item:
                        future._update(item)
                time.sleep(max(0.0, min(POLL_INTERVAL, begun + POLL_INTERVAL - time.monotonic())))
        except Error as error:
            for future in sent:
                future._finish(error)


def _lines(raw: http.client.HTTPResponse) -> Iterator[Dict[str, Any]]:
    while True:
        try:
            line = raw.readline()
            if not line:
                return
            item: Dict[str, Any] = json.loads(line)
        except ValueError as error:
            raise ServerError(f"an item is not from a Millrace server: {error}") from error
        except (OSError, http.client.HTTPException) as error:
            raise UnreachableError(f"the connection broke: {str(error) or type(error).__name__}") from error
        yield item


def _refused(client: "Caller", error: Error) -> Future:
    """The future of an order that was not accepted."""
    future = Future(client, {"id": ""}, watch=False)
    future._info["state"] = "failed"
    future._finish(error)
    return future


def _batches(client: "Caller", pairs: Iterable[Sequence[Any]], chosen: Options, most: int) -> Iterator[_Batch]:
    """Encode pairs, and divide them into batches."""
    batch = _Batch()
    for pair in pairs:
        a, b = pair
        if batch.orders and (len(batch.orders) >= most or batch.size > MAX_BYTES):
            yield batch
            batch = _Batch()
        try:
            batch.add(*_order(client, a, b, chosen))
        except RequestError as error:
            batch.orders.append(error)
    if batch.orders:
        yield batch


def _order(client: "Caller", a: Any, b: Any, chosen: Options) -> Tuple[bytes, List["Matrix"]]:
    operands = resolve(a, "a"), resolve(b, "b")
    check_shapes(*operands)
    uploads: List["Matrix"] = []
    order: Dict[str, Any] = {name: operand_json(client, o, name, uploads) for name, o in zip("ab", operands)}
    order.update(chosen)
    return json.dumps(order, allow_nan=False, separators=(",", ":")).encode(), uploads


def submit_many(client: "Caller", pairs: Iterable[Sequence[Any]], chosen: Options) -> List[Future]:
    """See Client.submit_many."""
    futures: List[Future] = []
    for batch in _batches(client, pairs, chosen, MAX_ORDERS):
        begun = batch.futures(client, wait=False)
        threading.Thread(target=batch.watch, args=(client, begun), name="millrace-batch", daemon=True).start()
        futures += begun
    return futures


def map_pairs(
    client: "Caller", pairs: Iterable[Sequence[Any]], chosen: Options, chunk: int
) -> Iterator[NDArray[Any]]:
    """See Client.map."""
    begun: Deque["concurrent.futures.Future[List[Future]]"] = collections.deque()
    for batch in _batches(client, pairs, chosen, max(1, min(chunk, MAX_ORDERS))):
        begun.append(_begin(client, batch))
        if len(begun) > AHEAD:
            yield from _results(client, begun.popleft().result())
    while begun:
        yield from _results(client, begun.popleft().result())


def _begin(client: "Caller", batch: _Batch) -> "concurrent.futures.Future[List[Future]]":
    """Send a batch in a thread that does not keep the program from ending."""
    sent: "concurrent.futures.Future[List[Future]]" = concurrent.futures.Future()

    def run() -> None:
        try:
            futures = batch.futures(client, wait=True)
        except Exception as error:
            sent.set_exception(error)
            return
        sent.set_result(futures)
        batch.watch(client, futures)

    threading.Thread(target=run, name="millrace-map", daemon=True).start()
    return sent


def _results(client: "Caller", futures: List[Future]) -> Iterator[NDArray[Any]]:
    for future in futures:
        yield future.result()
        if future.uploads:
            client.quietly(future.delete)
