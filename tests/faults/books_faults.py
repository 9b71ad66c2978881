"""The books of a server with tenants: a full disk, a disk that can't be written, damaged and truncated files, two processes."""

import contextlib
import os
import shutil
import subprocess
import time

from bedplate_process import Server
from harness import Skip, fill, require, small_disk_or_skip
from place import PAGE, Place


def test_full_disk_holds_requests_back_and_loses_no_charge(folder):
    with small_disk_or_skip(folder, 96) as disk:
        place = Place(folder, disk / "data")
        with place.serving():
            place.must_answer()
            place.wait_for_books()
            other = fill(disk)
            place.holds_back()
            require(place.metric("bedplate_ledger_writable") == 0, "/metrics says that the books can be written")
            require(len(place.answered) > 1, "nothing was answered between the full disk and the refusal")
            other.unlink()
            place.wait_for("bedplate_ledger_writable", 1)
            place.wait_for_books()  # until then the oldest may be too late for more
            place.must_answer()
            place.wait_for_books()
        place.check_all_is_booked()


def test_full_disk_then_kill_loses_no_charge(folder):
    with small_disk_or_skip(folder, 96) as disk:
        place = Place(folder, disk / "data")
        with place.serving():
            place.must_answer()
            place.wait_for_books()
            other = fill(disk)
            for _ in range(2):  # within the two seconds that the disk may lag
                place.must_answer()
            place.kill()
        other.unlink()
        with place.serving():
            place.wait_for_books()
        place.check_all_is_booked()


def test_disk_that_cannot_be_written_is_refused_at_the_start(folder):
    with small_disk_or_skip(folder, 96) as disk:
        place = Place(folder, disk / "data")
        with place.serving():
            place.must_answer()
        if subprocess.run(["mount", "-o", "remount,ro", disk], check=False).returncode != 0:
            raise Skip("remounting needs root")
        place.refused_start(str(place.data), ("read-only", "readonly"))
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        with place.serving():
            place.must_answer()
        place.check_all_is_booked()


def serves_or_says_no(place, page):
    """A server on damaged books serves and charges, or is refused; it never dies. What it did is undone."""
    recorder, answered = (place.data / "flight-recorder").read_bytes(), list(place.answered)
    place.server = Server("--secret-file", place.secret_file, *place.OPTIONS, model=place.model, data=place.data)
    try:
        with contextlib.suppress(RuntimeError):
            place.server.wait_ready()
            status = place.chat()[0]
            require(status in (200, 503), f"page {page}: a chat answered {status}")
        ended = place.server.process.poll()
        require(ended is None or 0 < ended < 126, f"page {page}: status {ended}:\n{place.server.output()}")
    finally:
        place.server.kill()
    for extra in ("ledger.sqlite3-wal", "ledger.sqlite3-shm"):
        (place.data / extra).unlink(missing_ok=True)
    (place.data / "flight-recorder").write_bytes(recorder)
    place.answered = answered


def test_damaged_page_is_found_and_named(folder):
    place = Place(folder)
    with place.serving():
        for _ in range(3):
            place.must_answer()
    whole = place.books.read_bytes()
    require(len(whole) >= 4 * PAGE, f"the books are {len(whole)} bytes")
    found = 0
    for page in range(1, len(whole) // PAGE):  # not the first, which says what kind of file it is
        bad = bytearray(whole)
        bad[page * PAGE : page * PAGE + 512] = bytes(range(256)) * 2
        if bad == whole:
            continue
        place.books.write_bytes(bad)
        status, output, errors = place.run("ledger", "verify")
        require(status >= 0, f"verify died of signal {-status} at page {page}:\n{output}{errors}")
        found += status != 0
        where = ("ledger.sqlite3", "damaged", "row")
        named = any(word in output + errors for word in where)
        require(status == 0 or named, f"page {page}: it doesn't say where:\n{output}{errors}")
        if page % 8 == 1:
            serves_or_says_no(place, page)
    require(found * 2 > len(whole) // PAGE, f"of {len(whole) // PAGE - 1} damaged pages verify found {found}")
    place.books.write_bytes(whole)
    place.check_all_is_booked()


def test_truncated_log_is_refused_by_the_kept_head(folder):
    place = Place(folder)
    log = place.data / "ledger.sqlite3-wal"
    with place.serving():
        for _ in range(3):
            place.must_answer()
        place.wait_for_books()
        deadline = time.monotonic() + 10
        while f"usage {len(place.answered)} " not in place.heads.read_text():  # it is kept once a second
            require(time.monotonic() < deadline, f"the head of the usage isn't kept:\n{place.heads.read_text()}")
            time.sleep(0.05)
        place.kill()
    whole = log.read_bytes()
    require(len(whole) > 2 * PAGE, f"the log is {len(whole)} bytes")
    saved = folder / "saved"
    shutil.copytree(place.data, saved, ignore=shutil.ignore_patterns("control.sock"))
    os.truncate(log, len(whole) // 2)
    place.refused_start("ledger.sqlite3", ("older", "lost"))
    place.refused_command(["ledger", "verify"], "head")
    shutil.rmtree(place.data)
    shutil.copytree(saved, place.data)
    with place.serving():
        place.must_answer()
    place.check_all_is_booked()


def test_second_process_on_the_books_is_refused(folder):
    place = Place(folder)
    with place.serving():
        place.must_answer()
        place.refused_start(str(place.data), ("another", "other"))
        place.wait_for_books()
        place.check_all_is_booked()  # beside the server
        place.must_answer()
    place.check_all_is_booked()


def test_damaged_flight_recorder_is_put_aside(folder):
    place = Place(folder)
    with place.serving():
        place.must_answer()
        place.wait_for_books()
    recorder = place.data / "flight-recorder"
    whole = recorder.read_bytes()
    for name, damaged in (("cut", whole[: len(whole) // 2]), ("foreign", b"no recorder " * 1000), ("empty", b"")):
        recorder.write_bytes(damaged)
        with place.serving() as server:
            place.must_answer()
            place.wait_for_books()
            require("flight-recorder" in server.output(), f"{name}: the log doesn't name it:\n{server.output()}")
    place.check_all_is_booked()
