"""The client of the module's functions, which the environment describes."""

from __future__ import annotations

import os
import threading
from typing import Any, Iterable, Iterator, List, Optional, Sequence, Tuple

from numpy.typing import NDArray

from ._client import DEFAULT_SERVER, Client
from ._download import Out
from ._future import Future
from ._matrix import Matrix
from ._operands import Operand
from ._submission import Object

_lock = threading.Lock()
_client: Optional[Client] = None
_settings: Tuple[Optional[str], ...] = ()

VARIABLES = ("MILLRACE_SERVER", "MILLRACE_TOKEN", "MILLRACE_TOKEN_FILE", "MILLRACE_CA_FILE", "MILLRACE_PLAIN_TOKEN")


def default_client() -> Client:
    """Return the client of the module's functions. It is another one after these variables have changed.

    ``MILLRACE_SERVER`` is the address, by default ``http://127.0.0.1:8080``; ``MILLRACE_TOKEN_FILE`` or
    ``MILLRACE_TOKEN`` gives the token, ``MILLRACE_CA_FILE`` the certificates, ``MILLRACE_PLAIN_TOKEN=true`` sends the
    token by http, as for the command line.
    """
    global _client, _settings
    settings = tuple(os.environ.get(name) or None for name in VARIABLES)
    with _lock:
        if _client is None or settings != _settings:
            server, token, token_file, ca_file, plain = settings
            _client = Client(
                server or DEFAULT_SERVER,
                token=None if token_file else token,
                token_file=token_file,
                ca_file=ca_file,
                plain_token=(plain or "").lower() in ("1", "true", "yes"),
            )
            _settings = settings
        return _client


def matmul(
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
    """Multiply two matrices on the server of the environment: see ``Client.matmul``.

    Parameters
    ----------
    a, b : array_like, shapes (m, k) and (k, n), Matrix, Random, Future or path

    Returns
    -------
    ndarray, shape (m, n)
        Of float32 if both operands are, else of float64.
    """
    return default_client().matmul(
        a,
        b,
        out=out,
        priority=priority,
        retention_seconds=retention_seconds,
        reuse=reuse,
        timeout=timeout,
        keep=keep,
    )


def submit(
    a: Operand,
    b: Operand,
    *,
    priority: Optional[int] = None,
    retention_seconds: Optional[int] = None,
    reuse: bool = True,
    webhook: Optional[str] = None,
    output: Optional[Object] = None,
) -> Future:
    """Queue a multiplication, and return at once: see ``Client.submit``."""
    return default_client().submit(
        a, b, priority=priority, retention_seconds=retention_seconds, reuse=reuse, webhook=webhook, output=output
    )


def submit_many(
    pairs: Iterable[Sequence[Operand]],
    *,
    priority: Optional[int] = None,
    retention_seconds: Optional[int] = None,
    reuse: bool = True,
) -> List[Future]:
    """Queue many multiplications: see ``Client.submit_many``."""
    return default_client().submit_many(pairs, priority=priority, retention_seconds=retention_seconds, reuse=reuse)


def map(
    a: Iterable[Operand],
    b: Iterable[Operand],
    *,
    priority: Optional[int] = None,
    retention_seconds: Optional[int] = None,
    reuse: bool = True,
    chunk: int = 500,
) -> Iterator[NDArray[Any]]:
    """Multiply pairs of matrices, many in a request: see ``Client.map``."""
    return default_client().map(a, b, priority=priority, retention_seconds=retention_seconds, reuse=reuse, chunk=chunk)


def upload(value: Operand) -> Matrix:
    """Store a matrix on the server: see ``Client.upload``."""
    return default_client().upload(value)
