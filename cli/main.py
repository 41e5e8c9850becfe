"""`daftar`: the table of subcommands, and the one place where errors become sentences.

Every subcommand is a file in cli/ with two functions: `arguments(parser)` declares what it takes,
`run(args)` does it and returns the exit code. They are imported only when named, so that each
starts fast.
"""
from __future__ import annotations

import argparse
import difflib
import importlib
import logging
import os
import sys
from typing import NamedTuple, NoReturn


class Command(NamedTuple):
    """A subcommand: the module that holds it, and what `daftar --help` says of it."""

    module: str
    help: str


COMMANDS: dict[str, Command] = {
    "init": Command("cli.init", "write config.yaml and the appservice registrations"),
    "check": Command("cli.check", "look at the configuration and at everything it names"),
    "run": Command("cli.run", "run the bridge, the bot and the archive pages"),
    "status": Command("cli.status", "how much waits to be carried, and what is stuck"),
    "directives": Command("cli.directives", "the compliance report, as a table, XLSX or PDF"),
    "directory": Command("cli.directory", "posts and who holds them: take a file in, give one out"),
    "import": Command("cli.imports", "take chat exports into the record"),
    "search": Command("cli.search", "search the record"),
    "schools": Command("cli.schools", "the list of schools: take a file in, give one out"),
    "eval": Command("cli.eval", "how well messages are read, on a folder of labelled chats"),
    "demo": Command("cli.demo", "the whole house on this machine, with a WhatsApp of its own"),
    "emulator": Command("cli.emulator", "a WhatsApp on this machine, alone"),
}

# Errors whose text is for the user, with their exit codes; all others are faults of ours.
# Named as texts, so that `daftar --help` need not import what raises them.
ERRORS: dict[str, int] = {
    "config.ConfigError": 2,
    "archive.db.ArchiveError": 2,
    "archive.gazetteer_file.GazetteerError": 2,
    "cli.errors.UserError": 2,
    "cli.homeserver.HomeserverError": 2,
    "bridge.matrix.HomeserverError": 2,
}

FAULT = 70  # EX_SOFTWARE of sysexits.h

LOG_LEVELS = ("debug", "info", "warning", "error")


def main(argv: list[str] | None = None) -> int:
    """The console script: runs one subcommand; its exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    named = _named(arguments)
    if named is not None and named not in COMMANDS:
        near = difflib.get_close_matches(named, COMMANDS, 1)
        print(f"daftar: there is no command {named!r}; "
              + (f"did you mean {near[0]}?" if near else f"known: {', '.join(COMMANDS)}"),
              file=sys.stderr)
        return 2
    parser = _parser(named)
    args = parser.parse_args(arguments)
    logging.basicConfig(
        level=args.log_level.upper(), stream=sys.stderr,
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    if args.log_level != "debug":  # a line for each request would cost as much as the request
        logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    try:
        return args.run(args)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `daftar search … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        code = exit_code(error)
        if code is not None:
            print(f"daftar: {error}", file=sys.stderr)
            return code
        # a service's log shows where it happened; a person is told how to see it
        logging.getLogger("daftar").info("a fault of ours", exc_info=error)
        print(f"daftar: a fault of Daftar's own: {type(error).__name__}: {error}; the same with "
              "--log-level debug shows where", file=sys.stderr)
        return FAULT


def exit_code(error: BaseException) -> int | None:
    """The exit code of an error that is told in one sentence; None when it is a fault of ours."""
    for kind in type(error).__mro__:
        code = ERRORS.get(f"{kind.__module__}.{kind.__qualname__}")
        if code is not None:
            return code
    return None


class _Help(argparse.ArgumentDefaultsHelpFormatter):
    """Tells a default where there is one: "(default: None)" helps nobody."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default in (None, "", False, []) or "default" in (action.help or ""):
            return action.help
        return super()._get_help_string(action)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"daftar: {message}; try `{self.prog} --help`\n")


def _named(arguments: list[str]) -> str | None:
    """The subcommand among the arguments: the first that is none of our options."""
    return next((word for word in arguments if not word.startswith("-")), None)


def _parser(named: str | None) -> argparse.ArgumentParser:
    """The parser; only the named subcommand's module is imported and fills in its arguments."""
    parser = _Parser(prog="daftar", description="WhatsApp groups as Matrix rooms, cases and a "
                                                "record.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        sub = commands.add_parser(name, help=command.help, description=command.help.capitalize(),
                                  formatter_class=_Help)
        if name == named:
            module = importlib.import_module(command.module)
            sub.add_argument("--log-level", choices=LOG_LEVELS,
                             default=getattr(module, "LOG_LEVEL", "warning"),
                             help="what is told on standard error")
            module.arguments(sub)
            sub.set_defaults(run=module.run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
