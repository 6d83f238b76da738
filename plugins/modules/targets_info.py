#!/usr/bin/python

# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read the bindings of load balancers."""

from __future__ import annotations

DOCUMENTATION = r"""
module: targets_info
short_description: Read the backends behind Tencent Cloud load balancers, with their health
version_added: 0.1.0
author:
  - The tencentcloud.clb contributors (!UNKNOWN)
description:
  - Reads the backends that are bound to the listeners and rules of one Cloud Load Balancer (CLB), of several, or of all
    in a region. On request it also reads their health.
  - Finds all bindings of a host in a region, if O(all_load_balancers) is true and O(targets) names the host.
  - Needs one call of the API for each load balancer, and one for the health of up to 30 of them. A choice by name, by
    tag or of all needs one more for each list of 100 load balancers.
  - Returns RV(targets) in the form of O(tencentcloud.clb.targets#module:targets). A saved result can be brought back
    later.
extends_documentation_fragment:
  - tencentcloud.clb.bindings
  - tencentcloud.clb.bindings.attributes
  - tencentcloud.clb.bindings.actiongroup_all
  - tencentcloud.clb.connection
attributes:
  check_mode:
    support: full
    details:
      - This module changes nothing. Check mode makes no difference.
  diff_mode:
    support: N/A
    details:
      - This module changes nothing.
  idempotent:
    support: full
options:
  targets:
    description:
      - Selectors. The module returns the bindings that match one of them. Without O(targets), it returns all bindings.
        An empty list returns nothing.
      - Listener, rule, backend, O(targets[].port) and O(targets[].tag) each narrow a selector. A key that is not given
        matches everything. O(targets[].weight) is ignored.
      - A selector needs at least one of listener, rule and backend.
      - A selector with a listener or rule that does not exist returns nothing, with a warning.
    type: list
    elements: dict
  health:
    description: Also read the health.
    type: bool
    default: false
  settings:
    description:
      - Also read the settings of listeners and rules, such as session persistence.
      - It needs one more call of the API for each load balancer, and one for each further 100 listeners.
    type: bool
    default: false
    version_added: 1.0.0
seealso:
  - module: tencentcloud.clb.targets
  - name: Out everywhere and back
    description: The playbook that finds a host, and prints its load balancers, listeners and weights.
    link: https://ansible-collections.github.io/tencentcloud.clb/docsite/guide_out_and_back.html
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

- name: Where is this host? Read every load balancer of the region
  tencentcloud.clb.targets_info:
    region: ap-guangzhou
    all_load_balancers: true
    targets:
      - instance_id: ins-11111111
  register: found

- name: Show where it is
  ansible.builtin.debug:
    msg: "{{ item.load_balancer_id }}, {{ item.listener_protocol }}:{{ item.listener_port }}, weight {{ item.weight }}"
  loop: "{{ found.targets }}"
  loop_control:
    label: "{{ item.listener_id }}"

- name: Read from the China site
  tencentcloud.clb.targets_info:
    endpoint: clb.tencentcloudapi.com
    region: ap-guangzhou
    load_balancer_name: shop-frontend

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
msg:
  description: The number of targets, and of listeners or load balancers. If the task failed, the reason.
  returned: always
  type: str
  sample: 12 targets on 3 listeners of lb-abcd1234
load_balancer_id:
  description: The ID of the load balancer, also after a choice by name. It is null for several load balancers.
  returned: always
  type: str
  sample: lb-abcd1234
load_balancers:
  description: Every load balancer that was read, in the order of the choice.
  returned: always
  type: list
  elements: dict
  contains:
    load_balancer_id:
      description: The load balancer.
      type: str
      sample: lb-abcd1234
    load_balancer_name:
      description: Its name. It is null if the load balancer was chosen by ID.
      type: str
      sample: shop-frontend
    bound: &bound
      description: The number of bindings.
      type: int
      sample: 3
    serving: &serving
      description: The number of bindings of weight above 0.
      type: int
      sample: 2
    healthy: &healthy
      description: The number of healthy bindings, of any weight. It is null without O(health=true).
      type: int
      sample: 3
targets:
  description:
    - The selected bindings. They are valid as O(tencentcloud.clb.targets#module:targets).
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
      description: The port of the listener. It is the first one if the listener has a range.
      type: int
      sample: 80
    location_id:
      description: The rule. It is null on layer 4.
      type: str
      sample: loc-abcd1234
    domain:
      description: The domain of the rule. It is null on layer 4.
      type: str
      sample: shop.example.com
    url:
      description: The URL path of the rule. It is null on layer 4.
      type: str
      sample: /
    instance_id:
      description: The CVM. It is null if the backend is an IP address, RV(targets[].eni_ip).
      type: str
      sample: ins-11111111
    eni_ip:
      description: The IP address. It is null if the backend is a CVM, RV(targets[].instance_id).
      type: str
      sample:
    port:
      description: The port of the backend.
      type: int
      sample: 8080
    weight:
      description: The weight, 0 to 100. A target of weight 0 gets no new traffic.
      type: int
      sample: 10
    tag:
      description: The tag. It is empty if the binding has none, and null if the API tells no tags.
      type: str
      sample: blue
    private_ips:
      description: The private addresses of the backend.
      type: list
      elements: str
      sample: [10.0.1.11]
    instance_name:
      description: The name of the instance. It is null if there is none.
      type: str
      sample: web-1
    type:
      description: The kind of backend in the cloud's words, such as C(CVM), C(ENI) or C(CCN).
      type: str
      sample: CVM
    zone:
      description: The zone. It is null if the API does not tell it.
      type: str
      sample: ap-guangzhou-3
    registered_time:
      description: The time of the binding. It is null if the API does not tell it.
      type: str
      sample: "2026-01-01T00:00:00Z"
    healthy:
      description:
        - The result of the health check. It is null without O(health=true).
        - It is also null if the API does not mention the target, or calls it healthy with an
          RV(targets[].health_status) that is not documented.
        - If the health check of a listener is switched off, a target counts as healthy while the cloud sends traffic to
          it.
      type: bool
      sample: true
    health_status:
      description:
        - C(Alive), C(Dead), C(Unknown), C(Close) for a health check that is switched off, or another word of the cloud.
        - It is null without O(health=true).
      type: str
      sample: Alive
listeners:
  description:
    - The listeners and rules that the selectors name or match on. Without O(targets), all of them.
    - The counts include all bindings there, also those outside of the selectors.
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
      description: Its port. It is the first one if the listener has a range.
      type: int
      sample: 80
    end_port:
      description: The last port of its range. It is null without a range.
      type: int
      sample:
    bound: *bound
    serving: *serving
    healthy: *healthy
    session_seconds: &session
      description:
        - The seconds for which session persistence keeps a client on its backend. It is 0 if this is switched off.
        - On layer 7 the rules have the settings. The settings of the listener itself are then null.
      returned: with O(settings=true)
      type: int
      sample: 0
    idle_seconds: &idle
      description: The seconds after which an idle connection is closed. It is null for rules, and if the API tells
        none.
      returned: with O(settings=true)
      type: int
      sample: 900
    scheduler: &scheduler
      description: The way to distribute clients, such as C(WRR), C(LEAST_CONN) or C(IP_HASH).
      returned: with O(settings=true)
      type: str
      sample: WRR
    health_check: &check
      description: True if the health check is switched on.
      returned: with O(settings=true)
      type: bool
      sample: true
    target_type: &type
      description: C(NODE) if backends are bound directly, or C(TARGETGROUP) and the like for a target group.
      returned: with O(settings=true)
      type: str
      sample: NODE
    rules:
      description: Its rules. The list is empty on layer 4. The counts of the listener are the sum of its rules.
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
    - The load balancers that O(load_balancer_tags) or O(all_load_balancers=true) chose and the task left out, each with
      a warning.
    - A load balancer is left out if it is deleted meanwhile, or if the API does not support its kind.
    - It is also left out if these credentials may not read it. If another one cannot be read, the task fails.
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
      description: The text of the cloud.
      type: str
      sample: You are not authorized to perform this operation.
api_calls:
  description: The number of HTTP requests for each action.
  returned: always
  type: dict
  sample: {DescribeTargets: 1, DescribeTargetHealth: 1}
error:
  description: The reason of the failure. It is null without a failure.
  returned: always
  type: dict
  contains:
    action:
      description: The action that the cloud refused. It is null if the reason does not come from the cloud.
      type: str
      sample: DescribeTargets
    code:
      description:
        - The code of the cloud.
        - "Or a code of this collection: C(InvalidArgument), C(CredentialsNotFound), C(ConnectionFailed),
          C(UnexpectedAnswer) or C(WaitTimeout)."
      type: str
      sample: InvalidParameter.LBIdNotFound
    message:
      description: The text of the cloud, or the reason.
      type: str
      sample: LoadBalancerId lb-abcd1234 not found
    request_id:
      description: The request ID. The vendor's support asks for it.
      type: str
      sample: 83129908-a282-4f9f-8ab-131a3025ba22
credentials_source:
  description: The source of the credentials, without any value.
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
