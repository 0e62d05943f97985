"""A server of our own for a test: a real socket, a real loop, in a thread."""

import threading
import time
from contextlib import contextmanager, suppress
from http.client import HTTPConnection

from quickstudy.serve.app import create_app
from quickstudy.serve.server import Server, listen
from quickstudy.serve.settings import ServerSettings

STEP = 0.02  # seconds between two looks
CUT_OFF = suppress(BrokenPipeError, ConnectionResetError)  # while the server was being told


@contextmanager
def running(deployment, **settings):
    """Serve a deployment; yields the address."""
    chosen = ServerSettings(port=0, **settings)
    listening, address = listen(chosen)
    ready = threading.Event()
    server = Server(create_app(deployment, settings=chosen), ready=ready.set)
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        assert ready.wait(20)
        yield address
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


def status_of(address, path, body, headers):
    """The status that a body is answered with, also where it is refused before all was sent."""
    connection = HTTPConnection(address.removeprefix("http://"), timeout=30)
    with CUT_OFF:
        connection.request("POST", path, body=body, headers=headers)
    status = connection.getresponse().status
    connection.close()
    return status


def until(true, seconds=10.0):
    """Wait for something that becomes true by itself; time when this process sleeps is not due."""
    for _ in range(int(seconds / STEP)):
        if true():
            return
        time.sleep(STEP)
    raise AssertionError("it did not happen in time")
