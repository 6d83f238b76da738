# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible.errors import AnsibleError
from ansible.inventory.data import InventoryData
from ansible.template import is_trusted_as_template

from ansible_collections.tencentcloud.clb.plugins.plugin_utils._hostnames import Draft


@pytest.fixture
def inventory():
    """What another source has put there."""
    inventory = InventoryData()
    inventory.current_source = "/inventory/hosts"
    for group in ("web", "site", "empty"):
        inventory.add_group(group)
    inventory.add_host("web-1", "web")
    inventory.set_variable("web-1", "colour", "blue")
    inventory.add_child("site", "web")
    return inventory


def content(inventory):
    """Hosts with their variables, and groups with what is in them."""
    return (
        {name: host.get_vars() for name, host in inventory.hosts.items()},
        {
            name: ([child.name for child in group.child_groups], [host.name for host in group.hosts])
            for name, group in inventory.groups.items()
        },
    )


def change(inventory):
    inventory.add_group("new")
    inventory.add_host("web-2")
    inventory.add_child("new", "web-2")
    inventory.add_child("site", "new")
    inventory.add_host("web-1", "new")
    inventory.set_variable("web-1", "colour", "green")


def test_a_draft_changes_the_inventory_only_when_it_is_applied(inventory):
    before = content(inventory)
    draft = Draft(inventory)
    assert content(draft) == before

    change(draft)
    assert content(inventory) == before

    draft.apply(inventory)
    applied = content(inventory)
    assert applied == content(draft)
    assert applied[0]["web-1"]["colour"] == "green"
    assert (applied[1]["site"], applied[1]["new"]) == ((["web", "new"], []), ([], ["web-2", "web-1"]))


def test_what_the_inventory_would_refuse_the_draft_refuses(inventory):
    draft = Draft(inventory)

    with pytest.raises(AnsibleError, match="loop"):
        draft.add_child("web", "site")


def trusted(value):
    """The texts in a value that Ansible may evaluate."""
    if isinstance(value, str):
        return [str(value)] if is_trusted_as_template(value) else []
    return [text for item in (value.values() if isinstance(value, dict) else value) for text in trusted(item)]


@pytest.mark.parametrize(
    "value, plain",
    [
        ("web-1", ["web-1"]),
        ("", [""]),
        ("{web} 100% #1 }} %} #}", ["{web} 100% #1 }} %} #}"]),
        *((f"web{start} 7 * 7", []) for start in ("{{", "{%", "{#", "#jinja2:", "{{{", "\n{{")),
        (["a", "{{ b }}", ["c", {"d": "e", "f": "{% g %}"}]], ["a", "c", "e"]),
        ({"{{ a }}": "b"}, []),
        ({"x": {"a{%": ["b"]}, "y": "c"}, ["c"]),
        (("a", "b"), ["a", "b"]),
    ],
)
@pytest.mark.parametrize("way", ["set_variable", "set_variables"])
def test_only_what_can_not_be_a_template_is_trusted(inventory, value, plain, way):
    draft = Draft(inventory)
    if way == "set_variable":
        draft.set_variable("web-1", "new", value)
    else:
        draft.set_variables("web-1", {"new": value})
    draft.apply(inventory)
    set_to = inventory.get_host("web-1").get_vars()["new"]

    assert set_to == (list(value) if isinstance(value, tuple) else value)
    assert trusted(set_to) == plain


def test_other_values_stay_what_they_are(inventory):
    draft = Draft(inventory)
    draft.set_variables("web-1", {"new": [1, 1.5, True, None]})

    assert draft.get_host("web-1").get_vars()["new"] == [1, 1.5, True, None]
