"""The client of one server."""

from __future__ import annotations

import json
import math
import threading
import uuid
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from . import _batch
from ._address import Address
from ._download import Download, Out, check_out
from ._errors import CancelledError, DigestError, Error, FailedError
from ._future import Future
from ._matrix import Matrix
from ._npy import ArrayBody, FormBody
from ._operands import (
    FORM_BYTES,
    INLINE_BYTES,
    JSON_BYTES,
    Operand,
    Random,
    Resolved,
    check_shapes,
    numbers,
    reference,
    resolve,
    result_type,
)
from ._progress import Bar
from ._retry import repeat
from ._token import Path, Token, TokenSource
from ._transport import RESPONSE_TIMEOUT, Body, BytesBody, Reply, Transport
from ._watch import Watcher

DEFAULT_SERVER = "http://127.0.0.1:8080"
MEDIA_JSON = "application/json"
SMALL = 2e9  # multiplications of fewer operations are waited for by their submission
FIRST_WAIT = 20  # seconds


class Client:
    """A client of one server. It may be used by several threads, and as a context manager.

    Parameters
    ----------
    url : str
        The address of the server.
    token : str or callable, optional
        The token of a key, ``mr_…``, or a function that returns the token for each request.
    token_file : path, optional
        A file with the token. It is read again when it changes.
    ca_file : path, optional
        Certificates in PEM by which the server is known, instead of those of the system.
    plain_token : bool
        Also send the token by http to another machine than this one, where everything on the way can read it.
    retry_for : float
        For how many seconds a request is repeated that fails because of a connection, or because the server is busy
        (408, 429, 502 to 504), since the last progress. Each is carried out once, however often it is repeated.
    progress : bool, optional
        Whether a bar on standard error shows what takes longer. By default it does if that is a terminal.

    Raises
    ------
    ValueError
        The address cannot be one, or both ``token`` and ``token_file`` are given.
    """

    def __init__(
        self,
        url: str = DEFAULT_SERVER,
        *,
        token: Token = None,
        token_file: Optional[Path] = None,
        ca_file: Optional[Path] = None,
        plain_token: bool = False,
        retry_for: float = 60.0,
        progress: Optional[bool] = None,
    ) -> None:
        self.retry_for = retry_for
        self._progress = progress
        source = TokenSource(token, token_file)
        self._transport = Transport(Address(url), source, ca_file=ca_file, plain_token=plain_token)
        self.watcher = Watcher(self)

    @property
    def url(self) -> str:
        """The address of the server."""
        return self._transport.address.url

    def matmul(
        self,
        a: Operand,
        b: Operand,
        *,
        out: Out = None,
        priority: Optional[int] = None,
        timeout: Optional[float] = None,
        keep: bool = False,
    ) -> NDArray[Any]:
        """Multiply two matrices, and wait for the result.

        Parameters
        ----------
        a, b : array_like, shapes (m, k) and (k, n), Matrix, Random, Future or path
            The operands. Arrays are sent as they are; a path is that of a .npy file, which is not read into memory; of
            a future, the result is the operand.
        out : ndarray or path, optional
            An array of the right shape and type to receive the result, such as a ``np.memmap``, or a .npy file to
            write.
        priority : int, optional
            From 1, the most urgent, to 4; 2 by default.
        timeout : float, optional
            Seconds to wait for the multiplication; it is cancelled then.
        keep : bool
            Leave the multiplication, its result and the operands that were uploaded on the server, until they expire.
            By default they are deleted, unless all is so small that it came and went in one request.

        Returns
        -------
        ndarray, shape (m, n)
            Of float32 if both operands are, else of float64. ``out`` if it is an array; a read-only ``np.memmap`` if it
            is a path.

        Raises
        ------
        ShapeError
            An operand is not two-dimensional, or the columns of ``a`` are not as many as the rows of ``b``.
        DTypeError
            An operand is complex, of float16, of objects, or has integers beyond ±2⁵³.
        FailedError, CancelledError
            The multiplication has failed, or was cancelled by another client.
        concurrent.futures.TimeoutError
            It has not finished in time.
        Error
            What a server or a connection may do besides.
        """
        operands = resolve(a, "a"), resolve(b, "b")
        m, _, n = check_shapes(*operands)
        if isinstance(out, np.ndarray):
            check_out(out, (m, n), result_type(*operands))
        wait = FIRST_WAIT if timeout is None else max(0, min(FIRST_WAIT, math.ceil(timeout)))
        future = self._submit(*operands, priority, wait)
        try:
            result = future.result(timeout, out=out)
        except (FailedError, CancelledError):
            raise
        except BaseException as error:  # also Ctrl-C: there is no other handle of the multiplication
            if future.status == "completed":
                if isinstance(error, Error):
                    error.args = (f"{error}; the result is kept: client.future({future.id!r}).result()",)
                raise
            self._quietly(future.cancel)
            if not keep:
                self._quietly(future.delete)
            raise
        if not keep and (future._uploads or "values" not in future._info["result"]):
            self._quietly(future.delete)
        return result

    def submit(self, a: Operand, b: Operand, *, priority: Optional[int] = None) -> Future:
        """Queue a multiplication, and return at once.

        Parameters
        ----------
        a, b, priority
            As of ``matmul``.

        Returns
        -------
        Future
            Of the result, shape (m, n).

        Raises
        ------
        ShapeError, DTypeError
            As ``matmul``.
        QuotaError, TooBusyError, StorageFullError
            The server does not accept more for now.
        """
        return self._submit(resolve(a, "a"), resolve(b, "b"), priority, 0)

    def submit_many(self, pairs: Iterable[Sequence[Operand]], *, priority: Optional[int] = None) -> List[Future]:
        """Queue many multiplications, up to 10,000 in a request.

        Parameters
        ----------
        pairs : iterable of (a, b)
            Operands as of ``matmul``. Arrays of up to 64 KiB go with the request, larger ones are uploaded first.

        Returns
        -------
        list of Future
            One for each pair, in their order. That of a pair that the server refuses has the reason as its exception.
        """
        return _batch.submit_many(self, pairs, priority)

    def map(
        self, a: Iterable[Operand], b: Iterable[Operand], *, priority: Optional[int] = None, chunk: int = 500
    ) -> Iterator[NDArray[Any]]:
        """Multiply pairs of matrices, like ``map(matmul, a, b)``, many in a request.

        ``a`` and ``b`` may be three-dimensional arrays. They are read as the results are taken, ``chunk`` pairs at a
        time.

        Yields
        ------
        ndarray, shape (m, n)
            The results in the order of the pairs.

        Raises
        ------
        Error
            In the place of its result, if one fails.
        """
        return _batch.map_pairs(self, zip(a, b), priority, chunk)

    def upload(self, value: Operand) -> Matrix:
        """Store a matrix on the server, to use it in several multiplications.

        Parameters
        ----------
        value : array_like, shape (m, n), path or Random
            Contiguous memory, as of a ``np.memmap``, is sent without a copy, in C or Fortran order. Of others, a
            megabyte at a time is copied.

        Returns
        -------
        Matrix
            Of float32 if ``value`` is, else of float64.

        Raises
        ------
        ShapeError, DTypeError
            As ``matmul``.
        DigestError
            The elements were damaged on the way.
        QuotaError, StorageFullError
            There is no room.
        """
        operand = resolve(value, "the matrix")
        if isinstance(operand, Matrix):
            return operand
        if isinstance(operand, Random):
            return Matrix(self, self.call("POST", "/v1/matrices", reference(operand)))
        return self._upload(operand, "upload")

    def matrix(self, id: str) -> Matrix:
        """Return a stored matrix. Raises NotFoundError."""
        return Matrix(self, self.call("GET", f"/v1/matrices/{quote(id)}"))

    def future(self, id: str) -> Future:
        """Return the future of a multiplication that was submitted before, by any client. Raises NotFoundError."""
        return Future(self, self.call("GET", f"/v1/multiplications/{quote(id)}"))

    def overview(self) -> Dict[str, Any]:
        """Return the version of the server, its workers and queues."""
        return dict(self.call("GET", "/v1/overview"))

    def close(self) -> None:
        """Close the connections. Futures that are not done end with ClosedError; their multiplications go on."""
        self.watcher.close()
        self._transport.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<millrace.Client of {self.url}>"

    # What follows is for the other modules of this package.

    def send(
        self,
        method: str,
        path: str,
        headers: Optional[Mapping[str, str]] = None,
        body: Optional[Body] = None,
        timeout: float = RESPONSE_TIMEOUT,
    ) -> Reply:
        """Send one request, once."""
        return self._transport.send(method, path, headers, body, timeout)

    def call(
        self,
        method: str,
        path: str,
        content: Any = None,
        headers: Optional[Mapping[str, str]] = None,
        body: Optional[Body] = None,
    ) -> Any:
        """Send a request until there is a response, and return its JSON."""
        if content is not None:
            body = BytesBody(json.dumps(content, allow_nan=False).encode(), MEDIA_JSON)
        fields = dict(headers or {})
        if method == "POST":  # however often it is sent, it is carried out once
            fields["Idempotency-Key"] = str(uuid.uuid4())

        def attempt() -> Any:
            with self.send(method, path, fields, body) as reply:
                return None if reply.status == 204 else reply.json()

        return repeat(attempt, self.retry_for)

    def bar(self, label: str) -> Bar:
        """Return a progress bar."""
        return Bar(label, self._progress if threading.current_thread() is threading.main_thread() else False)

    def download(self, path: str, out: Out) -> NDArray[Any]:
        """Receive the content at a path."""
        with self.bar("download") as bar:
            return Download(self, path, out).run(bar)

    def _upload(self, array: NDArray[Any], label: str) -> Matrix:
        with self.bar(label) as bar:
            body = ArrayBody(array, bar.bytes)
            matrix = Matrix(self, self.call("POST", "/v1/matrices", body=body))
        if matrix.digest is not None and body.digest is not None and matrix.digest != body.digest:
            self._quietly(matrix.delete)
            raise DigestError("the elements that the server has received are not those that were sent")
        return matrix

    def _submit(self, a: Resolved, b: Resolved, priority: Optional[int], wait: int) -> Future:
        m, k, n = check_shapes(a, b)
        headers = {"Prefer": f"wait={wait}"} if wait and 2.0 * m * k * n <= SMALL else {}
        uploads: List[Matrix] = []
        try:
            content, body = self._order(a, b, priority, uploads)
            info = self.call("POST", "/v1/multiplications", content, headers, body)
        except BaseException:
            for matrix in uploads:
                self._quietly(matrix.delete)
            raise
        future = Future(self, info)
        future._uploads = uploads
        return future

    def _order(
        self, a: Resolved, b: Resolved, priority: Optional[int], uploads: List[Matrix]
    ) -> Tuple[Any, Optional[Body]]:
        """The body of a submission: JSON or a form. What is too large for both is uploaded."""
        if not isinstance(a, (Matrix, Random)) and not isinstance(b, (Matrix, Random)):
            left, right = numbers(a, JSON_BYTES), numbers(b, JSON_BYTES)
            if left is None or right is None:
                if a.nbytes + b.nbytes <= FORM_BYTES:
                    return None, FormBody(a, b, priority)
            else:
                return with_priority({"a": left, "b": right}, priority), None
        order = {name: self.operand(o, name, uploads) for name, o in (("a", a), ("b", b))}
        return with_priority(order, priority), None

    def operand(self, operand: Resolved, name: str, uploads: List[Matrix]) -> Dict[str, Any]:
        """The JSON of an operand, which is uploaded if it is large; what is uploaded is added to ``uploads``."""
        if isinstance(operand, (Matrix, Random)):
            return reference(operand)
        values = numbers(operand, INLINE_BYTES)
        if values is not None:
            return values
        uploads.append(self._upload(operand, "upload " + name))
        return reference(uploads[-1])

    def _quietly(self, action: Callable[[], object]) -> None:
        """Do what may as well not be done."""
        try:
            action()
        except Error:
            pass


def with_priority(order: Dict[str, Any], priority: Optional[int]) -> Dict[str, Any]:
    """Add a priority to an order."""
    return order if priority is None else {**order, "priority": priority}
