# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The metadata service of a CVM: the credentials of the role that is bound to the instance.

Source: ``CVMRoleCredential`` in ``tencentcloud/common/credential.py`` of the vendor's Python SDK.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
from http.client import HTTPException
from typing import TYPE_CHECKING, Any

with contextlib.suppress(ImportError):  # the client says so
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.exceptions import HTTPError
    from urllib3.exceptions import TimeoutError as TimedOut

from .._base import pace
from .._base.errors import CredentialsNotFound, InvalidArgument, UnexpectedAnswer, printable
from .._base.limits import TooLarge, parse_json, unpack
from .._base.secrets import may_show
from .._base.threads import DeadlineExceeded, call_within
from .credentials import parse_temporary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._base.budget import Budget
    from .credentials import Credentials

ENDPOINT_VARIABLE = "TENCENTCLOUD_METADATA_ENDPOINT"
DEFAULT_ENDPOINT = "http://metadata.tencentyun.com"
PATH = "/latest/meta-data/cam/security-credentials/"
MAX_BYTES = 65536
MAX_SHOWN = 200
"""Characters of a wrong value that a message shows."""
_FORM = re.compile(
    r"(?P<scheme>https?)://(?P<name>\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::(?P<port>[0-9]{1,5}))?/?", re.ASCII | re.IGNORECASE
)
MAX_PORT = 65535
_ROLE = re.compile(r"[\w+=,.@-]{1,128}", re.ASCII)


def metadata_url(environ: Mapping[str, str]) -> str:
    """Find out where the metadata service lists the role.

    :raises InvalidArgument: the variable holds no such URL, or asks for ``http`` across a network. The message shows
        no value that can contain a password.
    """
    given = (environ.get(ENDPOINT_VARIABLE) or DEFAULT_ENDPOINT).strip()
    if not may_show(given):
        raise InvalidArgument(f"{ENDPOINT_VARIABLE} must not carry a user name or password.")
    problem = None
    found = _FORM.fullmatch(given)
    if found is None or not 1 <= int(found["port"] or 1) <= MAX_PORT:
        problem = f"is not a URL without a path; for example {DEFAULT_ENDPOINT}"
    elif found["scheme"].lower() == "http" and given.rstrip("/") != DEFAULT_ENDPOINT and not _is_near(found["name"]):
        problem = (
            "asks for http to a host that is neither loopback nor link-local: credentials would travel in the clear"
        )
    if problem is not None:
        raise InvalidArgument(f"{ENDPOINT_VARIABLE} {printable(repr(given), MAX_SHOWN)} {problem}.")
    return f"{given.rstrip('/')}{PATH}"


def _is_near(name: str) -> bool:
    if name.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return address.is_loopback or address.is_link_local


class MetadataService:
    """Reads from the metadata service, without a proxy, without following redirects and in bounded time.

    :param url: where it lists the role.
    :param budget: the time for the whole task.
    """

    def __init__(self, url: str, budget: Budget) -> None:
        self._url = url
        self._budget = budget

    def fetch(self) -> Credentials:
        """Get the credentials of the instance's role.

        :raises CredentialsNotFound: nothing answers there, or there is no role.
        :raises UnexpectedAnswer: something else than a metadata service answers.
        """
        seconds = min(pace.METADATA_SECONDS, self._budget.until_end())
        problem = None
        try:
            return call_within(seconds, self._fetch)
        except (DeadlineExceeded, requests.Timeout, TimedOut):
            problem = "gave no answer in time"
        except (requests.RequestException, HTTPError, HTTPException, OSError) as exc:
            # The text of these exceptions differs from version to version, and an operator learns nothing more from it.
            problem = f"can't be reached ({type(exc).__name__})"
        raise CredentialsNotFound(f"The metadata service at {self._url} {problem}.")

    def _fetch(self) -> Credentials:
        role = str(self._get(self._url), "utf-8", "replace").strip()
        if not _ROLE.fullmatch(role):
            raise UnexpectedAnswer(f"The metadata service at {self._url} answered something that is no role's name.")
        where = f"The metadata service at {self._url}{role}"
        try:
            answer: Any = parse_json(self._get(self._url + role))
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise UnexpectedAnswer(f"{where} answered something that is no JSON object.")
        code = answer.get("Code")
        if code != "Success":
            how = f"with the code {code[:64]!r}" if isinstance(code, str) else "without a code"
            raise CredentialsNotFound(f"{where} answered {how} instead of credentials.")
        return parse_temporary(answer, answer.get("ExpiredTime"), where)

    def _get(self, url: str) -> bytes:
        # An adapter by itself: a session would look at proxies, cookies, ~/.netrc, and at where a redirect points.
        with contextlib.closing(HTTPAdapter()) as adapter:
            request = requests.Request("GET", url, headers={"Accept-Encoding": "identity"}).prepare()
            with adapter.send(
                request, stream=True, timeout=(pace.METADATA_CONNECT_SECONDS, pace.METADATA_SECONDS)
            ) as answer:
                if answer.status_code == 404:
                    raise CredentialsNotFound(f"The metadata service at {url} has no role: bind one to the instance.")
                if answer.status_code != 200:
                    raise UnexpectedAnswer(f"The metadata service at {url} answered HTTP {answer.status_code}.")
                raw = answer.raw
                try:
                    # Not unpacked: what is packed was not asked for.
                    return unpack(iter(lambda: raw.read(MAX_BYTES, decode_content=False), b""), "", MAX_BYTES)
                except TooLarge:
                    pass
        raise UnexpectedAnswer(f"The metadata service at {url} answered more than {MAX_BYTES >> 10} kB.")
