# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An answer on its way out, and what a fault does to it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .faults import Fault

# The vendor's SDK reads the body of an answer only under exactly this content type.
JSON = "application/json"


@dataclass
class Answer:
    """What the server sends: after ``delay`` seconds the body or, with ``cut``, only the end of the connection."""

    body: bytes = b""
    status: int = 200
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    cut: bool = False

    @classmethod
    def json(cls, payload: Any, status: int = 200) -> Answer:
        return cls(json.dumps(payload, ensure_ascii=False).encode(), status)


def distort(fault: Fault, answer: Answer) -> str | None:
    """Do to ``answer`` what the fault does to answers; return how a journal calls that, None for a sound answer."""
    if fault.kind in ("cut_before", "cut_after"):
        answer.cut = True
        return fault.kind
    if fault.kind == "hang":
        answer.cut, answer.delay = True, fault["seconds"]
        return "hang"
    if fault.kind == "slow":
        answer.delay = fault["seconds"]
        return None
    if fault.kind == "torn":
        answer.body = answer.body[: max(1, len(answer.body) // 2)]
        return "torn"
    if fault.kind == "no_response":
        answer.body = b"{}"
        return "no_response"
    if fault.kind in ("http", "html"):
        answer.body, answer.content_type = fault["body"].encode(), "text/html"
        answer.status = fault["status"] if fault.kind == "http" else 200
        return f"http {answer.status}" if fault.kind == "http" else "html"
    if fault.kind == "redirect":
        answer.body, answer.status = b"", fault["status"]
        answer.headers["Location"] = fault["location"]
        return f"http {answer.status}"
    return None


def spares(fault: Fault) -> bool:
    """Tell whether a call that meets this fault is carried out nevertheless."""
    if fault.kind in ("cut_before", "refuse_targets"):
        return False
    if fault.kind in ("error", "hang", "torn", "no_response", "http", "html", "redirect"):
        return bool(fault["apply"])
    return True
