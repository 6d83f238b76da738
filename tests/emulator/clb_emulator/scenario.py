# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A scenario: everything that the server starts from, read from YAML or JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from .accounts import DEFAULT_SECRET_ID, DEFAULT_SECRET_KEY, Accounts, Credential
from .clock import iso
from .health import Health
from .instances import Instance, Instances
from .model import canonical_ip
from .seed import EPOCH, make_load_balancer
from .settings import KEYS, Settings

if TYPE_CHECKING:
    from .model import LoadBalancer

_HERE = Path(__file__).resolve().parent

FOLDER = next(folder for folder in (_HERE / "scenarios", _HERE.parent / "scenarios") if folder.is_dir())
"""Where the emulator's own scenarios are: in the package where it is installed, beside it in a checkout."""

DEMO = FOLDER / "demo.yml"
"""A small web shop behind one load balancer."""

REGIONS = (
    "ap-bangkok", "ap-beijing", "ap-chengdu", "ap-chongqing", "ap-guangzhou", "ap-hongkong", "ap-jakarta", "ap-mumbai",
    "ap-nanjing", "ap-seoul", "ap-shanghai", "ap-singapore", "ap-tokyo", "eu-frankfurt", "na-ashburn",
    "na-siliconvalley", "sa-saopaulo",
)  # fmt: skip
"""Regions that the server knows beside those which a scenario names."""

DEFAULT_REGION = "ap-guangzhou"

Raw = Mapping[str, Any]

_OWN_KEYS = frozenset(
    {
        "backend_types",
        "credentials",
        "events",
        "faults",
        "health",
        "instances",
        "interfaces",
        "load_balancers",
        "metadata",
        "numbered_instances",
        "region",
        "sts",
        "unknown_instances",
    }
)


@dataclass
class Scenario:
    """The parsed scenario. README.md of the emulator describes every key.

    :param regions: every region that calls may name; ``region`` is that of load balancers which name none.
    """

    settings: Settings
    load_balancers: list[LoadBalancer]
    instances: Instances
    accounts: Accounts
    health: Health
    regions: frozenset[str]
    region: str = DEFAULT_REGION
    sts: Raw = field(default_factory=dict)
    metadata: Raw | None = None
    faults: list[Raw] = field(default_factory=list)
    events: list[Raw] = field(default_factory=list)


def load(path: Path) -> Raw:
    """Read a scenario file.

    :raises OSError: it can't be read.
    :raises ValueError: it is no YAML or holds no mapping.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is no YAML: {error}") from error
    if not isinstance(raw, dict):
        raise ValueError(f"{path} is not a scenario: it holds no mapping")
    return raw


def like(raw: Raw, report: Path) -> Raw:
    """Return a scenario whose cloud behaves as a conformance report saw one.

    :param report: the file that ``make conformance`` wrote.
    :raises OSError: it can't be read.
    :raises ValueError: it is no such report.
    """
    try:
        settings = json.loads(report.read_text(encoding="utf-8"))["settings"]
        given = {
            name: {**raw.get(name, {}), **value} if isinstance(value, dict) else value
            for name, value in settings.items()
        }
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"{report} is no conformance report: {type(error).__name__}: {error}") from error
    return {**raw, **given}


def parse(raw: Raw) -> Scenario:
    """Turn the raw scenario into the state that it describes.

    :raises ValueError: a key or value that means nothing.
    :raises KeyError: a listener, rule or target lacks something it needs.
    """
    unknown = sorted(set(raw) - _OWN_KEYS - KEYS)
    if unknown:
        raise ValueError(f"the scenario has unknown keys: {', '.join(unknown)}")
    settings = Settings()
    settings.change({name: raw[name] for name in raw if name in KEYS})
    instances = _instances(raw)
    region = raw.get("region", DEFAULT_REGION)
    balancers: dict[str, LoadBalancer] = {}
    for index, item in enumerate(raw.get("load_balancers", [])):
        balancer = make_load_balancer(item, region, item.get("created", iso(EPOCH + index)), instances)
        if balancer.id in balancers:
            raise ValueError(f"the scenario has two load balancers {balancer.id}")
        balancers[balancer.id] = balancer
    return Scenario(
        settings=settings,
        load_balancers=list(balancers.values()),
        instances=instances,
        accounts=Accounts(
            Credential(**item)
            for item in raw.get("credentials", [{"secret_id": DEFAULT_SECRET_ID, "secret_key": DEFAULT_SECRET_KEY}])
        ),
        health=Health(**raw.get("health", {})),
        regions=frozenset({*REGIONS, region, *(balancer.region for balancer in balancers.values())}),
        region=region,
        **{name: raw[name] for name in ("sts", "metadata", "faults", "events") if name in raw},
    )


def _instances(raw: Raw) -> Instances:
    accept = raw.get("unknown_instances", "accept")
    if accept not in ("accept", "refuse"):
        raise ValueError(f"unknown_instances is {accept!r}; it must be one of accept, refuse")
    return Instances(
        (_instance(instance_id, value or {}) for instance_id, value in raw.get("instances", {}).items()),
        accept_unknown=accept == "accept",
        numbered=raw.get("numbered_instances"),
        interfaces=raw.get("interfaces", {}),
        types=raw.get("backend_types", {}),
    )


def _instance(instance_id: str, raw: Raw) -> Instance:
    public_ips = raw.get("public_ips")
    return Instance(
        id=instance_id,
        ip=canonical_ip(raw["ip"]),
        name=raw.get("name"),
        zone=raw.get("zone"),
        public_ips=None if public_ips is None else tuple(public_ips),
    )
