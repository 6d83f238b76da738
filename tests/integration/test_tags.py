# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Load balancers that are chosen by tag, through Ansible itself."""

from __future__ import annotations

PLAY = """
- hosts: localhost
  gather_facts: false
  module_defaults:
    group/tencentcloud.clb.all:
      load_balancer_tags: {env: [prod, live]}
  tasks:
    - name: Dry run
      tencentcloud.clb.targets: {state: drained, targets: [{instance_id: ins-web2}]}
      check_mode: true
    - name: Drain
      tencentcloud.clb.targets: {state: drained, targets: [{instance_id: ins-web2}]}
    - name: Read
      tencentcloud.clb.targets_info: {targets: [{instance_id: ins-web2}]}
    - name: No text
      tencentcloud.clb.targets_info: {load_balancer_tags: {env: 1}}
      ignore_errors: true
    - name: No such tag
      tencentcloud.clb.targets_info: {load_balancer_tags: {envi: prod}}
      ignore_errors: true
    - name: Two ways
      tencentcloud.clb.targets_info: {load_balancer_id: lb-demo}
      ignore_errors: true
"""


def test_tags_choose_in_tasks_and_in_module_defaults(playbook, emulator):
    run = playbook(PLAY)

    assert run.rc == 0, run.output
    dry, drained, read = (run.result(name) for name in ("Dry run", "Drain", "Read"))
    assert dry["restore"] == drained["restore"]
    assert len(drained["restore"]) == 2
    assert [(one["load_balancer_id"], one["weight"]) for one in read["targets"]] == [("lb-demo", 0)] * 2
    assert drained["api_calls"]["DescribeLoadBalancers"] == 1
    assert (drained["load_balancer_id"], drained["left_out"]) == (None, [])
    assert "the value of 'env' is 1, which is no text" in run.result("No text")["msg"]
    assert "None has a tag 'envi'; the tags are 'env'." in run.result("No such tag")["msg"]
    assert "load_balancer_id and load_balancer_tags are given" in run.result("Two ways")["msg"]
