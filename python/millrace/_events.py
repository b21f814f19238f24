"""The event streams of multiplications."""

from __future__ import annotations

import http.client
import json
import socket
from typing import TYPE_CHECKING, Any, Dict, Iterator, Optional, Tuple

from ._errors import ServerError, UnreachableError
from ._transport import Reply

if TYPE_CHECKING:
    from ._caller import Caller

SILENCE = 45.0  # how long a stream may send nothing, in seconds; servers send something every 15


class NoEvents(Exception):
    """Streams do not work here: a proxy holds the events back."""


def read_events(reply: Reply) -> Iterator[Tuple[str, Dict[str, Any]]]:
    """Yield the id and the data of each event of a stream (section 9.2.6 of the HTML standard)."""
    last, data = "", ""
    while True:
        try:
            line = reply.raw.readline().decode("utf-8")
        except socket.timeout as error:
            raise NoEvents from error
        except (OSError, http.client.HTTPException) as error:
            raise UnreachableError(f"the event stream broke: {str(error) or type(error).__name__}") from error
        if not line:
            return
        name, _, value = line.rstrip("\r\n").partition(":")
        value = value[1:] if value.startswith(" ") else value
        if name == "id":
            last = value
        elif name == "data":
            data += value
        elif line.strip() == "" and data:
            try:
                yield last, json.loads(data)
            except ValueError as error:
                raise ServerError(f"an event is not from a Millrace server: {error}") from error
            data = ""


def open_events(client: "Caller", id: str, last: Optional[str]) -> Reply:
    """Begin a stream, after the last event that was received."""
    headers = {"Accept": "text/event-stream"}
    if last:
        headers["Last-Event-ID"] = last
    try:
        return client.send("GET", f"/v1/multiplications/{id}/events", headers, timeout=SILENCE)
    except UnreachableError as error:
        if isinstance(error.__cause__, socket.timeout):
            raise NoEvents from error
        raise
