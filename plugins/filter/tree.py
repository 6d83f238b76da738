# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Draw a result of targets_info as a tree of text."""

from __future__ import annotations

DOCUMENTATION = r"""
name: tree
short_description: Draw the backends of load balancers as a tree of text
version_added: 0.1.0
author:
  - The tencentcloud.clb contributors (!UNKNOWN)
description:
  - Draws a result of M(tencentcloud.clb.targets_info) for the terminal. Each listener, rule and backend has a line.
  - A result about several load balancers becomes a tree for each of them.
  - Health is shown if the result has it.
positional: most
options:
  _input:
    description: The result of M(tencentcloud.clb.targets_info), as it was registered.
    type: dict
    required: true
  most:
    description: The number of backends to show of each listener or rule. V(0) shows all.
    type: int
    default: 0
seealso:
  - module: tencentcloud.clb.targets_info
  - plugin: tencentcloud.clb.mermaid
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Read a load balancer
  tencentcloud.clb.targets_info:
    region: ap-guangzhou
    load_balancer_id: lb-abcd1234
    health: true
  register: shop

- name: Show it
  ansible.builtin.debug:
    msg: "{{ (shop | tencentcloud.clb.tree).splitlines() }}"

# lb-abcd1234
# ├── TCP:443 (lbl-11111111)  3 bound, 2 serving, 3 healthy
# │   ├── ins-11111111:8443  web-1  weight 10  Alive
# │   ├── ins-22222222:8443  web-2  weight 10  Alive
# │   └── ins-33333333:8443  web-3  weight 0  Alive
# └── HTTP:80 (lbl-22222222)  1 bound, 1 serving, 0 healthy
#     └── shop.example.com/ (loc-11111111)  1 bound, 1 serving, 0 healthy
#         └── 10.0.1.17:8080  weight 10  tag blue  Dead
"""

RETURN = r"""
_value:
  description: The lines of the tree. Each ends with a line feed.
  type: str
"""

from typing import TYPE_CHECKING, Any

from ansible_collections.tencentcloud.clb.plugins.plugin_utils._drawing import draw_tree

if TYPE_CHECKING:
    from collections.abc import Callable


class FilterModule:
    """The filter ``tencentcloud.clb.tree``."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return its function by its name."""
        return {"tree": draw_tree}
