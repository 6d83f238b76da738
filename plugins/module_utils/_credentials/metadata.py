# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The metadata service of a CVM: the credentials of the role that is bound to the instance.

Source: ``CVMRoleCredential`` in ``tencentcloud/common/credential.py`` of the vendor's Python SDK.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

with contextlib.suppress(ImportError):  # the client says so
    import requests

from .._deadline import DeadlineExceeded, call_within
from .._errors import CredentialsNotFound, InvalidArgument, UnexpectedAnswer
from .credentials import parse_temporary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._budget import Budget
    from .credentials import Credentials

ENDPOINT_VARIABLE = "TENCENTCLOUD_METADATA_ENDPOINT"
DEFAULT_ENDPOINT = "http://metadata.tencentyun.com"
PATH = "/latest/meta-data/cam/security-credentials/"
CONNECT_SECONDS = 1.0
"""It is on the same host: what does not answer at once is not there."""
TOTAL_SECONDS = 2.0
"""For a role's name and its credentials together."""
MAX_BYTES = 65536
_ROLE = re.compile(r"[\w+=,.@-]{1,128}", re.ASCII)


def metadata_url(environ: Mapping[str, str]) -> str:
    """Tell where the metadata service lists the role.

    :param environ: the environment variables.
    :raises InvalidArgument: the variable holds no such URL, or asks for ``http`` across a network.
    """
    given = environ.get(ENDPOINT_VARIABLE) or DEFAULT_ENDPOINT
    usage = f"is not a URL without a path; for example {DEFAULT_ENDPOINT}"
    try:
        parts = urlsplit(given)
    except ValueError as exc:
        raise InvalidArgument(f"{ENDPOINT_VARIABLE} {given!r} {usage}.") from exc
    problem = None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
        problem = usage
    elif parts.username is not None or parts.password is not None:
        raise InvalidArgument(f"{ENDPOINT_VARIABLE} must not carry a user name or password.")
    elif parts.scheme == "http" and given.rstrip("/") != DEFAULT_ENDPOINT and not _is_near(parts.hostname):
        problem = (
            "asks for http to a host that is neither loopback nor link-local: credentials would travel in the clear"
        )
    if problem is not None:
        raise InvalidArgument(f"{ENDPOINT_VARIABLE} {given!r} {problem}.")
    return f"{parts.scheme}://{parts.netloc}{PATH}"


def _is_near(hostname: str) -> bool:
    if hostname == "localhost":
        return True
    try:
        address = ipaddress.ip_address(hostname)
    except ValueError:
        return False
    return address.is_loopback or address.is_link_local


class MetadataService:
    """Asks the metadata service, without a proxy, without following redirects and in bounded time.

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
        seconds = min(TOTAL_SECONDS, self._budget.until_end())
        problem = None
        try:
            return call_within(seconds, self._fetch)
        except (DeadlineExceeded, requests.Timeout):
            problem = "gave no answer in time"
        except requests.RequestException as exc:
            # The text of these exceptions differs from version to version and tells an operator nothing more.
            problem = f"can't be reached ({type(exc).__name__})"
        raise CredentialsNotFound(f"The metadata service at {self._url} {problem}.")

    def _fetch(self) -> Credentials:
        with requests.Session() as session:
            session.trust_env = False
            role = self._get(session, self._url).strip()
            if not _ROLE.fullmatch(role):
                raise UnexpectedAnswer(
                    f"The metadata service at {self._url} answered something that is no role's name."
                )
            where = f"The metadata service at {self._url}{role}"
            try:
                answer: Any = json.loads(self._get(session, self._url + role))
            except (ValueError, RecursionError):
                answer = None
        if not isinstance(answer, dict):
            raise UnexpectedAnswer(f"{where} answered something that is no JSON object.")
        code = answer.get("Code")
        if code != "Success":
            told = f"with the code {code[:64]!r}" if isinstance(code, str) else "without a code"
            raise CredentialsNotFound(f"{where} answered {told} instead of credentials.")
        return parse_temporary(answer, answer.get("ExpiredTime"), where)

    def _get(self, session: requests.Session, url: str) -> str:
        with session.get(url, timeout=(CONNECT_SECONDS, TOTAL_SECONDS), allow_redirects=False, stream=True) as answer:
            if answer.status_code == 404:
                raise CredentialsNotFound(f"The metadata service at {url} has no role: bind one to the instance.")
            if answer.status_code != 200:
                raise UnexpectedAnswer(f"The metadata service at {url} answered HTTP {answer.status_code}.")
            content = next(answer.iter_content(MAX_BYTES), b"")
        return str(content, "utf-8", "replace")
