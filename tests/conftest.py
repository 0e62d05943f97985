"""What holds for every test: its name is the same in each process that collects it."""


def pytest_make_parametrize_id(val, argname):
    """Bytes are named by their parameter: a gzip header holds the second that it was made in."""
    return argname if isinstance(val, bytes) else None
