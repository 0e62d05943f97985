"""A server process for the browser, and a browser page that tells what went wrong on it."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

import quickstudy

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
START = "from quickstudy.cli.main import main; main()"
DESKTOP = {"width": 1200, "height": 820}
PHONE = {"width": 360, "height": 740}
REFUSED = re.compile(r"Failed to load resource: the server responded with a status of 4\d\d")
SLOW = re.compile(r"htmx:(timeout|afterRequest)")  # the page asks again by itself
AWAY = re.compile(r"ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET|htmx:")


def chromium():
    """The path of a Chromium; without one the test is skipped, on CI it fails."""
    chosen = os.environ.get("QUICKSTUDY_CHROMIUM")
    found = chosen or next((p for p in map(shutil.which, NAMES) if p), None)
    if found:
        return found
    told = "no Chromium is installed (on Debian: apt-get install chromium)"
    if os.environ.get("CI"):
        pytest.fail(told)
    pytest.skip(told)


class Served:
    """`quickstudy serve` in a process of its own, on a free port and a store of its own."""

    def __init__(self, store):
        self.store = Path(store)
        self.port = 0
        self.start()

    def start(self):
        """Serve, on the same port as before if there was one."""
        told = ["serve", "--store", str(self.store), "--port", str(self.port)]
        self.process = subprocess.Popen(
            [sys.executable, "-c", START, *told], stdout=subprocess.PIPE, text=True
        )
        lines = iter(self.process.stdout.readline, "")
        page = next((line for line in lines if line.startswith("page")), None)
        assert page, "the server did not start"
        self.url = page.split()[1].rstrip("/")
        self.port = urlsplit(self.url).port

    def warm_up(self):
        """Have it compile what it needs, so that no page waits for that."""
        with self.client() as client:
            client.create("warm")
            for label in ("a", "b"):
                case = client.predict("warm", f"a text about {label}").id
                client.feedback(case, label=label, wait_learned=True)
            client.explain(case)
            client.delete("warm")

    def stop(self):
        """End it as Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(90) == 0
        self.process.stdout.close()

    def client(self, key=None):
        """The same store over HTTP."""
        return quickstudy.connect(self.url, key=key)


class Tab:
    """A page of the browser; `quiet()` says that nothing went wrong on it."""

    def __init__(self, context, served):
        self.served = served
        self.page = context.new_page()
        self.page.set_default_timeout(45_000)
        self.wrong = []
        self.hosts = set()
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))

    def _console(self, message):
        if message.type in ("error", "warning") and not REFUSED.match(message.text):
            self.wrong.append(message.text)

    def go(self, path):
        """Open a page of the server."""
        self.page.goto(self.served.url + path)
        return self.page

    def quiet(self, allowed=None):
        """No error, no violation of the policy, and no request to another host."""
        wrong = [text for text in self.wrong if not SLOW.match(text)]
        wrong = [text for text in wrong if not (allowed and allowed.search(text))]
        assert not wrong, wrong
        assert self.hosts <= {urlsplit(self.served.url).netloc}


def wide(page):
    """How many pixels of the page lie beyond the right edge of the screen."""
    return page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )


def case_on(page):
    """Id of the case that the queue shows."""
    return page.locator("#queue").get_attribute("data-case")


def ready(page):
    """Wait until the queue has given the focus to the case: it takes no key before."""
    expect(page.locator("main :focus, main:focus")).to_have_count(1)


def type_label(page, text):
    """Type into the field for a label; its key leads there, unless the page begins there."""
    ready(page)
    field = page.locator("[role=combobox]")
    if not page.evaluate("document.activeElement.matches('[role=combobox]')"):
        page.keyboard.press("n")
    expect(field).to_be_focused()
    page.keyboard.type(text)
