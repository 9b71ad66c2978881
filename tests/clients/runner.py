"""What the clients' tests share: running the functions named test_*, and asking for an exception."""

import contextlib
import time
import traceback


class Caught:
    error = None


@contextlib.contextmanager
def raises(kind, *words, code=None):
    caught = Caught()
    try:
        yield caught
    except kind as error:
        caught.error = error
        text = str(error).lower()
        for word in words:
            assert word.lower() in text, f"the message does not name {word!r}: {error}"
        if code:
            assert error.code == code, f"code is {error.code!r}, not {code!r}"
        return
    raise AssertionError(f"no {kind.__name__}")


def run(names, call, wanted):
    """Runs the tests among `names` whose name contains one of `wanted`, and prints `N passed, N failed`."""
    passed = failed = 0
    for name, test in list(names.items()):
        if not name.startswith("test_") or (wanted and not any(w in name for w in wanted)):
            continue
        start = time.monotonic()
        try:
            call(test)
            passed, verdict = passed + 1, "ok     "
        except Exception:  # noqa: BLE001: whatever goes wrong is this test's failure
            traceback.print_exc()
            failed, verdict = failed + 1, "FAILED "
        print(f"{verdict} {name.removeprefix('test_')} ({time.monotonic() - start:.1f} s)", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0
