"""Addresses of servers, and the proxies on the way to them."""

from __future__ import annotations

import base64
import urllib.parse
import urllib.request
from typing import Dict, Optional

from ._token import is_loopback


class Address:
    """The address of a server, taken apart.

    Parameters
    ----------
    url : str
        Such as ``http://127.0.0.1:8080`` or ``https://host/prefix``; without a scheme it is ``http``.

    Raises
    ------
    ValueError
        The address cannot be one.
    """

    def __init__(self, url: str) -> None:
        text = url if "://" in url else "http://" + url
        parts = urllib.parse.urlsplit(text)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"the server must be an address like http://127.0.0.1:8080, it is {url!r}")
        if parts.username is not None:
            raise ValueError("the address of the server has a user or a password: give a token instead")
        self.scheme = parts.scheme
        self.host = parts.hostname
        self.port = parts.port or (443 if parts.scheme == "https" else 80)
        self.prefix = parts.path.rstrip("/")
        self.netloc = parts.netloc

    @property
    def url(self) -> str:
        """The whole address, without a slash at the end."""
        return f"{self.scheme}://{self.netloc}{self.prefix}"

    @property
    def encrypted(self) -> bool:
        """Whether requests go by TLS."""
        return self.scheme == "https"

    @property
    def is_loopback(self) -> bool:
        """Whether the server is on this machine."""
        return is_loopback(self.host)


class Proxy:
    """A proxy for HTTP, as ``HTTP_PROXY`` and ``HTTPS_PROXY`` name it."""

    def __init__(self, url: str) -> None:
        parts = urllib.parse.urlsplit(url if "://" in url else "http://" + url)
        self.host = parts.hostname or ""
        self.port = parts.port or 80
        self.headers: Dict[str, str] = {}
        if parts.username:
            name = urllib.parse.unquote(parts.username)
            credentials = f"{name}:{urllib.parse.unquote(parts.password or '')}".encode()
            self.headers["Proxy-Authorization"] = "Basic " + base64.b64encode(credentials).decode()

    @classmethod
    def of(cls, address: Address) -> "Optional[Proxy]":
        """The proxy of the environment for a server; None for this machine, and what ``NO_PROXY`` names."""
        url = urllib.request.getproxies().get(address.scheme)
        if not url or address.is_loopback or urllib.request.proxy_bypass(address.host):
            return None
        proxy = cls(url)
        return proxy if proxy.host else None
