"""`python -m bot.assistant.serve`: serves one trained model on loopback.

What `rasa run` does, without what it loads and does not need: see lean.py and patches.py. The model is loaded before
the port is opened, so a server that answers is ready, and one that cannot load its model ends with the reason.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
from asyncio import AbstractEventLoop
from pathlib import Path
from typing import TYPE_CHECKING

from bot.assistant.lean import configure_logging, leave_out_tensorflow, needs_tensorflow

if TYPE_CHECKING:
    from rasa.core.agent import Agent
    from sanic import Sanic

GARBAGE = 20_000  # objects made before the collector looks at them (Python: 700)
PROJECT = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="a trained model, .tar.gz")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=int(os.environ.get("KEFU_ASSISTANT_PORT", "5005")))
    arguments = parser.parse_args()
    if not arguments.model.is_file():
        parser.error(f"there is no model {arguments.model}; ./kefu train makes one")
    if not needs_tensorflow(arguments.model):
        leave_out_tensorflow()
    configure_logging(logging.INFO)
    app = create_app(load(arguments.model))
    # What was loaded stays: the garbage collector need not look through it again and again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE, 20, 20)
    app.run(host=arguments.host, port=arguments.port, access_log=False, debug=False)


def load(model: Path) -> Agent:
    """The agent with its stores and endpoints, ready to take turns."""
    from rasa.core.agent import Agent
    from rasa.core.tracker_store import TrackerStore
    from rasa.core.utils import AvailableEndpoints
    from rasa.utils.endpoints import EndpointConfig

    from bot.assistant import patches
    from bot.assistant.action_endpoint import PooledEndpoint
    from bot.assistant.components.sentence_vector import ENCODER_VARIABLE, encoder

    patches.apply()
    endpoints = AvailableEndpoints.read_endpoints(str(PROJECT / "endpoints.yml"))
    assert isinstance(endpoints.action, EndpointConfig)
    agent = Agent(action_endpoint=PooledEndpoint.of(endpoints.action))
    # Rasa wraps a store so that a failing one is silently replaced by memory; a turn that is not stored must fail.
    agent.tracker_store = TrackerStore.create(endpoints.tracker_store)
    agent.load_model(model)
    if os.environ.get(ENCODER_VARIABLE):
        encoder()  # for the parts of a message with several wishes: the first customer with one need not wait for it
    return agent


def create_app(agent: Agent) -> Sanic:
    from rasa.core.channels.channel import register
    from rasa.core.run import create_http_input_channels
    from sanic import Sanic

    from bot.assistant.turn import Turns

    app = Sanic("kefu_assistant", configure_logging=False)
    # Longer than the app's client keeps an idle connection (httpx: 5 s), so that it is never the one to be cut off.
    app.config.KEEP_ALIVE_TIMEOUT = 75
    app.ctx.agent = agent
    assert agent.processor is not None
    app.ctx.turns = Turns(agent.processor)
    register(create_http_input_channels(None, str(PROJECT / "credentials.yml")), app, route="/webhooks/")

    async def close(_: Sanic, __: AbstractEventLoop) -> None:
        await agent.tracker_store.close()
        await agent.action_endpoint.close()

    app.register_listener(close, "after_server_stop")
    return app


if __name__ == "__main__":
    main()
