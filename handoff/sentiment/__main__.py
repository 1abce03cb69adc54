"""`python -m handoff.sentiment`: train on the repository's data and print the report; the model itself is thrown away.

`./kefu train` makes the one that serves.
"""

import json
import sys
import tempfile
from pathlib import Path

from core.settings import HOME
from handoff.sentiment.training import train
from retrieval.encoder.embedded import EmbeddedEncoder

data = HOME / "nlu_data" / "sentiment"
encoder = EmbeddedEncoder(HOME / "var" / "models" / "encoder")
with tempfile.TemporaryDirectory() as folder:
    report = train(data / "train.tsv", encoder, Path(folder) / "model", held_out=data / "heldout.tsv")
json.dump({**report.as_json(), "skipped": report.skipped}, sys.stdout, indent=2)
