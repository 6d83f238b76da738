# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""STS: temporary credentials for roles.

Source of actions and error codes: Tencent Cloud STS, version 2018-08-13, as the vendor's SDKs list them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .accounts import DEFAULT_ACCOUNT, Credential
from .clock import iso
from .errors import ApiError

if TYPE_CHECKING:
    from .call import Call
    from .cloud import Cloud

DEFAULT_DURATION = 7200
MAX_DURATION = 43200


def assume_role(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Answer AssumeRole."""
    role = _role(cloud, call.params["RoleArn"])
    if not role.get("allow", True) or call.entry["secret_id"] not in role.get("trusted", [call.entry["secret_id"]]):
        raise ApiError("UnauthorizedOperation", "You are not authorized to assume this role.")
    return _issue(cloud, call, role, call.account)


def assume_role_with_web_identity(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Answer AssumeRoleWithWebIdentity."""
    params = call.params
    role = _role(cloud, params["RoleArn"])
    grant = cloud.scenario.sts.get("web_identity_tokens", {}).get(params["WebIdentityToken"].strip())
    if grant is None:
        raise ApiError("InvalidParameter.WebIdentityTokenError", "The web identity token is not valid.")
    if grant.get("provider_id", params["ProviderId"]) != params["ProviderId"]:
        raise ApiError("InvalidParameter.ParamError", f"The identity provider `{params['ProviderId']}` is not known.")
    if grant.get("role_arn", params["RoleArn"]) != params["RoleArn"] or not role.get("allow", True):
        raise ApiError("UnauthorizedOperation", "The web identity is not authorized to assume this role.")
    return _issue(cloud, call, role, DEFAULT_ACCOUNT)


def temporary(cloud: Cloud, duration: float, account: str = DEFAULT_ACCOUNT) -> Credential:
    """Make a temporary pair that ends in ``duration`` seconds."""
    return cloud.accounts.issue(account, cloud.clock.wall() + duration)


def _role(cloud: Cloud, arn: str) -> dict[str, Any]:
    roles = cloud.scenario.sts.get("roles", {})
    if arn not in roles:
        raise ApiError("ResourceNotFound.RoleNotFound", f"The role `{arn}` does not exist.")
    return roles[arn] or {}


def _issue(cloud: Cloud, call: Call, role: dict[str, Any], account: str) -> dict[str, Any]:
    duration = call.params.get("DurationSeconds", DEFAULT_DURATION)
    maximum = role.get("max_duration", cloud.scenario.sts.get("max_duration", MAX_DURATION))
    if not 1 <= duration <= maximum:
        raise ApiError("InvalidParameter.OverTimeError", f"`DurationSeconds` is {duration}; it must be 1 to {maximum}.")
    credential = temporary(cloud, cloud.scenario.sts.get("lifetime", duration), account)
    return {
        "Credentials": {
            "Token": credential.token,
            "TmpSecretId": credential.secret_id,
            "TmpSecretKey": credential.secret_key,
        },
        "ExpiredTime": int(credential.expires or 0),
        "Expiration": iso(credential.expires or 0),
    }
