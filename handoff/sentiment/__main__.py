"""`python -m handoff.sentiment`: train from the repository's data into `var/` and print the report."""

import json
import sys

from core.settings import HOME
from handoff.sentiment.training import train
from retrieval.encoder.embedded import EmbeddedEncoder

models, data = HOME / "var" / "models", HOME / "nlu_data" / "sentiment"
report = train(
    data / "train.tsv",
    EmbeddedEncoder(models / "encoder"),
    models / "sentiment",
    held_out=data / "heldout.tsv",
)
json.dump({**report.as_json(), "skipped": report.skipped}, sys.stdout, indent=2)
