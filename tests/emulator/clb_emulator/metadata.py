# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The metadata service of a CVM, as far as it hands out the credentials of the instance's role.

A request is journaled, and meets faults, as the action ``MetadataRole`` or ``MetadataCredentials``.
"""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING

from . import sts
from .answer import Answer, distort, is_carried_out
from .clock import iso

if TYPE_CHECKING:
    from .cloud import Cloud

PATH = "/latest/meta-data/cam/security-credentials/"


def handle(cloud: Cloud, role: str, headers: dict[str, str]) -> Answer:
    """Answer a GET of PATH followed by ``role``; the empty role asks for the role's name."""
    now = cloud.settle()
    action = "MetadataCredentials" if role else "MetadataRole"
    entry = cloud.journal.call(now, action, str(uuid.uuid4()), headers)
    entry["params"] = {"role": role}
    fault = cloud.faults.pick(action, {}, False)
    entry["fault"] = fault.kind if fault else None
    answer = _answer(cloud, role) if fault is None or is_carried_out(fault) else Answer(content_type="text/plain")
    outcome = "ok" if answer.status == 200 else f"http {answer.status}"
    if fault is not None:
        outcome = distort(fault, answer) or outcome
    entry["outcome"] = outcome
    return answer


def _answer(cloud: Cloud, role: str) -> Answer:
    settings = cloud.scenario.metadata
    if settings is None or role not in ("", settings["role"]):
        return Answer(b"404 - Not Found", 404, "text/plain")
    if not role:
        return Answer(settings["role"].encode(), content_type="text/plain")
    if settings.get("code", "Success") != "Success":
        return Answer(json.dumps({"Code": settings["code"]}).encode(), content_type="text/plain")
    credential = sts.temporary(cloud, settings.get("lifetime", sts.DEFAULT_DURATION))
    expires = credential.expires or 0
    payload = {
        "TmpSecretId": credential.secret_id,
        "TmpSecretKey": credential.secret_key,
        "ExpiredTime": int(expires),
        "Expiration": iso(expires),
        "Token": credential.token,
        "Code": "Success",
    }
    return Answer(json.dumps(payload).encode(), content_type="text/plain")
