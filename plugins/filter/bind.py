# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cross backends with listeners."""

from __future__ import annotations

DOCUMENTATION = r"""
name: bind
short_description: Put every backend on every listener
version_added: 0.1.0
author:
  - The tencentcloud.clb contributors (!UNKNOWN)
description:
  - Makes a list for O(tencentcloud.clb.targets#module:targets). It has an entry for every backend on every listener.
  - The entries stand in the order of the backends, then in the order of the listeners.
  - An entry has the keys of its listener and of its backend. If both have a key, the backend's value wins. A value that
    is null does not win.
positional: listeners
options:
  _input:
    description:
      - The backends. Each has O(tencentcloud.clb.targets#module:targets[].instance_id) or
        O(tencentcloud.clb.targets#module:targets[].eni_ip), and its own values, such as a weight.
      - Entries of a result are accepted, too. They bring their own listener, which wins.
    type: list
    elements: dict
    required: true
  listeners:
    description:
      - The listeners and rules. Each has the keys that name it in O(tencentcloud.clb.targets#module:targets), and the
        values for all backends, such as the port.
      - An entry of RV(tencentcloud.clb.targets_info#module:listeners) is accepted, too. It stands for its rules, or for
        itself if it has none. It brings its load balancer, so that one task can bind to several load balancers.
    type: list
    elements: dict
    required: true
notes:
  - The filter runs on the controller and calls no API.
seealso:
  - module: tencentcloud.clb.targets
"""

EXAMPLES = r"""
- name: Bind three servers to a layer-4 listener and to a rule
  tencentcloud.clb.targets:
    region: ap-guangzhou
    load_balancer_id: lb-abcd1234
    targets: "{{ servers | tencentcloud.clb.bind(listeners) }}"
  vars:
    servers:
      - {instance_id: ins-11111111}
      - {instance_id: ins-22222222}
      - {eni_ip: 10.0.1.17, weight: 5} # half of the listener's weight
    listeners:
      - {listener_port: 443, listener_protocol: TCP, port: 8443, weight: 10}
      - {listener_port: 80, domain: shop.example.com, url: /, port: 8080, weight: 10}

- name: Bind the hosts of a group that the inventory plugin tencentcloud.clb.targets has found to another listener, too
  tencentcloud.clb.targets:
    region: ap-guangzhou
    load_balancer_id: lb-abcd1234
    targets: >-
      {{ groups['TCP_443'] | map('extract', hostvars, 'clb_backend')
         | tencentcloud.clb.bind([{'listener_port': 8443, 'port': 9443}]) }}
"""

RETURN = r"""
_value:
  description: Entries for O(tencentcloud.clb.targets#module:targets).
  type: list
  elements: dict
  sample:
    - {listener_port: 443, listener_protocol: TCP, instance_id: ins-11111111, port: 8443, weight: 10}
    - {listener_port: 80, domain: shop.example.com, url: /, instance_id: ins-11111111, port: 8080, weight: 10}
"""

from typing import TYPE_CHECKING, Any

from ansible_collections.tencentcloud.clb.plugins.plugin_utils._bind import bind

if TYPE_CHECKING:
    from collections.abc import Callable


class FilterModule:
    """The filter ``tencentcloud.clb.bind``."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return its function by its name."""
        return {"bind": bind}
