"""The usual alternative that `server.py` measures beside ours: River's ARF behind FastAPI.

    python benchmarks/server_peer.py --port 8000 --model model.pkl

Written as one writes it in an afternoon: a model in memory, predictions kept in a dict until their
feedback comes, and a pickle of the model every 1,000 learns (to a second file that then takes the
first one's place), read again at the start. It speaks as much of our HTTP as the load needs.
"""

from __future__ import annotations

import argparse
import os
import pickle
import time
import uuid
from pathlib import Path
from typing import Annotated, Any

import uvicorn
from fastapi import Body, FastAPI, HTTPException

from quickstudy.evaluate.peers.base import require

SAVE_EVERY = 1_000
MODELS = 10
Json = Annotated[dict[str, Any], Body()]


class Service:
    """A model, how much it learned, and the records that wait for their labels."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.pending: dict[str, dict[str, Any]] = {}
        self.saves: list[tuple[float, float]] = []
        if path.exists():
            self.model, self.learned = pickle.loads(path.read_bytes())
        else:
            self.model = require("river.forest").ARFClassifier(n_models=MODELS, seed=1)
            self.learned = 0

    def predict(self, record: dict[str, Any]) -> dict[str, Any]:
        """Answer, and keep the record for its label."""
        name = uuid.uuid4().hex
        self.pending[name] = record
        votes = self.model.predict_proba_one(record)
        label = max(votes, key=votes.get, default=None)
        return {"id": name, "label": label, "confidence": votes.get(label, 0.0)}

    def feedback(self, item: dict[str, Any]) -> dict[str, Any]:
        """Learn a label."""
        record = self.pending.pop(item["prediction_id"], None)
        if record is None:
            raise HTTPException(404, "unknown prediction")
        self.model.learn_one(record, item["label"])
        self.learned += 1
        if self.learned % SAVE_EVERY == 0:
            self.save()
        return {"seq": self.learned, "status": "accepted"}

    def save(self) -> None:
        """Pickle the model; the old file stays whole until the new one is."""
        began = time.time()
        draft = self.path.with_suffix(".tmp")
        draft.write_bytes(pickle.dumps((self.model, self.learned)))
        os.replace(draft, self.path)  # noqa: PTH105
        self.saves.append((began, time.time()))


def make_app(service: Service) -> FastAPI:
    """The same routes as ours."""
    app = FastAPI()

    @app.get("/readyz")
    async def ready() -> dict[str, str]:
        return {"status": "ready"}

    @app.get("/v1/learners/{name}/report")
    async def report(name: str) -> dict[str, Any]:
        return {"learned": service.learned, "saves": service.saves}

    @app.post("/v1/learners/{name}/predictions")
    async def predict(name: str, body: Json) -> dict[str, Any]:
        if "records" in body:
            return {"predictions": [service.predict(record) for record in body["records"]]}
        return service.predict(body["record"])

    @app.post("/v1/feedback")
    async def feedback(body: Json) -> dict[str, Any]:
        if "feedback" in body:
            return {"feedback": [service.feedback(item) for item in body["feedback"]]}
        return service.feedback(body)

    return app


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--model", type=Path, required=True)
    given = parser.parse_args()
    app = make_app(Service(given.model))
    uvicorn.run(app, host="127.0.0.1", port=given.port, log_level="warning")


if __name__ == "__main__":
    main()
