# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Draw a result of targets_info as a Mermaid chart."""

from __future__ import annotations

DOCUMENTATION = r"""
name: mermaid
short_description: Draw the backends of load balancers as a Mermaid chart
version_added: 0.1.0
author:
  - The tencentcloud.clb contributors (!UNKNOWN)
description:
  - Turns a result of M(tencentcloud.clb.targets_info) into the text of a Mermaid flow chart. GitHub, GitLab and others
    show it as a picture if it stands in a code block of the language C(mermaid).
  - Healthy backends are green, unhealthy ones red. Backends of weight 0 are grey. Without health, backends are blue.
  - A result about several load balancers becomes one chart with a tree for each of them.
  - Mermaid draws at most 500 edges and 50,000 characters. If a chart would be larger, it shows fewer backends, then no
    rules, then no listeners, then fewer load balancers. It shows the number of those that it left out. The counts
    always include everything.
positional: most
options:
  _input:
    description: The result of M(tencentcloud.clb.targets_info), as it was registered.
    type: dict
    required: true
  most:
    description: The number of backends to show of each listener or rule. V(0) shows as many as Mermaid can draw.
    type: int
    default: 10
seealso:
  - module: tencentcloud.clb.targets_info
  - plugin: tencentcloud.clb.tree
    plugin_type: filter
"""

EXAMPLES = r"""
# The result was registered as in the example of the filter tencentcloud.clb.tree.
- name: Write a picture of the load balancer into a page of the team's wiki
  ansible.builtin.copy:
    content: |
      # The shop's load balancer

      ```mermaid
      {{ shop | tencentcloud.clb.mermaid }}```
    dest: wiki/load-balancer.md
    mode: "0644"
"""

RETURN = r"""
_value:
  description: The lines of the chart. Each ends with a line feed. The code block around them is not included.
  type: str
"""

from typing import TYPE_CHECKING, Any

from ansible_collections.tencentcloud.clb.plugins.plugin_utils._drawing import draw_mermaid

if TYPE_CHECKING:
    from collections.abc import Callable


class FilterModule:
    """The filter ``tencentcloud.clb.mermaid``."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return its function by its name."""
        return {"mermaid": draw_mermaid}
