# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One API call from its bytes to its answer: signature, rate, parameters, faults, action, journal."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import actions, signature, sts
from .actions import Context
from .answer import Answer, distort, spares
from .cloud import Cloud
from .errors import ApiError
from .params import SCHEMAS

if TYPE_CHECKING:
    from .faults import Fault

MAX_BODY = 10 * 1024 * 1024
"""Bytes of a request's body."""

CLB_VERSION = "2018-03-17"
STS_VERSION = "2018-08-13"
_SERVICES = {CLB_VERSION: "clb", STS_VERSION: "sts"}

Handler = Callable[[Cloud, Context], dict[str, Any]]

HANDLERS: dict[tuple[str, str], Handler] = {
    **{("clb", name): actions.write for name in actions.WRITES},
    ("clb", "DescribeTargets"): actions.describe_targets,
    ("clb", "DescribeTargetHealth"): actions.describe_target_health,
    ("clb", "DescribeTaskStatus"): actions.describe_task_status,
    ("clb", "DescribeListeners"): actions.describe_listeners,
    ("clb", "DescribeLoadBalancers"): actions.describe_load_balancers,
    ("sts", "AssumeRole"): sts.assume_role,
    ("sts", "AssumeRoleWithWebIdentity"): sts.assume_role_with_web_identity,
}

UNSIGNED = "AssumeRoleWithWebIdentity"
ANONYMOUS = "anonymous"


@dataclass(frozen=True)
class Request:
    """A POST to ``/``: headers by lower-case name, and the exact body."""

    headers: dict[str, str]
    body: bytes


def handle(cloud: Cloud, request: Request) -> Answer:
    """Answer one call."""
    now = cloud.settle()
    request_id = str(uuid.uuid4())
    entry = cloud.journal.call(now, request.headers.get("x-tc-action", ""), request_id, request.headers)
    fault: Fault | None = None
    outcome: str | None = "ok"
    try:
        handler, account = _admit(cloud, request, entry)
        entry["params"] = params = _params(request.body, entry["action"])
        fault = cloud.faults.pick(entry["action"], params, entry["action"] in actions.WRITES)
        entry["fault"] = fault.kind if fault else None
        context = Context(params, request.headers["x-tc-region"], entry, fault, account)
        response = _carry_out(cloud, handler, context)
    except ApiError as error:
        outcome = error.code
        response = {"Error": {"Code": error.code, "Message": error.message}}
    answer = Answer.json({"Response": {**response, "RequestId": request_id}})
    if fault is not None:
        outcome = distort(fault, answer) or outcome
    entry["outcome"] = outcome
    answer.delay += cloud.scenario.latency
    return answer


def _admit(cloud: Cloud, request: Request, entry: dict[str, Any]) -> tuple[Handler, str]:
    """Check everything but the parameters; return the action's handler and the caller's account."""
    headers, wall = request.headers, cloud.clock.wall()
    for name in ("action", "version", "timestamp", "region"):
        if not headers.get(f"x-tc-{name}"):
            raise ApiError("MissingParameter", f"The request is missing a required parameter `{name.title()}`.")
    service = _SERVICES.get(headers["x-tc-version"])
    if service is None:
        raise ApiError("NoSuchVersion", f"The version {headers['x-tc-version']} does not exist.")
    action = headers["x-tc-action"]
    if (service, action) not in HANDLERS:
        raise ApiError("InvalidAction", f"The action {action} of {service} does not exist.")
    if len(request.body) > MAX_BODY:
        raise ApiError("RequestSizeLimitExceeded", f"The request is longer than {MAX_BODY} bytes.")
    account = ANONYMOUS
    if action != UNSIGNED or headers.get("authorization") != "SKIP":
        authorization = signature.parse(headers.get("authorization", ""))
        entry["secret_id"] = authorization.secret_id
        credential = cloud.accounts.find(authorization.secret_id)
        signature.check(credential.secret_key, authorization, service, headers, request.body, wall)
        cloud.accounts.check_token(credential, headers.get("x-tc-token"), wall)
        account = credential.account
    if not headers.get("content-type", "").lower().startswith("application/json"):
        raise ApiError("InvalidParameter", "The Content-Type must be application/json.")
    if headers["x-tc-region"] not in cloud.scenario.regions:
        raise ApiError("InvalidParameter.RegionNotFound", f"The region `{headers['x-tc-region']}` does not exist.")
    cloud.rate.admit(action, account, cloud.clock.now())
    return HANDLERS[service, action], account


def _params(body: bytes, action: str) -> dict[str, Any]:
    try:
        params = json.loads(body)
    except ValueError:
        params = None
    if not isinstance(params, dict):
        raise ApiError("InvalidParameter", "The body is not a JSON object.")
    return SCHEMAS[action].check(params)


def _carry_out(cloud: Cloud, handler: Handler, context: Context) -> dict[str, Any]:
    fault = context.fault
    if fault is None:
        return handler(cloud, context)
    if fault.kind == "lock":
        cloud.lock(cloud.balancer(context.params["LoadBalancerId"], context.region), fault["seconds"])
    response = handler(cloud, context) if spares(fault) else {}
    if fault.kind in ("error", "refuse_targets"):
        raise ApiError(fault["code"], fault["message"])
    return response
