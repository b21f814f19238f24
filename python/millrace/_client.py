"""The client of one server."""

from __future__ import annotations

import math
from typing import Any, Dict, Iterable, Iterator, List, Optional, Sequence
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from . import _batch, _submission
from ._address import Address
from ._download import Out, check_out
from ._errors import CancelledError, Error, FailedError
from ._future import Future
from ._matrix import Matrix
from ._operands import Operand, Random, check_shapes, reference, resolve, result_type
from ._stored import Stored
from ._submission import Object, options
from ._token import Path, Token, TokenSource
from ._transport import Transport

DEFAULT_SERVER = "http://127.0.0.1:8080"
FIRST_WAIT = 20  # for how many seconds a submission waits for its result


class Client(Stored):
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
        source = TokenSource(token, token_file)
        transport = Transport(Address(url), source, ca_file=ca_file, plain_token=plain_token)
        super().__init__(transport, retry_for, progress)

    @property
    def url(self) -> str:
        """The address of the server."""
        return self.transport.address.url

    def matmul(
        self,
        a: Operand,
        b: Operand,
        *,
        out: Out = None,
        priority: Optional[int] = None,
        retention_seconds: Optional[int] = None,
        reuse: bool = True,
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
        retention_seconds : int, optional
            How long the multiplication, its result and the operands that are sent with it are kept on the server after
            their last use; as long as the server keeps others by default. Operands that are uploaded first are.
        reuse : bool
            Whether it may have the result of an earlier multiplication of the same matrices that the server still has.
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
        future = _submission.submit(self, *operands, options(priority, retention_seconds, reuse), wait)
        try:
            result = future.result(timeout, out=out)
        except (FailedError, CancelledError):
            raise
        except BaseException as error:  # also Ctrl-C: there is no other handle of the multiplication
            if future.status == "completed":
                if isinstance(error, Error):
                    error.args = (f"{error}; the result is kept: client.future({future.id!r}).result()",)
                raise
            self.quietly(future.cancel)
            if not keep:
                self.quietly(future.delete)
            raise
        if not keep and (future.uploads or "values" not in future._info["result"]):
            self.quietly(future.delete)
        return result

    def submit(
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
        """Queue a multiplication, and return at once.

        Parameters
        ----------
        a, b, priority, retention_seconds, reuse
            As of ``matmul``.
        webhook : str, optional
            Where the server sends a message when the multiplication ends: the url of a webhook that was made with
            ``only_named``, to which parameters may be added.
        output : (str, str), optional
            A bucket and the key of an object, to which the server writes the result as a .npy file as well, if its
            settings allow that. The multiplication is completed when it is there.

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
        PermissionDeniedError
            The settings of the server do not allow the output.
        """
        chosen = options(priority, retention_seconds, reuse, webhook, output)
        return _submission.submit(self, resolve(a, "a"), resolve(b, "b"), chosen, 0)

    def submit_many(
        self,
        pairs: Iterable[Sequence[Operand]],
        *,
        priority: Optional[int] = None,
        retention_seconds: Optional[int] = None,
        reuse: bool = True,
    ) -> List[Future]:
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
        return _batch.submit_many(self, pairs, options(priority, retention_seconds, reuse))

    def map(
        self,
        a: Iterable[Operand],
        b: Iterable[Operand],
        *,
        priority: Optional[int] = None,
        retention_seconds: Optional[int] = None,
        reuse: bool = True,
        chunk: int = 500,
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
        return _batch.map_pairs(self, zip(a, b), options(priority, retention_seconds, reuse), chunk)

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
        return _submission.upload_array(self, operand, "upload")

    def future(self, id: str) -> Future:
        """Return the future of a multiplication that was submitted before, by any client. Raises NotFoundError."""
        return Future(self, self.call("GET", f"/v1/multiplications/{quote(id)}"))

    def overview(self) -> Dict[str, Any]:
        """Return the version of the server, its workers and queues."""
        return dict(self.call("GET", "/v1/overview"))

    def close(self) -> None:
        """Close the connections. Futures that are not done end with ClosedError; their multiplications go on."""
        self.watcher.close()
        self.transport.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<millrace.Client of {self.url}>"
