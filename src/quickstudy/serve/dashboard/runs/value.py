"""What a value learner brings to the pages."""

from __future__ import annotations

from starlette.datastructures import FormData

from quickstudy.serve.dashboard.base.kinds import Card, KindPages, NewForm
from quickstudy.serve.dashboard.base.session import Store
from quickstudy.serve.dashboard.runs import figures
from quickstudy.serve.dashboard.runs.runs import MOST, live_value, value_page
from quickstudy.serve.dashboard.runs.settings import new_value, value_changes, value_settings_page


def _card(store: Store, name: str) -> Card:
    report = store.value(name)
    live = store.runs(name, status="live", limit=MOST)
    return Card("runs/parts/card.html", report, figures.headline(report, live))


def _create(store: Store, name: str, form: FormData, actor: str) -> None:
    store.create_value(name, **new_value(form), actor=actor)


VALUE = KindPages(
    kind="value",
    tabs=(("/runs", "Runs"),),
    instead="it predicts how runs will end, see its runs",
    card=_card,
    overview=value_page,
    live=live_value,
    settings=value_settings_page,
    changes=value_changes,
    new=NewForm(
        about=("Runs", " of many steps: it says how they will end"),
        template="runs/parts/new.html",
        usual={
            "success": "1",
            "lowest": "0",
            "highest": "1",
            "step": "0",
            "failure": "0",
            "ask": "",
            "help": "100",
            "stop_error": "5",
            "hours": "24",
        },
    ),
    create=_create,
)
