"""Tenants, and what is done with them: a full disk, read-only files, damage, logs that lost their end, a lost file."""

import os
import random
import shutil
import subprocess
import time

from harness import Skip, fill, require, small_disk_or_skip
from place import PAGE, Place


def test_full_disk_changes_no_tenants_and_ends_no_server(folder):
    with small_disk_or_skip(folder, 64) as disk:
        place = Place(folder, disk)
        with place.serving():
            _, _, made = place.answer_to("POST", "/admin/v1/keys", {"name": "other"})
            place.must_answer()
            other = fill(disk)
            place.holds_back()
            for path in ("/admin/v1/keys", f"/admin/v1/keys/{made['id']}/revoke"):
                status, _, body = place.answer_to("POST", path, {})
                said = f"{path}: {status} {body}"
                require(status == 503 and body["error"]["type"] == "server_error" and "full" in said, said)
            require(place.answer_to("GET", "/v1/models", key=made["key"])[0] == 200, "a revocation that failed was none")
            # What asks the books waits as long as they may lag, and no longer; so does a server that is told to end.
            for method, path, body in (
                ("GET", "/admin/v1/budgets", None),
                ("POST", "/admin/v1/prices", {"meter": "output", "amount": "1"}),
            ):
                status, _, body = place.answer_to(method, path, body)
                require(status == 503, f"{method} {path}: {status} {body}")
        other.unlink()
        with place.serving():
            place.answers_again()
            place.check_all_is_booked()
            status, _, body = place.answer_to("POST", f"/admin/v1/keys/{made['id']}/revoke", {})
            require(status == 200, f"{status} {body}")
            require(place.answer_to("GET", "/v1/models", key=made["key"])[0] == 401, "a revoked key is good")


def read_only(path):
    """Mounts the path on itself, read-only; what undoes that."""
    mount = ["mount", "--bind", path, path], ["mount", "-o", "remount,bind,ro", path]
    if os.geteuid() != 0 or any(subprocess.run(one, stderr=subprocess.DEVNULL).returncode for one in mount):
        raise Skip("mounting read-only needs root")
    return lambda: subprocess.run(["umount", "-l", path], check=False)


def test_read_only_files_are_told_and_lose_nothing(folder):
    place = Place(folder)
    with place.serving():
        place.must_answer()
    for name in ("ledger.sqlite3", "tenants.sqlite3", "flight-recorder", "."):
        undo = read_only(place.data / name)
        try:
            if name == "ledger.sqlite3":  # as a full disk: what was answered waits in the recorder
                with place.serving():
                    place.must_answer()
                    place.holds_back()
            elif name == "tenants.sqlite3":  # serves, and changes nothing
                with place.serving():
                    place.must_answer()
                    status, _, body = place.answer_to("POST", "/admin/v1/keys", {})
                    require(status == 500 and body["error"]["code"] == "read_only", f"{status} {body}")
            else:
                place.refused_start(("read-only", "readonly"), name if name != "." else "data")
        finally:
            undo()
        with place.serving():
            place.must_answer()
            place.check_all_is_booked()


def copied(place, folder):
    shutil.rmtree(place.data)
    shutil.copytree(folder, place.data)


def test_damaged_tenants_are_no_start(folder):
    place = Place(folder)
    with place.serving():
        place.must_answer()
    whole = place.tenants.read_bytes()
    rng = random.Random(int(os.environ.get("TEST_SEED", "7")))
    for page in (0, 1):
        bad = bytearray(whole)
        bad[page * PAGE : (page + 1) * PAGE] = rng.randbytes(PAGE)
        place.tenants.write_bytes(bad)
        place.refused_start("tenants.sqlite3", ("malformed", "not a database"), "restore")
        place.refused_command(["ledger", "verify"])
    place.tenants.write_bytes(whole)
    with place.serving():
        place.must_answer()
        place.check_all_is_booked()


def test_a_log_that_lost_its_end_is_no_start(folder):
    place = Place(folder)
    with place.serving():
        _, _, made = place.answer_to("POST", "/admin/v1/keys", {})
        place.must_answer()
    # What the logs have has gone to the files.
    with place.serving():
        revoked = place.answer_to("POST", f"/admin/v1/keys/{made['id']}/revoke", {})
        require(revoked[0] == 200, f"a key can't be revoked: {revoked}")
        place.must_answer()
        place.wait_for_books()
        time.sleep(1.2)  # the head of the books is behind by at most a second
        place.must_answer()
        place.wait_for_books()
        place.kill()
    left = shutil.copytree(place.data, folder / "left", ignore=shutil.ignore_patterns("*.sock", "*-shm"))
    for name in ("ledger.sqlite3", "tenants.sqlite3"):
        log = (left / f"{name}-wal").read_bytes()
        require(len(log) > 0, f"{name} has no log")
        for kept in (0, 100, len(log) // 4):
            copied(place, left)
            (place.data / f"{name}-wal").write_bytes(log[:kept])
            place.refused_start(name, "older copy", "restore")
            place.refused_command(["ledger", "verify"], ("are gone", "not what was written"))
    copied(place, left)
    with place.serving():
        require(place.answer_to("GET", "/v1/models", key=made["key"])[0] == 401, "a revoked key is good")
        place.check_all_is_booked()


def test_lost_tenants_are_not_a_server_without_keys(folder):
    place = Place(folder)
    with place.serving():
        place.must_answer()
    os.rename(place.tenants, folder / "kept")
    place.refused_start("tenants", "gone", "restore")
    os.rename(folder / "kept", place.tenants)
    with place.serving():
        place.must_answer()
        place.check_all_is_booked()
