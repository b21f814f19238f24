"""Requests that are repeated until there is a response."""

from __future__ import annotations

import json
import threading
import uuid
from typing import Any, Callable, Mapping, Optional

from numpy.typing import NDArray

from ._connection import Body, BytesBody
from ._download import Download, Out
from ._errors import Error, NotFoundError, UnreachableError
from ._progress import Bar
from ._retry import repeat
from ._transport import RESPONSE_TIMEOUT, Reply, Transport
from ._watch import Watcher

MEDIA_JSON = "application/json"


class Caller:
    """What the modules of this package need of a client."""

    def __init__(self, transport: Transport, retry_for: float, progress: Optional[bool]) -> None:
        self.transport = transport
        self.retry_for = retry_for
        self.progress = progress
        self.watcher = Watcher(self)

    def send(
        self,
        method: str,
        path: str,
        headers: Optional[Mapping[str, str]] = None,
        body: Optional[Body] = None,
        timeout: float = RESPONSE_TIMEOUT,
    ) -> Reply:
        """Send one request, once."""
        return self.transport.send(method, path, headers, body, timeout)

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

        lost = False

        def attempt() -> Any:
            nonlocal lost
            try:
                with self.send(method, path, fields, body) as reply:
                    return None if reply.status == 204 else reply.json()
            except UnreachableError:
                lost = True
                raise
            except NotFoundError as error:
                if method == "DELETE" and (lost or error._resent):  # the attempt whose response was lost has deleted it
                    return None
                raise

        return repeat(attempt, self.retry_for)

    def bar(self, label: str) -> Bar:
        """Return a progress bar."""
        return Bar(label, self.progress if threading.current_thread() is threading.main_thread() else False)

    def download(self, path: str, out: Out) -> NDArray[Any]:
        """Receive the content at a path."""
        with self.bar("download") as bar:
            return Download(self, path, out).run(bar)

    def quietly(self, action: Callable[[], object]) -> None:
        """Do what may as well not be done."""
        try:
            action()
        except Error:
            pass
