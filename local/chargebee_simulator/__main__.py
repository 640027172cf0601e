"""Runs the simulator from the command line: `python -m chargebee_simulator --help`."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress

from .csv_import import ImportFailed
from .profiles import PROFILES
from .server import Server
from .settings import SettingsError, SimulatorSettings

_PARENT_CHECK_SECONDS = 1.0


class _Help(argparse.ArgumentDefaultsHelpFormatter):
    """Tells the defaults that there are."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default is None else super()._get_help_string(action)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        sentence = message[:1].upper() + message[1:]
        self.exit(2, f"{sentence.rstrip('.')}.\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a simulator until a signal ends it; return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        settings = _settings(options)
        asyncio.run(_serve(settings, options.parent_pid))
    except (SettingsError, ImportFailed) as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"The simulator cannot start: {error.strerror or error}.", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    usual = SimulatorSettings()
    parser = _Parser(
        prog="chargebee_simulator",
        description="A simulator of Chargebee's Exports API.",
        formatter_class=_Help,
    )
    add = parser.add_argument
    add("--host", default=usual.host, help="address to listen on")
    add("--port", type=int, default=0, help="port of the API, 0 for a free one")
    add("--download-port", type=int, default=0, help="port of the download host, 0 for a free one")
    add("--site", action="append", metavar="NAME:KEY[:forbidden]", help=f"a site and its API key ({usual.sites[0]})")
    add("--seed", type=int, default=usual.seed, help="of everything that is drawn")
    add("--customers", type=int, default=usual.customers, help="size of the company")
    add("--history-days", type=int, default=usual.history_days, help="age of the company")
    add("--now", metavar="ISO", help="the site's present, ISO 8601; the real one if not given")
    add("--job-seconds", default=usual.job_seconds, help="how long a job is in process; 1-4 is a range")
    add("--max-jobs", type=int, default=usual.max_jobs, help="jobs in process at a time and site")
    add("--rate-limit", type=int, default=usual.rate_limit, help="calls a minute and site, 0 for no limit")
    add("--retry-after", action=argparse.BooleanOptionalAction, default=True, help="say in a 429 how long to wait")
    add("--url-ttl", type=float, default=usual.url_ttl, help="seconds a download URL lives")
    add("--idempotency-window", type=float, default=usual.idempotency_window, help="seconds an idempotency key counts")
    add("--ignore-filters", action="store_true", help="export everything, whatever the filters say")
    add("--event-days", type=float, default=usual.event_days, help="for how many days events are remembered")
    add("--profile", choices=PROFILES, default=usual.profile, help="look of the ZIPs")
    add("--zone", metavar="NAME", help="the site's time zone, for times in exports that name none")
    add("--tls", action="store_true", help="serve HTTPS with a certificate made for this machine")
    add("--tls-dir", metavar="DIR", help="where CA and certificate are kept")
    add("--import", action="append", dest="imports", metavar="RESOURCE=CSV", help="your own records for a resource")
    add("--serve-zip", action="append", metavar="RESOURCE=ZIP", help="a ZIP to answer every export of a resource with")
    add("--state-file", metavar="FILE", help="JSON written once the server listens")
    add("--parent-pid", type=int, metavar="PID", help="end when this process is gone")
    return parser


def _settings(options: argparse.Namespace) -> SimulatorSettings:
    given = dict(vars(options))
    given.pop("parent_pid")
    sites, imports, zips = given.pop("site"), given.pop("imports"), given.pop("serve_zip")
    if sites:
        given["sites"] = tuple(sites)
    given["imports"] = _by_resource(imports, "--import")
    given["serve_zips"] = _by_resource(zips, "--serve-zip")
    return SimulatorSettings(**given)


def _by_resource(texts: Sequence[str] | None, option: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts or ():
        resource, equals, path = text.partition("=")
        if not equals or not path:
            raise SettingsError(f"{option} is written RESOURCE=FILE, such as customers=FILE.")
        found[resource] = path
    return found


async def _serve(settings: SimulatorSettings, parent: int | None) -> None:
    ended = asyncio.Event()
    is_own = parent == os.getppid()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    server = Server(settings)
    await server.start()
    try:
        print(f"Chargebee simulator: API {server.url} downloads {server.download_url}", flush=True)
        while not ended.is_set() and (parent is None or _is_alive(parent, is_own)):
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(ended.wait(), _PARENT_CHECK_SECONDS if parent else None)
    finally:
        await server.stop()


def _is_alive(pid: int, is_own: bool) -> bool:
    """Return whether a process still runs. `is_own`: it is the one that started this one."""
    if is_own:
        # A dead process keeps its number until somebody asks for its exit code; its children know at once.
        return os.getppid() == pid
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


if __name__ == "__main__":
    sys.exit(main())
