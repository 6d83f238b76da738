# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run is told by environment variables."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .calls import Unusable

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    """Read the environment, or raise Unusable."""
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
