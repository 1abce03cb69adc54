"""What training computes at once is what serving computes one by one; the search finds the minimum."""

import unittest
from collections import Counter

import numpy as np
from scipy.optimize import minimize

from bot.assistant.components import logistic
from bot.assistant.components.linear_model import tfidf
from bot.assistant.components.linear_training import Counts, Features
from bot.assistant.components.quasi_newton import minimise

SEED = 1


class Linear(unittest.TestCase):
    def test_features_of_all_are_those_of_each(self):
        grams = [Counter("退货退款"), Counter("退货"), Counter("查积分"), Counter("分"), Counter("查")]
        vectors = np.random.default_rng(SEED).normal(size=(5, 3)).astype(np.float32)
        counts = Counts.of(grams)
        features = Features.fit(counts[np.arange(4)], vectors[:4])
        sparse = features.matrix(counts, vectors).sparse.toarray()
        for row, gram in zip(sparse, grams, strict=True):
            columns, values = tfidf(gram, features.vocabulary, features.idf)
            expected = np.zeros(len(row))
            expected[columns] = values
            np.testing.assert_allclose(row, expected, atol=1e-6)
        self.assertEqual(set(features.vocabulary), set("退货分"))

    def test_what_was_trained_on_is_told_apart(self):
        grams = [Counter("退货"), Counter("退货吧"), Counter("积分"), Counter("积分吧")]
        vectors, labels = np.random.default_rng(SEED).normal(size=(4, 2)).astype(np.float32), np.array([0, 0, 1, 1])
        matrix = Features.fit(Counts.of(grams), vectors).matrix(Counts.of(grams), vectors)
        fitted = logistic.fit(matrix, labels, np.ones(4), 30, logistic.zeros(matrix, 2))
        self.assertEqual(fitted.logits(matrix).argmax(axis=1).tolist(), labels.tolist())


class Search(unittest.TestCase):
    def test_it_ends_where_scipy_ends(self):
        chance = np.random.default_rng(SEED)
        inputs, wanted = chance.normal(size=(60, 8)) * np.arange(1, 9), chance.normal(size=60)

        def loss(at):
            off = inputs @ at - wanted
            return float(np.sqrt(1 + off**2).sum()), (inputs.T @ (off / np.sqrt(1 + off**2))).astype(np.float32)

        found = minimise(loss, np.zeros(8, np.float32), iterations=200, tolerance=1e-7)
        best = minimize(lambda at: loss(at)[0], np.zeros(8)).fun
        self.assertLess(loss(found)[0], best * 1.001)
