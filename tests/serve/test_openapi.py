"""The OpenAPI document is complete, and the server keeps to it whatever it is sent."""

import json
import os

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import booleans
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

import quickstudy
from quickstudy.api.codec import adapter
from quickstudy.serve.app import create_app
from quickstudy.serve.openapi.document import MODELS
from quickstudy.serve.settings import ServerSettings
from tests.serve.conftest import HOME

EXAMPLES = int(os.environ.get("QUICKSTUDY_SCHEMATHESIS", "15"))  # requests an operation
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
ENDLESS = "GET /v1/events"
NOTHING_TO_GET_WRONG = {
    *("GET /v1/learners", "GET /v1/keys", "GET /healthz", "GET /readyz", "GET /metrics"),
    "GET /v1/pause",
}


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """An app with a learner and predictions that the examples of the document can meet."""
    with quickstudy.open(tmp_path_factory.mktemp("store") / "work.db") as deployment:
        deployment.create("tickets", budget_mb=16)
        for i in range(3):
            answer = deployment.predict("tickets", f"where is my card {i}", id=f"case {i}")
            deployment.feedback(answer.id, label="card", source="ana", wait_learned=True)
        deployment.create_value("agents", budget_mb=16)
        for run in ("run-1", "run-2"):
            deployment.start("agents", task="a flight", id=run)
            deployment.step("agents", run, "3 flights found", action="search(flights)")
        deployment.end("agents", "run-2", 1.0)
        yield create_app(deployment, settings=ServerSettings())


@pytest.fixture(scope="module")
def document(app):
    return app.openapi()


@pytest.fixture(scope="module")
def api(app):
    """The document as schemathesis reads it."""
    return schemathesis.openapi.from_asgi("/openapi.json", app, headers={"host": "127.0.0.1"})


def operations(document):
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


NAMES = [name for name, _ in operations(create_app(object()).openapi()) if name != ENDLESS]


@pytest.mark.parametrize("name", NAMES)
def test_every_answer_is_one_that_the_document_declares(api, name):
    method, path = name.split()
    operation = api[path][method]
    right, wrong = (operation.as_strategy(generation_mode=mode) for mode in GenerationMode)
    cases = right if name in NOTHING_TO_GET_WRONG else right | wrong

    @given(case=cases, meets=booleans())
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def keeps_to_it(case, meets):
        if meets and method != "DELETE":  # else names and ids are made up, and nothing is there
            runs = "/runs" in path or path.endswith("/value")
            name_of = "agents" if runs else "tickets"
            known = {"name": name_of, "id": "case 1", "run": "run-1"}
            case.path_parameters = {k: known[k] for k in case.path_parameters or {}}
        case.call_and_validate(base_url=HOME, checks=CHECKS)

    keeps_to_it()


def test_every_operation_is_described(document):
    found = dict(operations(document))
    assert len(found) >= 49
    for name, operation in found.items():
        assert operation["summary"] and operation["tags"], name
        assert len(operation["description"]) > 10, name


def test_every_answer_with_a_body_has_an_example_or_a_plain_form(document):
    for name, operation in operations(document):
        for status, response in operation["responses"].items():
            if status in ("200", "201"):
                for media in response["content"].values():
                    assert media["schema"] or "example" in media, name


def test_every_body_has_examples_that_are_of_its_form(document):
    bodies = [
        operation["requestBody"]["content"]["application/json"]
        for _, operation in operations(document)
        if "requestBody" in operation
    ]
    assert len(bodies) >= 15
    forms_by_name = {model.__name__: model for model, mode in MODELS if mode == "validation"}
    for body in bodies:
        refs = body["schema"].get("anyOf", [body["schema"]])
        names = [ref["$ref"].split("/")[-1].removesuffix("-Input") for ref in refs]
        takes = [forms_by_name[name] for name in names]
        assert body["examples"]
        fits = [
            [form for form in takes if fitting(form, example["value"])]
            for example in body["examples"].values()
        ]
        assert all(len(forms) == 1 for forms in fits)
        assert all([form] in fits for form in takes)


def fitting(form, value):
    try:
        adapter(form).validate_json(json.dumps(value), strict=True, extra="forbid")
    except ValueError:
        return False
    return True


def test_every_refusal_is_a_problem(document):
    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    for name, operation in operations(document):
        refused = {s: r for s, r in operation["responses"].items() if s >= "400"}
        assert {"401", "403", "422", "429", "503"} <= set(refused) or "z" in name, name
        for response in refused.values():
            assert response["content"] == {"application/problem+json": problem}, name


def test_every_reference_leads_somewhere(document):
    schemas = document["components"]["schemas"]

    def references(value):
        if isinstance(value, dict):
            if "$ref" in value:
                yield value["$ref"].removeprefix("#/components/schemas/")
            value = list(value.values())
        if isinstance(value, list):
            for part in value:
                yield from references(part)

    found = set(references(document))
    assert {"Answer", "Case", "Explanation", "Problem", "Report", "ToTeach"} <= found
    assert {"RunInfo", "RunReport", "Estimate", "Loop", "ValueReport", "RunCosts"} <= found
    assert {
        "Version",
        "GateReport",
        "Exam",
        "Limits-Output",
        "Limits-Input",
        "Pause",
        "OnePin",
    } <= found
    assert found <= set(schemas)


def test_the_pages_of_the_dashboard_are_not_part_of_it(document):
    known = ("/v1/", "/healthz", "/readyz", "/metrics")
    assert all(path.startswith(known) for path in document["paths"])
