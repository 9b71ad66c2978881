"""Servers: kill -9, a taken port, drains, clients that vanish."""

import http.client
import json
import signal
import socket
import threading
import time

from bedplate_process import MODEL, Server, command, model_path
from harness import refused, require, swallow


def test_kill_during_serve_then_start_again(folder):
    for _ in range(3):
        with Server(model=model_path(), data=folder) as server:
            stream = threading.Thread(
                target=swallow, args=(lambda s=server: s.completion("Once upon a time", max_tokens=200),), daemon=True
            )
            stream.start()
            time.sleep(0.3)
            server.process.send_signal(signal.SIGKILL)
            server.process.wait()
            port = server.port
        with Server(model=model_path(), data=folder, port=port) as again:  # the same port, at once
            require(again.completion("2 + 2 =", max_tokens=2)["choices"][0]["text"] is not None, "no text")


def test_taken_port_is_named(folder):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        refused(*command("serve", MODEL, "--listen", f"127.0.0.1:{port}", timeout=60), str(port), ("in use", "taken"))


def test_sigterm_drains(folder):
    with Server(model=model_path(), data=folder) as server:
        answers = []
        client = threading.Thread(
            target=lambda: answers.append(
                server.request(
                    "POST",
                    "/v1/completions",
                    {"model": MODEL, "prompt": "Count: 1 2 3", "max_tokens": 12, "ignore_eos": True},
                )
            )
        )
        client.start()
        time.sleep(0.3)
        require(server.stop(timeout=60) == 0, f"SIGTERM did not end in status 0:\n{server.output()}")
        client.join(60)
        require(answers and answers[0][0] == 200, f"the running request was not finished: {answers}")


def test_second_sigterm_stops_at_once(folder):
    with Server(model=model_path(), data=folder) as server:
        threading.Thread(
            target=swallow, args=(lambda: server.completion("Once upon", max_tokens=4000),), daemon=True
        ).start()
        time.sleep(0.5)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        server.process.send_signal(signal.SIGTERM)
        start = time.monotonic()
        server.process.wait(10)
        require(time.monotonic() - start < 3, "the second SIGTERM took more than 3 seconds")


def test_clients_that_vanish_leave_a_working_server(folder):
    with Server(model=model_path(), data=folder) as server:
        body = json.dumps({"model": MODEL, "prompt": "Tell me a very long story.", "max_tokens": 2000, "stream": True})
        for n in range(20):
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
            connection.request("POST", "/v1/completions", body, {"Content-Type": "application/json"})
            if n % 2:
                connection.getresponse().read(10)
            connection.sock.close()
            connection.close()
        start = time.monotonic()
        answer = server.completion("2 + 2 =", max_tokens=4)
        require(answer["usage"]["completion_tokens"] >= 1, f"no tokens: {answer}")
        require(time.monotonic() - start < 20, "vanished clients still hold the engine")
