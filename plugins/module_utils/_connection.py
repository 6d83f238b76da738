# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From connection options to a client that can call the CLB API. Knows nothing of modules or plugins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ._budget import Budget
from ._client import Client
from ._clb import VERSION, Clb, LoadBalancer
from ._credentials import find_credentials
from ._endpoint import DEFAULT_ENDPOINT, parse_endpoint
from ._errors import InvalidArgument

ENDPOINT_VARIABLE = "TENCENTCLOUD_CLB_ENDPOINT"
_MOST_LISTED = 10


@dataclass(frozen=True)
class Connection:
    """A way to one region's CLB API.

    :param clb: the actions.
    :param region: the region's name.
    :param api_calls: HTTP requests sent so far, by action.
    """

    clb: Clb
    region: str
    api_calls: Counter[str]


def connect(options: Mapping[str, Any], environ: Mapping[str, str], budget: Budget) -> Connection:
    """Check the connection options and find credentials; nothing is sent to the CLB API yet.

    :param options: the connection options, as the doc fragment names them.
    :param environ: the environment variables.
    :param budget: the time for the whole task.
    :raises InvalidArgument: an option is wrong or missing.
    :raises CredentialsNotFound: no source has complete credentials.
    """
    endpoint = parse_endpoint(options.get("endpoint") or environ.get(ENDPOINT_VARIABLE) or DEFAULT_ENDPOINT)
    credentials = find_credentials(options, environ)
    region = options.get("region") or environ.get("TENCENTCLOUD_REGION")
    if not region:
        raise InvalidArgument("region is missing; give region, for example ap-guangzhou, or set TENCENTCLOUD_REGION.")
    client = Client(
        endpoint=endpoint,
        service="clb",
        version=VERSION,
        region=region,
        credentials=credentials,
        budget=budget,
        timeout=options.get("timeout") or 30,
        ca_path=options.get("ca_path"),
    )
    return Connection(Clb(client), region, client.api_calls)


def find_load_balancer(connection: Connection, load_balancer_id: str | None, name: str | None) -> str:
    """The ID of the load balancer that the options name.

    Names are not unique and the API's filter is a fuzzy match, so a name counts only where exactly one is equal to it.

    :param connection: where to look.
    :param load_balancer_id: as given.
    :param name: as given; used only without an ID.
    :raises InvalidArgument: none or several have this name; the message lists the candidates.
    """
    if load_balancer_id is not None:
        return load_balancer_id
    similar = list(connection.clb.describe_load_balancers(name))
    same = [one for one in similar if one.name == name]
    if len(same) == 1:
        return same[0].load_balancer_id
    if same:
        raise InvalidArgument(
            f"load_balancer_name {name!r} is not unique in region {connection.region}: {_listed(same)}. Give load_balancer_id."
        )
    hint = f" Similar names: {_listed(similar)}." if similar else ""
    raise InvalidArgument(
        f"No load balancer in region {connection.region} has the name {name!r}.{hint} Check load_balancer_name and region."
    )


def _listed(balancers: list[LoadBalancer]) -> str:
    shown = [
        f"{one.name} ({', '.join(filter(None, (one.load_balancer_id, *one.vips)))})" for one in balancers[:_MOST_LISTED]
    ]
    more = f" and {len(balancers) - _MOST_LISTED} more" if len(balancers) > _MOST_LISTED else ""
    return ", ".join(shown) + more
