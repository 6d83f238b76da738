# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run is told by environment variables."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .calls import Unusable

if TYPE_CHECKING:
    from collections.abc import Mapping

LOAD_BALANCER, BACKENDS, YES = "CONFORMANCE_LOAD_BALANCER", "CONFORMANCE_BACKENDS", "CONFORMANCE_YES"
FOLDER, MINUTES, TIMEOUT = "CONFORMANCE_FOLDER", "CONFORMANCE_MINUTES", "CONFORMANCE_TIMEOUT"
MAX_BACKENDS = 8
_LOAD_BALANCER_ID = re.compile(r"lb-[A-Za-z0-9_-]{1,40}")
_INSTANCE_ID = re.compile(r"ins-[A-Za-z0-9_-]{1,40}")


@dataclass(frozen=True)
class Options:
    """What a run is told.

    :param load_balancer_id: None: the emulator is asked.
    :param folder: where the report is written.
    :param confirmed: nobody has to be asked whether it may begin.
    :param minutes: after which nothing is asked any more.
    """

    load_balancer_id: str | None
    backends: tuple[str, ...]
    folder: Path
    confirmed: bool
    minutes: float
    timeout: float


def parse(environ: Mapping[str, str]) -> Options:
    """Read the environment.

    :raises Unusable: a variable is missing or means nothing.
    """
    load_balancer_id = environ.get(LOAD_BALANCER, "").strip() or None
    backends = tuple(dict.fromkeys(part.strip() for part in environ.get(BACKENDS, "").split(",") if part.strip()))
    if load_balancer_id is not None:
        if not _LOAD_BALANCER_ID.fullmatch(load_balancer_id):
            raise Unusable(f"{LOAD_BALANCER} is {load_balancer_id!r}; it must be an ID such as lb-1a2b3c4d")
        _check_backends(backends)
    elif backends:
        raise Unusable(f"{BACKENDS} needs {LOAD_BALANCER}: the ID of a load balancer that was made for this")
    folder = Path(environ.get(FOLDER) or ".")
    if not folder.is_dir():
        raise Unusable(f"{FOLDER} is {str(folder)!r}; there is no such folder")
    return Options(
        load_balancer_id,
        backends,
        folder,
        environ.get(YES) == "1",
        _number(environ, MINUTES, 15.0),
        _number(environ, TIMEOUT, 15.0),
    )


def _check_backends(backends: tuple[str, ...]) -> None:
    if not 1 <= len(backends) <= MAX_BACKENDS:
        raise Unusable(f"{BACKENDS} must name 1 to {MAX_BACKENDS} backends, such as 10.0.0.5,10.0.0.6")
    for backend in backends:
        if not _INSTANCE_ID.fullmatch(backend) and not _is_address(backend):
            raise Unusable(f"{BACKENDS}: {backend!r} is no IP address and no instance ID")
    if all(":" in backend for backend in backends):
        raise Unusable(f"{BACKENDS} must name at least one backend that is no IPv6 address")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _number(environ: Mapping[str, str], name: str, usual: float) -> float:
    given = environ.get(name)
    try:
        number = float(given) if given else usual
    except ValueError:
        number = 0.0
    if not 0 < number <= 1440:
        raise Unusable(f"{name} is {given!r}; it must be a number above 0")
    return number
