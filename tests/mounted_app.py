"""An application with Webhook UI and its accounts at `/webhooks`, and routes of its own. Served by tests."""

import os
from pathlib import Path

from fastapi import FastAPI, Request

import webhook_ui

FOLDER = Path(os.environ["HERE"])

app = FastAPI()


@app.get("/own")
def own(request: Request) -> dict[str, object]:
    """What a route of the application sees."""
    return {"state": sorted(vars(request.state)["_state"]), "root_path": request.scope["root_path"]}


@app.get("/webhooks-of-ours")
def neighbour() -> str:
    """Begins as the mount does, and is none of it."""
    return "ours"


webhook_ui.mount(app, "/webhooks", data_dir=FOLDER / "data", plugins_dir=FOLDER / "plugins")
