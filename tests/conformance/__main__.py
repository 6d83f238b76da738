# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ask the emulator, or the load balancer that the environment names; write conformance.json and conformance.md.

Exit status: 0 where all was asked and cleaned up (of the emulator: and all is the same), 1 where not, 2 where nothing
was begun, 130 after Ctrl+C.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from clb_emulator import clock as clocks
from clb_emulator.inprocess import InProcess
from clb_emulator.testing import HOME, Emulator

from .asker import Asker, NotClean
from .calls import Cloud, Unusable
from .collection import CollectionApi, EmulatorApi
from .leftovers import Leftovers
from .masking import Mask
from .questions import QUESTIONS
from .report import DIFFERS, NOT_ASKED, as_json, as_markdown, compare
from .runner import INTERRUPTED, Outcome, Run, prepare, reason_of, run
from .world import EMULATED, EMULATED_BACKENDS, EMULATED_ID

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Progress = Callable[[int, Outcome], None]
    Named = tuple[str, tuple[str, ...]]

QUESTION_SECONDS = 3.0
"""The mean of a question, with its turns and waits, as real runs are estimated to take."""
THE_EMULATED: Named = (EMULATED_ID, EMULATED_BACKENDS)
"""The ID of a load balancer, and its backends."""
REPORT, TABLE, STATE = "conformance.json", "conformance.md", "conformance.state.json"
LOAD_BALANCER, BACKENDS, YES = "CONFORMANCE_LOAD_BALANCER", "CONFORMANCE_BACKENDS", "CONFORMANCE_YES"
FOLDER, MINUTES, TIMEOUT = "CONFORMANCE_FOLDER", "CONFORMANCE_MINUTES", "CONFORMANCE_TIMEOUT"
MAX_BACKENDS = 8


class Options(NamedTuple):
    """The options of a run: without a load balancer's ID, the emulator is asked; ``timeout`` is that of one request."""

    load_balancer_id: str | None
    backends: tuple[str, ...]
    folder: Path
    confirmed: bool
    minutes: float
    timeout: float


def parse(environ: Mapping[str, str]) -> Options:
    load_balancer_id = environ.get(LOAD_BALANCER, "").strip() or None
    backends = tuple(dict.fromkeys(part.strip() for part in environ.get(BACKENDS, "").split(",") if part.strip()))
    if load_balancer_id is not None:
        if not re.fullmatch(r"lb-[A-Za-z0-9_-]{1,40}", load_balancer_id):
            raise Unusable(f"{LOAD_BALANCER} is {load_balancer_id!r}; it must be an ID such as lb-1a2b3c4d")
        _check_backends(backends)
    elif backends:
        raise Unusable(f"{BACKENDS} needs {LOAD_BALANCER}: the ID of a load balancer that was made for this")
    folder = Path(environ.get(FOLDER) or ".")
    if not folder.is_dir():
        raise Unusable(f"{FOLDER} is {str(folder)!r}; there is no such folder")
    minutes, timeout = _number(environ, MINUTES), _number(environ, TIMEOUT)
    return Options(load_balancer_id, backends, folder, environ.get(YES) == "1", minutes, timeout)


def _check_backends(backends: tuple[str, ...]) -> None:
    if not 1 <= len(backends) <= MAX_BACKENDS:
        raise Unusable(f"{BACKENDS} must name 1 to {MAX_BACKENDS} backends, such as 10.0.0.5,10.0.0.6")
    for backend in backends:
        try:
            if not re.fullmatch(r"ins-[A-Za-z0-9_-]{1,40}", backend):
                ipaddress.ip_address(backend)
        except ValueError:
            raise Unusable(f"{BACKENDS}: {backend!r} is no IP address and no instance ID") from None
    if all(":" in backend for backend in backends):
        raise Unusable(f"{BACKENDS} must name at least one backend that is no IPv6 address")


def _number(environ: Mapping[str, str], name: str) -> float:
    given = environ.get(name) or "15"
    try:
        number = float(given)
    except ValueError:
        number = 0.0
    if not 0 < number <= 1440:
        raise Unusable(f"{name} is {given!r}; it must be a number above 0")
    return number


class Waiting(clocks.VirtualClock):
    """A clock that only waiting moves; the time of day is the real one, for signatures."""

    def wall(self) -> float:
        return time.time()


def main(environ: Mapping[str, str]) -> int:
    try:
        options = parse(environ)
        # SIGINT too: what a shell starts in the background ignores it.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.default_int_handler)
        if options.load_balancer_id is None:
            return ask_emulator(options)
        return ask_cloud(options, CollectionApi(environ, options.timeout, clocks.Clock()), environ)
    except Unusable as error:
        print(f"Nothing was changed: {error}.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130


def ask_emulator(options: Options) -> int:
    """Ask the emulator, through HTTP as any other endpoint; return the exit status."""
    print(f"Asking the emulator {len(QUESTIONS)} questions; {LOAD_BALANCER} names another load balancer.")
    clock = Waiting()
    with Emulator(EMULATED, clock=clock, rate_limit=0) as emulator:
        api = CollectionApi(emulator.environ(), options.timeout, clock)
        here, report = _conduct(Cloud(api), api, THE_EMULATED, Leftovers(), Mask(), _progress(lambda: 0.0))
    return _finish(options, here, {**report, "endpoint": "the emulator"}, must_be_same=True)


def ask_cloud(options: Options, api: CollectionApi, environ: Mapping[str, str]) -> int:
    """Ask a load balancer; return the exit status, or raise Unusable."""
    load_balancer_id = options.load_balancer_id or ""
    _confirm(options, api)
    leftovers = Leftovers(options.folder / STATE, (api.endpoint, api.region, load_balancer_id))
    secrets = [value for name, value in environ.items() if name.startswith("TENCENTCLOUD_") and "REGION" not in name]
    mask = Mask([*api.secrets, *secrets, load_balancer_id, *options.backends])
    cloud, named = Cloud(api, api.now() + options.minutes * 60), (load_balancer_id, options.backends)
    here, report = _conduct(cloud, api, named, leftovers, mask, _progress(api.now))
    return _finish(options, here, report, must_be_same=False)


def _confirm(options: Options, api: CollectionApi) -> None:
    """Say what will be done, and ask whether it may; raise Unusable if not."""
    minutes = len(QUESTIONS) * QUESTION_SECONDS / 60
    print(
        f"This asks {api.endpoint} {len(QUESTIONS)} questions about {options.load_balancer_id} in {api.region}.\n"
        f"It binds {', '.join(options.backends)} to its listeners and rules, at ports from 20001 on, changes weights\n"
        "and tags of these, and unbinds them. It refuses a load balancer that has any target, makes nothing else and\n"
        f"changes nothing else. It sends at most 5 requests a second, and takes about {minutes:.0f} minutes, at most\n"
        f"{options.minutes:.0f}. Ctrl+C ends it; it then cleans up."
    )
    if options.confirmed:
        return
    if not sys.stdin.isatty():
        raise Unusable(f"there is no terminal to ask on; {YES}=1 says that it may begin")
    if input("Go on? [y/N] ").strip().lower() not in ("y", "yes"):
        raise Unusable("it may not begin")


def _conduct(
    cloud: Cloud, api: CollectionApi, named: Named, leftovers: Leftovers, mask: Mask, progress: Progress
) -> tuple[Run, dict[str, Any]]:
    """Ask, and ask an emulated load balancer that looks the same; return the run and its report."""
    here, scenario, twin = Run(), EMULATED, THE_EMULATED
    try:
        world = prepare(cloud, *named, leftovers)
    except NotClean as error:
        here.stopped = here.left = f"what a killed run has left can't be unbound: {error}"
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  # whatever a server answers, there is a report
        here.stopped, here.refused = reason_of(error), isinstance(error, Unusable)
    else:
        here = run(Asker(cloud, world, leftovers), QUESTIONS, progress)
        scenario, twin = world.twin(api.region), named
    here.outcomes = here.outcomes or [Outcome(question, reason=here.stopped) for question in QUESTIONS]
    return here, as_json(compare(here, ask_twin(scenario, twin)), here, mask, _about(api))


def ask_twin(scenario: dict[str, Any], named: Named) -> Run:
    cloud = Cloud(EmulatorApi(InProcess(scenario)))
    return run(Asker(cloud, prepare(cloud, *named, Leftovers()), Leftovers()), QUESTIONS)


def _about(api: CollectionApi) -> dict[str, Any]:
    galaxy = yaml.safe_load((HOME.parent.parent / "galaxy.yml").read_text(encoding="utf-8"))
    endpoint = api.endpoint if api.endpoint.endswith("tencentcloudapi.com") else "another endpoint"
    date = time.strftime("%Y-%m-%d", time.gmtime())
    return {"endpoint": endpoint, "region": api.region, "date": date, "collection": galaxy["version"]}


def _progress(now: Callable[[], float]) -> Progress:
    """Return a printer of one line for each question; where ``now`` stands still, it says nothing of the time."""
    started = now()

    def tell(number: int, outcome: Outcome) -> None:
        left = (now() - started) / number * (len(QUESTIONS) - number)
        answer = outcome.answer
        shown = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
        how = f"not asked: {outcome.reason}" if outcome.reason else shown if len(shown) <= 80 else f"{shown[:80]}..."
        time_left = f" ({left:.0f} s left)" if left else ""
        print(f"[{number:2}/{len(QUESTIONS)}] {outcome.question.name}: {how}{time_left}", flush=True)

    return tell


def _finish(options: Options, here: Run, report: dict[str, Any], *, must_be_same: bool) -> int:
    """Write the report, and say how it went; return the exit status."""
    (options.folder / REPORT).write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (options.folder / TABLE).write_text(as_markdown(report), encoding="utf-8")
    counts = report["summary"]
    print(f"\n{', '.join(f'{count} {result}' for result, count in counts.items())}.")
    print(f"{options.folder / REPORT} has everything, {options.folder / TABLE} is for an issue.")
    if here.left:
        print(f"Not cleaned up: {here.left}. Run this again.", file=sys.stderr)
    if here.refused:
        print(f"Nothing was changed: {here.stopped}.", file=sys.stderr)
        return 2
    if here.stopped == INTERRUPTED:
        return 130
    if here.stopped:
        print(f"Not all was asked: {here.stopped.rstrip('.')}.", file=sys.stderr)
    complete = not here.left and not here.stopped and not (must_be_same and (counts[DIFFERS] or counts[NOT_ASKED]))
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main(os.environ))
