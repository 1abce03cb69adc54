"""Where to answer, where to ask back, where to pass: the operating point of one index, and how well it holds there."""

import os
from collections import defaultdict
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from retrieval.calibration import (
    CHOICES,
    Array,
    Calibration,
    Kind,
    Outcome,
    Sample,
    expected_calibration_error,
    fit,
    scale_of,
    shares,
)
from retrieval.policy import Limits, Policy, unproven

PRIOR = Path(__file__).with_name("prior.json")
_FOLDS = 5
_ROUNDING = 1e-9


class Rates(BaseModel):
    """What questions of one kind get at the operating point: shares of all `questions` of the kind."""

    model_config = ConfigDict(frozen=True)

    questions: int
    answered_right: float
    answered_wrong: float
    choices_with_right: float
    choices_without: float
    none: float


class Report(BaseModel):
    """Measured on held-out folds. `recall_at_1`: of answerable questions, before any threshold; None without any."""

    model_config = ConfigDict(frozen=True)

    expected_calibration_error: float
    recall_at_1: float | None
    rates: dict[Kind, Rates]


class Operation(BaseModel):
    """Everything between a ranking and an outcome; stored with the index it was fitted to."""

    model_config = ConfigDict(frozen=True)

    calibration: Calibration
    answer_at: float
    choices_at: float
    least_choice: float
    report: Report

    def outcome(self, probabilities: Array) -> Outcome:
        """`probabilities` (n,) in falling order."""
        if len(probabilities) and probabilities[0] >= self.answer_at:
            return "answer"
        listed = probabilities[:CHOICES]
        return "choices" if listed[listed >= self.least_choice].sum() >= self.choices_at else "none"


def operate(samples: Sequence[Sample], policy: Policy, prior: Operation | None) -> Operation:
    """Fit, and find the lowest thresholds that stay within the limits on questions the fit has not seen. Where nobody
    has asked this base anything yet, what the prior needed to stay within them is the least."""
    if not samples:
        if prior is None:
            raise ValueError("neither samples nor a prior to go by")
        return prior
    if prior is None or any(sample.asked and sample.kind == "answerable" for sample in samples):
        return operate_all([samples], policy, prior)
    found = operate_all([samples], unproven(policy), prior)
    answer_at, choices_at = max(found.answer_at, prior.answer_at), max(found.choices_at, prior.choices_at)
    return found.model_copy(update={"answer_at": answer_at, "choices_at": choices_at})


def operate_all(
    bases: Sequence[Sequence[Sample]], policy: Policy, prior: Operation | None = None, forms: int = 1
) -> Operation:
    """One operating point for several bases, which count alike: within the limits over all bases of a form together,
    for each of the `forms` that they have in turn. The report is that of the first."""
    before = prior.calibration if prior else None
    trials: list[list[_Trial]] = [[] for _ in bases]
    for fold in range(_FOLDS):
        others = [[sample for i, sample in enumerate(samples) if i % _FOLDS != fold] or samples for samples in bases]
        model = fit(others, policy.mix, before)
        for samples, kept, held_out in zip(bases, others, trials, strict=True):
            own = model.model_copy(update={"scale": scale_of(kept, before)})
            for sample in samples[fold::_FOLDS]:
                held_out.append(_Trial(sample, own.probabilities(sample.ranking), policy.least_choice))
    for of_base in trials:
        _weigh_alike(of_base)
    of_forms = [list(chain(*trials[form::forms])) for form in range(forms)]
    answer_at = max(_answer_threshold(of_form, policy.limits) for of_form in of_forms)
    choices_at = max(_choices_threshold(of_form, policy.limits, answer_at) for of_form in of_forms)
    return Operation(
        calibration=fit(bases, policy.mix, before),
        answer_at=answer_at,
        choices_at=choices_at,
        least_choice=policy.least_choice,
        report=_report(trials[0], policy, answer_at, choices_at),
    )


class _Trial:
    """One sample with its held-out probabilities, best first."""

    def __init__(self, sample: Sample, probabilities: Array, least_choice: float) -> None:
        order = np.argsort(-probabilities, kind="stable")
        entries, probabilities = sample.ranking.entries[order], probabilities[order]
        listed = probabilities[:CHOICES] >= least_choice
        self.sample = sample
        self.kind, self.weight = sample.kind, sample.weight
        self.first = float(probabilities[0]) if len(probabilities) else 0.0
        self.listed = float(probabilities[:CHOICES][listed].sum())
        self.right = bool(len(entries)) and entries[0] == sample.answer
        self.right_listed = sample.answer is not None and sample.answer in entries[:CHOICES][listed]


def _weigh_alike(trials: Sequence[_Trial]) -> None:
    """Each kind comes to 1, however many questions of it a base has."""
    totals: defaultdict[Kind, float] = defaultdict(float)
    for trial in trials:
        totals[trial.kind] += trial.weight
    for trial in trials:
        trial.weight /= totals[trial.kind]


def _answer_threshold(trials: Sequence[_Trial], limits: Limits) -> float:
    bounds: dict[Kind, float] = {
        "answerable": limits.wrong_answer_to_answerable,
        "missing": limits.answer_to_missing,
        "unanswerable": limits.answer_to_unanswerable,
    }
    return max(
        _least([(t.first, t.weight, not t.right) for t in trials if t.kind == kind], limit)
        for kind, limit in bounds.items()
    )


def _choices_threshold(trials: Sequence[_Trial], limits: Limits, answer_at: float) -> float:
    bounds: dict[Kind, float] = {
        "missing": limits.choices_to_missing,
        "unanswerable": limits.choices_to_unanswerable,
    }
    return max(
        _least([(t.listed, t.weight, t.first < answer_at) for t in trials if t.kind == kind], limit)
        for kind, limit in bounds.items()
    )


def _least(trials: Sequence[tuple[float, float, bool]], limit: float) -> float:
    """The lowest threshold at which the faulty trials (score, weight, faulty) at or above it stay within the limit."""
    room = limit * sum(weight for _score, weight, _faulty in trials)
    for score, weight, faulty in sorted(trials, reverse=True):
        room -= weight if faulty else 0.0
        if room < -_ROUNDING:
            return float(np.nextafter(score, np.inf))
    return 0.0


def _report(trials: Sequence[_Trial], policy: Policy, answer_at: float, choices_at: float) -> Report:
    share = shares([trial.sample for trial in trials], policy.mix)
    first = np.array([trial.first for trial in trials])
    right = np.array([trial.right for trial in trials])
    rates: dict[Kind, Rates] = {}
    kinds: tuple[Kind, ...] = ("answerable", "missing", "unanswerable")
    for kind in kinds:
        of_kind = [trial for trial in trials if trial.kind == kind]
        if of_kind:
            rates[kind] = _rates(of_kind, answer_at, choices_at)
    answerable = np.array([trial.kind == "answerable" for trial in trials])
    found = float(np.average(right[answerable], weights=share[answerable])) if answerable.any() else None
    return Report(
        expected_calibration_error=expected_calibration_error(first, right, share), recall_at_1=found, rates=rates
    )


def _rates(trials: Sequence[_Trial], answer_at: float, choices_at: float) -> Rates:
    total = sum(trial.weight for trial in trials)
    sums = dict.fromkeys(("answered_right", "answered_wrong", "choices_with_right", "choices_without", "none"), 0.0)
    for trial in trials:
        if trial.first >= answer_at:
            got = "answered_right" if trial.right else "answered_wrong"
        elif trial.listed >= choices_at:
            got = "choices_with_right" if trial.right_listed else "choices_without"
        else:
            got = "none"
        sums[got] += trial.weight / total
    return Rates(questions=len(trials), **sums)


class Stored(BaseModel):
    """An operation with the key of all that it was fitted to."""

    model_config = ConfigDict(frozen=True)

    key: str
    operation: Operation

    @classmethod
    def read(cls, path: Path) -> "Stored | None":
        """None when there is none, or one of another form."""
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValidationError):
            return None

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}.partial")
        partial.write_text(self.model_dump_json(indent=1), encoding="utf-8")
        partial.replace(path)


def read_prior(path: Path = PRIOR) -> Operation:
    return Operation.model_validate_json(path.read_text(encoding="utf-8"))
