"""From what speaks for each entry to a probability that it is the answer, and to the outcome.

A softmax over the entries found and one more alternative, "none of them": linear in the features of `ranking`, the
none in how strong the whole field is. Fitted by maximum a posteriori around a prior (that
of the knowledge the repo brings), so that a base with few questions to learn from leans on the prior and one with
many on itself. Cosines count in standard deviations of what the best wrong entry reaches in this very base.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from scipy.optimize import minimize

from retrieval.policy import Mix
from retrieval.ranking import COSINES, FEATURES, Ranking

Kind = Literal["answerable", "missing", "unanswerable"]
Outcome = Literal["answer", "choices", "none"]
Array = NDArray[np.float64]

CHOICES = 3
# How firmly weights are held to where they start from, as 1 / variance: to the prior, or hardly at all to zero.
_PRECISION_PRIOR = 0.3
_PRECISION_FLAT = 0.03
_NONE_FEATURES = ("constant", "best", "body")


@dataclass(frozen=True)
class Sample:
    """A question as ranked, and the position of its answer's entry (None: none is right). `weight`: see `fit`."""

    kind: Kind
    ranking: Ranking
    answer: int | None
    weight: float = 1.0


class Calibration(BaseModel):
    """The fitted model. `centre` and `spread`: of each cosine of the best wrong entry."""

    model_config = ConfigDict(frozen=True)

    centre: tuple[float, ...]
    spread: tuple[float, ...]
    weights: tuple[float, ...]
    none_weights: tuple[float, ...]

    def probabilities(self, ranking: Ranking) -> Array:
        """(n,) of each ranked entry being the answer; what is missing to 1 belongs to none of them."""
        if not len(ranking.entries):
            return np.empty(0)
        entries, none = self.design(ranking)
        logits = np.append(entries @ np.array(self.weights), none @ np.array(self.none_weights))
        exponents = np.exp(logits - logits.max())
        shares: Array = exponents[:-1] / exponents.sum()
        return shares

    def design(self, ranking: Ranking) -> tuple[Array, Array]:
        entries = ranking.features.copy()
        entries[:, :COSINES] = (entries[:, :COSINES] - self.centre) / self.spread
        best, _mean, body = entries[:, :COSINES].mean(axis=0)
        return entries, np.array([1.0, best, body])


def fit(samples: Sequence[Sample], mix: Mix, prior: Calibration | None) -> Calibration:
    """Samples of one kind share what `mix` gives that kind, in proportion to their weights. A kind without samples is
    left out; without any answerable ones the prior's weights are kept. Needs `missing` samples or a prior."""
    scale = _scale(samples, prior)
    used = [sample for sample in samples if len(sample.ranking.entries)]
    if prior is not None and not any(sample.kind == "answerable" for sample in used):
        return prior.model_copy(update=scale)
    start = Calibration(weights=(0.0,) * len(FEATURES), none_weights=(0.0,) * len(_NONE_FEATURES), **scale)
    if prior is not None:
        start = prior.model_copy(update=scale)
    origin = np.array([*start.weights, *start.none_weights])
    precision = _PRECISION_FLAT if prior is None else _PRECISION_PRIOR
    given = (*_tensors(start, used), shares(used, mix), origin, precision)
    fitted = minimize(_loss, origin, given, jac=True, method="L-BFGS-B").x.tolist()
    return start.model_copy(
        update={"weights": tuple(fitted[: len(FEATURES)]), "none_weights": tuple(fitted[len(FEATURES) :])}
    )


def shares(samples: Sequence[Sample], mix: Mix) -> Array:
    """How much each sample counts. No sample counts for more than one: a kind of few samples keeps the others small,
    and the prior strong."""
    kinds = np.array([sample.kind for sample in samples])
    weights = np.array([sample.weight for sample in samples])
    for kind in np.unique(kinds):
        weights[kinds == kind] *= getattr(mix, kind) / weights[kinds == kind].sum()
    scaled: Array = weights / weights.max()
    return scaled


def expected_calibration_error(probability: Array, right: NDArray[np.bool_], weight: Array, bins: int = 10) -> float:
    """Mean distance between how sure the model was and how often it was right, over bins of equal width."""
    bin_of = np.minimum((probability * bins).astype(int), bins - 1)
    gaps = [abs((weight * (probability - right))[bin_of == b].sum()) for b in range(bins)]
    return float(sum(gaps) / weight.sum())


def _scale(samples: Sequence[Sample], prior: Calibration | None) -> dict[str, tuple[float, ...]]:
    best = [s.ranking.features[0, :COSINES] for s in samples if s.kind == "missing" and len(s.ranking.entries)]
    if len(best) < 20 and prior is not None:
        return {"centre": prior.centre, "spread": prior.spread}
    spread = np.maximum(np.std(best, axis=0), 1e-3)
    return {"centre": tuple(np.mean(best, axis=0).tolist()), "spread": tuple(spread.tolist())}


def _tensors(model: Calibration, samples: Sequence[Sample]) -> tuple[Array, Array, NDArray[np.int64]]:
    """Entries (n, k, f), nones (n, g) and the index of the right alternative (n,), k meaning none."""
    width = max(len(sample.ranking.entries) for sample in samples)
    entries = np.full((len(samples), width, len(FEATURES)), np.nan)
    nones = np.empty((len(samples), len(_NONE_FEATURES)))
    right = np.full(len(samples), width)
    for i, sample in enumerate(samples):
        found, nones[i] = model.design(sample.ranking)
        entries[i, : len(found)] = found
        found_at = np.flatnonzero(sample.ranking.entries == (-1 if sample.answer is None else sample.answer))
        right[i] = found_at[0] if len(found_at) else width
    return entries, nones, right


def _loss(
    weights: Array,
    entries: Array,
    nones: Array,
    right: NDArray[np.int64],
    share: Array,
    origin: Array,
    precision: float,
) -> tuple[float, Array]:
    """Negative log posterior and its gradient. Entries that are not there (NaN) have no chance."""
    there = ~np.isnan(entries[:, :, :1])
    filled = np.where(there, entries, 0.0)
    count = entries.shape[2]
    logits = np.concatenate([filled @ weights[:count], (nones @ weights[count:])[:, None]], axis=1)
    logits[:, :-1][~there[:, :, 0]] = -np.inf
    logits -= logits.max(axis=1, keepdims=True)
    chances = np.exp(logits)
    chances /= chances.sum(axis=1, keepdims=True)
    rows = np.arange(len(right))
    drift = weights - origin
    loss = -float(share @ np.log(chances[rows, right] + 1e-12)) + precision * float(drift @ drift) / 2
    chances[rows, right] -= 1
    chances *= share[:, None]
    gradient = np.concatenate([np.einsum("nk,nkf->f", chances[:, :-1], filled), chances[:, -1] @ nones])
    return loss, gradient + precision * drift
