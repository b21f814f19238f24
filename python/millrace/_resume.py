"""Uploads that go on after a break: draft-ietf-httpbis-resumable-upload."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterator, Tuple

from ._connection import Body, BytesBody
from ._errors import ConflictError, Error, RequestError
from ._npy import MEDIA_NPY
from ._retry import Attempts

if TYPE_CHECKING:
    from ._caller import Caller

MEDIA_PART = "application/partial-upload"
FROM_BYTES = 4 << 20  # less is sent again as a whole
END_TIMEOUT = 5.0  # of the request that gives an upload up


class _Rest(Body):
    """What a server does not have of a body."""

    def __init__(self, whole: Body, offset: int) -> None:
        self._whole = whole
        self._offset = offset
        self.length = whole.length - offset
        self.content_type = MEDIA_PART

    def chunks(self) -> Iterator[Any]:
        skip = self._offset
        for chunk in self._whole.chunks():  # from the beginning: its digest is that of all
            if skip < len(chunk):
                yield memoryview(chunk)[skip:]
            skip = max(0, skip - len(chunk))


def upload(caller: "Caller", body: Body) -> Any:
    """Store a .npy file, and return the JSON of the matrix. One that is large goes on where it broke."""
    if body.length < FROM_BYTES:
        return caller.call("POST", "/v1/matrices", body=body)
    head = {"Upload-Complete": "?0", "Upload-Length": str(body.length)}
    try:
        begun = caller.call("POST", "/v1/matrices", headers=head, body=BytesBody(b"", MEDIA_NPY))
    except RequestError as error:
        if error.status != 400:
            raise
        # An older server, which has taken the request for an empty file.
        return caller.call("POST", "/v1/matrices", body=body)
    path = f"/v1/uploads/{begun['id']}"
    try:
        matrix = _send(caller, path, body)
    except BaseException:
        caller.quietly(lambda: caller.send("DELETE", path, timeout=END_TIMEOUT).close())
        raise
    return caller.call("GET", f"/v1/matrices/{begun['id']}") if matrix is None else matrix


def _send(caller: "Caller", path: str, body: Body) -> Any:
    """Send a body until the server has all of it. Return the matrix; None if the response with it was lost."""
    attempts = Attempts(caller.retry_for)
    offset = 0
    while True:
        head = {"Upload-Offset": str(offset), "Upload-Complete": "?1"}
        try:
            with caller.send("PATCH", path, head, _Rest(body, offset)) as reply:
                return reply.json()
        except Error as error:  # a conflict: it is out of step with the server
            attempts.pause(error, isinstance(error, ConflictError))
        before = offset
        offset, complete = _ask(caller, path, attempts)
        if complete:
            return None
        if offset > before:
            attempts.progressed()


def _ask(caller: "Caller", path: str, attempts: Attempts) -> Tuple[int, bool]:
    """Ask where an upload goes on, and whether it is complete."""
    while True:
        try:
            with caller.send("HEAD", path) as reply:
                reply.drain()
                return int(reply.headers["Upload-Offset"]), reply.headers.get("Upload-Complete") == "?1"
        except Error as error:
            attempts.pause(error, isinstance(error, ConflictError))
