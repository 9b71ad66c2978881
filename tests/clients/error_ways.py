"""The ways to an error, for tests that want each class of an SDK: a table of (way, class), and what a way calls.

A way is a word, for what the server answers by itself, or a status that the fault proxy puts on a real error (with a name
of Amazon's behind it: "424 ModelErrorException").
"""

import json
import os

from bedplate_process import MODEL
from runner import raises

NO_MODEL = "no-such-model"
WORDS = ("unknown model", "wrong key", "another's model", "too often", "too long")


class Way:
    """Where to go, as whom, and what to ask for."""

    def __init__(self, way):
        self.url, self.model, self.tries, self.long = os.environ["BEDPLATE_URL"], MODEL, 1, False
        nobody = {"key": "none", "access_key_id": "none", "secret_access_key": "none"}
        self.secrets = nobody
        keys = json.loads(os.environ["TEST_KEYS"])
        if way == "unknown model":
            self.model = NO_MODEL
        elif way in WORDS:
            self.url = os.environ["TEST_KEYS_URL"]
            name = {"another's model": "elsewhere", "too often": "rare", "too long": "hasty"}.get(way)
            self.secrets = keys[name] if name else nobody
            self.tries = 2 if way == "too often" else 1
            self.long = way == "too long"
        else:
            status, _, name = str(way).partition(" ")
            self.url, self.model = f"{os.environ['TEST_FAULTS_URL']}/{status}/{name or '-'}", NO_MODEL


def provoke(ways, ask):
    """ask(Way) must end with the class that the table names for each."""
    for way, kind in ways:
        going = Way(way)
        with raises(Exception) as caught:
            for _ in range(going.tries):
                ask(going)
        error = caught.error
        assert type(error).__name__ == kind, f"{way}: {type(error).__name__}, not {kind}: {error}"
