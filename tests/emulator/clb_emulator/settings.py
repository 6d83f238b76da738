# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The settings of the emulated cloud: a scenario sets them, the control API changes them at run time."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from .busy import STYLES
from .errors import DOCUMENTED_CODES, SITUATIONS, ApiError
from .model import DEFAULT_WEIGHT

if TYPE_CHECKING:
    from collections.abc import Mapping

CHOICES: dict[str, tuple[str, ...]] = {
    "deregister_gone": ("error", "fail_listener", "fail_target", "ignore"),
    "describe_unknown_listener": ("error", "empty"),
    "empty_quic_targets": ("list", "null"),
    "fail_listener_set": ("list", "null", "missing"),
    "interface_order": ("as_given", "own_first", "own_last"),
    "ipv6_spelling": ("as_given", "exploded"),
    "domains": ("as_typed", "punycode"),
    "language": ("en-US", "zh-CN"),
    "order": ("stable", "random"),
    "quota_counts": ("sent", "new"),
    "repeated": ("first", "last", "refuse"),
    "reregister": ("keep", "overwrite", "overwrite_tag", "overwrite_all", "refuse"),
    "target_count": ("asked", "always", "never"),
    "tag_filters": ("accept", "refuse", "ignore"),
    "target_group_refusal": ("explained", "bare"),
}
"""Settings of a few values, with these."""

LIMITS = {
    "targets": 500,
    "single_targets": 20,
    "entries": 100,
    "entry_targets": 50,
    "listener_ids": 20,
    "described_listeners": 100,
    "load_balancer_ids": 20,
    "health_load_balancers": 30,
}
"""How many of a kind a call may have. README.md says which call."""

_EXCLUSIVE = {
    name: LIMITS[name] - 1
    for name in ("targets", "entries", "entry_targets", "listener_ids", "load_balancer_ids", "health_load_balancers")
}
"""Limits as some callers have met them: the documented number itself is refused."""

_CHINESE = "请求处理失败"
"""What every refusal says where texts are Chinese."""


@dataclass(frozen=True)
class Wording:
    """The code of a refusal, and its text; None: the usual one."""

    code: str
    message: str | None = None


@dataclass
class Settings:
    """How the cloud behaves. Times are in seconds unless the name has another unit. README.md describes every key."""

    batch_is_task: bool = True
    batch_seconds: float = 0.0
    batch_message: str = ""
    busy_style: tuple[str, ...] = ("coded",)
    classic_code: str = "UnsupportedOperation"
    clock_offset: float = 0.0
    codes: dict[str, Wording] = field(default_factory=dict)
    default_weight: int = DEFAULT_WEIGHT
    deregister_gone: str = "error"
    describe_unknown_listener: str = "error"
    detail_lag: float = 0.0
    domains: str = "as_typed"
    empty_quic_targets: str = "list"
    fail_listener_set: str = "list"
    interface_order: str = "as_given"
    ipv6_spelling: str = "as_given"
    ipv6_type: str = "ENI"
    keepalive_ms: float | None = None
    language: str = "en-US"
    latency: float = 0.0
    limits: dict[str, int] = field(default_factory=LIMITS.copy)
    lock_after: float = 0.0
    number_layer4_rules: bool = False
    order: str = "stable"
    quota_counts: str = "sent"
    rate_limit: int = 20
    rate_limits: dict[str, int] = field(default_factory=dict)
    read_lag: float = 0.0
    repeated: str = "first"
    reregister: str = "keep"
    sparse: bool | frozenset[str] = False
    tag_filters: str = "accept"
    tag_is_task: bool = False
    tag_needs_free: bool = True
    tags: bool = True
    target_count: str = "asked"
    target_group_code: str = "InvalidParameter"
    target_group_refusal: str = "bare"
    target_quota: int = 100
    task_seconds: float = 0.05
    unknown_task_code: str = "InvalidParameter"
    weight_is_task: bool = True

    def change(self, raw: Mapping[str, Any]) -> None:
        """Change the given settings, and keep the others.

        :param raw: keys as in a scenario.
        :raises ValueError: a key or value that means nothing; then nothing is changed.
        """
        values: dict[str, Any] = {}
        for name, value in raw.items():
            values.update(_parse(name, value))
        for name, value in values.items():
            setattr(self, name, value)

    def wording(self, action: str, error: ApiError) -> tuple[str, str]:
        """Return the code and the text with which an action refuses a call."""
        wording = self.codes.get(f"{action}.{error.situation}") or self.codes.get(error.situation or "")
        message = _CHINESE if self.language == "zh-CN" else error.message
        return (error.code, message) if wording is None else (wording.code, wording.message or message)


def _parse(name: str, value: Any) -> dict[str, Any]:
    """Return the fields that a key of a scenario sets.

    :raises ValueError: the key or its value means nothing.
    """
    if name == "quotas":
        return {"target_quota": value["targets"]} if "targets" in value else {}
    if name == "limits":
        return {name: _limits(value)}
    if name == "sparse" and isinstance(value, list):
        return {name: frozenset(map(str, value))}
    if name == "codes":
        return {name: _codes(DOCUMENTED_CODES if value == "documented" else value)}
    if name == "latency_ms":
        return {"latency": _number(name, value) / 1000}
    if name == "busy_style":
        return {name: _busy_styles(value)}
    if name == "rate_limits":
        return {name: {str(action): int(_number(action, limit)) for action, limit in value.items()}}
    if name in CHOICES:
        # YAML reads a bare null as no value.
        return {name: _choice(name, "null" if value is None else value)}
    if name not in KEYS:
        raise ValueError(f"there is no setting {name}")
    return {name: _like(name, getattr(Settings, name), value)}


def _like(name: str, default: Any, value: Any) -> Any:
    """Return ``value`` with the type of the default; a default of None stands for an optional number."""
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise ValueError(f"{name} is {value!r}; it must be true or false")
        return value
    if isinstance(default, str):
        return str(value)
    if default is None and value is None:
        return None
    return type(default or 0.0)(_number(name, value))


def _choice(name: str, value: Any) -> str:
    if value not in CHOICES[name]:
        raise ValueError(f"{name} is {value!r}; it must be one of {', '.join(CHOICES[name])}")
    return str(value)


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{name} is {value!r}; it must be a number")
    return value


def _busy_styles(value: Any) -> tuple[str, ...]:
    styles = tuple(value) if isinstance(value, list) else (value,)
    unknown = [style for style in styles if style not in STYLES]
    if unknown or not styles:
        raise ValueError(f"busy_style is {value!r}; it must be one of {', '.join(STYLES)}, or a list of these")
    return styles


def _limits(value: Any) -> dict[str, int]:
    given = _EXCLUSIVE if value == "exclusive" else value
    if not isinstance(given, dict) or not given.keys() <= LIMITS.keys():
        raise ValueError(f"limits is {value!r}; it must be exclusive, or numbers of {', '.join(LIMITS)}")
    return {**LIMITS, **{name: int(_number(name, limit)) for name, limit in given.items()}}


def _codes(value: Any) -> dict[str, Wording]:
    if not isinstance(value, dict):
        raise ValueError(f"codes is {value!r}; it must be documented, or a mapping")
    unknown = [name for name in value if name.rpartition(".")[2] not in SITUATIONS]
    if unknown:
        raise ValueError(f"codes knows no {', '.join(unknown)}; it knows {', '.join(SITUATIONS)}")
    return {
        name: Wording(**wording) if isinstance(wording, dict) else Wording(str(wording))
        for name, wording in value.items()
    }


KEYS = frozenset({item.name for item in fields(Settings)} - {"target_quota"} | {"latency_ms", "quotas"})
"""The keys of a scenario that are settings."""
