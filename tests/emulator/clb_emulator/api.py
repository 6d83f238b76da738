# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One API call from its bytes to its answer: signature, rate, parameters, faults, action, journal."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import listing, reads, signature, sts, writes
from .answer import Answer, distort, is_carried_out
from .call import Call
from .cloud import Cloud
from .errors import ApiError
from .params import SCHEMAS

if TYPE_CHECKING:
    from .faults import Fault
    from .journal import Entry

MAX_BODY = 10 * 1024 * 1024
"""Bytes of a request's body."""

CLB_VERSION = "2018-03-17"
STS_VERSION = "2018-08-13"
_SERVICES = {CLB_VERSION: "clb", STS_VERSION: "sts"}

Handler = Callable[[Cloud, Call], dict[str, Any]]

HANDLERS: dict[tuple[str, str], Handler] = {
    **{("clb", name): writes.write for name in writes.WRITES},
    ("clb", "DescribeTargets"): reads.describe_targets,
    ("clb", "DescribeTargetHealth"): reads.describe_target_health,
    ("clb", "DescribeTaskStatus"): reads.describe_task_status,
    ("clb", "DescribeListeners"): reads.describe_listeners,
    ("clb", "DescribeLoadBalancers"): listing.describe_load_balancers,
    ("clb", "DescribeLoadBalancersDetail"): listing.describe_load_balancers_detail,
    ("clb", "DescribeLBListeners"): listing.describe_lb_listeners,
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
    """Answer one call that came over the wire."""

    def admit(entry: Entry) -> tuple[Handler, str, dict[str, Any]]:
        handler, account = _admit(cloud, request, entry)
        return handler, account, _params(request.body, entry["action"])

    return _serve(cloud, request.headers.get("x-tc-action", ""), request.headers, admit)


def handle_unsigned(cloud: Cloud, action: str, params: Mapping[str, Any], region: str) -> Answer:
    """Answer one call of a program that holds the cloud itself: without signature, and of the CLB API only."""

    def admit(entry: Entry) -> tuple[Handler, str, dict[str, Any]]:
        entry["params"] = given = dict(params)
        if ("clb", action) not in HANDLERS:
            raise ApiError("InvalidAction", f"The action {action} of clb does not exist.")
        _check_region_and_rate(cloud, action, region, ANONYMOUS)
        return HANDLERS["clb", action], ANONYMOUS, SCHEMAS[action].check(given)

    return _serve(cloud, action, {"x-tc-region": region}, admit)


def _serve(
    cloud: Cloud,
    action: str,
    headers: Mapping[str, str],
    admit: Callable[[Entry], tuple[Handler, str, dict[str, Any]]],
) -> Answer:
    """Answer one call.

    :param admit: checks who calls and what, and returns the action's handler, the caller's account, and the parameters.
    """
    now = cloud.settle()
    request_id = str(uuid.uuid4())
    entry = cloud.journal.call(now, action, request_id, headers)
    call: Call | None = None
    fault: Fault | None = None
    outcome: str | None = "ok"
    try:
        handler, account, params = admit(entry)
        entry["params"] = params
        fault = cloud.faults.pick(action, params, action in writes.WRITES)
        entry["fault"] = fault.kind if fault else None
        call = Call(action, params, headers["x-tc-region"], entry, fault, account)
        response = _carry_out(cloud, handler, call)
    except ApiError as error:
        outcome, message = cloud.settings.wording(action, error)
        response = {"Error": {"Code": outcome, "Message": message}}
    answer = Answer.json({"Response": {**response, "RequestId": request_id}})
    cloud.looks.change(answer)
    if fault is not None:
        outcome = distort(fault, answer) or outcome
    entry["outcome"] = outcome
    cloud.alterations.alter(action, answer)
    work = cloud.settings.latency + (call.wait if call is not None else 0.0)
    answer.delay += work
    cloud.events.call_answered(entry, now + work)
    cloud.settle()
    return answer


def _admit(cloud: Cloud, request: Request, entry: Entry) -> tuple[Handler, str]:
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
    _check_region_and_rate(cloud, action, headers["x-tc-region"], account)
    return HANDLERS[service, action], account


def _check_region_and_rate(cloud: Cloud, action: str, region: str, account: str) -> None:
    if region not in cloud.scenario.regions:
        raise ApiError("InvalidParameter.RegionNotFound", f"The region `{region}` does not exist.")
    cloud.rate.admit(action, account, cloud.clock.now())


def _params(body: bytes, action: str) -> dict[str, Any]:
    try:
        params = json.loads(body)
    except ValueError:
        params = None
    if not isinstance(params, dict):
        raise ApiError("InvalidParameter", "The body is not a JSON object.")
    return SCHEMAS[action].check(params)


def _carry_out(cloud: Cloud, handler: Handler, call: Call) -> dict[str, Any]:
    fault = call.fault
    if fault is None:
        return handler(cloud, call)
    if fault.kind == "busy":
        named = call.params.get("LoadBalancerId") or next(iter(call.params.get("LoadBalancerIds", [])), "")
        raise cloud.busy_refusal(named, fault["style"], fault["code"], fault["message"])
    if fault.kind == "lock":
        balancer = cloud.balancer(call.params["LoadBalancerId"], call.region)
        cloud.lock(balancer, fault["seconds"], cloud.clock.now())
    response = handler(cloud, call) if is_carried_out(fault) else {}
    if fault.kind in ("error", "refuse_targets", "refuse_listeners"):
        raise ApiError(fault["code"], fault["message"])
    return response
