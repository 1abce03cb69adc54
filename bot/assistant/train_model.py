"""`python -m bot.assistant.train_model`: trains one model in Rasa's environment. `training/train.py` calls it.

What is finished appears under its name by a rename, and what is there is not made again: killed, it goes on there.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tarfile
from pathlib import Path
from typing import Any

from bot.assistant.lean import USERS, configure_logging, leave_out_tensorflow

REPORT = "intent_report.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--domain", type=Path, required=True, help="a file or folder")
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="NLU, rules and stories: files or folders")
    parser.add_argument("--output", type=Path, required=True, help="the model to write, .tar.gz")
    parser.add_argument("--metrics", type=Path, required=True, help="the JSON to write, before the model")
    parser.add_argument("--held-out", type=Path, help="a folder of NLU files to evaluate the model on")
    parser.add_argument("--stories", type=Path, help="a folder of test stories to evaluate the model on")
    parser.add_argument("--evaluation", type=Path, help="the JSON of the evaluation to write")
    arguments = parser.parse_args()
    uncommented = "\n".join(
        line.partition("#")[0] for line in arguments.config.read_text(encoding="utf-8").splitlines()
    )
    lean = not any(user in uncommented for user in USERS)
    if lean:
        leave_out_tensorflow()
    configure_logging(logging.INFO)
    if not arguments.output.exists():
        partial = arguments.output.with_name(f"partial-{arguments.output.name}")
        (train if lean else train_with_tensorflow)(arguments.config, arguments.domain, arguments.data, partial)
        write(arguments.metrics, _report(partial))
        partial.replace(arguments.output)
    if arguments.held_out and not arguments.evaluation.exists():
        from bot.assistant.evaluate import evaluate

        logging.info("Evaluating on %s", arguments.held_out)
        write(arguments.evaluation, evaluate(arguments.output, arguments.held_out, arguments.stories))


def write(file: Path, content: dict[str, Any]) -> None:
    partial = file.with_name(f"partial-{file.name}")
    partial.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
    partial.replace(file)


def train(config: Path, domain: Path, data: list[Path], output: Path) -> None:
    """Ends the process with the reason when the project cannot be trained: contradicting rules, faulty YAML."""
    from rasa.shared.exceptions import RasaException

    from bot.assistant import side_by_side

    try:
        side_by_side.train(config, domain, data, output)
    except RasaException as error:
        sys.exit(f"Error: {side_by_side.reason(error)}")


def train_with_tensorflow(config: Path, domain: Path, data: list[Path], output: Path) -> None:
    """As Rasa does it: its own components learn from stories strung together, and from what stories say."""
    from rasa.model_training import train as rasa_train

    result = rasa_train(str(domain), str(config), [str(path) for path in data], str(output.parent),
                        fixed_model_name=output.name)  # fmt: skip
    if result.code:
        sys.exit("Error: Rasa did not train a model; its reason is above.")


def _report(model: Path) -> dict[str, Any]:
    """What the intent classifier wrote beside its model; empty for a pipeline with another classifier."""
    with tarfile.open(model) as archive:
        for member in archive:
            if Path(member.name).name == REPORT and (file := archive.extractfile(member)):
                return {"intent": json.load(file)}
    return {}


if __name__ == "__main__":
    main()
