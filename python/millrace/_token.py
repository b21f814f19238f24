"""The token of a client, and to which servers it is sent."""

from __future__ import annotations

import ipaddress
import os
from typing import Callable, Optional, Union

from ._errors import AuthenticationError

Token = Union[str, Callable[[], Optional[str]], None]
Path = Union[str, "os.PathLike[str]"]


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class TokenSource:
    """Returns the token for each request: a text, what a function returns, or the content of a file.

    The file is read again when it has changed, as that of a projected token in Kubernetes does.
    """

    def __init__(self, token: Token, token_file: Optional[Path]) -> None:
        if token is not None and token_file is not None:
            raise ValueError("token and token_file are both given: give one")
        self._token = token
        self._file = token_file
        self._read: Optional[str] = None
        self._stamp: object = None

    def get(self) -> Optional[str]:
        """The token, or None if there is none."""
        if self._file is not None:
            return self._from_file(self._file)
        token = self._token() if callable(self._token) else self._token
        return token.strip() or None if token is not None else None

    def _from_file(self, path: Path) -> Optional[str]:
        try:
            stat = os.stat(path)
            stamp = (stat.st_mtime_ns, stat.st_ino, stat.st_size)
            if stamp != self._stamp:
                with open(path, encoding="utf-8") as file:
                    self._read = file.read().strip()
                self._stamp = stamp
        except OSError as error:
            raise AuthenticationError(f"the token cannot be read: {error}") from error
        if not self._read:
            raise AuthenticationError(f"the token cannot be read: {os.fspath(path)} is empty")
        return self._read
