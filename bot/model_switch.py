"""Which models serve now, for every process of the app: the assistant's address and the version it runs.

Whoever runs the assistant writes `var/run/assistant.json`; every app process looks at it once a second and then takes
its new turns to the new assistant with the sentiment model of the same version. A file can be read late, but it cannot
be missed as a message can.
"""

import asyncio
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import structlog

from bot.rasa_client import Assistant
from bot.understanding import Understanding
from core.errors import NotFound
from core.settings import Settings
from handoff.sentiment import OtherForm, SentimentModel
from training.registry import Registry, write_whole

LOOK_SECONDS = 1.0

logger = structlog.get_logger()


@dataclass(frozen=True)
class Active:
    """The assistant that takes the turns."""

    version: str
    url: str


def announce(settings: Settings, active: Active) -> None:
    write_whole(_file(settings), json.dumps(asdict(active)) + "\n")


def retire(settings: Settings) -> None:
    """Nobody runs an assistant here any more."""
    _file(settings).unlink(missing_ok=True)


def active(settings: Settings) -> Active:
    """What was announced, else the version that serves at the address of the settings. Raises NotFound without one."""
    try:
        return Active(**json.loads(_file(settings).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return Active(Registry(settings).current().name, settings.assistant_url)


def load_sentiment(settings: Settings, version: str) -> SentimentModel:
    """Raises NotFound, FileNotFoundError, OtherForm."""
    return SentimentModel.load(Registry(settings).find(version).sentiment)


class ModelSwitch:
    """Follows in one app process. `now`: what `assistant` and `understanding` were made with."""

    def __init__(self, settings: Settings, now: Active, assistant: Assistant, understanding: Understanding) -> None:
        self._settings = settings
        self._now = now
        self._assistant = assistant
        self._understanding = understanding

    async def run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Moves when there is something new. What cannot be loaded is logged, and tried again at the next look."""
        try:
            wanted = active(self._settings)
            if wanted == self._now:
                return
            sentiment = await asyncio.to_thread(load_sentiment, self._settings, wanted.version)
        except (NotFound, FileNotFoundError, OtherForm) as error:
            logger.error("the models that serve cannot be loaded", error=str(error))
            return
        self._understanding.use_sentiment(sentiment)
        self._assistant.point_to(wanted.url)
        self._now = wanted
        logger.info("models switched", version=wanted.version, url=wanted.url)


def _file(settings: Settings) -> Path:
    return settings.var_dir / "run" / "assistant.json"
