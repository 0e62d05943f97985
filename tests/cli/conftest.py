"""A small table, and the command line as a function."""

import numpy as np
import pytest

from quickstudy.cli.main import main


@pytest.fixture
def run(capsys):
    """Run a command; returns exit code, standard output and standard error."""

    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return ended.value.code, said.out, said.err

    return run


@pytest.fixture
def refused(run):
    """Run a command that must be refused: exit code 2 and one line, which is returned."""

    def refused(*arguments):
        code, out, err = run(*arguments)
        assert code == 2 and out == ""
        lines = [line for line in err.splitlines() if line.startswith("quickstudy: ")]
        assert len(lines) == 1 and err.splitlines()[-1] == lines[0]
        return lines[0]

    return refused


@pytest.fixture
def table(tmp_path):
    """120 rows: above or below a line, with a word that helps and one that does not."""
    rng = np.random.default_rng(0)
    path = tmp_path / "day.csv"
    rows = ["height,colour,note,side"]
    for a in rng.normal(size=120):
        note = "far up on the hill" if a > 0.5 else "somewhere in the valley"
        rows.append(f"{a:.4f},{rng.choice(['red', 'blue'])},{note},{'up' if a > 0 else 'down'}")
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture
def model(run, table, tmp_path):
    """A learner that has learned the table, on disk."""
    path = tmp_path / "day.qs"
    assert run("learn", path, table, "--target", "side")[0] == 0
    return path
