"""The one list of kinds, and what other packages may add to it."""

import subprocess
import sys

import pytest

from quickstudy.api.settings import Settings
from quickstudy.deploy.kind import KINDS
from quickstudy.errors import ModelFileError, SettingError
from quickstudy.kinds import registry
from quickstudy.snapshot import pack

WRONG = """
from dataclasses import replace
from quickstudy.kinds.classifier.kind import CLASSIFIER
NONE = "a text"
NAMESAKE = replace(CLASSIFIER, settings=str)
SAME_SETTINGS = replace(CLASSIFIER, name="other")
"""


@pytest.fixture
def entry(tmp_path, monkeypatch):
    """Install a package whose entry point is one of the names in `WRONG`."""

    def install(name):
        about = tmp_path / "wrong-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: wrong\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text(f"[quickstudy.kinds]\nwrong=wrong_kinds:{name}\n")
        (tmp_path / "wrong_kinds.py").write_text(WRONG)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "wrong_kinds", raising=False)

    return install


def test_our_own_kinds_are_listed_the_default_one_first():
    assert [kind.name for kind in registry.kinds()] == ["classifier", "value"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("NONE", "not a Kind"),
        ("NAMESAKE", "'classifier' of wrong_kinds:NAMESAKE has the name"),
        ("SAME_SETTINGS", "'other' of wrong_kinds:SAME_SETTINGS has the name, or the settings"),
    ],
)
def test_an_entry_point_that_cannot_be_told_from_another_kind_is_refused(entry, name, said):
    entry(name)
    with pytest.raises(SettingError, match=said):
        registry.kinds()


def test_a_client_knows_all_kinds_and_loads_no_learner():
    code = (
        "import sys; from quickstudy.client.client import KINDS; print([k.name for k in KINDS]);"
        "print({'numba', 'scipy', 'sqlalchemy', 'fastapi'} & set(sys.modules) or 'light')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["['classifier', 'value']", "light"]


def test_settings_tell_their_kind_and_others_are_of_none():
    assert KINDS.of_settings(Settings()).name == "classifier"
    with pytest.raises(SettingError, match="str is the settings class of no known kind"):
        KINDS.of_settings("text")


def test_a_model_of_an_unknown_kind_is_no_model_here():
    from quickstudy.deploy.kind import hash_in, unpacked

    for read in (unpacked, hash_in):
        with pytest.raises(ModelFileError, match="of kind oracle"):
            read(pack({}, {"kind": "oracle"}))
