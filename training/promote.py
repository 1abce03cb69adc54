"""Who serves: judging a version against the running one, and what a set-up does when the data files have changed.

Where nothing serves yet, the first version does. After that, `up` and `prepare` train what changed and promote it
through the gate as long as this is a demo (KEFU_DEMO, the default: the machine of somebody who edits the data). With
the demo off, nothing is trained or moved but by `./kefu train` and `./kefu promote`. A refused version is not tried
again until its sources change.
"""

import structlog

from core.settings import Settings
from training.evaluation import Evaluation, evaluation_of, latest_evaluation
from training.gate import Verdict, compare
from training.rasa import Say, TrainingFailed
from training.registry import Registry, Version
from training.sources import Sources
from training.train import Report, train

FIRST, PROMOTED, REFUSED, FORCED, ROLLED_BACK = "first", "promoted", "refused", "forced", "rolled back"

logger = structlog.get_logger()


def judge(settings: Settings, candidate: Version, running: Version, say: Say = lambda text: None) -> Verdict:
    """Both on the held-out data as it is now. Where the running version cannot be loaded by the code as it is now, what
    it did when it was measured last is compared on the utterances that are still there.

    Raises TrainingFailed when the candidate cannot be loaded.
    """
    after = evaluation_of(settings, candidate, say)
    try:
        before = evaluation_of(settings, running, say)
    except TrainingFailed as error:
        logger.warning("the running version cannot be measured anew", version=running.name, error=error.message)
        before = latest_evaluation(settings, running) or Evaluation((), (), (), {})
    return compare(before, after)


def changed(settings: Settings) -> bool:
    """Whether the sources are other than those of the version that serves."""
    return Registry(settings).current().fingerprint != Sources(settings).fingerprint()


def settled(settings: Settings) -> bool:
    """Nothing is left for a set-up to do: the version that serves is there and, in the demo, of the present sources;
    or the gate has refused the one that is."""
    registry = Registry(settings)
    serving = registry.serving()
    if serving is None or not any(version.name == serving.current for version in registry.versions()):
        return False
    return not settings.demo or not changed(settings) or last_refusal(settings) is not None


def settle(settings: Settings, report: Report) -> None:
    """Train what is to be trained; let it serve if it is the first, or if the gate lets it pass."""
    registry = Registry(settings)
    serving = registry.serving()
    version = train(settings, report)
    if serving is None or not any(one.name == serving.current for one in registry.versions()):
        registry.point_to(version, FIRST)
    elif settings.demo and version.name != serving.current:
        verdict = judge(settings, version, registry.current(), lambda text: report("gate", text))
        if verdict.passed:
            registry.point_to(version, PROMOTED, **verdict.as_json())
        else:
            registry.note(REFUSED, version, **verdict.as_json())


def last_refusal(settings: Settings) -> list[str] | None:
    """Why the gate refused the version of the present sources; None when it did not."""
    version = Registry(settings).made_from(Sources(settings).fingerprint())
    of_version = [entry for entry in Registry(settings).history() if version and entry["version"] == version.name]
    return of_version[-1]["reasons"] if of_version and of_version[-1]["what"] == REFUSED else None
