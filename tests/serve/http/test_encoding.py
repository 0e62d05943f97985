"""Encoded bodies: what a client compresses is read, bounded once decoded, or refused by name."""

import asyncio
import gzip
import json
import tracemalloc
import zlib
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from itertools import pairwise
from random import Random
from unicodedata import normalize

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.datastructures import Headers

from quickstudy.serve.http.encoding import MOST_MEMBERS, PIECE, Decoder
from quickstudy.serve.http.exchange import Exchange
from quickstudy.serve.http.problems import Problem
from tests.serve.conftest import is_problem
from tests.serve.support import CUT_OFF, running, status_of

PREDICT = "/v1/learners/cards/predictions"
FEEDBACK = "/v1/feedback"
MIB = 1 << 20


def raw(body):
    made = zlib.compressobj(wbits=-15)
    return made.compress(body) + made.flush()


def members(body):
    """A gzip body of three members, padded with zeros as tapes were."""
    third = len(body) // 3 + 1
    parts = [body[i : i + third] for i in range(0, 3 * third, third)]
    return b"".join(gzip.compress(part) for part in parts) + bytes(512)


def stored(body):
    return gzip.compress(body, compresslevel=0)


# name of the encoding, and who makes a body of it
WAYS = [
    ("gzip", gzip.compress),
    ("GZip", stored),
    ("x-gzip", members),
    ("deflate", zlib.compress),
    ("deflate", raw),
    ("identity", bytes),
    ("", bytes),
]
way = pytest.mark.parametrize(("name", "encoded"), WAYS, ids=lambda w: getattr(w, "__name__", w))


def post(client, body, name, path=PREDICT, **more):
    headers = {"content-type": "application/json", "content-encoding": name, **more}
    return client.post(path, content=body, headers=headers)


def exchanged(parts, name, max_body=MIB):
    """What the app gets of a body that comes in these parts: what it decodes to, in messages."""
    waiting = list(parts) or [b""]

    async def receive():
        body = waiting.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(waiting)}

    async def read():
        scope = {
            "type": "http",
            "method": "POST",
            "headers": [(b"content-encoding", name.encode())],
        }
        exchange = Exchange(scope, receive, None, max_body=max_body, setting="max_body")
        exchange.decode(Headers(scope=scope))
        got = []
        while True:
            message = await exchange.receive()
            got.append(message["body"])
            if not message["more_body"]:
                return got

    return asyncio.run(read())


def cut(body, places):
    """A body in parts, cut at some places."""
    edges = sorted({0, len(body), *(place % (len(body) + 1) for place in places)})
    return [body[a:b] for a, b in pairwise(edges)]


@st.composite
def bodies(draw):
    """Random bytes, and bytes that compress to a thousandth."""
    part = st.one_of(
        st.binary(max_size=300),
        st.builds(lambda b, n: b * n, st.binary(min_size=1, max_size=3), st.integers(0, 100_000)),
        st.integers(0, 3 * PIECE).map(lambda n: Random(n).randbytes(n)),
    )
    return b"".join(draw(st.lists(part, max_size=3)))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    body=bodies(),
    way=st.sampled_from(WAYS[:5]),
    places=st.lists(st.integers(0, 1 << 20), max_size=8),
)
def test_a_body_arrives_as_it_was_whatever_its_encoding_and_its_parts(body, way, places):
    name, encoded = way
    got = exchanged(cut(encoded(body), places), name)
    assert b"".join(got) == body
    assert all(len(piece) <= PIECE for piece in got)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=bodies(), way=st.sampled_from(WAYS[:5]), data=st.data())
def test_a_body_that_is_cut_short_is_refused(body, way, data):
    name, encoded = way
    whole = encoded(body)
    end = len(whole) - (512 if encoded is members else 0)  # of what says something
    keep = data.draw(st.integers(1, end - 1))
    starts = [at for at in range(1, end) if whole[at : at + 3] == b"\x1f\x8b\x08"]
    if encoded is members and keep in starts:
        return  # two members, and all of both
    with pytest.raises(Problem) as refused:
        exchanged(cut(whole[:keep], data.draw(st.lists(st.integers(0, 1 << 20), max_size=4))), name)
    assert refused.value.status == 400 and "cut short" in refused.value.detail


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(size=st.integers(1, 6 * PIECE), way=st.sampled_from(WAYS[:5]), most=st.integers(1_024, MIB))
def test_the_limit_holds_for_what_a_body_decodes_to(size, way, most):
    name, encoded = way
    body = encoded(Random(size).randbytes(size))  # which no encoding makes shorter
    if size <= most:
        assert sum(map(len, exchanged([body], name, most))) == size
        return
    with pytest.raises(Problem) as refused:
        exchanged([body], name, most)
    assert refused.value.status == 413 and f"{most:,} bytes" in refused.value.detail


@way
@pytest.mark.parametrize("size", [1, 40, 200])
def test_a_record_is_predicted_and_taught_in_every_encoding(client, name, encoded, size):
    record = {f"field {i}": "x" * i for i in range(size)}
    said = post(client, encoded(json.dumps({"record": record}).encode()), name)
    assert said.status_code == 200, said.text
    taught = {"prediction_id": said.json()["id"], "label": "lost"}
    said = post(client, encoded(json.dumps(taught).encode()), name, FEEDBACK)
    assert said.json()["status"] == "accepted"
    assert client.get(f"/v1/predictions/{taught['prediction_id']}").json()["record"] == record


@way
def test_every_encoding_is_read_over_a_socket_in_chunks(deployment, name, encoded):
    body = encoded(json.dumps({"record": "my card is lost " * 1_000}).encode())
    headers = {"content-type": "application/json", "content-encoding": name}
    with running(deployment) as address:
        connection = HTTPConnection(address.removeprefix("http://"), timeout=10)
        for size in (1, 7, 1_000, len(body)):
            parts = [body[at : at + size] for at in range(0, len(body), size)]
            connection.request("POST", PREDICT, iter(parts), headers, encode_chunked=True)
            response = connection.getresponse()
            assert (response.status, response.read()[:6]) == (200, b'{"id":')
        connection.close()


@pytest.fixture(scope="module")
def line(deployment):
    """A connection to a real server that takes in half a mebibyte."""
    with running(deployment, max_body=MIB // 2) as address:
        connection = HTTPConnection(address.removeprefix("http://"), timeout=20)
        yield connection
        connection.close()


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    text=st.text(min_size=1, max_size=400),
    times=st.sampled_from([1, 2, 40]),
    rest=st.sampled_from([0, 1_000, MIB // 4, MIB]),
    way=st.sampled_from(WAYS),
    places=st.lists(st.integers(0, 1 << 21), max_size=5),
)
def test_any_text_is_answered_or_refused_by_its_decoded_length(
    line, deployment, text, times, rest, way, places
):
    name, encoded = way
    record = text * times
    body = json.dumps({"record": record}).encode() + b" " * rest
    headers = {"content-type": "application/json", "content-encoding": name}
    parts = cut(encoded(body), places)
    with CUT_OFF:
        line.request("POST", PREDICT, iter(parts), headers, encode_chunked=True)
    response = line.getresponse()
    said = json.loads(response.read())
    if len(body) > MIB // 2:
        assert response.status == 413 and "524,288 bytes" in said["detail"]
        line.close()  # the server did; the next request opens another
        return
    assert response.status == 200, said
    kept = deployment.history(said["id"]).record
    assert normalize("NFC", kept) == normalize("NFC", record)


@pytest.mark.parametrize("path", [PREDICT, FEEDBACK, "/v1/learners", "/v1/flush"])
@pytest.mark.parametrize(
    "name", ["br", "zstd", "compress", "gzip, gzip", "deflate,gzip", "gzip;q=1"]
)
def test_an_encoding_that_is_not_read_is_named_with_those_that_are(client, path, name):
    said = post(client, gzip.compress(b"{}"), name, path)
    assert is_problem(said, 415, says=name) and "gzip, deflate" in said.json()["detail"]
    assert said.headers["accept-encoding"] == "gzip, deflate"


def test_two_headers_are_one_list(client):
    headers = [("content-type", "application/json"), *[("content-encoding", "gzip")] * 2]
    body = gzip.compress(gzip.compress(b"{}"))
    assert is_problem(client.post(PREDICT, content=body, headers=headers), 415, says="gzip, gzip")


@pytest.mark.parametrize(
    ("body", "name", "says"),
    [
        (b'{"record": "hello"}', "gzip", "not valid gzip"),
        (b'{"record": "hello"}', "deflate", "not valid deflate"),
        (gzip.compress(b'{"record": "hello"}')[:-1], "gzip", "cut short"),
        (gzip.compress(b'{"record": "hello"}')[:1], "gzip", "cut short"),
        (zlib.compress(b'{"record": "hello"}')[:1], "deflate", "cut short"),
        (gzip.compress(b'{"record": "hello"}')[:-8] + bytes(8), "gzip", "not valid gzip"),
        (gzip.compress(b'{"record": "hello"}') + b"and more", "gzip", "after 1 whole member"),
        (zlib.compress(b'{"record": "hello"}') + b"and more", "deflate", "8 bytes"),
        (gzip.compress(b'{"record": "hello"}'), "deflate", "not valid deflate"),
        (zlib.compress(b'{"record": "hello"}'), "gzip", "not valid gzip"),
        (gzip.compress(b"") * (MOST_MEMBERS + 1), "gzip", "members"),
        (b"", "gzip", "not JSON"),
    ],
)
def test_a_broken_body_is_refused_and_says_so(client, body, name, says):
    assert is_problem(post(client, body, name), 400, says=says)


def bomb(encoding, size=512 * MIB):
    """A body that decodes to so many zeros; made without ever holding them."""
    made = zlib.compressobj(9, wbits={"gzip": 31, "deflate": 15}[encoding])
    return b"".join(made.compress(bytes(MIB)) for _ in range(size // MIB)) + made.flush()


@pytest.mark.parametrize("name", ["gzip", "deflate"])
def test_a_bomb_is_refused_without_being_held(client, name):
    body = bomb(name)
    tracemalloc.start()
    try:
        assert is_problem(post(client, body, name), 413, says="decoded")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * MIB, f"{peak:,} bytes"


def test_bombs_over_a_socket_leave_the_server_at_work(deployment):
    body = bomb("deflate", 256 * MIB)
    headers = {"content-type": "application/json", "content-encoding": "deflate"}
    with running(deployment) as address:

        def send(_):
            return status_of(address, PREDICT, body, headers)

        with ThreadPoolExecutor(4) as senders:
            assert set(senders.map(send, range(12))) == {413}


def test_a_learner_is_uploaded_encoded(client_of, deployment):
    model = deployment.create("copied", budget_mb=16) and learner_file()
    client = client_of(max_body=2_048, max_model=len(model))
    headers = {"content-type": "application/octet-stream", "content-encoding": "gzip"}
    path = "/v1/learners/copied/challenger"
    assert len(model) > 2_048
    said = client.post(path, content=gzip.compress(model), headers=headers)
    assert said.status_code in (200, 201), said.text
    small = client_of(max_body=2_048, max_model=len(model) - 1)
    refused = small.post(path, content=gzip.compress(model), headers=headers)
    assert is_problem(refused, 413, says="--max-model")
    deployment.delete("copied")


def learner_file():
    """A saved learner that was taught two texts."""
    from quickstudy import Classifier

    learner = Classifier(budget_mb=16, seed=0)
    for label in ("lost", "found"):
        learner.learn(f"my card is {label}", label)
    return learner.packed()


def test_what_is_read_needs_no_more_than_a_piece_at_a_time():
    decoder = Decoder("gzip")
    decoder.feed(gzip.compress(bytes(10 * MIB)))
    sizes = []
    while piece := decoder.read():
        sizes.append(len(piece))
    decoder.close()
    assert max(sizes) <= PIECE and sum(sizes) == 10 * MIB
