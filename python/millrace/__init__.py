"""Matrix multiplication on a Millrace server.

>>> import millrace
>>> c = millrace.matmul(a, b)                            # doctest: +SKIP
>>> with millrace.Client("https://host", token_file="token") as client:
...     future = client.submit(a, b)                     # doctest: +SKIP
"""

from concurrent.futures import as_completed, wait

from ._aio import AsyncClient
from ._client import Client
from ._default import default_client, map, matmul, submit, submit_many, upload
from ._errors import (
    AuthenticationError,
    CancelledError,
    ClosedError,
    ConflictError,
    DigestError,
    DTypeError,
    Error,
    FailedError,
    NotFoundError,
    PermissionDeniedError,
    QuotaError,
    RequestError,
    ServerError,
    ShapeError,
    StorageFullError,
    TooBusyError,
    TooLargeError,
    UnreachableError,
)
from ._future import Future
from ._matrix import Matrix
from ._operands import Random, random
from ._version import __version__

__all__ = [
    "AsyncClient",
    "AuthenticationError",
    "CancelledError",
    "Client",
    "ClosedError",
    "ConflictError",
    "DTypeError",
    "DigestError",
    "Error",
    "FailedError",
    "Future",
    "Matrix",
    "NotFoundError",
    "PermissionDeniedError",
    "QuotaError",
    "Random",
    "RequestError",
    "ServerError",
    "ShapeError",
    "StorageFullError",
    "TooBusyError",
    "TooLargeError",
    "UnreachableError",
    "__version__",
    "as_completed",
    "default_client",
    "map",
    "matmul",
    "random",
    "submit",
    "submit_many",
    "upload",
    "wait",
]
