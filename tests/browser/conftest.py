"""One browser and one server for all, one window for every test."""

from pathlib import Path

import pytest

from tests.browser.support import DESKTOP, FLAGS, Served, Tab, chromium

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items):
    """All tests of this folder are slow."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="package")
def browser():
    path = chromium()
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=45_000)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield running
        running.close()


@pytest.fixture(scope="package")
def served(browser, tmp_path_factory):
    server = Served(tmp_path_factory.mktemp("store") / "work.db")
    server.warm_up()
    yield server
    server.stop()


@pytest.fixture(scope="package")
def client(served):
    with served.client() as connected:
        yield connected


@pytest.fixture
def window(browser):
    """Makes browser windows: each is a visitor of its own."""
    contexts = []

    def make(**options):
        contexts.append(browser.new_context(**{"viewport": DESKTOP, **options}))
        return contexts[-1]

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def tab(window, served):
    made = Tab(window(), served)
    yield made
    made.quiet()
