"""From what speaks for each entry to a probability that it is the answer, and to the outcome.

A softmax over the entries found and one more alternative, "none of them": linear in the features of `ranking`, the
none in how strong the whole field is. Fitted by maximum a posteriori around a prior (that of the knowledge the repo
brings), so that a base with few questions to learn from leans on the prior and one with many on itself. Cosines count
in standard deviations of what the best wrong entry reaches in this very base.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from scipy.optimize import minimize

from retrieval.policy import Mix
from retrieval.ranking import COSINES, DEPTH, FEATURES, LATE, Ranking

Kind = Literal["answerable", "missing", "unanswerable"]
Outcome = Literal["answer", "choices", "none"]
Array = NDArray[np.float64]

CHOICES = 3
# How firmly weights are held to where they start from, as 1 / variance: to the prior, or hardly at all to zero.
_PRECISION_PRIOR = 0.3
_PRECISION_FLAT = 0.03
_NONE_FEATURES = ("constant", "best", "middle", "known")
_FEW = 20


@dataclass(frozen=True)
class Sample:
    """A question as ranked, and the position of its answer's entry (None: none is right). `weight`: see `fit`.
    `asked`: by somebody, not made from the base itself."""

    kind: Kind
    ranking: Ranking
    answer: int | None
    weight: float = 1.0
    asked: bool = False


class Scale(BaseModel):
    """Where questions lie whose entry is not there, in this very base: mean and standard deviation of the cosine of
    the best wrong entry, of the cosine with the middle of the base, and of how near that entry is token by token."""

    model_config = ConfigDict(frozen=True)

    best: tuple[float, float]
    middle: tuple[float, float]
    late: tuple[float, float]


class Calibration(BaseModel):
    """The fitted model."""

    model_config = ConfigDict(frozen=True)

    scale: Scale
    weights: tuple[float, ...]
    none_weights: tuple[float, ...]

    def probabilities(self, ranking: Ranking) -> Array:
        """(n,) of each ranked entry being the answer; what is missing to 1 belongs to none of them."""
        if not len(ranking.entries):
            return np.empty(0)
        entries, none = design(ranking, self.scale)
        logits = np.append(entries @ np.array(self.weights), none @ np.array(self.none_weights))
        exponents = np.exp(logits - logits.max())
        shares: Array = exponents[:-1] / exponents.sum()
        return shares


def design(ranking: Ranking, scale: Scale) -> tuple[Array, Array]:
    """Of the entries (n, features) and of "none of them" (none features,)."""
    entries = ranking.features.copy()
    entries[:, 0] -= scale.best[0]
    entries[:, :COSINES] /= scale.best[1]
    late = (entries[:, LATE] - scale.late[0]) / scale.late[1]
    entries[:, LATE] = np.where(np.isnan(late), entries[:, 0], late)  # without tokens the cosine speaks for them
    middle, known = ranking.field
    field = entries.mean(axis=0)
    return entries, np.array([1.0, field[0], (middle - scale.middle[0]) / scale.middle[1], known])


def fit(bases: Sequence[Sequence[Sample]], mix: Mix, prior: Calibration | None) -> Calibration:
    """From the samples of one base, or of several that count alike. Samples of one kind share what `mix` gives that
    kind, in proportion to their weights. A kind without samples is left out; without any answerable ones the prior's
    weights are kept. Needs `missing` samples or a prior. The scale is that of the first base."""
    scales = [scale_of(samples, prior) for samples in bases]
    used = [[sample for sample in samples if len(sample.ranking.entries)] for samples in bases]
    if prior is not None and not any(sample.kind == "answerable" for samples in used for sample in samples):
        return prior.model_copy(update={"scale": scales[0]})
    zeros = np.zeros(len(FEATURES) + len(_NONE_FEATURES))
    origin = zeros if prior is None else np.array([*prior.weights, *prior.none_weights])
    precision = _PRECISION_FLAT if prior is None else _PRECISION_PRIOR
    tensors = [_tensors(samples, scale) for samples, scale in zip(used, scales, strict=True)]
    share = np.concatenate([shares(samples, mix) for samples in used])
    entries, nones, right = (np.concatenate(parts) for parts in zip(*tensors, strict=True))
    given = (entries, nones, right, share, origin, precision)
    fitted = minimize(_loss, origin, given, jac=True, method="L-BFGS-B").x.tolist()
    weights, none_weights = tuple(fitted[: len(FEATURES)]), tuple(fitted[len(FEATURES) :])
    return Calibration(scale=scales[0], weights=weights, none_weights=none_weights)


def scale_of(samples: Sequence[Sample], prior: Calibration | None) -> Scale:
    """From questions whose entry is missing; of too few of them nothing can be said, and the prior's stands."""
    missing = [s.ranking for s in samples if s.kind == "missing" and len(s.ranking.entries)]
    if len(missing) < _FEW and prior is not None:
        return prior.scale
    best, best_spread = _mean_and_spread([ranking.features[0, 0] for ranking in missing])
    middle, middle_spread = _mean_and_spread([ranking.field[0] for ranking in missing])
    late, late_spread = _mean_and_spread([ranking.features[0, LATE] for ranking in missing])
    # How far cosines spread is as much a matter of the encoder as of the base: halfway between, so that a narrow base
    # does not count them for much more than characters.
    if prior is not None:
        best_spread = float(np.sqrt(best_spread * prior.scale.best[1]))
        late_spread = float(np.sqrt(late_spread * prior.scale.late[1]))
    if not np.isfinite(late):  # no tokens here
        late, late_spread = (0.0, 1.0) if prior is None else prior.scale.late
    return Scale(best=(best, best_spread), middle=(middle, middle_spread), late=(late, late_spread))


def _mean_and_spread(values: Sequence[float]) -> tuple[float, float]:
    return float(np.mean(values)), max(float(np.std(values)), 1e-3)


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


def _tensors(samples: Sequence[Sample], scale: Scale) -> tuple[Array, Array, NDArray[np.int64]]:
    """Entries (n, DEPTH, f), nones (n, g) and the index of the right alternative (n,), DEPTH meaning none."""
    entries = np.full((len(samples), DEPTH, len(FEATURES)), np.nan)
    nones = np.empty((len(samples), len(_NONE_FEATURES)))
    right = np.full(len(samples), DEPTH)
    for i, sample in enumerate(samples):
        found, nones[i] = design(sample.ranking, scale)
        entries[i, : len(found)] = found
        found_at = np.flatnonzero(sample.ranking.entries == (-1 if sample.answer is None else sample.answer))
        right[i] = found_at[0] if len(found_at) else DEPTH
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
