"""A third kind of learner is a package of its own: nothing of quickstudy is changed for it."""

import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

import quickstudy
from quickstudy.deploy.doctor import check_file
from quickstudy.deploy.kind import KINDS
from quickstudy.deploy.recovery.replay import replay
from quickstudy.deploy.versions.registry import learner_of
from quickstudy.errors import InputError, NotFoundError, NotReadyError, SettingError
from quickstudy.kinds import registry
from quickstudy.log.store import Store

PACKAGE = Path(__file__).parent / "counter"
LABELS = ["heads", "tails", "heads", "heads"]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder of installed packages: there the counter's entry point is found."""
    folder = tmp_path_factory.mktemp("site")
    about = folder / "counter-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: counter\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[quickstudy.kinds]\ncounter=counter.kind:COUNTER\n")
    (folder / "counter").symlink_to(PACKAGE)
    return folder


@pytest.fixture(autouse=True)
def installed(site, monkeypatch):
    """This process has the package, too; other tests do not."""
    monkeypatch.syspath_prepend(site)
    kind = next(kind for kind in registry.kinds() if kind.name == "counter")
    monkeypatch.setitem(KINDS.known, kind.name, kind)
    return kind


@pytest.fixture
def store(tmp_path):
    """A store with a counter that was told some labels, and a classifier."""
    path = tmp_path / "work.db"
    with quickstudy.open(path) as deployment:
        deployment.create("coins", kind="counter", prior=1.0, seed=1)
        deployment.create("tickets", seed=1, budget_mb=16)
        tell(deployment)
    return path


def tell(deployment):
    """Ask the counter and tell it what is right; all it answered."""
    answers = []
    for i, label in enumerate(LABELS):
        answers.append(deployment.predict("coins", f"toss {i}"))
        said = deployment.feedback(answers[-1].id, label=label, source="ana", wait_learned=True)
        assert (said.status, said.quarantined) == ("accepted", "")
    return answers


@contextmanager
def served(store, site):
    """The real server on a store; yields its address."""
    paths = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    process = subprocess.Popen(
        [sys.executable, "-m", "quickstudy.cli", "serve", "--store", str(store), "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
    )
    try:
        lines = iter(process.stdout.readline, "")
        yield next(line.split()[1] for line in lines if line.startswith("page")).rstrip("/")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_it_is_less_than_200_lines():
    assert sum(len(path.read_text().splitlines()) for path in PACKAGE.glob("*.py")) < 200


def test_it_is_found_by_its_entry_point_after_our_own_kinds(installed):
    assert [kind.name for kind in registry.kinds()] == ["classifier", "value", "counter"]
    assert KINDS.named("counter") is installed


def test_a_kind_that_nobody_brings_is_refused(tmp_path):
    with (
        quickstudy.open(tmp_path / "work.db") as deployment,
        pytest.raises(SettingError, match=r"'oracle'.*classifier, value, counter"),
    ):
        deployment.create("x", kind="oracle")


def test_it_is_made_with_its_own_settings(tmp_path):
    with quickstudy.open(tmp_path / "work.db") as deployment:
        info = deployment.create("coins", kind="counter", prior=2.5, target=0.8, seed=3)
        assert (info.kind, info.settings.prior, info.settings.target) == ("counter", 2.5, 0.8)
        assert deployment.learner("coins") == info and deployment.learners() == [info]
        with pytest.raises(SettingError, match="prior"):
            deployment.create("other", kind="counter", prior=-1.0)
        with pytest.raises(SettingError, match="prior"):
            deployment.create("other", prior=1.0)
        with pytest.raises(SettingError, match="prior"):
            deployment.change("coins", prior=3.0)
        changed = deployment.change("coins", target=0.7)
        assert (changed.kind, changed.settings.prior, changed.settings.target) == (
            "counter",
            2.5,
            0.7,
        )


def test_it_answers_with_the_most_frequent_label_as_sure_as_that_is_frequent(store):
    with quickstudy.open(store) as deployment:
        answer = deployment.predict("coins", "toss 9")
        assert (answer.label, answer.confidence) == ("heads", 3 / 5)
        assert answer.novelty == pytest.approx(1 / 5)
        assert deployment.learner("coins").labels == ("heads", "tails")
        report = deployment.report("coins")
        assert (report.cases, report.labels_used, report.learner.kind) == (5, 4, "counter")


def test_what_only_classifiers_have_is_refused_in_words(store):
    with quickstudy.open(store) as deployment:
        case = deployment.predict("coins", "toss 9")
        with pytest.raises(NotReadyError, match="a counter has no"):
            deployment.explain(case.id)
        with pytest.raises(InputError, match="a counter, which makes no versions"):
            deployment.challenge("coins")
        with pytest.raises(InputError, match="'coins' is a counter: it has predictions"):
            deployment.start("coins")


def test_a_restart_and_a_replay_lead_to_the_same_state(store):
    with quickstudy.open(store) as deployment:
        before = deployment.state_hash("coins")
        number = deployment.context.find("coins").number
        replayed = replay(deployment.store, number)
        assert (replayed.hash, replayed.learner.examples) == (before, len(LABELS))
        deployment.delete("tickets")
    for snapshot in store.with_name("work.db.d").glob("learner-1/snapshot-*"):
        snapshot.unlink()
    with quickstudy.open(store) as deployment:
        assert deployment.state_hash("coins") == before
        assert deployment.learner("coins").kind == "counter"
        assert deployment.predict("coins", "toss 9").label == "heads"


def test_an_event_of_its_own_is_learned_live_after_a_restart_and_in_a_replay(store):
    from counter.kind import Fade

    with quickstudy.open(store) as deployment:
        with pytest.raises(NotFoundError, match="'dice'"):
            deployment.writer.submit(Fade("dice", 2, "ana")).result()
        deployment.writer.submit(Fade("coins", 2, "ana")).result()
        deployment.flush()
        assert deployment.learner("coins").examples == 2  # 3 heads and 1 tails, halved: 1 and 1
        last = deployment.events(learner="coins", limit=100)[-1]
        assert (last.type, last.payload) == ("counter.fade", {"by": 2})
        before = deployment.state_hash("coins")
        assert replay(deployment.store, 1).hash == before
    for snapshot in store.with_name("work.db.d").glob("learner-1/snapshot-*"):
        snapshot.unlink()
    with quickstudy.open(store) as deployment:
        assert deployment.state_hash("coins") == before
        assert all(finding.ok for finding in deployment.doctor())


def test_its_first_version_is_the_learner_that_its_settings_describe(store):
    with quickstudy.open(store) as deployment:
        (version,) = deployment.versions("coins")
        settings = deployment.learner("coins").settings
    first = learner_of({"kind": "first"}, settings, store)
    assert (version.id, first.examples) == (first.state_hash(), 0)


def test_the_doctor_finds_it_well_and_carries_out_its_check(store):
    findings = {finding.check: finding for finding in check_file(store)}
    assert all(finding.ok for finding in findings.values()), findings
    assert "same state" in findings["coins: replay"].detail
    assert findings["coins: labels that it was told"].detail == f"it was told {len(LABELS)} labels"
    assert "tickets: labels that it was told" not in findings


def test_a_store_with_it_is_not_opened_where_it_is_not_installed(store, monkeypatch):
    monkeypatch.delitem(KINDS.known, "counter")
    with pytest.raises(quickstudy.errors.StoreError, match="kind 'counter'"):
        quickstudy.open(store)
    Store(store).close()  # it was let go of


def test_server_client_and_pages_know_it(tmp_path, site):
    path = tmp_path / "work.db"
    with served(path, site) as address, quickstudy.connect(address) as client:
        info = client.create("coins", kind="counter", prior=1.0, seed=1)
        assert (info.kind, info.settings.prior) == ("counter", 1.0)
        assert tell(client)[-1].label == "heads"
        assert client.change("coins", target=0.8).settings.target == 0.8
        assert client.learners() == [client.learner("coins")]
        assert client.report("coins").learner.labels == ("heads", "tails")
        check_http(address)
        state = client.state_hash("coins")
        check_pages(address)
    with quickstudy.open(path) as deployment:
        assert deployment.state_hash("coins") == state


def check_http(address):
    body = {"kind": "counter", "name": "dice", "prior": 2.0}
    assert httpx.post(f"{address}/v1/learners", json=body).json()["settings"]["prior"] == 2.0
    assert httpx.get(f"{address}/v1/learners/dice").json()["kind"] == "counter"
    wrong = httpx.post(f"{address}/v1/learners", json={**body, "name": "x", "prior": -1})
    assert (wrong.status_code, wrong.json()["field"]) == (422, "prior")
    counts = httpx.get(f"{address}/v1/learners/coins/counts").json()
    assert counts == [["heads", 3], ["tails", 1]]
    assert httpx.post(f"{address}/v1/learners/coins/fade?by=3").status_code == 200
    httpx.post(f"{address}/v1/flush", json={})
    assert httpx.get(f"{address}/v1/learners/coins/counts").json() == [["heads", 1], ["tails", 1]]
    schemas = httpx.get(f"{address}/openapi.json").json()["components"]["schemas"]
    assert "prior" in schemas["NewCounterLearner"]["properties"]
    metrics = httpx.get(f"{address}/metrics").text
    assert 'quickstudy_counter_labels{learner="coins"} 2.0' in metrics
    assert 'quickstudy_cases_total{learner="coins"} 4.0' in metrics


def check_pages(address):
    with httpx.Client(base_url=address) as browser:
        listed = browser.get("/").text
        assert 'href="/learners/coins"' in listed and 'name="kind" value="counter"' in listed
        token = re.search('name="csrf" value="([^"]+)"', listed)[1]
        form = {"csrf": token, "kind": "counter", "name": "cards", "target": "90"}
        made = browser.post("/learners", data=form)
        assert (made.status_code, made.headers["location"]) == (303, "/learners/cards")
        assert "It counts: heads, tails" in browser.get("/learners/coins").text
        for tab in ("queue", "cases", "settings"):
            assert browser.get(f"/learners/coins/{tab}").status_code == 200, tab
