# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""TC3-HMAC-SHA256 as the server checks it.

Source: Tencent Cloud API 3.0, "Signature v3"; the vendor's SDK signs the same way (``tencentcloud.common.sign``).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Mapping

ALGORITHM = "TC3-HMAC-SHA256"
MAX_SKEW = 300
"""Seconds by which a request's timestamp may differ from the server's clock."""

_HEADER = re.compile(
    r"^TC3-HMAC-SHA256 Credential=(?P<id>[^/\s,]+)/(?P<date>\d{4}-\d{2}-\d{2})/(?P<service>[a-z]+)/tc3_request,"
    r"\s*SignedHeaders=(?P<headers>[a-z0-9;-]+),\s*Signature=(?P<signature>[0-9a-f]{64})$"
)


@dataclass(frozen=True)
class Authorization:
    """The parts of an ``Authorization`` header."""

    secret_id: str
    date: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str


def parse(header: str) -> Authorization:
    """Take an ``Authorization`` header apart.

    :raises ApiError: it is missing or has another form.
    """
    match = _HEADER.match(header)
    if match is None:
        raise ApiError("AuthFailure.InvalidAuthorization", "The Authorization header is missing or has a wrong form.")
    return Authorization(
        secret_id=match["id"],
        date=match["date"],
        service=match["service"],
        signed_headers=tuple(match["headers"].split(";")),
        signature=match["signature"],
    )


def sign(secret_key: str, auth: Authorization, timestamp: str, headers: Mapping[str, str], body: bytes) -> str:
    """Return the signature that a POST to ``/`` must carry, as 64 hexadecimal digits.

    :param headers: the request's headers by lower-case name.
    :param body: the exact bytes sent.
    """
    payload = b"UNSIGNED-PAYLOAD" if headers.get("x-tc-content-sha256") == "UNSIGNED-PAYLOAD" else body
    canonical = "\n".join(
        [
            "POST",
            "/",
            "",
            *(f"{name}:{headers.get(name, '').strip().lower()}" for name in auth.signed_headers),
            "",
            ";".join(auth.signed_headers),
            hashlib.sha256(payload).hexdigest(),
        ]
    )
    scope = f"{auth.date}/{auth.service}/tc3_request"
    to_sign = "\n".join([ALGORITHM, timestamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"TC3{secret_key}".encode()
    for part in (auth.date, auth.service, "tc3_request", to_sign):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key.hex()


def check(
    secret_key: str, auth: Authorization, service: str, headers: Mapping[str, str], body: bytes, wall: float
) -> None:
    """Verify a request's signature and timestamp.

    :param service: the service that the request went to, such as ``clb``.
    :param headers: the request's headers by lower-case name.
    :param wall: the server's time of day, seconds since 1970.
    :raises ApiError: the signature is wrong or the timestamp is more than MAX_SKEW seconds off.
    """
    timestamp = headers.get("x-tc-timestamp", "")
    if not timestamp.isdigit():
        raise ApiError("MissingParameter", "The request is missing a required parameter `Timestamp`.")
    if abs(wall - int(timestamp)) > MAX_SKEW:
        raise ApiError(
            "AuthFailure.SignatureExpire",
            f"Signature expired. The difference between the timestamp {timestamp} and the server time {int(wall)} "
            f"is more than {MAX_SKEW} seconds.",
        )
    day = time.strftime("%Y-%m-%d", time.gmtime(int(timestamp)))
    problem = None
    if auth.date != day:
        problem = "the credential's date is not the timestamp's UTC date"
    elif auth.service != service:
        problem = f"the credential's service is not '{service}'"
    elif not {"content-type", "host"} <= set(auth.signed_headers):
        problem = "content-type and host must be signed"
    elif not hmac.compare_digest(sign(secret_key, auth, timestamp, headers, body), auth.signature):
        problem = "please check your SecretKey and the signed bytes"
    if problem:
        raise ApiError(
            "AuthFailure.SignatureFailure",
            f"The provided credentials could not be validated: {problem}.",
        )
