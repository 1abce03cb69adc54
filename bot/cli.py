"""The command line, behind `./kefu`. Everything heavy is imported by the command that needs it."""

import os
import signal
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from core.errors import KefuError

cli = typer.Typer(
    name="kefu",
    help="Kefu 智能客服：一条命令启动，一条命令测试。\n\nA Chinese-first customer-service bot.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
bench = typer.Typer(no_args_is_help=True, help="性能与质量测试 · Measure: turns, FAQ, intents, sentiment.")
training = typer.Typer(help="训练机器人 · Train intents, entities, sentiment and their thresholds from the data files.")
agents = typer.Typer(no_args_is_help=True, help="坐席账号 · The agents who may open the desk.")
outbox = typer.Typer(no_args_is_help=True, help="未送达的消息 · What could not be delivered to a channel.")
links = typer.Typer(no_args_is_help=True, help="客户关联 · Customers of several channels who are one person.")
channels = typer.Typer(no_args_is_help=True, help="渠道 · The channels file (KEFU_CHANNELS) and its mappings.")
cli.add_typer(bench, name="bench")
cli.add_typer(outbox, name="outbox")
cli.add_typer(links, name="links")
cli.add_typer(channels, name="channels")
cli.add_typer(training, name="train", invoke_without_command=True)
cli.add_typer(agents, name="agents")

PASSED_THROUGH = {"allow_extra_args": True, "ignore_unknown_options": True}


class Room(StrEnum):
    stores = "stores"
    assistant = "assistant"
    app = "app"


class Role(StrEnum):
    agent = "agent"
    admin = "admin"
    analyst = "analyst"


class Opponent(StrEnum):
    none = "none"
    stock = "stock"


Host = Annotated[str | None, typer.Option(help="Address to listen on. [127.0.0.1]")]
Port = Annotated[int | None, typer.Option(min=1, max=65535, help="Port of chat, desk and API. [8000]")]
AssistantPort = Annotated[int | None, typer.Option(min=1, max=65535, help="Port of Rasa, on loopback. [5005]")]
Demo = Annotated[bool | None, typer.Option("--demo/--no-demo", help="With the demo shop and its logins. [--demo]")]
DatabaseUrl = Annotated[str | None, typer.Option(help="postgresql://… instead of the embedded SQLite.")]
RedisUrl = Annotated[str | None, typer.Option(help="redis://… instead of the embedded Valkey.")]
VersionName = Annotated[
    str | None, typer.Argument(help="A version, or an unambiguous part of its name. [the newest]", show_default=False)
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@cli.command()
def up(
    host: Host = None,
    port: Port = None,
    assistant_port: AssistantPort = None,
    demo: Demo = None,
    database_url: DatabaseUrl = None,
    redis_url: RedisUrl = None,
    demo_wechat: Annotated[
        bool, typer.Option("--demo-wechat", help="Also WeChat to try out: its server faked, a phone in the browser.")
    ] = False,
    demo_wechat_port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port of that phone, on loopback. [8070]")
    ] = None,
) -> None:
    """一键安装并启动 · Set up what is missing, start everything, say where it is. Ctrl-C stops it all."""
    from bot.commands.up import up

    wechat = {"KEFU_DEMO_WECHAT": "true"} if demo_wechat else {}
    wechat |= {"KEFU_DEMO_WECHAT_PORT": str(demo_wechat_port)} if demo_wechat_port else {}
    up(_overrides(host, port, assistant_port, demo, database_url, redis_url) | wechat)


@cli.command()
def prepare() -> None:
    """只安装，不启动 · Set up what `up` needs (models, demo data, index, pages) without starting it."""
    from bot.commands.prepare import run

    run()


@cli.command(context_settings=PASSED_THROUGH)
def test(context: typer.Context) -> None:
    """运行全部检查 · All checks: ruff, mypy, imports, pages, pytest. Arguments go to pytest (-k WORD, a path, …)."""
    from bot.commands.test import test

    raise typer.Exit(test(context.args))


@cli.command()
def serve(
    room: Annotated[Room, typer.Argument(help="Which part.")],
    host: Host = None,
    port: Port = None,
    assistant_port: AssistantPort = None,
) -> None:
    """单独运行一个部分 · Run one part alone, in the foreground: for several machines, or a service manager."""
    from bot.commands.serve import serve

    serve(room.value, _overrides(host, port, assistant_port))


@training.callback()
def train(
    context: typer.Context,
    force: Annotated[bool, typer.Option(help="Also when nothing changed.")] = False,
) -> None:
    """训练机器人 · Train intents, entities, sentiment and their thresholds from the data files."""
    if context.invoked_subcommand is None:
        from bot.commands.train import train_all

        train_all(force=force)


@training.command("encoder")
def encoder(
    steps: Annotated[int, typer.Option(min=1, help="About 3 s each on one core.")] = 120,
) -> None:
    """微调句向量模型 · Fine-tune the sentence encoder on the knowledge's own phrasings (extra: kefu[encoder])."""
    from core.settings import load_settings
    from training.encoder import train_encoder

    folder, compared = train_encoder(load_settings(), steps=steps, progress=print)
    print(f"recall@1 on held-out phrasings {compared.before:.3f} -> {compared.after:.3f}")
    print(f"use it: KEFU_ENCODER={folder}")


@cli.command()
def lint(
    deep: Annotated[
        bool, typer.Option("--deep", help="Also what takes a while: contradicting rules, likely wrong labels.")
    ] = False,
    as_json: Json = False,
) -> None:
    """检查数据文件 · Find mistakes in the data files, with file and line. Exit code 1 when there are errors."""
    from bot.commands.lint import lint

    raise typer.Exit(lint(deep=deep, as_json=as_json))


@cli.command()
def evaluate(
    version: VersionName = None,
    page: Annotated[Path | None, typer.Option(help="Where the HTML page goes. [var/reports/<version>.html]")] = None,
    as_json: Json = False,
) -> None:
    """评测模型 · Measure a version on the held-out data; in the terminal and as one HTML page."""
    from bot.commands.evaluate import evaluate

    evaluate(version, page, as_json=as_json)


@cli.command()
def promote(
    version: VersionName = None,
    force: Annotated[str | None, typer.Option(metavar="WHY", help="Also against the gate; the reason is kept.")] = None,
) -> None:
    """模型上线 · Bring a version into service, if the gate finds it no worse. Exit code 1 when it is refused."""
    from bot.commands.promote import promote

    raise typer.Exit(promote(version, force))


@cli.command()
def rollback() -> None:
    """模型回退 · Bring the version that served before back into service."""
    from bot.commands.promote import rollback

    rollback()


@cli.command()
def models(as_json: Json = False) -> None:
    """模型版本 · The versions there are, which one serves, and how that came about."""
    from bot.commands.promote import models

    models(as_json=as_json)


@cli.command()
def talk(
    member: Annotated[str | None, typer.Option(help="Talk as this member of the demo shop, e.g. M0001.")] = None,
    port: Port = None,
) -> None:
    """在终端里聊天 · Chat in the terminal; intent, scores and the handoff decision stand beside each reply."""
    from bot.commands.talk import talk

    talk(member, _overrides(port=port))


@cli.command()
def index() -> None:
    """重建知识库索引 · Read the knowledge seed again and rebuild the index."""
    from bot.commands.prepare import run

    run(only=("knowledge",))


@cli.command()
def doctor() -> None:
    """检查本机环境 · Check this machine; each failing line says how to mend it."""
    from bot.commands.doctor import doctor

    raise typer.Exit(doctor())


@bench.command("turns")
def bench_turns(
    clients: Annotated[int, typer.Option(min=1, help="Customers at once.")] = 16,
    seconds: Annotated[float, typer.Option(min=1, help="Measured time, after a warm-up.")] = 30,
    against: Annotated[
        Opponent, typer.Option(help="Also measure a stock Rasa project, in the same run.")
    ] = Opponent.none,
    as_json: Json = False,
) -> None:
    """每秒对话轮数 · Turns a second over the whole durable way of a message."""
    from training.bench.turns import bench

    bench(clients, seconds, against_stock=against is Opponent.stock, as_json=as_json)


@bench.command("dialogue")
def bench_dialogue(
    contexts: Annotated[Path, typer.Option(help='JSON lines of {"context": ["…", …]}.')],
    clients: Annotated[int, typer.Option(min=1, help="Customers at once.")] = 8,
    as_json: Json = False,
) -> None:
    """真实对话逐句播放 · Real dialogues through the whole product: errors, stalls, times."""
    from training.bench.dialogue import run

    run(contexts, clients, json=as_json)


@bench.command("nlu")
def bench_nlu(
    train: Annotated[Path, typer.Option(help="JSON lines of text, intent and entities to learn from.")],
    test: Annotated[Path, typer.Option(help="The same, to measure on.")],
    as_json: Json = False,
) -> None:
    """意图与实体质量 · Intents and entities: accuracy, macro F1, entity F1, calibration, time, memory."""
    from training.bench.nlu import run

    run(train, test, as_json=as_json)


@bench.command("faq")
def bench_faq(
    kb: Annotated[Path, typer.Option(help="The knowledge base: YAML, or JSON lines of questions and answers.")],
    queries: Annotated[Path, typer.Option(help="JSON lines of questions and the entry that is right.")],
    ood: Annotated[Path | None, typer.Option(help="JSON lines of questions that no entry answers.")] = None,
    half: Annotated[
        bool, typer.Option(help="Leave half of the entries out: what is asked of them has no answer.")
    ] = False,
    as_json: Json = False,
) -> None:
    """知识检索质量 · Knowledge search: recall, MRR, right and wrong answers, calibration, time."""
    from training.bench.faq import run

    run(kb, queries, ood, json=as_json, half=half)


@bench.command("search")
def bench_search(
    entries: Annotated[int, typer.Option(min=1, help="How many made-up entries.")] = 100_000,
    as_json: Json = False,
) -> None:
    """知识检索规模 · Knowledge search at size: build and update time, p50 and p95, memory, recall."""
    from training.bench.search import run

    run(entries, as_json=as_json)


@bench.command("pushes")
def bench_pushes(
    rate: Annotated[float, typer.Option(min=1, help="Pushes a second.")] = 100,
    seconds: Annotated[float, typer.Option(min=1, help="For so long, with the assistant stopped.")] = 30,
    as_json: Json = False,
) -> None:
    """微信推送的确认时间 · WeChat pushes while the assistant stands still: acknowledged in ms, all answered later."""
    from training.bench.pushes import run

    run(rate, seconds, as_json=as_json)


@bench.command("outage")
def bench_outage(
    messages: Annotated[int, typer.Option(min=4, help="How many wait, four a customer.")] = 10_000,
    down: Annotated[float, typer.Option(min=1, help="Seconds the vendor is down.")] = 60,
    as_json: Json = False,
) -> None:
    """平台中断后的补发 · A vendor down and the app killed: what arrives, in what order, how often."""
    from training.bench.outage import run

    run(messages, down, as_json=as_json)


@bench.command("continuity")
def bench_continuity(
    customers: Annotated[int, typer.Option(min=8, help="Who switch; a fifth as many pairs must be kept apart.")] = 1000,
    as_json: Json = False,
) -> None:
    """换渠道接着办 · Customers who change channels in the middle of a form: resumed rightly, wrongly merged."""
    from training.bench.continuity import run

    run(customers, as_json=as_json)


@bench.command("sockets")
def bench_sockets(
    sockets: Annotated[int, typer.Option(min=1, help="Open at the same time.")] = 2000,
    rate: Annotated[float, typer.Option(min=1, help="Turns a second in the midst.")] = 20,
    seconds: Annotated[float, typer.Option(min=1, help="For so long.")] = 60,
    as_json: Json = False,
) -> None:
    """大量长连接 · Open app sockets: memory of each, and how long turns take in the midst."""
    from training.bench.sockets import run

    run(sockets, rate, seconds, as_json=as_json)


@bench.command("sentiment")
def bench_sentiment(
    train_file: Annotated[Path, typer.Option("--train", help="TSV of labels and texts to train on.")],
    test_file: Annotated[Path, typer.Option("--test", help="TSV of labels and texts to measure.")],
    as_json: Json = False,
) -> None:
    """情感质量 · Sentiment: accuracy, macro F1, calibration, training time, time."""
    from training.bench.sentiment import run

    run(train_file, test_file, json=as_json)


@agents.command("add")
def agents_add(
    username: str,
    name: Annotated[str, typer.Option(help="As customers see it.")],
    role: Role = Role.agent,
    password: Annotated[str, typer.Option(prompt=True, hide_input=True, confirmation_prompt=True)] = "",
) -> None:
    """新增坐席 · Add an agent."""
    from bot.commands.agents import add

    add(username, name, role.value, password)


@agents.command("disable")
def agents_disable(username: str) -> None:
    """停用坐席 · Sign an agent out everywhere and let them in no more; what they said stays."""
    from bot.commands.agents import disable

    disable(username)


@outbox.command("list")
def outbox_list(
    channel: Annotated[str | None, typer.Option(help="Of this channel only.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest ones.")] = 50,
) -> None:
    """列出未送达的消息 · What could not be delivered, and why."""
    from bot.commands.outbox import show

    show(channel, limit)


@outbox.command("resend")
def outbox_resend(
    message: Annotated[str | None, typer.Argument(help="One message's id.", show_default=False)] = None,
    channel: Annotated[str | None, typer.Option(help="All of a channel.")] = None,
    failure: Annotated[str | None, typer.Option(help="All that failed like this.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All.")] = False,
) -> None:
    """重新发送 · Queue undelivered messages again."""
    from bot.commands.outbox import send_again

    send_again(message, channel, failure, everything=everything)


@links.command("list")
def links_list(
    conversation: Annotated[str | None, typer.Option(help="Into or out of this conversation only.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest ones.")] = 50,
) -> None:
    """列出关联 · Who was found to be the same customer, by what proof, and what that moved."""
    from bot.commands.links import show

    show(conversation, limit)


@links.command("undo")
def links_undo(link: str) -> None:
    """撤销关联 · Undo a link: both go back to conversations of their own, and are not linked again by themselves."""
    from bot.commands.links import undo

    undo(link)


@channels.command("check")
def channels_check(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The channels file.")],
    payload: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A push as it was captured: show how it is read.")
    ] = None,
    channel: Annotated[str | None, typer.Option(help="Whose push it is, if there are several.")] = None,
) -> None:
    """检查渠道文件 · Read a channels file and every mapping in it; say which key is wrong and how to mend it."""
    from bot.commands.channels import check

    check(file, payload, channel)


def _overrides(
    host: str | None = None,
    port: int | None = None,
    assistant_port: int | None = None,
    demo: bool | None = None,
    database_url: str | None = None,
    redis_url: str | None = None,
) -> dict[str, str]:
    """The options that were given, as the KEFU_ variables that the processes read."""
    given = {
        "KEFU_HOST": host,
        "KEFU_PORT": port and str(port),
        "KEFU_ASSISTANT_URL": assistant_port and f"http://127.0.0.1:{assistant_port}",
        "KEFU_DEMO": None if demo is None else str(demo).lower(),
        "KEFU_DATABASE_URL": database_url,
        "KEFU_REDIS_URL": redis_url,
    }
    return {name: value for name, value in given.items() if value}


def _end(*_: object) -> None:
    """SIGTERM ends like any exit does: what was started is stopped first."""
    sys.exit(128 + signal.SIGTERM)


def main() -> None:
    """Errors that we raise on purpose are said in one line; any other is a bug and shows its trace."""
    os.environ.setdefault("PYTHONUTF8", "1")  # for the programs we start
    signal.signal(signal.SIGTERM, _end)
    try:
        cli(prog_name="./kefu")
    except KefuError as error:
        print(f"kefu: {error.message}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
