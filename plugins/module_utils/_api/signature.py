# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""TC3-HMAC-SHA256, the signature of the Tencent Cloud API 3.0. Pure: no clock, no network.

The method is the vendor's (https://www.tencentcloud.com/document/product/213/33224); its own SDK signs the same two
headers.
"""

from __future__ import annotations

import hashlib
import hmac
import time

ALGORITHM = "TC3-HMAC-SHA256"
SIGNED_HEADERS = "content-type;host"


def _hmac_sha256(key: bytes, message: str) -> bytes:
    return hmac.new(key, message.encode("utf-8"), hashlib.sha256).digest()


def string_to_sign(*, service: str, host: str, content_type: str, body: bytes, timestamp: int) -> str:
    """Build the text that is signed for one POST to ``/``.

    :param host: the ``Host`` header as sent, with the port where it has one.
    :param timestamp: seconds since the epoch, as in ``X-TC-Timestamp``.
    """
    headers = f"content-type:{content_type}\nhost:{host}\n"
    canonical_request = "\n".join(("POST", "/", "", headers, SIGNED_HEADERS, hashlib.sha256(body).hexdigest()))
    scope = f"{utc_date(timestamp)}/{service}/tc3_request"
    digest = hashlib.sha256(canonical_request.encode("utf-8")).hexdigest()
    return "\n".join((ALGORITHM, str(timestamp), scope, digest))


def utc_date(timestamp: int) -> str:
    """The UTC date of a timestamp as ``YYYY-MM-DD``."""
    return time.strftime("%Y-%m-%d", time.gmtime(timestamp))


def authorization(
    *, secret_id: str, secret_key: str, service: str, host: str, content_type: str, body: bytes, timestamp: int
) -> str:
    """Make the ``Authorization`` header of one POST to ``/``; see :func:`string_to_sign`."""
    date = utc_date(timestamp)
    key = _hmac_sha256(f"TC3{secret_key}".encode(), date)
    for part in (service, "tc3_request"):
        key = _hmac_sha256(key, part)
    text = string_to_sign(service=service, host=host, content_type=content_type, body=body, timestamp=timestamp)
    signature = _hmac_sha256(key, text).hex()
    credential = f"{secret_id}/{date}/{service}/tc3_request"
    return f"{ALGORITHM} Credential={credential}, SignedHeaders={SIGNED_HEADERS}, Signature={signature}"
