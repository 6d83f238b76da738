#!/usr/bin/python

# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: targets
short_description: Bind backends to the listeners and rules of Tencent Cloud load balancers
version_added: 0.1.0
author:
  - The tencentcloud.clb contributors (!UNKNOWN)
description:
  - Compares the backends in O(targets) with the backends that are bound to a Cloud Load Balancer (CLB), or to many.
  - Sends the fewest calls that close the gap. One call of C(BatchRegisterTargets) binds up to 500 backends.
  - Waits until the cloud is done, and reads again. The result describes the bindings that were read, not the calls that
    were sent.
  - Waits if the cloud is busy or throttles. After a busy answer, or an unknown outcome, the module reads and plans
    again before it sends the next call. It respects the changes of others.
  - Reads several load balancers side by side. It writes nothing until all names are found and all guards have passed.
    Then it changes each load balancer on its own. A failure on one does not stop the others.
  - RV(restore) in the result has the former weights and tags of all bindings that the task changed or unbound. With
    O(restore_file) they are on disk before the first change. O(state=restored) brings them back, even after a task that
    was killed.
extends_documentation_fragment:
  - tencentcloud.clb.bindings
  - tencentcloud.clb.bindings.attributes
  - tencentcloud.clb.bindings.actiongroup_all
  - tencentcloud.clb.connection
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  targets:
    description:
      - The bindings that the task is about. The meaning of an entry depends on O(state). An empty list is no change.
      - "With O(state=present), an entry names one binding: a listener, on layer 7 also a rule, a backend and a
        O(targets[].port)."
      - A listener is O(targets[].listener_id), or O(targets[].listener_port), with O(targets[].listener_protocol) if
        several listeners have this port. A rule is O(targets[].location_id), or O(targets[].domain) with
        O(targets[].url). A backend is O(targets[].instance_id) or O(targets[].eni_ip).
      - A O(targets[].weight) or O(targets[].tag) that is not given stays as it is. A new binding gets the cloud's
        default weight of 10.
      - With O(state=absent) and O(state=drained), an entry is a selector. Listener, rule, backend, O(targets[].port)
        and O(targets[].tag) each narrow it. A key that is not given matches everything. O(targets[].weight) is ignored.
      - A selector needs at least one of listener, rule and backend.
      - With O(state=restored), an entry is a selector of entries in O(restore_file). Without O(targets), the whole file
        is brought back. Every other O(state) needs O(targets).
      - A binding may be listed twice only with the same weight and tag.
      - Every list of bindings in a result of this module or of M(tencentcloud.clb.targets_info) is accepted here. Keys
        that only describe a binding, such as C(private_ips), C(code) or C(before), are ignored.
      - With several load balancers, an entry with a listener ID or rule ID belongs to the load balancer that has it.
        Every other entry holds for each load balancer. With O(all_load_balancers=true), every entry must name a
        backend.
    type: list
    elements: dict
  state:
    description:
      - V(present) binds the targets.
      - V(absent) unbinds all bindings that match the selectors.
      - V(drained) sets their weight to 0. They stay bound and get no new traffic.
      - V(restored) gives back the weights and tags in O(restore_file). Added in version 1.0.0.
      - With V(restored), the entries of the file name the load balancers. The options that choose load balancers narrow
        this.
      - If the listener or rule of an entry no longer exists, the entry is taken out of the file, and a warning shows
        it. If a load balancer cannot be read, its entries stay in the file and the task fails. The others are brought
        back all the same.
      - If an IP address was bound again after it was remembered, it may be another machine by now. It does not get the
        former weight. A warning says so, and the entry stays in the file.
    type: str
    choices: [present, absent, drained, restored]
    default: present
  restore_file:
    description:
      - A file that keeps former weights and tags until they are back. Its folder must exist. The module reads and
        writes it on the host on which it runs.
      - The entries of RV(restore) are in this file before the first call that changes or removes a binding. If the task
        is killed, O(state=restored) brings back the former weights and tags.
      - Tasks can share a file. It is a JSON list of entries of O(targets), each with the time when it was
        C(remembered). Its mode is 0600. It is removed when it has no entries left.
      - A binding of weight above 0 replaces its older entry. The entry of a binding of weight 0 is kept. If one task
        lowers a weight from 100 to 10 and a second one to 0, the file remembers 10.
      - O(state=present) and O(state=restored) take out an entry when its binding has its former weight and tag. With
        O(wait=false) they take out none. A task also takes out the entries of changes that it did not make.
      - Both states may wait up to 15 seconds before they take out an entry that is already in place. They do so if the
        entry is younger than that, because a call of the other task may still be under way.
      - A file that is not such a list, or is not writable, stops the task before any change. Check mode reads and
        checks the file, and does not write it. If the file cannot be updated at the end, a warning says so.
    type: path
    version_added: 1.0.0
  purge:
    description:
      - With O(state=present), also unbind every binding that O(targets) does not list. Only the listeners and rules
        that O(targets) names are concerned.
    type: bool
    default: false
  min_healthy:
    description:
      - The number of targets that each listener or rule must keep in traffic. If a change would leave fewer, the task
        fails and writes nothing. Give V(0) to V(1000000).
      - The load balancer sends traffic to the healthy targets of weight above 0. If a listener or rule has none, it
        sends traffic to all targets of weight above 0. Then each of them counts, and the message says so. A stopped
        listener sends traffic to nobody, so nothing is refused there.
      - If the health of a target is not known, nothing that may get traffic is taken from its listener or rule.
      - With O(wait_for_health=true), new targets count as healthy at first. The guard is checked again, on real health,
        right before the task takes anything away.
      - Tasks of one user on one controller take turns on a load balancer while they take capacity away under this
        guard. So the guard holds among them. The lock is a file in C(.ansible/tencentcloud-clb) below the user's home
        directory. The environment variable E(TENCENTCLOUD_CLB_LOCK_DIR) names another folder.
      - Between controllers there is no lock. If a change leaves too few targets in traffic, the module puts back the
        weight that it took, and fails with C(GuardRefused).
    type: int
    default: 0
  return_targets:
    description:
      - Return the list RV(targets) of the bindings at the end. With V(false) it is empty, so that the output of C(-v)
        stays short. Nothing else changes.
    type: bool
    default: true
    version_added: 1.0.0
  wait:
    description:
      - Wait for the cloud's last task, and read back.
      - With V(false), the module ends when the cloud has accepted the last call. The result then lists the changes that
        were sent.
    type: bool
    default: true
  wait_for_health:
    description:
      - With O(state=present) and O(state=restored), also wait until every listed target of weight above 0 is healthy.
        Only then does the task take anything away.
      - If the health check of a listener is switched off, a target counts as healthy while the cloud sends traffic to
        it.
    type: bool
    default: false
  wait_timeout:
    description:
      - The longest time of the whole task in seconds, retries included, V(1) to V(86400).
      - The task ends at the latest O(wait_timeout) plus O(timeout) seconds after its start.
    type: int
    default: 300
notes:
  - For a long task, use C(async) and C(poll). Meanwhile Ansible only shows that the task is running.
  - Ansible's own limits must be longer than O(wait_timeout) plus O(timeout). These are the keywords C(timeout) and
    C(async) of the task, and C(ANSIBLE_TASK_TIMEOUT). If Ansible kills the task, its result is lost. Use
    O(restore_file) then.
  - Load balancers, listeners and rules must exist already. This collection does not create them.
seealso:
  - module: tencentcloud.clb.targets_info
  - plugin: tencentcloud.clb.bind
    plugin_type: filter
  - plugin: tencentcloud.clb.targets
    plugin_type: inventory
  - name: Out everywhere and back
    description: The playbooks that find a host, take it out of traffic, and bring it back.
    link: https://ansible-collections.github.io/tencentcloud.clb/docsite/guide_out_and_back.html
  - name: Rolling updates
    description: The playbook that updates hosts a few at a time, and the role behind it.
    link: https://ansible-collections.github.io/tencentcloud.clb/docsite/guide_rolling.html
  - name: Recipes
    description: Short answers to common tasks, such as blue-green.
    link: https://ansible-collections.github.io/tencentcloud.clb/docsite/guide_recipes.html
  - name: Test your playbooks without an account
    description: The emulator, and its fixture of pytest.
    link: https://ansible-collections.github.io/tencentcloud.clb/docsite/guide_testing.html
  - name: BatchRegisterTargets
    description: The vendor's page on the call behind this module.
    link: https://www.tencentcloud.com/document/api/214/38300
"""

EXAMPLES = r"""
- name: Bind two web servers to a layer-4 listener
  tencentcloud.clb.targets:
    region: ap-guangzhou
    load_balancer_id: lb-abcd1234
    targets:
      - listener_port: 443
        listener_protocol: TCP
        instance_id: ins-11111111
        port: 8443
        weight: 20
      - listener_port: 443
        listener_protocol: TCP
        eni_ip: 10.0.1.17
        port: 8443

- name: Blue-green, bind the green servers, and unbind all others when the green ones are healthy
  tencentcloud.clb.targets:
    region: ap-guangzhou
    load_balancer_name: shop-frontend
    purge: true
    wait_for_health: true
    min_healthy: 2
    targets: "{{ green | tencentcloud.clb.bind(shop) }}"
  vars:
    green:
      - {instance_id: ins-33333333, port: 8080, tag: green}
      - {instance_id: ins-44444444, port: 8080, tag: green}
    shop:
      - {listener_port: 80, domain: shop.example.com, url: /}

- name: Give a host no new traffic on any listener before it is upgraded
  tencentcloud.clb.targets:
    region: ap-guangzhou
    load_balancer_id: lb-abcd1234
    state: drained
    min_healthy: 2
    targets:
      - instance_id: ins-11111111

- name: Unbind everything tagged as blue from one listener
  tencentcloud.clb.targets:
    region: ap-guangzhou
    load_balancer_id: lb-abcd1234
    state: absent
    targets:
      - listener_id: lbl-abcd1234
        tag: blue

- name: Bind a web server to port 443 of every load balancer of the shop in production
  tencentcloud.clb.targets:
    region: ap-guangzhou
    load_balancer_tags:
      env: prod
      team: [shop, checkout]
    targets:
      - listener_port: 443
        instance_id: ins-22222222
        port: 8443

- name: Take a host out of traffic wherever it is bound
  tencentcloud.clb.targets:
    region: ap-guangzhou
    all_load_balancers: true
    state: drained
    min_healthy: 2
    targets:
      - instance_id: ins-11111111
  register: out

- name: Put it back as it was, with its weights and tags
  tencentcloud.clb.targets:
    region: ap-guangzhou
    targets: "{{ out.restore }}"

- name: Take a host out of traffic on two load balancers, and remember its weights on disk
  tencentcloud.clb.targets:
    region: ap-guangzhou
    load_balancer_ids: [lb-abcd1234, lb-efgh5678]
    state: drained
    restore_file: clb-restore.json
    targets:
      - instance_id: ins-11111111

- name: Put back all that is remembered, and wait until it is healthy
  tencentcloud.clb.targets:
    region: ap-guangzhou
    state: restored
    restore_file: clb-restore.json
    wait_for_health: true

- name: Put back one host only
  tencentcloud.clb.targets:
    region: ap-guangzhou
    state: restored
    restore_file: clb-restore.json
    targets:
      - instance_id: ins-11111111

- name: Role, in a play of the hosts, take the hosts of the batch out of traffic
  ansible.builtin.include_role:
    name: tencentcloud.clb.rotation
    tasks_from: out

- name: Role, after the update, put them back as they were
  ansible.builtin.include_role:
    name: tencentcloud.clb.rotation
    tasks_from: back

- name: Bind from a play of the hosts themselves, each with its own address
  tencentcloud.clb.targets:
    region: ap-guangzhou
    load_balancer_id: lb-abcd1234
    targets: "{{ [{'listener_port': 443, 'eni_ip': ansible_host, 'port': 8443}] }}"
  delegate_to: localhost

- name: Wait up to an hour for health, as a task that Ansible asks for its result every 15 seconds
  tencentcloud.clb.targets:
    region: ap-guangzhou
    load_balancer_id: lb-abcd1234
    wait_for_health: true
    wait_timeout: 3600
    targets: "{{ green | tencentcloud.clb.bind(shop) }}"
  async: 3700
  poll: 15

- name: Bind in the China site
  tencentcloud.clb.targets:
    endpoint: clb.tencentcloudapi.com
    region: ap-guangzhou
    load_balancer_id: lb-abcd1234
    targets:
      - {listener_port: 443, instance_id: ins-11111111, port: 8443}

- name: Try again what failed
  tencentcloud.clb.targets:
    region: ap-guangzhou
    load_balancer_id: lb-abcd1234
    targets: "{{ result.failed_targets }}"
"""

RETURN = r"""
msg:
  description:
    - One line with the counts of changes, or C(nothing to do). In check mode, the same words stand for the changes to
      come.
    - If the task failed, the reason and the next step.
  returned: always
  type: str
  sample: registered 2, re-weighted 1 on 2 of 3 listeners of lb-abcd1234
load_balancer_id:
  description: The ID of the load balancer, also after a choice by name. It is null for several load balancers.
  returned: always
  type: str
  sample: lb-abcd1234
load_balancers:
  description: All load balancers that the task read or tried to read, in the order of the choice.
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
    status:
      description: V(failed) if something failed there, V(changed) if something changed, else V(unchanged).
      type: str
      sample: changed
    registered:
      description: The number of new bindings.
      type: int
      sample: 2
    modified:
      description: The number of bindings with a new weight or tag.
      type: int
      sample: 0
    deregistered:
      description: The number of removed bindings.
      type: int
      sample: 0
    unchanged:
      description: The number of bindings on its touched listeners and rules that this task did not change.
      type: int
      sample: 1
    bound:
      description: The number of bindings on its touched listeners and rules. It is null if the state is not known.
      type: int
      sample: 3
    message:
      description:
        - If something failed there, its code and the number of missing changes. It is null without a failure.
        - C(error) beside it has the words of the cause.
      type: str
      sample:
    error:
      description: The same as RV(error), for this load balancer. It is null without a failure.
      type: dict
      sample:
registered:
  description: The new bindings.
  returned: always
  type: list
  elements: dict
  contains: &binding
    load_balancer_id:
      description: The load balancer.
      type: str
      sample: lb-abcd1234
    listener_id:
      description: The listener.
      type: str
      sample: lbl-abcd1234
    location_id:
      description: The rule. It is null on layer 4.
      type: str
      sample: loc-abcd1234
    instance_id:
      description: The CVM. It is null if the backend is an IP address, C(eni_ip).
      type: str
      sample: ins-11111111
    eni_ip:
      description: The IP address. It is null if the backend is a CVM, C(instance_id).
      type: str
      sample: 10.0.1.17
    port:
      description: The port of the backend.
      type: int
      sample: 8443
    weight:
      description: The weight, 0 to 100.
      type: int
      sample: 10
    tag:
      description: The tag. It is empty if the binding has none, and null if the API tells no tags.
      type: str
      sample: blue
restore:
  description:
    - The way back. It has the former weight and tag of each binding that this task changed or removed, or may have.
      Give it back as O(targets) with O(state=present).
    - New bindings and the changes of others are not in it.
    - With O(restore_file), these entries are in that file before the first change.
  returned: always; also when the task fails, and in check mode as it will be
  type: list
  elements: dict
  contains: *binding
modified:
  description: The bindings with a new weight or tag.
  returned: always
  type: list
  elements: dict
  contains:
    <<: *binding
    before:
      description: The former C(weight) and C(tag).
      type: dict
      sample: {weight: 10, tag: blue}
    after:
      description: The present C(weight) and C(tag).
      type: dict
      sample: {weight: 0, tag: blue}
deregistered:
  description: The removed bindings.
  returned: always
  type: list
  elements: dict
  contains: *binding
targets:
  description:
    - All bindings on the touched listeners and rules. In check mode it is the state to come.
    - A listener or rule is touched if an entry names it or a selector matches on it. Cloud functions are not listed.
    - With O(return_targets=false), it is empty.
    - With several load balancers, the list has only bindings that an entry names or matches, and changed ones.
  returned: always
  type: list
  elements: dict
  contains: *binding
listeners:
  description: The state of each touched listener (layer 4) or rule (layer 7).
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
      description: The protocol of the listener.
      type: str
      sample: HTTP
    port:
      description: The port of the listener.
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
    status:
      description: V(failed) if something failed there, V(changed) if something changed, else V(unchanged).
      type: str
      sample: changed
    registered:
      description: The number of new bindings.
      type: int
      sample: 2
    modified:
      description: The number of bindings with a new weight or tag.
      type: int
      sample: 0
    deregistered:
      description: The number of removed bindings.
      type: int
      sample: 0
    unchanged:
      description: The number of bindings that this task did not change. It is null if the state is not known.
      type: int
      sample: 1
    bound:
      description: The number of bindings. It is null if the state is not known.
      type: int
      sample: 3
    message:
      description: The reason of a failure there. It is null without a failure.
      type: str
      sample:
failed_listeners:
  description: The IDs of the listeners with a failure.
  returned: always
  type: list
  elements: str
  sample: []
failed_targets:
  description:
    - Every change that is not in place at the end.
    - With O(state=present), give the list back as O(targets) to try again. It also holds the removals of O(purge),
      which this would bind. After O(purge), run the same task again instead.
  returned: always
  type: list
  elements: dict
  contains:
    <<: *binding
    code:
      description: The code of the cloud, or C(NotAttempted), or a code as in RV(error.code).
      type: str
      sample: LimitExceeded
    message:
      description: The text of the cloud, or the reason.
      type: str
      sample: The number of targets exceeds the quota.
left_out:
  description:
    - The load balancers that O(load_balancer_tags) or O(all_load_balancers=true) chose and the task left out, each with
      a warning.
    - A load balancer is left out if it is deleted meanwhile, or if the API does not support its kind. If another one
      cannot be read, the task fails before any write.
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
      sample: InvalidParameter.LBIdNotFound
    message:
      description: The text of the cloud.
      type: str
      sample: LoadBalancerId lb-efgh5678 not found
request_ids:
  description: The request IDs of the writes that the cloud accepted.
  returned: always
  type: list
  elements: str
  sample: [83129908-a282-4f9f-8ab-131a3025ba22]
api_calls:
  description: The number of HTTP requests for each action.
  returned: always
  type: dict
  sample: {DescribeTargets: 2, BatchRegisterTargets: 1, DescribeTaskStatus: 1}
error:
  description: The reason of the failure. Of several load balancers, it is the first one that failed. It is null without
    a failure.
  returned: always
  type: dict
  contains:
    action:
      description: The action that the cloud refused. It is null if the reason does not come from the cloud.
      type: str
      sample: BatchRegisterTargets
    code:
      description:
        - The code of the cloud, or C(FailListenerIdSet) if the cloud reported listeners as failed.
        - "Or a code of this collection: C(InvalidArgument), C(CredentialsNotFound), C(ConnectionFailed),
          C(UnexpectedAnswer), C(TaskFailed), C(WaitTimeout), C(GuardRefused) or C(NotAttempted)."
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
diff:
  description:
    - The bindings on the touched listeners and rules, as sorted text with a line for each binding.
    - With several load balancers, each line begins with the ID of its load balancer.
  returned: always; empty outside diff mode
  type: dict
  contains:
    before:
      description: The former state.
      type: str
      sample: "TCP:443 (lbl-abcd1234)  ins-11111111:8443  weight 10\n"
    after:
      description: The present state. In check mode it is the state to come.
      type: str
      sample: "TCP:443 (lbl-abcd1234)  ins-11111111:8443  weight 0\n"
    prepared:
      description: The counts of RV(msg), which Ansible prints below the diff.
      returned: success
      type: str
      sample: re-weighted 1 on 1 of 1 listeners of lb-abcd1234
credentials_source:
  description: The source of the credentials, without any value.
  returned: with C(-vvv) and above
  type: str
  sample: the environment (TENCENTCLOUD_SECRET_ID)
"""

import os

from ansible_collections.tencentcloud.clb.plugins.module_utils._module import ClbModule
from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks.report import empty_result
from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks.targets import run_task

ARGUMENT_SPEC = {
    "targets": {"type": "list", "elements": "dict"},
    "state": {"type": "str", "choices": ["present", "absent", "drained", "restored"], "default": "present"},
    "restore_file": {"type": "path"},
    "purge": {"type": "bool", "default": False},
    "min_healthy": {"type": "int", "default": 0},
    "wait": {"type": "bool", "default": True},
    "return_targets": {"type": "bool", "default": True},
    "wait_for_health": {"type": "bool", "default": False},
    "wait_timeout": {"type": "int", "default": 300},
}


def main() -> None:
    """Run the module."""
    module = ClbModule(ARGUMENT_SPEC, empty_result)
    # AnsibleModule's private attribute: there is no public one for the diff mode.
    done = run_task(module.params, os.environ, check_mode=module.check_mode, diff=module._diff)
    module.conclude(done)


if __name__ == "__main__":
    main()
