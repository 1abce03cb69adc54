"""What the search may get wrong: read from `policy.yml`, which is where a shop changes it."""

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import SettingsError

POLICY = Path(__file__).with_name("policy.yml")
Share = Annotated[float, Field(ge=0, le=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Mix(_Strict):
    """Shares of questions by kind; what they sum up to does not matter."""

    answerable: Share
    missing: Share
    unanswerable: Share


class Limits(_Strict):
    wrong_answer_to_answerable: Share
    answer_to_missing: Share
    answer_to_unanswerable: Share
    choices_to_missing: Share
    choices_to_unanswerable: Share


class Policy(_Strict):
    mix: Mix
    limits: Limits
    unproven: Share
    least_choice: Share


def unproven(policy: Policy) -> Policy:
    """The same for bases that nobody has asked anything yet."""
    limits = {
        name: limit if name.endswith("_to_unanswerable") else limit * policy.unproven for name, limit in policy.limits
    }
    return policy.model_copy(update={"limits": Limits(**limits)})


def load_policy(path: Path = POLICY) -> Policy:
    """Raises SettingsError naming file and field."""
    try:
        return Policy.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (ValidationError, yaml.YAMLError) as error:
        raise SettingsError(f"{path}: {error}") from error
