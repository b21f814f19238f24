"""Asking a server before a large body is sent: Expect: 100-continue, which http.client does not know."""

from __future__ import annotations

import http.client
import io
import select
import socket
from typing import Any, Optional

CONTINUE_TIMEOUT = 1.0  # a server that does not know how to ask gets the body then
MAX_INTERIM = 16 << 10


class _Ahead(io.RawIOBase):
    """Reads some bytes that were read already, and then a socket."""

    def __init__(self, ahead: bytes, sock: socket.socket) -> None:
        self._ahead = ahead
        self._sock = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._ahead:
            n = min(len(buffer), len(self._ahead))
            buffer[:n], self._ahead = self._ahead[:n], self._ahead[n:]
            return n
        return self._sock.recv_into(buffer)


class _Socket:
    """What http.client.HTTPResponse takes for a socket."""

    def __init__(self, ahead: bytes, sock: socket.socket) -> None:
        self._ahead = ahead
        self._sock = sock

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        return io.BufferedReader(_Ahead(self._ahead, self._sock))


def readable(sock: socket.socket, timeout: float) -> bool:
    """Whether something has arrived, or arrives within some seconds."""
    if not hasattr(select, "poll"):
        return bool(select.select([sock], [], [], timeout)[0])
    poll = select.poll()  # unlike select, also for descriptors from 1024 on
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(timeout * 1000))


def read_interim(sock: socket.socket, method: str) -> Optional[http.client.HTTPResponse]:
    """Wait until the server asks for the body; return its response if it refuses the body instead."""
    if not readable(sock, CONTINUE_TIMEOUT):
        return None
    head = b""
    while b"\r\n\r\n" not in head and len(head) < MAX_INTERIM:  # by single bytes: what follows is not ours
        byte = sock.recv(1)
        if not byte:
            raise http.client.RemoteDisconnected("the server has closed the connection before the body was sent")
        head += byte
    if head.split(b" ", 2)[1:2] == [b"100"]:
        return None
    response = http.client.HTTPResponse(_Socket(head, sock), method=method)  # type: ignore[arg-type]
    response.begin()
    return response
