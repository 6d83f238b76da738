# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The event source of ansible-rulebook that tells when the health of a target changes."""

from __future__ import annotations

DOCUMENTATION = r"""
---
short_description: Send an event for each change in the health of backends behind Tencent Cloud load balancers
version_added: 1.0.0
author:
  - The tencentcloud.clb contributors
description:
  - Reads the health of targets of Cloud Load Balancers (CLB) again and again. Puts an event for each target when its
    health has changed since the last read.
  - At the first read, and for a target that is bound later, there is an event only if it is not healthy.
    C(health_before) is null then. So no failure is missed while the rulebook does not run.
  - An event is C(clb_health) with C(region), the keys of RV(tencentcloud.clb.targets_info#module:targets) (such as
    C(load_balancer_id), C(listener_id), C(location_id), C(instance_id), C(eni_ip), C(port) and C(weight)),
    C(health_before), C(health_after) and C(healthy).
  - C(health_after) is C(Alive), C(Dead), C(Close) for a health check that is switched off, or another word of the
    cloud. C(healthy) is true if the target counts as healthy.
  - If a read leaves out a load balancer, a listener or a target, or does not know its health, there is no event. The
    next read compares with the last known health. A target that is missing from ten reads in a row counts as unbound. A
    target that was bound again starts anew.
  - In every text of an event, a brace that would begin an expression of Ansible is followed by a space. So is the C(#)
    of C(#jinja2:). So a playbook never evaluates the name of an instance as a template.
  - A read that fails puts one event C(clb_error), with C(summary), C(action), C(code), C(message), C(request_id) and
    C(failed_reads), which counts the failed reads in a row. The next reads come later each time, up to 5 minutes. An
    answer that differs from the API's documentation changes no health.
  - A read of several load balancers fails if one of them can't be read. To watch the others then, too, give each a
    source of its own. With O(load_balancer_tags) or O(all_load_balancers=true), a load balancer that is gone, or that
    these credentials may not read, is left out with a warning.
  - If no read has succeeded yet, and one fails because of the options, the credentials or their rights, the source ends
    with a message.
  - Each read takes one call of the API for each load balancer, and one more for the health of up to 30 of them. With
    O(role_arn), it assumes the role anew.
options:
  interval:
    description: Seconds from one read to the next, 1 to 86400.
    type: int
    default: 30
  load_balancer_id:
    description:
      - The ID of one load balancer.
      - Give one of O(load_balancer_id), O(load_balancer_name), O(load_balancer_ids), O(load_balancer_names),
        O(load_balancer_tags) and O(all_load_balancers).
    type: str
  load_balancer_name:
    description: The exact name of one load balancer.
    type: str
  load_balancer_ids:
    description: The IDs of several load balancers.
    type: list
    elements: str
  load_balancer_names:
    description: The exact names of several load balancers.
    type: list
    elements: str
  load_balancer_tags:
    description:
      - Every load balancer of the region that has all of these tags, as they are at each read.
      - A value is a text, or a list of texts. One text of a list must match. If no load balancer has these tags, the
        read fails.
    type: dict
  all_load_balancers:
    description: Every load balancer of the region that has backends, as they are at each read.
    type: bool
    default: false
  targets:
    description: Selectors as in O(tencentcloud.clb.targets_info#module:targets). Without them, every target is watched.
    type: list
    elements: dict
  secret_id:
    description:
      - The ID of the API key.
      - This option and those below are the options of M(tencentcloud.clb.targets_info). The order of the sources of
        credentials is the same, too.
    type: str
  secret_key:
    description: The key that belongs to O(secret_id).
    type: str
  token:
    description: The token of temporary credentials.
    type: str
  profile:
    description: The name of a profile with credentials.
    type: str
  role_arn:
    description: A role that the source assumes with these credentials.
    type: str
  role_session_name:
    description: The name of the session in which the role is assumed.
    type: str
  role_session_duration:
    description: The lifetime of the role's credentials in seconds.
    type: int
  region:
    description: The region of the load balancers, such as V(ap-guangzhou).
    type: str
  endpoint:
    description: The address of the CLB API, as a host, C(host:port) or URL.
    type: str
  sts_endpoint:
    description: The address of the Security Token Service (STS), in the same forms as O(endpoint).
    type: str
  timeout:
    description: Seconds for one HTTP request.
    type: int
    default: 30
  ca_path:
    description: A file or folder with the certificates of a private authority.
    type: path
requirements:
  - ansible-core, and requests, in the Python environment of ansible-rulebook
"""

EXAMPLES = r"""
# Two load balancers; credentials come from the environment, a profile or the role of the machine.
- tencentcloud.clb.health:
    region: ap-guangzhou
    load_balancer_ids: [lb-abcd1234, lb-efgh5678]
    interval: 15

# Everything behind one domain.
- tencentcloud.clb.health:
    region: ap-guangzhou
    load_balancer_name: shop-frontend
    targets:
      - domain: shop.example.com

# Every load balancer that is tagged as production.
- tencentcloud.clb.health:
    region: ap-guangzhou
    load_balancer_tags:
      env: prod

# Every load balancer of a region, with the key from an encrypted variable.
- tencentcloud.clb.health:
    region: ap-guangzhou
    all_load_balancers: true
    secret_id: "{{ clb_secret_id }}"
    secret_key: "{{ clb_secret_key }}"
"""

import asyncio
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

_COLLECTIONS = Path(__file__).absolute().parents[6]
if _COLLECTIONS.name == "ansible_collections":
    # ansible-rulebook runs this file by its path, and without Ansible's importer of collections.
    sys.path.insert(0, str(_COLLECTIONS.parent))
    import ansible_collections

    if str(_COLLECTIONS) not in ansible_collections.__path__:
        # Another package of this name, which comes from elsewhere, does not look at sys.path.
        ansible_collections.__path__.insert(0, str(_COLLECTIONS))

from ansible_collections.tencentcloud.clb.plugins.plugin_utils._health_watch import HealthWatch

_LOGGER = logging.getLogger("tencentcloud.clb.health")


class Queue(Protocol):
    """The queue for events."""

    async def put(self, event: dict[str, Any], /) -> Any:
        """Hand over one event."""


async def main(queue: Queue, args: Mapping[str, Any]) -> None:
    """Read the health until the rulebook ends.

    :param queue: takes the events.
    :param args: the options.
    :raises ClbError: an option is wrong or missing, or there are no credentials.
    """
    watch = HealthWatch(args, os.environ)
    while True:
        found = await asyncio.to_thread(watch.poll)
        for warning in found.warnings:
            _LOGGER.warning("%s", warning)
        if found.failure is not None:
            _LOGGER.error("Health could not be read; the next read is in %d s. %s", found.pause, found.failure)
        for event in found.events:
            await queue.put(event)
        await asyncio.sleep(found.pause)
