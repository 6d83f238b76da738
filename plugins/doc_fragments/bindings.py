# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation shared by the modules: load balancers, entries of ``targets``, and what they support of Ansible."""

from __future__ import annotations


class ModuleDocFragment:
    """The options that name load balancers and bindings; the modules' attributes."""

    DOCUMENTATION = r"""
options:
  load_balancer_id:
    description:
      - The ID of one load balancer.
      - Give at most one of O(load_balancer_id), O(load_balancer_name), O(load_balancer_ids), O(load_balancer_names),
        O(load_balancer_tags) and O(all_load_balancers). None is needed if every entry of O(targets) has a
        O(targets[].load_balancer_id).
      - The result has the shape for one load balancer if O(load_balancer_id) or O(load_balancer_name) is given.
        Otherwise it has the shape for several, even for a single one.
    type: str
  load_balancer_name:
    description: The exact name of one load balancer. It must be the name of exactly one load balancer in the region.
    type: str
  load_balancer_ids:
    description: The IDs of several load balancers. They are read and changed side by side. An empty list is an error.
    type: list
    elements: str
    version_added: 1.0.0
  load_balancer_names:
    description:
      - The exact names of several load balancers. Each must be the name of exactly one load balancer in the region.
      - An empty list is an error.
    type: list
    elements: str
    version_added: 1.0.0
  load_balancer_tags:
    description:
      - Every load balancer of the region that has all of these tags, oldest first. Classic load balancers are left out.
      - A key is the key of a tag. Its value is a text, or a list of texts. One text of a list must match. Case matters.
        A number needs quotes.
      - If no load balancer has these tags, the task fails, and the message lists the existing tags. A load balancer
        without tags in the API's answer does not match.
      - As with O(all_load_balancers), a load balancer can be left out with a warning.
    type: dict
    version_added: 1.0.0
  all_load_balancers:
    description:
      - Every load balancer of the region that has backends. Classic load balancers are left out.
      - A load balancer is left out with a warning if it is deleted meanwhile, or if the API does not support its kind.
        M(tencentcloud.clb.targets_info) also leaves out a load balancer that these credentials may not read. If any
        other load balancer cannot be read, the task fails and writes nothing.
    type: bool
    default: false
    version_added: 1.0.0
  targets:
    suboptions:
      listener_id:
        description: The ID of the listener.
        type: str
      listener_port:
        description: The port of the listener. Use it instead of O(targets[].listener_id).
        type: int
      listener_protocol:
        description:
          - The protocol of the listener, such as V(TCP) or V(HTTPS).
          - It is needed only if several listeners have this port.
        type: str
      location_id:
        description: The ID of a rule of a layer-7 listener. It also names the listener.
        type: str
      domain:
        description:
          - The domain of the rule. Use it with O(targets[].url), instead of O(targets[].location_id).
          - Upper and lower case are the same.
        type: str
      url:
        description: The URL path of the rule.
        type: str
      instance_id:
        description: The ID of the CVM. It stands for the primary private address of the CVM.
        type: str
      eni_ip:
        description:
          - The IP address of the backend. Use it instead of O(targets[].instance_id).
          - The spelling of an IPv6 address does not matter.
        type: str
        aliases: [ip]
      port:
        description: The port of the backend, V(1) to V(65535).
        type: int
      weight:
        description: The share of the traffic, V(0) to V(100). A target of weight V(0) gets no new traffic.
        type: int
      tag:
        description: The tag of the binding. The empty string clears it.
        type: str
      load_balancer_id:
        description:
          - The load balancer of this entry. The entry then holds for no other load balancer.
          - If an option chooses load balancers, this must be one of them.
        type: str
notes:
  - The module runs on the host of the task and calls the API from there. Use C(hosts=localhost), or
    C(delegate_to=localhost) for a task of another host. The Python there needs requests.
  - If an inventory names C(localhost), Ansible may discover another Python than its own. Set
    C(ansible_python_interpreter) to C({{ ansible_playbook_python }}) there.
"""

    ATTRIBUTES = r"""
options: {}
attributes:
  check_mode:
    description: Shows the changes and sends no write.
  diff_mode:
    description: Shows the bindings before and after, a line for each.
  idempotent:
    description: A second run with the same arguments changes nothing, if nobody else has changed anything.
"""

    ACTIONGROUP_ALL = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/tencentcloud.clb.all) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - tencentcloud.clb.all
"""
