# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The metadata service of a CVM: the credentials of the role that is bound to the instance.

Source: ``CVMRoleCredential`` in ``tencentcloud/common/credential.py`` of the vendor's Python SDK.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .._base.errors import ConnectionFailed, CredentialsNotFound, UnexpectedAnswer
from .._base.limits import parse_json
from .credentials import parse_temporary

if TYPE_CHECKING:
    from collections.abc import Callable

    from .credentials import Credentials

ENDPOINT_VARIABLE = "TENCENTCLOUD_METADATA_ENDPOINT"
PATH = "latest/meta-data/cam/security-credentials/"
_ROLE = re.compile(r"[\w+=,.@-]{1,128}", re.ASCII)


def fetch_role(url: str, get: Callable[[str, str], tuple[int, bytes]]) -> Credentials:
    """Get the credentials of the instance's role.

    :param url: of the metadata service.
    :param get: given a path and words for messages, gets the status and the body.
    :raises CredentialsNotFound: nothing answers there, or there is no role.
    :raises UnexpectedAnswer: something else than a metadata service answers.
    """
    role = str(_get(url, PATH, get), "utf-8", "replace").strip()
    where = f"The metadata service at {url}{PATH}"
    if not _ROLE.fullmatch(role):
        raise UnexpectedAnswer(f"{where} answered something that is no role's name.")
    try:
        answer: Any = parse_json(_get(url, PATH + role, get))
    except ValueError:
        answer = None
    where += role
    if not isinstance(answer, dict):
        raise UnexpectedAnswer(f"{where} answered something that is no JSON object.")
    code = answer.get("Code")
    if code != "Success":
        how = f"with the code {code[:64]!r}" if isinstance(code, str) else "without a code"
        raise CredentialsNotFound(f"{where} answered {how} instead of credentials.")
    return parse_temporary(answer, answer.get("ExpiredTime"), where)


def _get(url: str, path: str, get: Callable[[str, str], tuple[int, bytes]]) -> bytes:
    where = f"The metadata service at {url}{path}"
    try:
        status, body = get(f"/{path}", where)
    except ConnectionFailed as fault:
        raise CredentialsNotFound(fault.message) from None
    if status == 404:
        raise CredentialsNotFound(f"{where} has no role: bind one to the instance.")
    if status != 200:
        raise UnexpectedAnswer(f"{where} answered HTTP {status}.")
    return body
