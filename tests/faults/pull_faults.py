"""Downloads: killed, cut, on a full disk. The hub that they come from is a small server here."""

import contextlib
import hashlib
import http.server
import os
import random
import resource
import signal
import socket
import subprocess
import threading
import time

from bedplate_process import BINARY, command
from harness import refused, require, small_disk


class Hub:
    """A model hub on this machine: /OWNER/REPO/resolve/main/FILE, with ranges, as slow and unreliable as asked."""

    def __init__(self, content, bytes_per_second=None, cut_after=None):
        self.content, self.bytes_per_second, self.cut_after = content, bytes_per_second, cut_after
        self.requests = []  # the Range header of each GET, or None
        self.sent = 0
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self, with_body):
                if not self.path.startswith("/owner/repo/"):
                    self.send_error(404)
                    return
                first, asked = 0, self.headers.get("Range")
                if with_body:
                    hub.requests.append(asked)
                if asked:
                    first = int(asked.removeprefix("bytes=").split("-")[0])
                body = hub.content[first:]
                self.send_response(206 if asked else 200)
                if asked:
                    self.send_header("Content-Range", f"bytes {first}-{len(hub.content) - 1}/{len(hub.content)}")
                self.send_header("Accept-Ranges", "bytes")
                self.send_header("ETag", '"' + hashlib.sha256(hub.content).hexdigest() + '"')
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if with_body:
                    self.send_body(body)

            def send_body(self, body):
                for at in range(0, len(body), 1 << 16):
                    if hub.cut_after is not None and hub.sent >= hub.cut_after:
                        self.connection.shutdown(socket.SHUT_RDWR)
                        return
                    chunk = body[at : at + (1 << 16)]
                    self.wfile.write(chunk)
                    hub.sent += len(chunk)
                    if hub.bytes_per_second:
                        time.sleep(len(chunk) / hub.bytes_per_second)

            def do_GET(self):
                with contextlib.suppress(OSError):
                    self.answer(with_body=True)

            def do_HEAD(self):
                self.answer(with_body=False)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        os.environ["HF_ENDPOINT"] = self.endpoint
        return self

    def __exit__(self, *_):
        del os.environ["HF_ENDPOINT"]
        self._server.shutdown()


HUB_NAME = "hf:owner/repo:model.gguf"


def stored_copies(folder, content):
    """Files in the folder that hold exactly this content."""
    return [
        p for p in folder.rglob("*") if p.is_file() and p.stat().st_size == len(content) and p.read_bytes() == content
    ]


def test_kill_during_pull_then_resume(folder):
    content = random.Random(3).randbytes(12_000_000)
    with Hub(content, bytes_per_second=6_000_000) as hub:
        process = subprocess.Popen(
            [BINARY, "pull", HUB_NAME],
            env=os.environ | {"BEDPLATE_DATA": str(folder)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 30
        while hub.sent < len(content) // 3 and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        require(hub.sent >= len(content) // 3, "the download did not get going in 30 s")
        require(not stored_copies(folder, content), "a third of a file can't be whole")
        listed = command("models", "--json", data=folder)
        require(listed[0] == 0, f"`bedplate models` after a kill -9: {listed}")
        hub.bytes_per_second = None
        status, output = command("pull", HUB_NAME, data=folder)
        require(status == 0, f"the second pull ended with {status}:\n{output}")
        require(len(stored_copies(folder, content)) == 1, "the resumed file differs from the hub's")
        require(
            any(r and r != "bytes=0-" for r in hub.requests), f"nothing was resumed; ranges asked for: {hub.requests}"
        )


def test_connection_cut_during_pull(folder):
    content = random.Random(4).randbytes(3_000_000)
    with Hub(content, cut_after=1_000_000) as hub:
        status, output = command("pull", HUB_NAME, data=folder)
        if status != 0:  # giving up is fine, if it says so and a later attempt ends well
            refused(status, output, ("resume", "again", "connection", "closed", "transfer"))
            hub.cut_after = None
            status, output = command("pull", HUB_NAME, data=folder)
        require(status == 0, f"pull after a cut connection ended with {status}:\n{output}")
        require(len(stored_copies(folder, content)) == 1, "the file differs from the hub's")


def test_full_disk_during_pull(folder):
    content = random.Random(5).randbytes(9_000_000)
    disk = folder / "disk"
    disk.mkdir()
    with Hub(content), small_disk(disk, 4) as mounted:
        limit = None
        if mounted is None:  # without the right to mount, a file-size limit refuses the write in the same place

            def limit():
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, 4 << 20))

        status, output = command("pull", HUB_NAME, data=disk, limit=limit)
        refused(status, output, ("no space", "space left", "disk", "too large", "room"))
        require(not stored_copies(disk, content), "it can't be whole")
        if mounted:
            subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        status, output = command("pull", HUB_NAME, data=disk)
        require(status == 0, f"pull after room was made ended with {status}:\n{output}")
        require(len(stored_copies(disk, content)) == 1, "the file differs from the hub's")
