# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation shared by the modules: what they support of Ansible's common behaviour."""

from __future__ import annotations


class ModuleDocFragment:
    """Attributes of the modules."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Tells what it would do and sends no write.
  diff_mode:
    description: Shows what is bound before and after, a line for each binding.
  idempotent:
    description: A second run with the same arguments changes nothing, as long as nobody else has changed anything.
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
