"""Counts what proofs and tests check, and says each: for those that go on after a failure."""


class Checks:
    def __init__(self):
        self.passed = self.failed = 0

    def check(self, what, holds):
        print(f"  {'ok    ' if holds else 'FAILED'}  {what}", flush=True)
        self.passed += bool(holds)
        self.failed += not holds

    def status(self):
        """The line that ends a run, and its exit status."""
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed else 0


class QuietChecks:
    """The same for thousands of checks: says what failed alone, and whether each held."""

    def __init__(self):
        self.passed = self.failed = 0

    def check(self, right, what):
        if right:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED  {what}", flush=True)
        return right
