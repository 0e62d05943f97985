"""How a client reaches its server: directly on this machine, else as the environment says."""

import socket

import httpx
import pytest

import quickstudy
from quickstudy import Client
from quickstudy.client.transport import checked_url, http_client
from quickstudy.errors import InputError, SettingError, StoreError
from tests.serve.support import running

NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
HERE = ["127.0.0.1", "127.8.9.10", "localhost", "LOCALHOST", "store.localhost", "[::1]"]
HERE += ["localhost.", "[::ffff:127.0.0.1]", "0.0.0.0"]


@pytest.fixture
def no_proxies(monkeypatch):
    """An environment without any proxy."""
    for name in (*NAMES, "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.fixture
def dead():
    """The address of a proxy that is not there."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    return f"127.0.0.1:{port}"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A real server with the learner `cards`."""
    with quickstudy.open(tmp_path_factory.mktemp("store") / "work.db") as opened:
        opened.create("cards", budget_mb=16)
        with running(opened) as address:
            yield address


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scheme", ["http", "https", "socks5", "nonsense"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_server_on_this_machine_is_reached_whatever_the_proxy(
    no_proxies, server, dead, name, scheme, host
):
    no_proxies.setenv(name, f"{scheme}://{dead}")
    with quickstudy.connect(server.replace("127.0.0.1", host)) as client:
        assert client.predict("cards", "my card is lost").decision == "ask"


def reached(url, monkeypatch):
    """The host and port that a client of `url` opens a connection to."""
    opened = []

    def connect(address, *_, **__):
        opened.append(address[:2])
        raise OSError("nobody is there")

    monkeypatch.setattr(socket, "create_connection", connect)
    with http_client(url) as client, pytest.raises(httpx.TransportError):
        client.get("/healthz")
    return opened[0]


@pytest.mark.parametrize("host", HERE)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_this_machine_under_every_name_needs_no_proxy(no_proxies, host, scheme):
    no_proxies.setenv("ALL_PROXY", "http://proxy.example:3128")
    assert reached(f"{scheme}://{host}:8321", no_proxies)[1] == 8321


@pytest.mark.parametrize(
    "host", ["10.0.0.7", "store.example", "localhost.example", "[2001:db8::1]"]
)
@pytest.mark.parametrize(
    ("name", "scheme"), [("HTTP_PROXY", "http"), ("HTTPS_PROXY", "https"), ("ALL_PROXY", "http")]
)
def test_any_other_server_is_reached_by_the_proxy(no_proxies, host, name, scheme):
    no_proxies.setenv(name, "http://proxy.example:3128")
    assert reached(f"{scheme}://{host}:8321", no_proxies) == ("proxy.example", 3128)


@pytest.mark.parametrize("exception", ["store.example", ".example", "*", "10.1.1.1,store.example"])
def test_no_proxy_names_exceptions(no_proxies, exception):
    no_proxies.setenv("ALL_PROXY", "http://proxy.example:3128")
    no_proxies.setenv("NO_PROXY", exception)
    assert reached("http://store.example:8321", no_proxies) == ("store.example", 8321)


def test_a_dead_proxy_of_another_server_is_an_error_that_names_the_server(no_proxies, dead):
    no_proxies.setattr("quickstudy.client.transport.PAUSES", ())
    no_proxies.setenv("HTTP_PROXY", f"http://{dead}")
    with pytest.raises(StoreError, match=r"http://store\.example:8321 cannot be reached"):
        quickstudy.connect("http://store.example:8321")


@pytest.mark.parametrize("proxy", ["nonsense://proxy.example", "http://proxy.example:port"])
def test_a_proxy_that_cannot_be_used_is_named_with_what_to_do(no_proxies, proxy):
    no_proxies.setenv("ALL_PROXY", proxy)
    with pytest.raises(SettingError, match=r"ALL_PROXY .* set NO_PROXY=store\.example"):
        Client("http://store.example:8321")


@pytest.mark.parametrize(
    "url",
    ["localhost:8321", "", "http://", "http://:80", "ftp://x", "http://[::1", "http://x:port"],
)
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(InputError, match="url"):
        quickstudy.connect(url)
    with pytest.raises(InputError, match="url"):
        checked_url(url)


def test_a_certificate_file_of_the_environment_counts_on_this_machine_too(no_proxies, tmp_path):
    no_proxies.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    with pytest.raises(OSError):
        http_client("https://localhost:8321")
    http_client("http://localhost:8321").close()
