"""A proxy that keeps every byte of every answer: what a server's sockets were given, whatever became of the server.

It reads only as fast as its client does, so that a slow reader's server sees one. Only Python's standard library.
"""

import contextlib
import re
import socket
import threading
import time

SMALL_BUFFER = 4096  # bytes of a slow reader's socket, so that little lies between it and the server


class RecordingProxy:
    def __init__(self, upstream_port):
        self.upstream_port = upstream_port
        self.answers = {}  # by the request's x-request-id: bytearray
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        self._relays = []
        self._accepts = threading.Thread(target=self._accept, daemon=True)
        self._accepts.start()

    def wait_for(self, answered_bytes, seconds_max):
        """Until so many bytes of answers have come."""
        deadline = time.monotonic() + seconds_max
        while time.monotonic() < deadline:
            with self._lock:
                if sum(map(len, self.answers.values())) >= answered_bytes:
                    return
            time.sleep(0.001)

    def close(self):
        """Once its clients are through."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepts.join()
        for relay in self._relays:
            relay.join()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            relay = threading.Thread(target=self._relay, args=(client,), daemon=True)
            self._relays.append(relay)
            relay.start()

    def _relay(self, client):
        with client, contextlib.suppress(OSError):
            request = _whole_request(client)
            answer = bytearray()
            with self._lock:
                self.answers[re.search(rb"x-request-id: (\S+)", request)[1].decode()] = answer
            upstream = socket.socket()
            with upstream:
                if b"x-slow-reader: 1" in request:
                    upstream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BUFFER)
                upstream.connect(("127.0.0.1", self.upstream_port))
                upstream.sendall(request)
                while piece := upstream.recv(2048):
                    answer += piece
                    with contextlib.suppress(OSError):  # a client that left doesn't end the record
                        client.sendall(piece)


def _whole_request(client):
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(client)
    head, body = data.split(b"\r\n\r\n", 1)
    size = int(re.search(rb"Content-Length: (\d+)", head)[1])
    while len(body) < size:
        body += _more(client)
    return head + b"\r\n\r\n" + body


def _more(client):
    piece = client.recv(65536)
    if not piece:
        raise OSError("the client left before its request was there")
    return piece
