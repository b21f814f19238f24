"""Connections and what is sent on them."""

from __future__ import annotations

import http.client
from typing import Any, Iterable, Optional


class Body:
    """The body of a request, which may have to be sent more than once."""

    length: int
    content_type: str

    def chunks(self) -> Iterable[Any]:
        """The buffers of the body, from its beginning."""
        raise NotImplementedError


class BytesBody(Body):
    """A body in memory."""

    def __init__(self, content: bytes, content_type: str) -> None:
        self.length = len(content)
        self.content_type = content_type
        self._content = content

    def chunks(self) -> Iterable[Any]:
        return (self._content,)


class _Joined(http.client.HTTPConnection):
    """A connection that sends the head and the body of a small request at once."""

    _held: Optional[bytearray] = None
    in_body = False  # a part of a large body was sent

    def send(self, data: Any) -> None:
        if self._held is None:
            super().send(data)
        else:
            self._held += data

    def send_request(self, content: bytes) -> None:
        """Send the head, of which all is put, and the body."""
        held = self._held = bytearray()
        try:
            self.endheaders(content)
        finally:
            self._held = None
        self.send(held)


class Connection(_Joined):
    """A connection without encryption."""


class EncryptedConnection(_Joined, http.client.HTTPSConnection):
    """A connection by TLS."""
