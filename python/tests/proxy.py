"""A TCP proxy that breaks connections."""

import socket
import threading


def _reset(conn):
    """Close a connection so that the other side sees an error."""
    try:
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        conn.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    conn.close()


class Proxy:
    """Forwards connections to an address.

    Attributes
    ----------
    cut_down, cut_up : list of int
        After how many bytes of responses the next connections with as many end, or of requests, are reset: one each. A
        reset would take from a client what has arrived and was not read.
    lose : bytes or None
        The next response to a request that begins so is not forwarded: the connection is reset.
    hold : bytes or None
        Nothing more is forwarded of a response that contains this.
    hide : bytes or None
        A part of the name of a field, which the server gets with another name, as if it did not know the field.
    bytes_up : int
        Of requests, that have come.
    """

    def __init__(self, address, context=None):
        host, _, port = address.rpartition(":")
        self._to = (host, int(port))
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        scheme = "http" if context is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"
        self.cut_down, self.cut_up = [], []
        self.lose = self.hold = self.hide = None
        self.bytes_up = 0
        self.requests = []
        self.connections = 0
        self._open = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        try:
            self._listener.shutdown(socket.SHUT_RDWR)  # else it listens until accept returns
        except OSError:
            pass
        self._listener.close()
        for conn in list(self._open):
            _reset(conn)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _accept(self):
        while True:
            try:
                client = self._listener.accept()[0]
                if self._context is not None:
                    client = self._context.wrap_socket(client, server_side=True)
            except OSError:
                if self._listener.fileno() < 0:
                    return
                continue
            try:
                upstream = socket.create_connection(self._to)
            except OSError:
                _reset(client)
                continue
            self.connections += 1
            self._open.update((client, upstream))
            state = {"last": b""}
            for source, target, down in ((client, upstream, False), (upstream, client, True)):
                threading.Thread(target=self._forward, args=(source, target, down, state), daemon=True).start()

    def _end(self, upstream, client):
        """End the connection after what was forwarded. The other direction goes on until the client has noticed."""
        if self._context is not None:
            return False  # TLS would take the end for an attack
        try:
            client.shutdown(socket.SHUT_WR)
        except OSError:
            return False
        _reset(upstream)
        self._open.discard(upstream)
        return True

    def _forward(self, source, target, down, state):
        """Forward one direction until it ends."""
        cuts = self.cut_down if down else self.cut_up
        total, held = 0, False
        while True:
            try:
                content = source.recv(64 << 10)
            except OSError:
                content = b""
            if not content:
                break
            total += len(content)
            if not down:
                self.bytes_up += len(content)
                if self.hide and b" HTTP/1.1\r\n" in content:
                    content = content.replace(self.hide, b"X" * len(self.hide))
            if not down and b" HTTP/1.1\r\n" in content:
                state["last"] = content.split(b"\r\n", 1)[0]
                self.requests.append(state["last"].decode())
            asked = content.startswith(b"HTTP/1.1 100 ")  # for the body
            if down and self.lose and state["last"].startswith(self.lose) and not asked:
                self.lose = None
                break
            if cuts and total >= cuts[0]:
                cuts.pop(0)
                if down and self._end(source, target):
                    return
                break
            held = held or bool(down and self.hold and self.hold in content)
            try:
                target.sendall(b"" if held else content)
            except OSError:
                break
        for conn in (source, target):
            _reset(conn)
            self._open.discard(conn)
