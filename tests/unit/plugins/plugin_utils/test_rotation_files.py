# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the playbook rolling needs before there are hosts."""

from __future__ import annotations

import pytest

from ansible_collections.tencentcloud.clb.plugins.plugin_utils._rotation_files import asked, check_files
from ansible_collections.tencentcloud.clb.plugins.plugin_utils._rotation_read import Stop

from ..rotating import Modules, play


@pytest.mark.parametrize(
    "more, inventory, matched, words",
    [
        ({}, {}, ["web1"], None),
        ({"clb_batch": 0}, {}, ["web1"], "clb_batch is 0; give a number of hosts from 1"),
        ({"clb_hosts": "shop"}, {}, [], "No host matches clb_hosts shop within --limit web1; check the pattern"),
        ({}, {"clb_batch": 2, "clb_hosts": "web1"}, ["web1"], r"clb_batch, clb_hosts can't be set in the inventory"),
        ({}, {"clb_update": None}, ["web1"], "clb_update is not given"),
        ({}, {"clb_update": "missing.yml"}, ["web1"], "missing.yml is no file"),
        ({}, {"clb_update": "/dev/null"}, [], "No host matches"),
    ],
)
def test_what_the_playbook_needs_before_there_are_hosts(tmp_path, more, inventory, matched, words):
    (tmp_path / "update.yml").write_text("- name: Nothing\n  meta: noop\n")
    variables = {"clb_update": str(tmp_path / "update.yml"), **inventory}
    modules = Modules(current=play({"web1": variables, "web2": {}}))
    options = {"clb_batch": "25%", "clb_handlers": "", "clb_hosts": "all", **more}

    def ask():
        return asked(modules, given=options, matched=matched, limit="web1")

    if words is None:
        assert ask() == {}
    else:
        with pytest.raises(Stop, match=f"{words}.* No host was drained"):
            ask()


TASKS = """
- name: Copy
  copy: {dest: /x, content: y}
  notify: %s
"""


@pytest.mark.parametrize(
    "tasks, handlers, lacking",
    [
        ("- name: Nothing\n  meta: noop\n", None, None),
        (TASKS % "Restart", None, "'Restart'"),
        (TASKS % "Restart", "- name: Restart\n  meta: noop\n", None),
        (TASKS % "Restart", "- name: Other\n  listen: [Restart, More]\n  meta: noop\n", None),
        (TASKS % "Restart", "- name: Other\n  meta: noop\n", "'Restart'"),
        (TASKS % "[Restart, Reload]", "- name: Restart\n  meta: noop\n", "'Reload'"),
        (TASKS % '"{{ service }}"', None, None),
        (TASKS % "Restart", '- name: "{{ service }}"\n  meta: noop\n', None),
        (
            "- block:\n    - block: []\n      rescue:\n        - meta: noop\n          notify: Restart\n",
            None,
            "'Restart'",
        ),
        ("- block: []\n  notify: Restart\n", None, "'Restart'"),
        ("- import_tasks: more.yml\n", None, "'More'"),
        ("- ansible.builtin.include_tasks: {file: more.yml}\n", None, "'More'"),
        ('- include_tasks: "{{ other }}.yml"\n', None, None),
        ("- include_tasks: missing.yml\n", None, None),
        ("- include_role: {name: web}\n" + TASKS % "Restart", None, None),
        ("- broken: [\n", None, None),
        (TASKS % "Restart", "- broken: [\n", None),
        (TASKS % "More", "- import_tasks: handlers2.yml\n", None),
        (TASKS % "Restart", "- import_tasks: handlers2.yml\n", "'Restart'"),
        ("just text\n", None, None),
        ("- just text\n", None, None),
    ],
)
def test_every_notify_needs_a_handler(tmp_path, tasks, handlers, lacking):
    update, handler_file = tmp_path / "update.yml", tmp_path / "handlers.yml"
    update.write_text(tasks)
    (tmp_path / "more.yml").write_text(TASKS % "More" + "- import_tasks: update.yml\n")
    (tmp_path / "handlers2.yml").write_text("- name: More\n  meta: noop\n")
    if handlers is not None:
        handler_file.write_text(handlers)
    problems = check_files(update, handler_file if handlers is not None else None)
    assert (lacking in " ".join(problems)) if lacking else not problems
