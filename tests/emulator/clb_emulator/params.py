# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The parameters that each action takes, with their types. The checks refuse what the API refuses.

Source: the request models of ``tencentcloud.clb.v20180317.models``, and of STS, version 2018-08-13.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Struct:
    """An object: its fields by name (``str``, ``int``, a Struct, or a list of one of these), and the required ones."""

    fields: Mapping[str, Any]
    required: tuple[str, ...] = ()

    def check(self, value: Mapping[str, Any], path: str = "") -> dict[str, Any]:
        """Return ``value`` without its nulls.

        :raises ApiError: a field is unknown or missing, or has a wrong type.
        """
        for name in value:
            if name not in self.fields:
                raise ApiError("UnknownParameter", f"The parameter `{path}{name}` is not recognized.")
        given = {name: item for name, item in value.items() if item is not None}
        for name in self.required:
            if name not in given:
                raise ApiError("MissingParameter", f"The request is missing a required parameter `{path}{name}`.")
        return {name: _typed(self.fields[name], item, path + name) for name, item in given.items()}


def _typed(kind: Any, value: Any, path: str) -> Any:
    if isinstance(kind, list) and isinstance(value, list):
        return [_typed(kind[0], item, f"{path}.{index}") for index, item in enumerate(value)]
    if isinstance(kind, Struct) and isinstance(value, dict):
        return kind.check(value, f"{path}.")
    # Python takes a JSON true for an int; the API does not.
    if isinstance(kind, type) and isinstance(value, kind) and not isinstance(value, bool):
        return value
    raise ApiError("InvalidParameter", f"The value type of parameter `{path}` is not valid.")


_FILTER = Struct({"Name": str, "Values": [str]}, ("Name", "Values"))
_BATCH_TARGET = Struct(
    {"ListenerId": str, "Port": int, "InstanceId": str, "EniIp": str, "Weight": int, "LocationId": str, "Tag": str},
    ("ListenerId", "Port"),
)
_TARGET = Struct(
    {"Port": int, "Type": str, "InstanceId": str, "Weight": int, "EniIp": str, "Tag": str},
    ("Port",),
)
_RULE = {"ListenerId": str, "Targets": [_TARGET], "LocationId": str}
_NAMED_RULE = {**_RULE, "Domain": str, "Url": str}
_BATCH = Struct({"LoadBalancerId": str, "Targets": [_BATCH_TARGET]}, ("LoadBalancerId", "Targets"))


def _modify(fields: Mapping[str, Any]) -> Struct:
    rule = Struct(fields, ("ListenerId", "Targets"))
    return Struct({"LoadBalancerId": str, "ModifyList": [rule]}, ("LoadBalancerId", "ModifyList"))


SCHEMAS: dict[str, Struct] = {
    "BatchRegisterTargets": _BATCH,
    "BatchDeregisterTargets": _BATCH,
    "BatchModifyTargetWeight": _modify({**_NAMED_RULE, "Weight": int}),
    "BatchModifyTargetTag": _modify({**_RULE, "Tag": str}),
    "RegisterTargets": Struct({"LoadBalancerId": str, **_NAMED_RULE}, ("LoadBalancerId", "ListenerId", "Targets")),
    "DescribeTargets": Struct(
        {"LoadBalancerId": str, "ListenerIds": [str], "Protocol": str, "Port": int, "Filters": [_FILTER]},
        ("LoadBalancerId",),
    ),
    "DescribeTargetHealth": Struct(
        {"LoadBalancerIds": [str], "ListenerIds": [str], "LocationIds": [str]}, ("LoadBalancerIds",)
    ),
    "DescribeTaskStatus": Struct({"TaskId": str}, ("TaskId",)),
    "DescribeListeners": Struct(
        {"LoadBalancerId": str, "ListenerIds": [str], "Protocol": str, "Port": int}, ("LoadBalancerId",)
    ),
    "DescribeLoadBalancers": Struct(
        {
            "LoadBalancerIds": [str],
            "LoadBalancerType": str,
            "LoadBalancerName": str,
            "LoadBalancerVips": [str],
            "BackendPrivateIps": [str],
            "Forward": int,
            "WithRs": int,
            "VpcId": str,
            "Filters": [_FILTER],
            "AdditionalFields": [str],
            "OrderBy": str,
            "OrderType": int,
            "Offset": int,
            "Limit": int,
        }
    ),
    "DescribeLoadBalancersDetail": Struct(
        {"Limit": int, "Offset": int, "Fields": [str], "TargetType": str, "Filters": [_FILTER]}
    ),
    "DescribeLBListeners": Struct(
        {"Backends": [Struct({"VpcId": str, "PrivateIp": str}, ("VpcId", "PrivateIp"))]}, ("Backends",)
    ),
    "AssumeRole": Struct(
        {
            "RoleArn": str,
            "RoleSessionName": str,
            "DurationSeconds": int,
            "Policy": str,
            "ExternalId": str,
            "SourceIdentity": str,
        },
        ("RoleArn", "RoleSessionName"),
    ),
    "AssumeRoleWithWebIdentity": Struct(
        {
            "ProviderId": str,
            "WebIdentityToken": str,
            "RoleArn": str,
            "RoleSessionName": str,
            "DurationSeconds": int,
        },
        ("ProviderId", "WebIdentityToken", "RoleArn", "RoleSessionName"),
    ),
}
