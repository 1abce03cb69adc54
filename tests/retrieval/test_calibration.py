"""The fit on made-up rankings whose truth is known."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import SettingsError
from retrieval.calibration import Calibration, Kind, Sample, expected_calibration_error, fit, shares
from retrieval.operating import PRIOR, Operation, Stored, operate, operate_all, read_prior
from retrieval.policy import Limits, Mix, Policy, load_policy
from retrieval.ranking import FEATURES, LATE, Ranking

MIX = Mix(answerable=0.6, missing=0.25, unanswerable=0.15)
RNG = np.random.default_rng(7)


def made(kind: Kind, quality: float) -> Sample:
    """The right entry, if there is one, is number 0 and stands out by `quality`; others are noise."""
    features = RNG.normal(0, 1, (6, len(FEATURES))) * [0.02, 0.01, 0.01, 0.3, 0, 0.08]
    features[:, 0] += 0.88
    if kind == "answerable":
        features[0] += np.array([0.05, 0.01, 0.01, 0.6, 0, 0.1]) * quality
    entries = RNG.permutation(6)
    field = (float(RNG.normal(0.9, 0.01)), 0.8)
    return Sample(kind, Ranking(entries, features[entries], field), 0 if kind == "answerable" else None)


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    answerable = [made("answerable", RNG.uniform(0, 3)) for _ in range(400)]
    return answerable + [made("missing", 0) for _ in range(200)] + [made("unanswerable", 0) for _ in range(100)]


def policy(**limits: float) -> Policy:
    usual = dict.fromkeys(Limits.model_fields, 1.0)
    return Policy(mix=MIX, limits=Limits(**usual | limits), unproven=0.5, least_choice=0.05)


def test_probabilities_mean_what_they_say_on_unseen_questions(samples: list[Sample]) -> None:
    model = fit([samples[::2]], MIX, None)
    unseen = samples[1::2]
    firsts, right = [], []
    for sample in unseen:
        probabilities = model.probabilities(sample.ranking)
        assert 0 < probabilities.sum() < 1
        firsts.append(probabilities.max())
        right.append(sample.ranking.entries[probabilities.argmax()] == sample.answer)
    assert expected_calibration_error(np.array(firsts), np.array(right), shares(unseen, MIX)) < 0.1
    assert np.mean(firsts) == pytest.approx(np.average(right), abs=0.1)


def test_kinds_get_their_share_whatever_their_number(samples: list[Sample]) -> None:
    share = shares(samples, MIX)
    kinds = np.array([sample.kind for sample in samples])
    of_kind = {kind: share[kinds == kind].sum() / share.sum() for kind in ("answerable", "missing", "unanswerable")}
    assert of_kind == pytest.approx(dict(MIX))
    assert share.max() == 1


def test_without_answerable_samples_the_priors_weights_stay(samples: list[Sample]) -> None:
    prior = fit([samples], MIX, None)
    model = fit([[sample for sample in samples if sample.kind != "answerable"]], MIX, prior)
    assert model.weights == prior.weights


def test_few_samples_move_the_prior_little(samples: list[Sample]) -> None:
    prior = fit([samples], MIX, None)

    def distance(model: Calibration) -> float:
        return float(np.linalg.norm(np.subtract(model.weights, prior.weights)))

    other = [made("answerable", -1) for _ in range(50)]
    few, many = fit([samples[400:] + other[:3]], MIX, prior), fit([samples[400:] + other], MIX, prior)
    assert distance(few) < distance(many)


def test_nothing_found_is_nothing_probable(samples: list[Sample]) -> None:
    empty = Ranking(np.empty(0, np.int64), np.empty((0, len(FEATURES))), (0.0, 0.0))
    assert fit([samples], MIX, None).probabilities(empty).shape == (0,)
    assert operate([Sample("missing", empty, None)], load_policy(), read_prior()).outcome(np.empty(0)) == "none"


@pytest.mark.parametrize(
    ("limits", "measured"),
    [
        ({"wrong_answer_to_answerable": 0.02}, lambda o: o.report.rates["answerable"].answered_wrong),
        ({"answer_to_missing": 0.03}, lambda o: o.report.rates["missing"].answered_wrong),
        ({"answer_to_unanswerable": 0.01}, lambda o: o.report.rates["unanswerable"].answered_wrong),
    ],
)
def test_answers_stay_within_each_limit(
    samples: list[Sample], limits: dict[str, float], measured: Callable[[Operation], float]
) -> None:
    free, bound = operate(samples, policy(), None), operate(samples, policy(**limits), None)
    [limit] = limits.values()
    assert measured(free) > limit
    assert limit - 0.02 < measured(bound) <= limit + 1e-9
    assert bound.answer_at > free.answer_at == 0


def test_choices_stay_within_their_limit(samples: list[Sample]) -> None:
    bound = operate(samples, policy(answer_to_missing=0.05, choices_to_missing=0.2), None)
    assert bound.report.rates["missing"].choices_without == pytest.approx(0.2, abs=0.02)
    assert bound.report.rates["answerable"].choices_with_right > bound.report.rates["answerable"].choices_without


def test_a_base_nobody_has_asked_answers_no_sooner_than_the_prior(samples: list[Sample]) -> None:
    prior = operate(samples, policy(), None).model_copy(update={"answer_at": 0.9, "choices_at": 0.4})
    assert operate(samples, policy(), prior).answer_at == 0.9
    asked = [replace(sample, asked=True) for sample in samples]
    assert operate(asked, policy(), prior).answer_at < 0.9


def test_limits_hold_for_each_form_of_base(samples: list[Sample]) -> None:
    """A base that is off by much alone, beside one that is not: together half as much is wrong as there."""
    hard = [replace(sample, kind="missing", answer=None) if sample.answer == 0 else sample for sample in samples]
    limited = policy(answer_to_missing=0.2)
    together = operate_all([samples, hard], limited)
    each = operate_all([samples, hard], limited, forms=2)
    assert each.answer_at > together.answer_at > 0


def test_a_base_without_tokens_is_judged_by_its_cosines(samples: list[Sample]) -> None:
    def blind(sample: Sample) -> Sample:
        features = sample.ranking.features.copy()
        features[:, LATE] = np.nan
        return replace(sample, ranking=replace(sample.ranking, features=features))

    prior = fit([samples], MIX, None)
    unseen = [blind(sample) for sample in samples[1::2]]
    model = fit([[blind(sample) for sample in samples[::2]]], MIX, prior)
    firsts = np.array([model.probabilities(sample.ranking).max() for sample in unseen])
    best = [model.probabilities(sample.ranking).argmax() for sample in unseen]
    right = np.array([s.ranking.entries[i] == s.answer for s, i in zip(unseen, best, strict=True)])
    assert expected_calibration_error(firsts, right, shares(unseen, MIX)) < 0.1
    assert right[[sample.kind == "answerable" for sample in unseen]].mean() > 0.5


def test_outcomes(samples: list[Sample]) -> None:
    operation = operate(samples, load_policy(), None).model_copy(
        update={"answer_at": 0.6, "choices_at": 0.3, "least_choice": 0.05}
    )
    assert operation.outcome(np.array([0.61, 0.1])) == "answer"
    assert operation.outcome(np.array([0.59, 0.1])) == "choices"
    assert operation.outcome(np.array([0.2, 0.06, 0.05])) == "choices"
    assert operation.outcome(np.array([0.2, 0.04, 0.04, 0.04])) == "none"


def test_what_is_stored_is_read_again_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "index" / "operation.json"
    assert Stored.read(path) is None
    Stored(key="k", operation=read_prior()).write(path)
    assert Stored.read(path) == Stored(key="k", operation=read_prior())
    path.write_text(PRIOR.read_text("utf-8"), encoding="utf-8")
    assert Stored.read(path) is None


def test_a_faulty_policy_is_named(tmp_path: Path) -> None:
    path = tmp_path / "policy.yml"
    path.write_text("mix: {answerable: 2}", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"policy\.yml(.|\n)*mix\.answerable"):
        load_policy(path)
