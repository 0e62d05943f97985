"""R18: what is too large, too deep or too many is refused at once, and leaves nothing behind."""

import gc
import resource
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection

import httpx
import pytest

from quickstudy.serve.http import body as body_module
from tests.serve.conftest import is_problem
from tests.serve.support import CUT_OFF, running, status_of, until

PREDICT = "/v1/learners/cards/predictions"
JSON = {"content-type": "application/json"}
MIB = 1 << 20


@pytest.fixture(scope="module")
def address(deployment):
    """A real server, as a refusal must come before the body was read."""
    with running(deployment) as address:
        yield address


def post(client, body, path=PREDICT):
    return client.post(path, content=body, headers=JSON)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"record": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400),
        (b'{"record": ' + b'{"a":' * 400 + b"1" + b"}" * 401, 400),
        (b'{"record": ' + b"[" * 100 + b"]" * 100 + b"}", 422),
        (b'{"record": {' + b",".join(b'"f%d":1' % i for i in range(90_000)) + b"}}", 422),
        (b'{"record": {"' + b"n" * 500_000 + b'": 1}}', 422),
        (b'{"record": {"a": "' + b"x" * 900_000 + b'"}}', 422),
        (b'{"record": "' + b"x" * 900_000 + b'"}', 422),
        (b'{"records": [' + b"1," * 100_000 + b"1]}", 422),
        (b'{"record": ' + b"9" * 900_000 + b"}", 400),
        (b'{"record": {"a": 1e999}}', 422),
        (b'{"record": {"a": ' + b"9" * 400 + b"}}", 422),
        (b'{"record": {"a": NaN}}', 400),
        (b'{"record": {"a": -Infinity}}', 400),
        (b'{"record": "\\ud83d"}', 400),
        (b'{"record": "\xff\xfe"}', 400),
        (b'{"record": {"a\\u0000b": 1}}', 422),
        (b'{"record": {"\xe2\x80\xae": 1}}', 422),
        (b'{"record": "x"} trailing', 400),
        (b"", 400),
        (b"null", 422),
        (b"[1, 2]", 422),
    ],
    ids=lambda value: repr(value[:30]) if isinstance(value, bytes) else str(value),
)
def test_what_no_record_can_be_is_refused(client, body, status):
    assert is_problem(post(client, body), status)


def test_a_refusal_names_the_field(client):
    for value in (b"1e999", b'"' + b"x" * 30_000 + b'"', b"{}"):
        assert is_problem(post(client, b'{"record": {"height": %s}}' % value), 422, field="height")


def test_too_many_at_once_are_refused(client):
    assert is_problem(client.post(PREDICT, json={"records": ["x"] * 1001}), 422, field="records")
    items = [{"prediction_id": "p_1", "label": "x"}] * 1001
    said = client.post("/v1/feedback", json={"feedback": items})
    assert is_problem(said, 422, field="feedback")


def test_unicode_keys_are_fields_like_others(client):
    record = {"größe": 1, "色": "赤", "👍": True, "a.b[0]": 2.5, "__proto__": "x", "e\u0301": 1}
    assert client.post(PREDICT, json={"record": record}).status_code == 200


def test_a_long_body_is_refused_before_it_is_read(address):
    host = address.removeprefix("http://")

    connection = HTTPConnection(host, timeout=5)
    connection.putrequest("POST", PREDICT)
    connection.putheader("content-type", "application/json")
    connection.putheader("content-length", str(10 * MIB))
    connection.endheaders()
    response = connection.getresponse()  # not a byte of the body was sent
    assert response.status == 413
    assert response.getheader("content-type") == "application/problem+json"
    connection.close()


def test_a_long_body_without_a_length_is_cut_off(address):
    connection = HTTPConnection(address.removeprefix("http://"), timeout=10)
    pieces = (b"x" * 65_536 for _ in range(160))
    with CUT_OFF:
        connection.request("POST", PREDICT, body=pieces, headers=JSON, encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()


def test_a_body_that_does_not_come_is_not_waited_for(address, monkeypatch):
    monkeypatch.setattr(body_module, "PATIENCE", 0.2)
    connection = HTTPConnection(address.removeprefix("http://"), timeout=10)
    connection.putrequest("POST", PREDICT)
    connection.putheader("content-type", "application/json")
    connection.putheader("content-length", "20")
    connection.endheaders(b'{"record": ')
    assert connection.getresponse().status == 408
    connection.close()


@pytest.mark.parametrize("length", ["-1", "ten", "1e3", "9" * 20, "9" * 5000, "²"])
def test_a_length_that_is_none_is_refused(client, length):
    headers = {b"content-type": b"application/json", b"content-length": length.encode("latin-1")}
    assert is_problem(client.post(PREDICT, content=b"{}", headers=headers), 413)


def test_a_client_that_leaves_is_no_bug(address, client, caplog):
    connection = HTTPConnection(address.removeprefix("http://"), timeout=10)
    connection.putrequest("POST", PREDICT)
    connection.putheader("content-type", "application/json")
    connection.putheader("content-length", "20")
    connection.endheaders(b'{"record": ')
    connection.close()
    figure = 'quickstudy_requests_total{method="POST",route="/v1/learners/{name}/predictions"'
    until(lambda: f'{figure},status="499"}} 1.0' in httpx.get(f"{address}/metrics").text)
    assert not caplog.records


def test_memory_stays_flat(address):
    """300 bodies of 10 MB, 8 at a time: a server that read them would grow by 80 MB and more."""
    body = b'{"record": "' + b"x" * (10 * MIB) + b'"}'

    def send(_):
        return status_of(address, PREDICT, body, JSON)

    with ThreadPoolExecutor(8) as senders:
        list(senders.map(send, range(16)))
        gc.collect()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert set(senders.map(send, range(300))) == {413}
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 16 * 1024, f"{grown} KiB"


def test_ten_thousand_new_labels_meet_a_limit(client, deployment):
    deployment.create("labels", budget_mb=16)
    statuses = []
    for start in range(0, 10_000, 1_000):
        items = [
            {"learner": "labels", "record": {"a": 1.0}, "label": f"label {i}", "key": f"{i}"}
            for i in range(start, start + 1_000)
        ]
        said = client.post("/v1/feedback", json={"feedback": items})
        statuses.append(said.status_code)
    assert statuses[0] in (200, 422) and statuses[-1] == 422
    assert is_problem(said, 422, says="one too many")
    assert len(deployment.learner("labels").labels) < 10_000
    deployment.delete("labels")


@pytest.mark.parametrize("label", ["", " ", "x" * 1001, "x" * 500_000, 1.5, None, [1], {}, 2**64])
def test_what_no_label_can_be_is_refused(client, label):
    answer = client.post(PREDICT, json={"record": "hello"}).json()
    said = client.post("/v1/feedback", json={"prediction_id": answer["id"], "label": label})
    assert is_problem(said, 422)
