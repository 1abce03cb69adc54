"""Entities: characters and tags of the tagger, and one entity a stretch."""

import unittest

from bot.assistant.components.entity_merge import merge
from bot.assistant.components.entity_tagger import features, spans, tags, units


def entity(name, start, end, extractor="RegexEntityExtractor", value="x"):
    return {"entity": name, "start": start, "end": end, "extractor": extractor, "value": value}


class Tagging(unittest.TestCase):
    def test_a_run_of_digits_or_letters_is_one_unit_and_spaces_are_none(self):
        found = [(unit.text, unit.start, unit.end) for unit in units("寄到 A座88号")]
        self.assertEqual(found, [("寄", 0, 1), ("到", 1, 2), ("a", 3, 4), ("座", 4, 5), ("88", 5, 7), ("号", 7, 8)])

    def test_tags_come_back_as_the_spans_they_were_made_from(self):
        sequence = units("改到张江路88号 尺码不对")
        marked = [entity("address", 2, 8), entity("reason", 9, 13)]
        tagged = tags(sequence, marked)
        found = [(name, sequence[a].start, sequence[b].end) for name, a, b in spans(sequence, tagged)]
        self.assertEqual(found, [("address", 2, 8), ("reason", 9, 13)])

    def test_neighbours_of_one_kind_stay_apart(self):
        sequence = units("苹果香蕉")
        tagged = ["B-product", "I-product", "B-product", "I-product"]
        self.assertEqual(list(spans(sequence, tagged)), [("product", 0, 1), ("product", 2, 3)])

    def test_each_unit_has_features_even_of_one(self):
        self.assertEqual(len(features(units("好"))), 1)
        self.assertEqual(features([]), [])


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

    def test_numbers_are_written_alike(self):
        kept = self.merged(entity("order_number", 0, 14, value="kf202611080123"))
        self.assertEqual(kept[0]["value"], "KF202611080123")
