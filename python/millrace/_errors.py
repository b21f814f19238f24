"""The exceptions of the package, and what makes them of the responses of a server."""

from __future__ import annotations

import builtins
import concurrent.futures
import http.client
import json
import re
from typing import Any, Dict, List, Mapping, Optional, Type, Union

Headers = Union[Mapping[str, str], http.client.HTTPMessage]


class Error(Exception):
    """The base of all exceptions of this package.

    Attributes
    ----------
    detail : str
        What is wrong, and often what to do about it.
    status : int or None
        The HTTP status, if a server has sent the error.
    code : str or None
        A word for programs, such as ``"token_expired"``. Most errors have none.
    request_id : str or None
        What the log of the server calls the request, if the server tells.
    retry_after : float or None
        After how many seconds the server asks to try again.
    problem : dict
        The whole problem (RFC 9457) that the server has sent.
    """

    _resent = False  # the request was sent twice: the first may have taken effect

    def __init__(
        self,
        detail: str,
        *,
        status: Optional[int] = None,
        code: Optional[str] = None,
        request_id: Optional[str] = None,
        retry_after: Optional[float] = None,
        problem: Optional[Dict[str, Any]] = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status
        self.code = code
        self.request_id = request_id
        self.retry_after = retry_after
        self.problem = problem or {}


class RequestError(Error, ValueError):
    """The request is wrong (400, 406, 412, 413, 415, 422), and would be wrong again."""


class ShapeError(RequestError):
    """The shapes do not fit, or an operand is not two-dimensional. Nothing was sent, or status 422."""


class DTypeError(RequestError, TypeError):
    """An operand has elements that the service does not multiply."""


class TooLargeError(RequestError):
    """A matrix or a multiplication is larger than the server accepts (413)."""


class AuthenticationError(Error):
    """The request has no token, or one that is not valid (401)."""


class PermissionDeniedError(Error):
    """The token is valid, but not good for this (403)."""


class NotFoundError(Error, LookupError):
    """There is no such multiplication or matrix, or it was deleted or has expired (404)."""


class ConflictError(Error):
    """The request is right at another time (409): a matrix that is in use cannot be deleted, for example."""


class QuotaError(Error):
    """A quota of the tenant has no room (429, code ``quota_exceeded``). ``policies`` names the quota."""

    @property
    def policies(self) -> List[str]:
        """The quotas: ``"requests"``, ``"queued-work"``, ``"stored-bytes"``."""
        return list(self.problem.get("violated-policies", ()))


class TooBusyError(Error):
    """The server has too much to do, or its database is unavailable (408, 429, 502 to 504), also after retries."""


class StorageFullError(Error):
    """The server has no room for the matrix or the result (507)."""


class ServerError(Error):
    """The server has failed (other statuses from 500), or its response makes no sense."""


class UnreachableError(Error, builtins.ConnectionError):
    """There was no whole response: no connection, or it broke, also after retries."""


class DigestError(Error):
    """The elements that have arrived are not those that were sent: they were damaged on the way."""


class ClosedError(Error):
    """The client was closed."""


class FailedError(Error):
    """The multiplication has failed: ``detail`` says why. ``future.refresh()["errors"]`` has the failed attempts."""


class CancelledError(Error, concurrent.futures.CancelledError):
    """The multiplication was cancelled."""


_BY_STATUS: Dict[int, Type[Error]] = {
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    408: TooBusyError,
    409: ConflictError,
    413: TooLargeError,
    429: TooBusyError,
    502: TooBusyError,
    503: TooBusyError,
    504: TooBusyError,
    507: StorageFullError,
}

_TOKEN = re.compile(r"\b(m[rs]_[0-9A-Za-z]{10})[0-9A-Za-z_-]+")


def redact(text: str) -> str:
    """Cut the tokens in a text to their ids."""
    return _TOKEN.sub(r"\1…", text)


def _class_of(status: int, code: Optional[str], detail: str) -> Type[Error]:
    if code == "quota_exceeded":
        return QuotaError
    if status == 422 and "wrong shape" in detail:
        return ShapeError
    if status == 422 and "unsupported" in detail:
        return DTypeError
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return RequestError if status < 500 else ServerError


def _seconds(text: Optional[str]) -> Optional[float]:
    return float(text) if text is not None and text.isdigit() else None


def from_problem(problem: Mapping[str, Any], headers: Headers) -> Error:
    """Make an exception of a problem (RFC 9457) with a status."""
    status = int(problem.get("status", 500))
    code = problem.get("code")
    detail = str(problem.get("detail") or problem.get("title") or f"status {status}")
    for fault in problem.get("errors") or ():
        if fault.get("location") and fault.get("message"):
            detail += f"; {fault['location']}: {fault['message']}"
    detail = redact(detail)
    return _class_of(status, code, detail)(
        detail,
        status=status,
        code=code,
        request_id=headers.get("X-Request-Id") or problem.get("request_id"),
        retry_after=_seconds(headers.get("Retry-After")),
        problem=dict(problem),
    )


def from_response(request: str, status: int, headers: Headers, body: bytes) -> Error:
    """Make an exception of a response. One without a problem, like that of a proxy, is described by its first line."""
    try:
        problem = json.loads(body)
    except ValueError:
        problem = None
    if not isinstance(problem, dict) or not problem.get("detail"):
        detail = f"{request} returned status {status}"
        if 300 <= status < 400 and headers.get("Location"):
            detail += f": redirected to {headers['Location']}, which this client does not follow"
        elif body.strip():
            detail += ": " + body.decode("utf-8", "replace").strip().splitlines()[0][:200]
        problem = {"detail": detail}
    problem["status"] = status
    return from_problem(problem, headers)
