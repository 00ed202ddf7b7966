"""`wayline …`: everything an administrator does on the command line. docs/commands.md is held to this parser."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from helpline import canned, database, keys, logs, migrate, operators
from helpline.refusal import Refused
from helpline.settings import BadSetting, Settings, load
from locales import DOMAINS, LANGUAGES, native_name, review, translated

Command = Callable[[Settings, argparse.Namespace], int]


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    root = argparse.ArgumentParser(prog="wayline", description="Run and look after a Wayline helpline.")
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(
        name: str, run: Command, help: str, into: argparse._SubParsersAction[argparse.ArgumentParser] = commands
    ) -> argparse.ArgumentParser:
        made = into.add_parser(name, help=help, description=help)
        made.set_defaults(run=run)
        return made

    add("up", _up, "Start all five processes on this machine, and the embedded database if none is configured.")
    add("worker", _worker, "Run one worker: turns, sending, what is due.")
    add("migrate", _migrate, "Bring the database to the newest schema.")
    operator = commands.add_parser("operator", help="Operators.").add_subparsers(required=True, metavar="ACTION")
    made = add("add", _operator_add, "Add an operator; prints a one-time link to sign in.", operator)
    made.add_argument("username")
    made.add_argument("--alias", required=True, help="the name that people see")
    made.add_argument("--language", default="en", choices=LANGUAGES)
    made.add_argument("--role", action="append", choices=operators.ROLES, help="may be given several times")
    telegram = commands.add_parser("telegram", help="Telegram.").add_subparsers(required=True, metavar="ACTION")
    add("set-webhook", _channels("set_webhook"), "Tell Telegram where to send updates.", telegram)
    add(
        "info",
        _channels("info"),
        "What Telegram knows of our webhook: address, waiting updates, last error.",
        telegram,
    )
    made = add(
        "poll",
        _channels("poll"),
        "Fetch updates from Telegram instead: for a machine without a public address.",
        telegram,
    )
    made.add_argument("--take-over", action="store_true", help="end a webhook that is set")
    twilio = commands.add_parser("twilio", help="SMS and WhatsApp.").add_subparsers(required=True, metavar="ACTION")
    add(
        "sync-templates",
        _channels("sync_templates"),
        "Make WhatsApp's buttons and lists for all texts at Twilio, and ask for approval where it is needed.",
        twilio,
    )
    updates = commands.add_parser("updates", help="Requests that broke us.").add_subparsers(
        required=True, metavar="ACTION"
    )
    add("retry", _channels("retry_updates"), "Take in again what was set aside.", updates)
    services = commands.add_parser("services", help="Directory of services.").add_subparsers(
        required=True, metavar="ACTION"
    )
    made = add(
        "import", _services_import, "Add or change the services of a YAML or CSV file; all of them or none.", services
    )
    made.add_argument("file")
    made.add_argument("--replace", action="store_true", help="services that the file does not name are offered no more")
    key = commands.add_parser("keys", help="Master keys.").add_subparsers(required=True, metavar="ACTION")
    add("new", _keys_new, "Print a new master key.", key)
    content = commands.add_parser("content", help="Texts.").add_subparsers(required=True, metavar="ACTION")
    add("status", _content_status, "Languages, how much is translated, and who has reviewed it.", content)
    made = add("segments", _content_segments, "How many SMS segments the texts take, and which take the most.", content)
    made.add_argument("--language", choices=LANGUAGES, help="only this one")
    made.add_argument("--most", type=int, default=20, metavar="N", help="list at most N texts (20)")
    made = add(
        "readability", _content_readability, "How hard the texts are to read, and which are the hardest.", content
    )
    made.add_argument("--language", choices=LANGUAGES, help="only this one")
    made.add_argument("--worst", type=int, default=20, metavar="N", help="list at most N texts (20)")
    made = add("rehearse", _rehearse, "Scripted people write to a helpline of their own; shows what they are told.")
    made.add_argument("name", nargs="*", help="scripts to play; all if none is named")
    made.add_argument("--list", action="store_true", help="list the scripts and play none")
    made.add_argument("--folder", help="a folder with scripts of your own")
    return root


def main(arguments: list[str] | None = None) -> None:
    """Run one command. Problems end with one line that says what to do, and code 1."""
    asked = parser().parse_args(arguments)
    logs.configure(asked.command)
    needs_settings = asked.run not in (
        _keys_new,
        _content_status,
        _content_segments,
        _content_readability,
        _rehearse,
    )
    try:
        sys.exit(asked.run(load() if needs_settings else None, asked))
    except (BadSetting, Refused, operators.OperatorExists) as error:
        print(f"wayline: {error}", file=sys.stderr)
    except SQLAlchemyError as error:
        print(
            f"wayline: the database does not answer ({type(error).__name__}). Is WAYLINE_DATABASE_URL right, and is "
            "PostgreSQL running? With `make run`, keep it running in another window.",
            file=sys.stderr,
        )
    sys.exit(1)


def _up(settings: Settings, asked: argparse.Namespace) -> int:
    from helpline import up

    return up.up(settings)


def _worker(settings: Settings, asked: argparse.Namespace) -> int:
    from helpline import worker

    worker.main(settings)
    return 0


def _migrate(settings: Settings, asked: argparse.Namespace) -> int:
    engine = database.engine(settings)
    migrate.upgrade(engine)
    with database.transaction(database.sessions(engine)) as session:
        canned.load(session)
    print("The database has the newest schema.")
    return 0


def _operator_add(settings: Settings, asked: argparse.Namespace) -> int:
    engine = database.engine(settings)
    with database.transaction(database.sessions(engine)) as session:
        try:
            made = operators.add(
                session,
                asked.username,
                alias=asked.alias,
                language=asked.language,
                roles=tuple(asked.role or ("operator",)),
            )
        except operators.OperatorExists:
            raise Refused(f'there is an operator "{asked.username}" already; choose another name.') from None
        token = operators.invite(session, made)
    host, port = settings.console
    print(f"One-time link, good for {operators.INVITATION_HOURS} hours: http://{host}:{port}/once/{token}")
    return 0


def _keys_new(settings: Settings, asked: argparse.Namespace) -> int:
    print(keys.new_master_key())
    return 0


def _services_import(settings: Settings, asked: argparse.Namespace) -> int:
    from helpline import cli_directory

    return cli_directory.import_file(settings, asked)


def _content_status(settings: Settings, asked: argparse.Namespace) -> int:
    for language in LANGUAGES[1:]:
        for domain in DOMAINS:
            done, total = translated(domain, language)
            print(
                f"{language}  {native_name(language):12} {domain:8} {done:4} of {total:4}  {review(domain, language)}"
            )
    return 0


def _content_segments(settings: Settings, asked: argparse.Namespace) -> int:
    from helpline import texts

    print(texts.report(texts.all_sent([asked.language] if asked.language else LANGUAGES), max(asked.most, 0)))
    return 0


def _content_readability(settings: Settings, asked: argparse.Namespace) -> int:
    from helpline import readability

    chosen = [asked.language] if asked.language else LANGUAGES
    print(readability.report(readability.all_read(chosen), max(asked.worst, 0)))
    return 0


def _rehearse(settings: Settings, asked: argparse.Namespace) -> int:
    """Becomes `python -m rehearsal`: the rehearsal imports this package, and never the other way round."""
    options = [*(["--list"] if asked.list else []), *(["--folder", asked.folder] if asked.folder else [])]
    os.execv(sys.executable, [sys.executable, "-m", "rehearsal", *options, "--", *asked.name])


def _channels(name: str) -> Command:
    """A command of helpline.cli_channels, which loads the providers' libraries only when it runs."""

    def run(settings: Settings, asked: argparse.Namespace) -> int:
        from helpline import cli_channels

        command: Command = getattr(cli_channels, name)
        return command(settings, asked)

    return run
