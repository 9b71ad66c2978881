"""A proxy between an agent and the server that keeps each exchange, and may change requests on their way.

It is here for two reasons: to see what an agent was sent and sent itself, and, where a model is too small to call a tool
by itself, to ask the server for the call by the API's own means. It hides nothing: answers pass through byte for byte.
"""

import http.client
import http.server
import json
import threading


class Exchange:
    """One request, as the agent sent it, and its answer."""

    def __init__(self, method, path, body):
        self.method, self.path, self.body = method, path, body
        self.status, self.answer = None, b""

    def events(self):
        """The objects of a stream of server-sent events."""
        lines = [line[5:].strip() for line in self.answer.decode().splitlines() if line.startswith("data:")]
        return [json.loads(line) for line in lines if line != "[DONE]"]


class RecordingProxy:
    """Listens on a free port of 127.0.0.1 until the end of the with, and asks the server on `port`.

    change(body, n): the body to send on in place of a POST's; n counts the POSTs before it."""

    def __init__(self, port, change=None):
        self.exchanges = []
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def _pass_on(self):
                raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                body = json.loads(raw) if raw else None
                exchange = Exchange(self.command, self.path, body)
                if change and body is not None:
                    raw = json.dumps(change(body, sum(e.method == "POST" for e in proxy.exchanges))).encode()
                proxy.exchanges.append(exchange)
                kept = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "content-length", "accept-encoding")}
                server = http.client.HTTPConnection("127.0.0.1", port, timeout=1800)
                try:
                    server.request(self.command, self.path, raw or None, kept)
                    answer = server.getresponse()
                    exchange.status = answer.status
                    self.send_response(answer.status)
                    for name, value in answer.getheaders():
                        if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                            self.send_header(name, value)
                    self.send_header("Connection", "close")
                    self.end_headers()
                    while piece := answer.read1(65536):
                        exchange.answer += piece
                        self.wfile.write(piece)
                        self.wfile.flush()
                except OSError:
                    pass  # the agent left; closing the connection tells the server
                finally:
                    server.close()
                    self.close_connection = True

            do_GET = do_POST = _pass_on

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]

    def turns(self, path):
        """The POSTs to a path, each of them answered; a POST to another path is a surprise."""
        posts = [exchange for exchange in self.exchanges if exchange.method == "POST"]
        assert all((e.path, e.status) == (path, 200) for e in posts), [(e.path, e.status, e.answer[:300]) for e in posts]
        return posts

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
