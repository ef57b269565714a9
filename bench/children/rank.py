"""A server of one route, for the race of backends: `python -m bench.children.rank FOLDER HOW`; it prints its port."""

from __future__ import annotations

import json
import socket
import sys
import time
from pathlib import Path

import fastapi
import torch
import uvicorn
from pydantic import BaseModel

from plait.export.backend import Asker, Backend
from plait.export.bundle import load_bundle
from plait.export.eager import EagerBackend
from plait.run.run import Run


class Asked(BaseModel):
    user: int
    items: list[int]


def backend(folder: Path, how: str) -> Backend:
    """Return the backend that is raced."""
    torch.set_num_threads(1)
    return EagerBackend(Run(folder)) if how == "eager" else load_bundle(folder).backend


def main() -> None:
    scored = backend(Path(sys.argv[1]), sys.argv[2])
    app = fastapi.FastAPI()

    @app.post("/rank")
    async def rank(asked: Asked) -> dict[str, list[list[float]]]:
        found = scored.rank(Asker(asked.user), torch.tensor(asked.items))
        return {name: scores.tolist() for name, scores in found.items()}

    @app.get("/cpu")
    async def cpu() -> float:
        return time.process_time()

    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        print(json.dumps({"port": place.getsockname()[1], "users": scored.users, "items": scored.items}), flush=True)
        uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_keep_alive=3600)).run(sockets=[place])


if __name__ == "__main__":
    main()
