#!/usr/bin/python

# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the bindings of one load balancer."""

from __future__ import annotations

DOCUMENTATION = r"""
module: targets_info
short_description: Read the backends behind Tencent Cloud load balancers, with their health
version_added: 0.1.0
author:
  - The tencentcloud.clb contributors (!UNKNOWN)
description:
  - Reads which backends are bound to the listeners and rules of one Cloud Load Balancer (CLB), of several, or of all in
    a region, and on request their health.
  - Takes one call of the API for each load balancer, and one more for the health of up to 30 of them, however many
    backends there are.
  - RV(targets) can be given to M(tencentcloud.clb.targets) as it is. A saved result is a snapshot to come back to.
  - The filters P(tencentcloud.clb.tree#filter) and P(tencentcloud.clb.mermaid#filter) draw a result of this module.
extends_documentation_fragment:
  - tencentcloud.clb.attributes
  - tencentcloud.clb.attributes.actiongroup_all
  - tencentcloud.clb.bindings
  - tencentcloud.clb.connection
attributes:
  check_mode:
    support: full
    details:
      - This module changes nothing; check mode makes no difference.
  diff_mode:
    support: N/A
    details:
      - This module changes nothing.
  idempotent:
    support: full
options:
  targets:
    description:
      - Selectors; a binding is returned where any of them matches it. Left out, everything is selected.
        An empty list selects nothing.
      - In each, listener, rule, backend, O(targets[].port) and a O(targets[].tag) that is not empty narrow it, and keys
        left out match everything. O(targets[].weight) is ignored. At least one of listener, rule or
        backend must be given.
      - A selector that names a listener or rule that does not exist selects nothing, with a warning.
    type: list
    elements: dict
  health:
    description: Read the health, too.
    type: bool
    default: false
  settings:
    description:
      - Read the settings of the listeners and rules, too, such as session persistence. It takes one more call of the
        API for each load balancer, and one for each further 100 listeners.
    type: bool
    default: false
    version_added: 1.0.0
seealso:
  - module: tencentcloud.clb.targets
  - plugin: tencentcloud.clb.targets
    plugin_type: inventory
  - plugin: tencentcloud.clb.tree
    plugin_type: filter
  - plugin: tencentcloud.clb.mermaid
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Read everything that is bound, with health
  tencentcloud.clb.targets_info:
    region: ap-guangzhou
    load_balancer_id: lb-abcd1234
    health: true
  register: shop

- name: Show it as a tree
  ansible.builtin.debug:
    msg: "{{ (shop | tencentcloud.clb.tree).splitlines() }}"

- name: Name what is not healthy
  ansible.builtin.debug:
    msg: "{{ item.instance_id or item.eni_ip }}:{{ item.port }} is {{ item.health_status }}"
  loop: "{{ shop.targets | rejectattr('healthy') }}"
  loop_control:
    label: "{{ item.instance_id or item.eni_ip }}"

- name: Read where one instance is bound
  tencentcloud.clb.targets_info:
    region: ap-guangzhou
    load_balancer_name: shop-frontend
    targets:
      - instance_id: ins-11111111

- name: Read the health behind every load balancer that is tagged as production
  tencentcloud.clb.targets_info:
    region: ap-guangzhou
    load_balancer_tags:
      env: prod
    health: true

- name: Save what is bound
  ansible.builtin.copy:
    content: "{{ shop.targets | to_nice_json }}"
    dest: /var/backups/lb-abcd1234.json
    mode: "0640"

- name: Bring exactly that back
  tencentcloud.clb.targets:
    region: ap-guangzhou
    load_balancer_id: lb-abcd1234
    purge: true
    targets: "{{ lookup('ansible.builtin.file', '/var/backups/lb-abcd1234.json') | from_json }}"
"""

RETURN = r"""
load_balancer_id:
  description: The load balancer, resolved where it was named; null where several are meant.
  returned: always
  type: str
  sample: lb-abcd1234
load_balancers:
  description: Each load balancer that was read, in the order in which they were chosen.
  returned: always
  type: list
  elements: dict
  contains:
    load_balancer_id:
      description: The load balancer.
      type: str
      sample: lb-abcd1234
    load_balancer_name:
      description: Its name; null where it was chosen by ID.
      type: str
      sample: shop-frontend
    bound: &bound
      description: How many targets are bound.
      type: int
      sample: 3
    serving: &serving
      description: How many of them have a weight above 0.
      type: int
      sample: 2
    healthy: &healthy
      description: How many of them are healthy, whatever their weight; null without O(health=true).
      type: int
      sample: 3
targets:
  description:
    - The selected bindings; valid as O(tencentcloud.clb.targets#module:targets).
    - Cloud functions are not listed.
  returned: always
  type: list
  elements: dict
  contains:
    load_balancer_id:
      description: The load balancer.
      type: str
      sample: lb-abcd1234
    listener_id:
      description: The listener.
      type: str
      sample: lbl-abcd1234
    listener_protocol:
      description: The protocol of the listener.
      type: str
      sample: HTTP
    listener_port:
      description: The port of the listener, the first one where it has a range.
      type: int
      sample: 80
    location_id:
      description: The rule; null on layer 4.
      type: str
      sample: loc-abcd1234
    domain:
      description: The domain of the rule; null on layer 4.
      type: str
      sample: shop.example.com
    url:
      description: The URL path of the rule; null on layer 4.
      type: str
      sample: /
    instance_id:
      description: The CVM; null where the backend is addressed by RV(targets[].eni_ip).
      type: str
      sample: ins-11111111
    eni_ip:
      description: The IP address; null where the backend is addressed by RV(targets[].instance_id).
      type: str
      sample:
    port:
      description: The port of the backend.
      type: int
      sample: 8080
    weight:
      description: From 0 to 100. A target of weight 0 gets no new traffic.
      type: int
      sample: 10
    tag:
      description: Empty where it has none; null where the API response contains no tags.
      type: str
      sample: blue
    private_ips:
      description: The private addresses of the backend.
      type: list
      elements: str
      sample: [10.0.1.11]
    instance_name:
      description: The name of the instance; null where it has none.
      type: str
      sample: web-1
    type:
      description: What the cloud calls this kind of backend, such as C(CVM), C(ENI) or C(CCN).
      type: str
      sample: CVM
    zone:
      description: The zone; null where the API response does not contain it.
      type: str
      sample: ap-guangzhou-3
    registered_time:
      description: When it was bound; null where the API response does not contain it.
      type: str
      sample: "2026-01-01T00:00:00Z"
    healthy:
      description:
        - Whether the health check finds it healthy; null without O(health=true).
        - Null, too, where the API response does not mention the target, or gives a C(HealthStatus) of true with an
          RV(targets[].health_status) that the API does not document.
        - A target whose listener has its health check switched off counts as healthy, as long as the cloud sends
          traffic to it.
      type: bool
      sample: true
    health_status:
      description:
        - C(Alive), C(Dead), C(Unknown), C(Close) where the health check is switched off, or what else the cloud says.
        - Null without O(health=true).
      type: str
      sample: Alive
listeners:
  description:
    - The listeners and rules that the selectors name or match on; without O(targets), all.
    - The counts are of everything that is bound there, whether a selector matches it or not.
  returned: always
  type: list
  elements: dict
  contains:
    load_balancer_id:
      description: The load balancer.
      type: str
      sample: lb-abcd1234
    listener_id:
      description: The listener.
      type: str
      sample: lbl-abcd1234
    protocol:
      description: Its protocol.
      type: str
      sample: HTTP
    port:
      description: Its port, the first one where it has a range.
      type: int
      sample: 80
    end_port:
      description: The last port of its range; null where it has none.
      type: int
      sample:
    bound: *bound
    serving: *serving
    healthy: *healthy
    session_seconds: &session
      description:
        - How long session persistence keeps a client on its backend, in seconds; 0 where it is off.
        - This and the other settings are there with O(settings=true). On layer 7 the rules have them, and those of the
          listener are null.
      returned: with O(settings=true)
      type: int
      sample: 0
    idle_seconds: &idle
      description: After how many idle seconds a connection is closed; null where the API tells none, and for rules.
      returned: with O(settings=true)
      type: int
      sample: 900
    scheduler: &scheduler
      description: How clients are distributed, such as C(WRR), C(LEAST_CONN) or C(IP_HASH).
      returned: with O(settings=true)
      type: str
      sample: WRR
    health_check: &check
      description: Whether the health check is switched on.
      returned: with O(settings=true)
      type: bool
      sample: true
    target_type: &type
      description: C(NODE) where backends are bound directly; C(TARGETGROUP) and the like where a target group is.
      returned: with O(settings=true)
      type: str
      sample: NODE
    rules:
      description: Its rules; empty on layer 4. The counts of the listener are their sum.
      type: list
      elements: dict
      contains:
        location_id:
          description: The rule.
          type: str
          sample: loc-abcd1234
        domain:
          description: Its domain.
          type: str
          sample: shop.example.com
        url:
          description: Its URL path.
          type: str
          sample: /
        bound: *bound
        serving: *serving
        healthy: *healthy
        session_seconds: *session
        idle_seconds: *idle
        scheduler: *scheduler
        health_check: *check
        target_type: *type
left_out:
  description:
    - The load balancers that were left out, each with a warning, where O(load_balancer_tags) or
      O(all_load_balancers=true) chooses.
    - One is left out if it was listed and is gone, if the API does not support this for its kind, or if these
      credentials may not read it. Whatever else keeps one from being read is an error.
    - If all are left out, the task fails.
  returned: always
  type: list
  elements: dict
  contains:
    load_balancer_id:
      description: The load balancer.
      type: str
      sample: lb-efgh5678
    code:
      description: The code of the cloud.
      type: str
      sample: UnauthorizedOperation
    message:
      description: The words of the cloud.
      type: str
      sample: You are not authorized to perform this operation.
api_calls:
  description: How many HTTP requests were sent, by action.
  returned: always
  type: dict
  sample: {DescribeTargets: 1, DescribeTargetHealth: 1}
error:
  description: Why the task failed; null where it did not.
  returned: always
  type: dict
  contains:
    action:
      description: The action that the cloud refused; null where the cloud had no part in it.
      type: str
      sample: DescribeTargets
    code:
      description:
        - The code of the cloud.
        - Or one of this collection's own, C(InvalidArgument), C(CredentialsNotFound), C(ConnectionFailed),
          C(UnexpectedAnswer) or C(WaitTimeout).
      type: str
      sample: InvalidParameter.LBIdNotFound
    message:
      description: The words of the cloud, or the reason.
      type: str
      sample: LoadBalancerId lb-abcd1234 not found
    request_id:
      description: The request ID to give to the vendor's support.
      type: str
      sample: 83129908-a282-4f9f-8ab-131a3025ba22
credentials_source:
  description: Where the credentials come from, in words and without any value.
  returned: with C(-vvv) and above
  type: str
  sample: the environment (TENCENTCLOUD_SECRET_ID)
"""

import os

from ansible_collections.tencentcloud.clb.plugins.module_utils._module import ClbModule
from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks.info import empty_info, run_info

ARGUMENT_SPEC = {
    "targets": {"type": "list", "elements": "dict"},
    "health": {"type": "bool", "default": False},
    "settings": {"type": "bool", "default": False},
}


def main() -> None:
    """Run the module."""
    module = ClbModule(ARGUMENT_SPEC, empty_info)
    module.conclude(run_info(module.params, os.environ))


if __name__ == "__main__":
    main()
