"""A setting is written in one place: library, HTTP, client and help() take it from there."""

import ast
import inspect
from collections import Counter
from dataclasses import fields
from pathlib import Path

import pytest

import quickstudy
from quickstudy import Client, Deployment
from quickstudy.api import settings
from quickstudy.api.options import about, changeable, range_of, resetting, types_of
from quickstudy.api.settings import Changes, Options, Settings, ValueOptions, ValueSettings
from quickstudy.errors import SettingError
from quickstudy.serve.app import create_app

ROOT = Path(quickstudy.__file__).parent
HOME = Path(settings.__file__)
ABOVE = ("api", "log", "deploy", "serve", "client", "cli")  # learners have their own constructors
MODELS = {Settings: (Deployment.create, Client.create)}
MODELS[ValueSettings] = (Deployment.create_value, Client.create_value)
EVERY = [(model, field.name) for model in MODELS for field in fields(model)]
setting = pytest.mark.parametrize(("model", "name"), EVERY)


def declared(path):
    """Of each class and function of a file: its fields, or parameters, with a type and a default.

    One that shares a name or two with the settings is about something else, as `RunInfo.success`,
    or a column `target` on the command line; one that shares three or more is a list of settings.
    """
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ClassDef):
            yield {n.target.id for n in node.body if isinstance(n, ast.AnnAssign) and n.value}
        if isinstance(node, ast.FunctionDef):
            both = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
            places = node.args.args[len(node.args.args) - len(node.args.defaults) :]
            yield {a.arg for a in [*places, *(a for a, default in both if default)]}


def files_that_declare():
    """(model, setting) -> how many files of the house declare it."""
    found = Counter()
    for path in (path for part in ABOVE for path in (ROOT / part).rglob("*.py")):
        lists = list(declared(path))
        for model in MODELS:
            names = set(types_of(model))
            shared = set().union(*(one & names for one in lists if len(one & names) > 2))
            found.update((model, name) for name in shared)
    return found


def test_every_setting_is_declared_in_one_file():
    assert set(EVERY) <= {pair for pair, files in files_that_declare().items() if files == 1}
    assert HOME.name == "settings.py"


def test_the_keyword_arguments_are_the_settings():
    assert set(Options.__annotations__) == set(types_of(Settings))
    assert set(Changes.__annotations__) == set(changeable(Settings))
    assert set(ValueOptions.__annotations__) == set(types_of(ValueSettings))


@setting
def test_help_names_every_setting_with_its_default_and_meaning(model, name):
    for method in MODELS[model]:
        parameter = inspect.signature(method).parameters[name]
        assert parameter.kind is parameter.KEYWORD_ONLY
        default = getattr(model(), name)
        assert parameter.default == (None if name == "seed" else default)
        assert f"{name}: {about(model, name).description}" in method.__doc__
        assert range_of(model, name)[1:] in method.__doc__


@setting
def test_the_api_documents_every_setting_as_it_is_declared(model, name):
    schemas = create_app(object()).openapi()["components"]["schemas"]
    kind = "NewLearner" if model is Settings else "NewValueLearner"
    change = "Changes" if model is Settings else "ValueChanges"
    shown = schemas[kind]["properties"][name]
    assert shown["description"] == about(model, name).description
    assert (name in schemas[change]["properties"]) == (shown["x-change"] != "never")
    assert shown["description"] == schemas[model.__name__]["properties"][name]["description"]
    limits = {"exclusiveMinimum", "minimum", "exclusiveMaximum", "maximum"}
    assert bool(range_of(model, name)) == bool(limits & set(shown))


def test_what_resets_the_evidence_can_be_changed():
    assert resetting(Settings) == ("target", "alpha", "targets", "costs", "audit")
    for model in MODELS:
        assert set(resetting(model)) <= set(changeable(model)) < set(types_of(model))


def test_a_setting_that_there_is_not_is_refused_and_the_others_are_named(tmp_path):
    with quickstudy.open(tmp_path / "work.db") as deployment:
        with pytest.raises(SettingError, match="'tarket': schema, target, ") as refused:
            deployment.create("t", tarket=0.9)
        assert refused.value.field == "tarket"
        with pytest.raises(SettingError, match=r"target is 1\.5; it must be above 0, below 1"):
            deployment.create("t", target=1.5)
        with pytest.raises(SettingError, match=r"costs\.step is -1; it must be at least 0"):
            deployment.create_value("v", costs={"step": -1})
        assert deployment.learners() == []
