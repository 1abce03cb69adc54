"""Entities: units, tags and what is known; the trained model; one entity a stretch."""

import tempfile
import unittest
from itertools import pairwise
from pathlib import Path
from random import Random

import numpy as np

from bot.assistant.components.entity_features import Lexicon, runs, span_features, tags, unit_features, units
from bot.assistant.components.entity_model import EntityModel
from bot.assistant.components.entity_outlook import Outlook
from bot.assistant.components.entity_training import EntitySettings, fit
from bot.assistant.components.overlaps import merge


def entity(name, start, end, extractor="RegexEntityExtractor", value="x"):
    return {"entity": name, "start": start, "end": end, "extractor": extractor, "value": value}


class Tagging(unittest.TestCase):
    def test_a_run_of_digits_or_letters_is_one_unit_and_spaces_are_none(self):
        found = [(unit.text, unit.start, unit.end) for unit in units("寄到 A座88号")]
        self.assertEqual(found, [("寄", 0, 1), ("到", 1, 2), ("a", 3, 4), ("座", 4, 5), ("88", 5, 7), ("号", 7, 8)])

    def test_tags_come_back_as_the_spans_they_were_made_from(self):
        sequence = units("改到张江路88号 尺码不对")
        marked = [entity("address", 2, 8), entity("reason", 9, 13)]
        for with_labels in (True, False):
            tagged = tags(sequence, marked, with_labels=with_labels)
            found = [(sequence[a].start, sequence[b].end) for a, b in runs(tagged)]
            self.assertEqual(found, [(2, 8), (9, 13)])

    def test_what_the_whole_utterance_makes_one_expect_stands_with_each_unit(self):
        outlook = Outlook(("date", "reason"), np.zeros(1), np.array([[0.0, 1.0]]), np.array([0.05, 0.0]))
        self.assertEqual(outlook.expected(np.array([0.8])), ["expected4=reason"])
        for features in unit_features("碎了", units("碎了"), Lexicon({}), ["expected4=reason"]):
            self.assertIn("expected4=reason", features)

    def test_neighbours_stay_apart(self):
        self.assertEqual(list(runs(["B-", "I-", "B-"])), [(0, 1), (2, 2)])
        self.assertEqual(list(runs(["I-size", "I-color"])), [(0, 0), (1, 1)])

    def test_each_unit_has_features_even_of_one(self):
        nothing = Lexicon({})
        self.assertEqual(len(unit_features("好", units("好"), nothing)), 1)
        self.assertEqual(unit_features("", [], nothing), [])
        self.assertIn("alone=True", span_features("好", (0, 1), nothing))


class Knowing(unittest.TestCase):
    def test_an_utterance_does_not_know_its_own_values(self):
        texts, marked = ["退纸尿裤", "换纸尿裤"], [[entity("product", 1, 4)], [entity("product", 1, 4)]]
        both = Lexicon.of(texts, marked)
        self.assertEqual(both.without(texts[0], marked[0]).labels("纸尿裤"), ["product"])
        alone = Lexicon.of(texts[:1], marked[:1])
        self.assertEqual(alone.without(texts[0], marked[0]).labels("纸尿裤"), [])
        self.assertEqual(alone.labels("纸尿裤"), ["product"])


class Learning(unittest.TestCase):
    def test_a_trained_model_finds_new_values_and_survives_its_file(self):
        cities, goods = (
            ["北京", "上海", "广州", "深圳", "杭州", "南京"],
            ["奶粉", "雨伞", "风扇", "睡袋", "面霜", "毛衣"],
        )
        texts = [f"寄到{city}吧" for city in cities] + [f"要退{good}吗" for good in goods]
        marked = [[entity("city", 2, 4)]] * len(cities) + [[entity("goods", 2, 4)]] * len(goods)
        vectors = np.repeat(np.eye(2, dtype=np.float32), len(cities), axis=0)
        for labels_in_tags in (0, 5):
            model = fit(texts, vectors, marked, EntitySettings(0.05, 0.02, 50, 30, 1, labels_in_tags))
            with tempfile.TemporaryDirectory() as folder:
                model.save(Path(folder))
                model = EntityModel.load(Path(folder))
            for text, vector, label in (("寄到成都吧", vectors[0], "city"), ("要退水壶吗", vectors[-1], "goods")):
                (found,) = model.extract(text, vector)
                self.assertEqual((found["entity"], found["value"]), (label, text[2:4]))
                self.assertTrue(0 < found["confidence_entity"] <= 1)


class Merging(unittest.TestCase):
    def merged(self, *entities):
        return merge(entities, learned_by="EntityTagger", upper_case={"order_number"})

    def test_what_two_extractors_found_comes_back_once_from_the_pattern(self):
        kept = self.merged(entity("product", 0, 3, "EntityTagger"), entity("product", 0, 3))
        self.assertEqual([item["extractor"] for item in kept], ["RegexEntityExtractor"])

    def test_the_longer_of_two_that_overlap_stays(self):
        kept = self.merged(entity("phone", 5, 9), entity("address", 0, 12, "EntityTagger"))
        self.assertEqual([item["entity"] for item in kept], ["address"])

    def test_others_stay_in_the_order_of_the_text(self):
        kept = self.merged(entity("phone", 9, 20), entity("reason", 0, 4), entity("product", 4, 9))
        self.assertEqual([item["entity"] for item in kept], ["reason", "product", "phone"])

    def test_a_word_that_depends_on_the_rest_counts_only_where_it_was_learned(self):
        word = entity("reason", 0, 2)
        self.assertEqual(merge([word], learned_by="EntityTagger", upper_case=(), in_context={"reason"}), [])
        tagged = entity("reason", 0, 2, "EntityTagger")
        kept = merge([word, tagged], learned_by="EntityTagger", upper_case=(), in_context={"reason"})
        self.assertEqual(kept, [tagged])

    def test_whatever_was_found_each_stretch_comes_back_once(self):
        random = Random(7)
        for _ in range(500):
            found = []
            for _ in range(random.randrange(9)):
                start = random.randrange(20)
                extractor = random.choice(["EntityTagger", "RegexEntityExtractor"])
                name = random.choice(["product", "reason", "address"])
                found.append(entity(name, start, start + random.randint(1, 8), extractor))
            kept = self.merged(*found)
            for left, right in pairwise(kept):
                self.assertLessEqual(left["end"], right["start"])
            for lost in found:
                if lost not in kept:
                    self.assertTrue(any(lost["end"] > e["start"] and lost["start"] < e["end"] for e in kept))
            self.assertEqual(self.merged(*kept), kept)

    def test_numbers_are_written_alike(self):
        kept = self.merged(entity("order_number", 0, 14, value="kf202611080123"))
        self.assertEqual(kept[0]["value"], "KF202611080123")
