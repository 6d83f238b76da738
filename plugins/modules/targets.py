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
  - Compares the backends that should be bound to the listeners and rules of one Cloud Load Balancer (CLB), or of many,
    with those that are bound. Sends the fewest calls that close the gap; new bindings go out through
    C(BatchRegisterTargets), up to 500 in one call.
  - Waits for the tasks of the cloud, reads back, and reports from what it read what changed, what failed, and the state
    of each listener.
  - Busy and throttled answers are waited out. After each 'busy', and after each call of unknown outcome, the module
    reads again and plans again before it sends anything. What somebody else does meanwhile is respected.
  - Several load balancers are read side by side. Nothing is written on any of them until all names are resolved and all
    guards have passed on all of them. Then each is changed on its own; a failure on one stops no other.
  - RV(restore) brings back what a task has drained or unbound. With O(restore_file) it is on disk before anything is
    changed, so that O(state=restored) brings it back after a task that was killed, too.
extends_documentation_fragment:
  - tencentcloud.clb.attributes
  - tencentcloud.clb.attributes.actiongroup_all
  - tencentcloud.clb.bindings
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
      - With O(state=present), each entry names one binding. It takes a listener (O(targets[].listener_id),
        O(targets[].listener_port), or a O(targets[].location_id) that names it), on layer 7 a rule
        (O(targets[].location_id), or O(targets[].domain) with O(targets[].url)), a backend (O(targets[].instance_id) or
        O(targets[].eni_ip)) and a O(targets[].port). A O(targets[].weight) or O(targets[].tag) that is not given is
        kept as it is; a new binding gets the cloud's default weight of 10.
      - With O(state=absent) and O(state=drained), each entry is a selector. Listener, rule, backend, O(targets[].port)
        and a O(targets[].tag) that is not empty each narrow it, and keys left out match everything.
        O(targets[].weight) is ignored. At least one of listener, rule or backend must be given.
      - A binding may be listed twice only if both entries say the same.
      - Any list in a result of this module or of M(tencentcloud.clb.targets_info) can be given here. Keys that only
        describe a binding there, such as C(private_ips), C(code) or C(before), are accepted and ignored.
      - With O(state=restored), each entry is a selector of what O(restore_file) holds. Left out, everything that the
        file holds is brought back. Required with every other O(state).
      - An empty list is no change.
      - Where several load balancers are meant, an entry with a listener ID or rule ID belongs to the load balancer that
        has it; any other holds for each of them. With O(all_load_balancers=true), every entry must name a backend.
    type: list
    elements: dict
  state:
    description:
      - V(present) binds the targets.
      - V(absent) unbinds what the selectors match.
      - V(drained) sets the weight of what the selectors match to 0 and leaves it bound, so that it gets no new traffic.
      - V(restored) brings back what O(restore_file) holds, as V(present) would with these entries. The file says which
        load balancers are meant; the options that choose load balancers only narrow that. Added in version 1.0.0.
      - An entry whose listener or rule no longer exists is taken out of the file, with a warning that shows it. An
        entry whose load balancer can't be read stays in the file and fails the task; the others are brought back all
        the same.
      - An IP address that was bound again after it was remembered may be another machine by now. It does not get the
        former weight; a warning says so, and the entry stays in the file.
    type: str
    choices: [present, absent, drained, restored]
    default: present
  restore_file:
    description:
      - A file that keeps former weights and tags until they are back. Its folder must exist. The module reads and
        writes it on the host on which it runs.
      - Before the first call that changes or removes a binding, the entries of RV(restore) are in this file. If the
        task is killed, O(state=restored) brings back what it changed.
      - Tasks can share a file. It is a JSON list of entries of O(targets), each with the time when it was
        C(remembered). It has mode 0600, and it is removed when nothing is left in it.
      - A binding of weight above 0 replaces its older entry; the entry of a binding of weight 0 is kept. If one task
        lowers a weight from 100 to 10 and a second one to 0, the file remembers 10.
      - O(state=present) and O(state=restored) take out the entries of the bindings that they name, once these are in
        place with their weight and tag; with O(wait=false) none. What a task has not changed in the end, it takes out
        again.
      - O(state=restored) may wait up to 15 seconds before it takes out an entry that is younger than that and already
        in place. A call of the task that wrote it may still be under way.
      - A file that is not such a list, or can't be written, stops the task before anything is changed. In check mode
        the file is read and checked, not written. A file that can't be brought up to date at the end is a warning.
    type: path
    version_added: 1.0.0
  purge:
    description:
      - With O(state=present), also unbind what is bound to the listeners and rules that O(targets) names, and is not
        listed.
      - Listeners and rules that O(targets) does not name are left alone.
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
      - With O(wait_for_health=true), the targets that are about to be added count as healthy, and the guard is checked
        again on real health right before anything is taken away.
      - Tasks of one user on one controller take turns on a load balancer while they take capacity away under this
        guard, so that it holds among them. The lock is a file in C(.ansible/tencentcloud-clb) below the home directory
        of this user, or in the folder that the environment variable E(TENCENTCLOUD_CLB_LOCK_DIR) names.
      - Between controllers no lock holds. When the loss shows and fewer targets get traffic, the module puts back the
        weight that it took, and fails with C(GuardRefused).
    type: int
    default: 0
  wait:
    description:
      - Wait for the cloud's last task and read back.
      - With V(false), the module returns once the cloud has accepted the last call, and tells what was sent.
    type: bool
    default: true
  wait_for_health:
    description:
      - With O(state=present) and O(state=restored), also wait until every listed target of weight above 0 is healthy,
        before anything is taken away.
      - A target whose listener has its health check switched off counts as healthy, as long as the cloud sends
        traffic to it.
    type: bool
    default: false
  wait_timeout:
    description: Seconds for the whole task, retries included, V(1) to V(86400).
    type: int
    default: 300
seealso:
  - module: tencentcloud.clb.targets_info
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

- name: Have exactly these behind one rule of a layer-7 listener, and let none go before the new ones are healthy
  tencentcloud.clb.targets:
    region: ap-guangzhou
    load_balancer_name: shop-frontend
    purge: true
    wait_for_health: true
    min_healthy: 2
    targets: "{{ green | tencentcloud.clb.bind([{'listener_port': 80, 'domain': 'shop.example.com', 'url': '/'}]) }}"

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

- name: Try again what failed
  tencentcloud.clb.targets:
    region: ap-guangzhou
    load_balancer_id: lb-abcd1234
    targets: "{{ result.failed_targets }}"
"""

RETURN = r"""
load_balancer_id:
  description: The load balancer, resolved where it was named; null where several are meant.
  returned: always
  type: str
  sample: lb-abcd1234
load_balancers:
  description: Each load balancer that was read, or tried, in the order in which they were chosen.
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
    status:
      description: Whether something failed there, or something changed, or neither.
      type: str
      sample: changed
    registered:
      description: How many bindings were made.
      type: int
      sample: 2
    modified:
      description: How many bindings had their weight or tag changed.
      type: int
      sample: 0
    deregistered:
      description: How many bindings were removed.
      type: int
      sample: 0
    unchanged:
      description: How many of the bindings in place on its touched listeners and rules were left as they were.
      type: int
      sample: 1
    bound:
      description: How many bindings are in place on its touched listeners and rules; null where that is not known.
      type: int
      sample: 3
    message:
      description: Why something failed there; null where nothing did.
      type: str
      sample:
    error:
      description: As RV(error), for this load balancer; null where nothing failed.
      type: dict
      sample:
registered:
  description: The bindings that were made.
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
      description: The rule; null on layer 4.
      type: str
      sample: loc-abcd1234
    instance_id:
      description: The CVM; null where the backend is addressed by RV(registered[].eni_ip).
      type: str
      sample: ins-11111111
    eni_ip:
      description: The IP address; null where the backend is addressed by RV(registered[].instance_id).
      type: str
      sample: 10.0.1.17
    port:
      description: The port of the backend.
      type: int
      sample: 8443
    weight:
      description: From 0 to 100.
      type: int
      sample: 10
    tag:
      description: Empty where it has none; null where the API response contains no tags.
      type: str
      sample: blue
restore:
  description:
    - One entry for each binding that this task re-weighted, re-tagged or removed, or may have, with its former weight
      and
      tag. Give it back as O(targets) with O(state=present).
    - What the task registered, and what somebody else had changed before, is not in it.
    - With O(restore_file), these entries are in that file before anything is changed.
  returned: always; also when the task fails, and in check mode as it will be
  type: list
  elements: dict
  contains: *binding
modified:
  description: The bindings whose weight or tag was changed.
  returned: always
  type: list
  elements: dict
  contains:
    <<: *binding
    before:
      description: C(weight) and C(tag) as they were.
      type: dict
      sample: {weight: 10, tag: blue}
    after:
      description: C(weight) and C(tag) as they are now.
      type: dict
      sample: {weight: 0, tag: blue}
deregistered:
  description: The bindings that were removed.
  returned: always
  type: list
  elements: dict
  contains: *binding
targets:
  description:
    - The bindings now in place on the touched listeners and rules; in check mode, as they would be.
    - Where several load balancers are meant, only those that an entry names or matches, and those that were changed.
    - "Touched is what an entry names, or what a selector matched on. Cloud functions are not listed."
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
    status:
      description: Whether something failed there, or something changed, or neither.
      type: str
      sample: changed
    registered:
      description: How many bindings were made.
      type: int
      sample: 2
    modified:
      description: How many bindings had their weight or tag changed.
      type: int
      sample: 0
    deregistered:
      description: How many bindings were removed.
      type: int
      sample: 0
    unchanged:
      description: How many of the bindings in place were left as they were; null where that is not known.
      type: int
      sample: 1
    bound:
      description: How many bindings are in place; null where that is not known.
      type: int
      sample: 3
    message:
      description: Why something failed there; null where nothing did.
      type: str
      sample:
failed_listeners:
  description: The IDs of the listeners on which something failed; empty on success.
  returned: always
  type: list
  elements: str
  sample: []
failed_targets:
  description:
    - Every change asked for that is not in place at the end.
    - With O(state=present), the list can be given as O(targets) to try these again; it holds removals of O(purge), too,
      for which the same task is run again instead.
  returned: always
  type: list
  elements: dict
  contains:
    <<: *binding
    code:
      description: The code of the cloud, or C(NotAttempted), or one of those of RV(error.code).
      type: str
      sample: LimitExceeded
    message:
      description: The words of the cloud, or the reason.
      type: str
      sample: The number of targets exceeds the quota.
left_out:
  description:
    - The load balancers that were left out, each with a warning, where O(load_balancer_tags) or
      O(all_load_balancers=true) chooses.
    - One is left out if it was listed and is gone, or if the API does not support this for its kind.
      Whatever else keeps one from being read is an error before any write.
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
      description: The words of the cloud.
      type: str
      sample: LoadBalancerId lb-efgh5678 not found
request_ids:
  description: The request IDs of the writes that the cloud accepted.
  returned: always
  type: list
  elements: str
  sample: [83129908-a282-4f9f-8ab-131a3025ba22]
api_calls:
  description: How many HTTP requests were sent, by action.
  returned: always
  type: dict
  sample: {DescribeTargets: 2, BatchRegisterTargets: 1, DescribeTaskStatus: 1}
error:
  description: Why the task failed; null where it did not. Of several load balancers, the first one that failed.
  returned: always
  type: dict
  contains:
    action:
      description: The action that the cloud refused; null where the cloud had no part in it.
      type: str
      sample: BatchRegisterTargets
    code:
      description:
        - The code of the cloud, or C(FailListenerIdSet) where it reported listeners as failed.
        - Or one of this collection's own, C(InvalidArgument), C(CredentialsNotFound), C(ConnectionFailed),
          C(UnexpectedAnswer), C(TaskFailed), C(WaitTimeout) or C(GuardRefused).
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
diff:
  description:
    - What is bound to the touched listeners and rules, as sorted text with a line for each binding.
    - Where several load balancers are meant, each line begins with the ID of its load balancer.
  returned: always; empty outside diff mode
  type: dict
  contains:
    before:
      description: As it was.
      type: str
      sample: "TCP:443 (lbl-abcd1234)  ins-11111111:8443  weight 10\n"
    after:
      description: As it is now; in check mode, as it would be.
      type: str
      sample: "TCP:443 (lbl-abcd1234)  ins-11111111:8443  weight 0\n"
credentials_source:
  description: Where the credentials come from, in words and without any value.
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
