"""Who asks for little is answered while much is asked for: over real sockets, in one process."""

import http.client
import json
import threading

import pytest

import quickstudy
from tests.serve.support import running

SECONDS = 60.0
WORDS = ("card", "lost", "stolen", "fee", "cheque", "atm", "transfer", "limit", "refund", "pin")
PREDICT = "/v1/learners/cards/predictions"


def text(i, words=12):
    return " ".join(WORDS[(i * 7 + j * j + i // 3) % len(WORDS)] for j in range(words))


def truth(told):
    return "lost" if told.split().count("lost") > 1 else "other"


@pytest.fixture
def taught(tmp_path):
    """A deployment with a learner of texts."""
    with quickstudy.open(tmp_path / "work.db") as opened:
        opened.create("cards", budget_mb=16, seed=0)
        texts = [text(i) for i in range(300)]
        opened.feedback_many(texts, learner="cards", labels=[truth(told) for told in texts])
        opened.flush()
        yield opened


class Client:
    """One kept connection."""

    def __init__(self, address):
        host, _, port = address.removeprefix("http://").partition(":")
        self._connection = http.client.HTTPConnection(host, int(port), timeout=SECONDS)

    def ask(self, method, path, body=None):
        told = None if body is None else json.dumps(body)
        self._connection.request(method, path, told, {"content-type": "application/json"})
        answer = self._connection.getresponse()
        said = json.loads(answer.read())
        assert answer.status < 300, said
        return said


def test_singles_are_answered_while_a_batch_of_1000_is(taught):
    """One after the other, they are sent and answered in the time of one batch."""
    order, records = [], [text(i, words=60) for i in range(1_000)]
    with running(taught) as address:
        batch, single = Client(address), Client(address)

        def ask_for_many():
            order.append("batch sent")
            said = batch.ask("POST", PREDICT, {"records": records})
            order.append("batch answered")
            assert len(said["predictions"]) == 1_000

        asking = threading.Thread(target=ask_for_many)
        asking.start()
        while asking.is_alive():
            order.append("sent")
            single.ask("POST", PREDICT, {"record": text(5)})
            order.append("answered")
        asking.join()
    during = order[order.index("batch sent") + 1 : order.index("batch answered")]
    assert during.count("answered") >= 10


def test_a_reader_that_stays_stops_nobody(taught):
    """One reads the learner for longer than any request would: all others are served meanwhile."""
    with (
        running(taught) as address,
        taught.classifiers.by_name["cards"].replicas.reading() as learner,
    ):
        client, before = Client(address), learner.examples
        with learner._lock.shared:
            answer = client.ask("POST", PREDICT, {"record": text(5)})
            many = client.ask("POST", PREDICT, {"records": [text(i) for i in range(40)]})
            assert len(many["predictions"]) == 40
            taught_more = {"learner": "cards", "record": text(6), "label": "other"}
            assert client.ask("POST", "/v1/feedback", taught_more)["status"] == "accepted"
            assert client.ask("GET", f"/v1/predictions/{answer['id']}/explanation")["votes"]
            assert client.ask("GET", "/v1/learners/cards/report")["cases"] == 41
            assert client.ask("GET", "/v1/learners/cards/exam")["version"]
        assert learner.examples == before  # it is taught in the copy that nobody reads
    taught.flush()
    assert taught.learner("cards").examples == before + 1
