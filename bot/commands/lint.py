"""`./kefu lint`."""

import sys
import time

import orjson
from rich.console import Console
from rich.markup import escape

from bot.commands.up import prepared_secrets
from training.lint import Level, check

STYLES = {Level.error: "red", Level.warning: "yellow"}


def lint(*, deep: bool, as_json: bool) -> int:
    """1 when there is an error; warnings alone pass."""
    settings = prepared_secrets()
    began = time.monotonic()
    findings = check(settings, deep=deep)
    seconds = time.monotonic() - began
    count = {level: sum(finding.level is level for finding in findings) for level in Level}
    if as_json:
        content = {
            "errors": count[Level.error],
            "warnings": count[Level.warning],
            "findings": [finding.as_json(settings.home) for finding in findings],
        }
        sys.stdout.write(orjson.dumps(content, option=orjson.OPT_INDENT_2).decode() + "\n")
        return int(count[Level.error] > 0)
    out = Console(highlight=False, soft_wrap=True, emoji=False)
    for finding in findings:
        shown = finding.as_json(settings.home)
        place = f"{shown['file']}:{shown['line']}" if shown["line"] else shown["file"]
        message = finding.message.replace(f"{settings.home}/", "")
        hint = f"  [dim]→ {escape(finding.hint)}[/dim]" if finding.hint else ""
        style = STYLES[finding.level]
        out.print(f"{place}: [{style}]{finding.level}[/{style}] {finding.check}: {escape(message)}{hint}")
    out.print(f"{count[Level.error]} errors, {count[Level.warning]} warnings  [dim]{seconds:.1f} s[/dim]")
    return int(count[Level.error] > 0)
