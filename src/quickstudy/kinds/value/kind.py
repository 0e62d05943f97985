"""What the value function brings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quickstudy.api.runs import ValueInfo
from quickstudy.api.settings import ValueSettings
from quickstudy.deploy.kind import Kind
from quickstudy.kinds.value.metrics import METRICS

if TYPE_CHECKING:
    from quickstudy.learners.value.value_function import ValueFunction


def new_value(settings: ValueSettings) -> ValueFunction:
    """The learner that a deployment starts with.

    Raises:
        SettingError: a setting is out of range.
    """
    from quickstudy.learners.value.value_function import ValueFunction

    return ValueFunction(
        success=settings.success,
        discount=settings.discount,
        outcome_range=settings.outcome_range,
        costs=settings.costs,
        stop_error=settings.stop_error,
        alpha=settings.alpha,
        audit=settings.audit,
        loops=settings.loops,
        most_open=settings.most_open,
        budget_mb=settings.budget_mb,
        schema=settings.schema or None,
        seed=settings.seed,
    )


VALUE = Kind(
    name="value",
    noun="value learner",
    protocol="runs",
    settings=ValueSettings,
    learner="quickstudy.learners.value.value_function:ValueFunction",
    new=new_value,
    info=ValueInfo,
    report=lambda deployment, name: deployment.value(name),
    example={
        "kind": "value",
        "name": "agents",
        "costs": {"step": 0.01, "failure": 0.5, "ask": 0.2},
    },
    example_changes={"costs": {"step": 0.02}, "stop_error": 0.1},
    metrics=METRICS,
    routes=("quickstudy.serve.routes.runs:router",),
    pages="quickstudy.serve.dashboard.runs.value:VALUE",
)
