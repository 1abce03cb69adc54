"""Multinomial logistic regression on features that are half dense, half sparse.

scikit-learn takes one matrix: as a sparse one, most of the time goes into multiplying its dense half entry by entry.
Kept apart, and with every direction of the search brought to about the same curvature, the same fit takes seconds
instead of minutes (and the search itself: `quasi_newton`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from bot.assistant.components.quasi_newton import minimise

Doubles = NDArray[np.float64]
Singles = NDArray[np.float32]

_TYPICAL_SLOPE = 2e-4
"""p (1 - p) of a row and a class near the end of the search; what makes it shortest was tried."""


@dataclass(frozen=True)
class Matrix:
    """n rows of features, float32: (n, d) dense beside (n, s) sparse. Products of single precision take half the time;
    the loss, a sum over rows, is double."""

    dense: Singles
    sparse: csr_matrix

    def times(self, weights: Singles) -> Singles:
        """(n, classes) of weights (d + s, classes)."""
        split = self.dense.shape[1]
        result: Singles = self.dense @ weights[:split] + self.sparse @ weights[split:]
        return result


@dataclass(frozen=True)
class Fit:
    weights: Doubles
    """(d + s, classes)"""
    bias: Doubles
    """(classes,)"""

    def logits(self, features: Matrix) -> Doubles:
        return features.times(self.weights.astype(np.float32)) + self.bias


@dataclass(frozen=True)
class _Scales:
    """The coordinates of the search: dense features turned to their principal axes, and all divided by the root of
    their curvature. The minimum is the same; the way there is a third as long."""

    axes: Doubles
    """(d, d)"""
    weights: Doubles
    """(d + s, 1)"""
    bias: float

    @classmethod
    def of(cls, features: Matrix, sample_weights: Doubles, strength: float) -> _Scales:
        variance, axes = np.linalg.eigh(features.dense.T @ (features.dense * sample_weights[:, None]))
        variance = np.concatenate([np.maximum(variance, 0), features.sparse.power(2).T @ sample_weights])
        curvature = strength * _TYPICAL_SLOPE
        bias = float(1 / np.sqrt(curvature * sample_weights.sum()))
        return cls(axes, 1 / np.sqrt(1 + curvature * variance)[:, None], bias)

    def leave(self, flat: Doubles, classes: int) -> Fit:
        weights = flat[:-classes].reshape(-1, classes) * self.weights
        weights[: len(self.axes)] = self.axes @ weights[: len(self.axes)]
        return Fit(weights, flat[-classes:] * self.bias)

    def enter(self, start: Fit) -> Doubles:
        weights = start.weights.copy()
        weights[: len(self.axes)] = self.axes.T @ weights[: len(self.axes)]
        return np.concatenate([(weights / self.weights).ravel(), start.bias / self.bias])


def fit(
    features: Matrix,
    labels: NDArray[np.int64],
    sample_weights: Doubles,
    strength: float,
    start: Fit,
    *,
    iterations: int = 200,
    tolerance: float = 5e-4,
) -> Fit:
    """Minimises ``strength * Σ sample_weight * log loss + ½ |weights|²`` (scikit-learn's C; the bias is free)."""
    classes = start.weights.shape[1]
    scales = _Scales.of(features, sample_weights, strength)
    turned = Matrix((features.dense @ scales.axes).astype(np.float32), features.sparse)
    sparse_transposed = features.sparse.T.tocsr()
    split, rows = features.dense.shape[1], np.arange(len(labels))
    importance = (strength * sample_weights).astype(np.float32)[:, None]

    shape = start.weights.shape
    weight_scales, bias_scale = scales.weights.astype(np.float32), np.float32(scales.bias)

    def objective(flat: Singles) -> tuple[float, Singles]:
        weights = flat[:-classes].reshape(shape) * weight_scales
        logits = turned.times(weights) + flat[-classes:] * bias_scale
        logits -= logits.max(axis=1, keepdims=True)
        residuals = np.exp(logits)
        total = residuals.sum(axis=1, keepdims=True)
        log_likelihood = (logits[rows, labels] - np.log(total[:, 0])).astype(np.float64)
        loss = 0.5 * float(np.vdot(weights, weights)) - strength * float(sample_weights @ log_likelihood)
        residuals /= total
        residuals[rows, labels] -= 1
        residuals *= importance
        slope = np.empty_like(flat)
        weights[:split] += turned.dense.T @ residuals
        weights[split:] += sparse_transposed @ residuals
        np.multiply(weights, weight_scales, out=slope[:-classes].reshape(shape))
        slope[-classes:] = residuals.sum(axis=0) * bias_scale
        return loss, slope

    found = minimise(objective, scales.enter(start).astype(np.float32), iterations=iterations, tolerance=tolerance)
    return scales.leave(found.astype(np.float64), classes)


def zeros(features: Matrix, classes: int) -> Fit:
    """Where a first fit starts."""
    width = features.dense.shape[1] + features.sparse.shape[1]
    return Fit(np.zeros((width, classes)), np.zeros(classes))
