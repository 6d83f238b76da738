# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation shared by the modules: the keys of an entry of ``targets`` and how a load balancer is named."""

from __future__ import annotations


class ModuleDocFragment:
    """How a load balancer and its bindings are named."""

    DOCUMENTATION = r"""
options:
  load_balancer_id:
    description:
      - The ID of the load balancer.
      - Exactly one of O(load_balancer_id) and O(load_balancer_name) must be given.
    type: str
  load_balancer_name:
    description: The exact name of the load balancer. It must be the name of exactly one load balancer in the region.
    type: str
  targets:
    suboptions:
      listener_id:
        description: The listener.
        type: str
      listener_port:
        description: The listener's port, in place of its ID.
        type: int
      listener_protocol:
        description: The listener's protocol, such as V(TCP) or V(HTTPS); needed only where the port alone is ambiguous.
        type: str
      location_id:
        description: The rule of a layer-7 listener. It names its listener, too.
        type: str
      domain:
        description: The domain of the rule, in place of its ID and along with O(targets[].url). Case does not matter.
        type: str
      url:
        description: The URL path of the rule.
        type: str
      instance_id:
        description: The ID of the CVM; it stands for the primary private address of the CVM.
        type: str
      eni_ip:
        description: An IP address, for every backend that is not addressed by an instance ID. Compared parsed.
        type: str
        aliases: [ip]
      port:
        description: The port of the backend, V(1) to V(65535).
        type: int
      weight:
        description: V(0) to V(100); a target of weight V(0) gets no new traffic.
        type: int
      tag:
        description: The tag of the binding. The empty string stands for none.
        type: str
      load_balancer_id:
        description: The load balancer of the binding, as an inventory host's bindings name it; it must be this one.
        type: str
"""
