"""Requests and responses, on connections that are kept."""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
import threading
import time
from typing import Any, Dict, List, Mapping, Optional, Set, Union

from . import _errors
from ._address import Address, Proxy
from ._connection import Body, Connection, EncryptedConnection
from ._interim import read_interim, readable
from ._token import Path, TokenSource
from ._version import __version__

CONNECT_TIMEOUT = 10.0
RESPONSE_TIMEOUT = 120.0  # twice the longest wait that a request may ask for
ASKED_SIZE = 1 << 20  # the largest body that is sent without asking, in bytes
MAX_IDLE = 16
IDLE_TIME = 80.0  # less than servers keep a connection
MAX_PROBLEM = 64 << 10

AnyConnection = Union[Connection, EncryptedConnection]


class Reply:
    """A response. It must be closed; a connection that was read to its end is kept for the next request."""

    def __init__(self, transport: "Transport", conn: AnyConnection, raw: http.client.HTTPResponse) -> None:
        self._transport = transport
        self._conn: Optional[AnyConnection] = conn
        self.raw = raw
        self.status = raw.status
        self.headers = raw.headers

    def read(self, limit: Optional[int] = None) -> bytes:
        """The body, or its first bytes."""
        try:
            return self.raw.read() if limit is None else self.raw.read(limit)
        except (OSError, http.client.HTTPException) as error:
            raise self._transport.broken(error) from error

    def json(self) -> Any:
        """The body, which must be JSON."""
        try:
            return json.loads(self.read())
        except ValueError as error:
            url = self._transport.address.url
            raise _errors.ServerError(f"the response of {url} is not from a Millrace server: {error}") from error

    def drain(self) -> None:
        """Read the end of a body of which all that matters was read, so that the connection is kept."""
        try:
            self.raw.read()
        except (OSError, http.client.HTTPException):
            pass

    def close(self) -> None:
        """Keep the connection, or close it."""
        conn, self._conn = self._conn, None
        if conn is None:
            return
        whole = self.raw.isclosed() and not self.raw.length  # it also closes where the body ends too soon
        self.raw.close()
        self._transport.put(conn, whole and not self.raw.will_close)

    def __enter__(self) -> "Reply":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Transport:
    """The connections to one server. It may be used by several threads."""

    def __init__(self, address: Address, token: TokenSource, *, ca_file: Optional[Path], plain_token: bool) -> None:
        self.address = address
        self._token = token
        self._plain_token = plain_token
        self._proxy = Proxy.of(address)
        self._context: Optional[ssl.SSLContext] = None
        if address.encrypted:
            self._context = ssl.create_default_context(cafile=os.fspath(ca_file) if ca_file else None)
            self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._lock = threading.Lock()
        self._idle: List[Any] = []  # pairs of a connection and the time since which it is idle
        self._busy: Set[AnyConnection] = set()
        self._pid = os.getpid()
        self._closed = False
        self.reached = False  # the server has responded at least once

    def send(
        self,
        method: str,
        path: str,
        headers: Optional[Mapping[str, str]] = None,
        body: Optional[Body] = None,
        timeout: float = RESPONSE_TIMEOUT,
    ) -> Reply:
        """Send a request and return the response, whose status is below 300, or 416.

        Raises
        ------
        Error
            The response has another status, or there is none.
        """
        fields = self._headers(headers or {}, body)
        resent = False
        while True:
            conn, kept = self._take()
            try:
                raw = self._exchange(conn, method, path, fields, body, timeout)
                break
            except (OSError, http.client.HTTPException) as error:
                self.put(conn, False)
                # One that was idle had been closed by the server, most likely, unless it has taken a part of a body.
                if conn.in_body or not (kept and _was_closed(error)):
                    raise self.broken(error) from error
                resent = True
            except BaseException:
                self.put(conn, False)
                raise
        self.reached = True
        reply = Reply(self, conn, raw)
        if raw.status >= 300 and raw.status != 416:
            with reply:
                text = reply.read(MAX_PROBLEM)
                problem = _errors.from_response(f"{method} {path}", raw.status, raw.headers, text)
                problem._resent = resent
                raise problem
        return reply

    def broken(self, error: BaseException) -> _errors.Error:
        """The exception for an error of a connection."""
        if self._closed:
            return _errors.ClosedError("the client was closed")
        text = str(error) or type(error).__name__
        result = _errors.UnreachableError(f"the server at {self.address.url} cannot be reached: {text}")
        # A connection that cannot be made is taken for a wrong address until the server has responded once.
        never = not self.reached and isinstance(error, (ConnectionRefusedError, socket.gaierror, ssl.SSLError))
        setattr(result, "final", never or isinstance(error, ssl.SSLCertVerificationError))
        if isinstance(error, ConnectionRefusedError) and not self.reached:
            result.args = (f"{text}: no server at {self.address.url}; set MILLRACE_SERVER, or start one: millrace dev",)
            result.detail = str(result.args[0])
        return result

    def close(self) -> None:
        """Close all connections, also those on which something is awaited."""
        with self._lock:
            self._closed = True
            idle, self._idle = [conn for conn, _ in self._idle], []
            busy = list(self._busy)
        for conn in idle:
            conn.close()
        for conn in busy:
            sock = conn.sock
            if sock is not None:
                try:
                    sock.shutdown(socket.SHUT_RDWR)  # the thread that uses it closes it
                except OSError:
                    pass

    def __del__(self) -> None:
        for conn, _ in self.__dict__.get("_idle", ()):
            conn.close()

    def put(self, conn: AnyConnection, keep: bool) -> None:
        """Give a connection back."""
        with self._lock:
            self._busy.discard(conn)
            keep = keep and not self._closed and conn.sock is not None and len(self._idle) < MAX_IDLE
            if keep:
                self._idle.append((conn, time.monotonic()))
        if not keep:
            conn.close()

    def _take(self) -> Any:
        """A connection, and whether it was used before."""
        with self._lock:
            if self._closed:
                raise _errors.ClosedError("the client was closed")
            if self._pid != os.getpid():  # after a fork the connections are those of the parent
                for inherited, _ in self._idle:
                    inherited.close()
                self._pid, self._idle, self._busy = os.getpid(), [], set()
            conn: Optional[AnyConnection] = None
            while self._idle and conn is None:
                conn, since = self._idle.pop()
                if time.monotonic() - since > IDLE_TIME:
                    conn.close()
                    conn = None
            kept = conn is not None
            if conn is None:
                conn = self._connection()
            self._busy.add(conn)
        return conn, kept

    def _connection(self) -> AnyConnection:
        host, port = self.address.host, self.address.port
        if self._proxy is not None:
            host, port = self._proxy.host, self._proxy.port
        if self._context is None:
            return Connection(host, port, timeout=CONNECT_TIMEOUT)
        conn = EncryptedConnection(host, port, timeout=CONNECT_TIMEOUT, context=self._context)
        if self._proxy is not None:
            conn.set_tunnel(self.address.host, self.address.port, self._proxy.headers)
        return conn

    def _headers(self, extra: Mapping[str, str], body: Optional[Body]) -> Dict[str, str]:
        fields = {"Host": self.address.netloc, "User-Agent": "millrace-python/" + __version__, **extra}
        token = self._token.get()
        if token is not None:
            if not (self.address.encrypted or self.address.is_loopback or self._plain_token):
                raise _errors.AuthenticationError(
                    f"the token is not sent to {self.address.netloc} without encryption: use https, or plain_token=True"
                )
            fields["Authorization"] = "Bearer " + token
        if self._proxy is not None and not self.address.encrypted:
            fields.update(self._proxy.headers)
        if body is not None:
            fields["Content-Type"] = body.content_type
            fields["Content-Length"] = str(body.length)
            if body.length > ASKED_SIZE:
                fields["Expect"] = "100-continue"
        return fields

    def _exchange(
        self,
        conn: AnyConnection,
        method: str,
        path: str,
        fields: Mapping[str, str],
        body: Optional[Body],
        timeout: float,
    ) -> http.client.HTTPResponse:
        target = self.address.prefix + path
        if self._proxy is not None and not self.address.encrypted:
            target = self.address.url + path
        if conn.sock is None:
            conn.connect()
            if self._closed:  # close has not seen this socket
                raise ConnectionAbortedError("the client was closed")
        sock = conn.sock
        assert sock is not None
        sock.settimeout(timeout)
        conn.in_body = False
        conn.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in fields.items():
            conn.putheader(name, value)
        if body is None or body.length <= ASKED_SIZE:
            conn.send_request(b"" if body is None else b"".join(body.chunks()))
            return conn.getresponse()
        conn.endheaders()
        refusal = read_interim(sock, method)
        if refusal is not None:
            refusal.will_close = True  # the server waits for no body, and this connection is in the middle of a request
            return refusal
        conn.in_body = True
        try:
            for chunk in body.chunks():
                conn.send(chunk)
                if readable(sock, 0):  # the server responds before it has read all
                    break
        except (BrokenPipeError, ConnectionResetError) as error:
            try:  # it may have said why
                raw = conn.getresponse()
            except (OSError, http.client.HTTPException):
                raise error from None
        else:
            raw = conn.getresponse()
        raw.will_close = raw.will_close or raw.status >= 300
        return raw


def _was_closed(error: BaseException) -> bool:
    """Whether an error of a kept connection says that the server had closed it."""
    return isinstance(error, (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError))
