# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plugin without Ansible's plugin loader, on a region in memory."""

from __future__ import annotations

import pytest
import yaml
from ansible.errors import AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.doc_fragments.constructed import ModuleDocFragment as Constructed

from ansible_collections.tencentcloud.clb.plugins.doc_fragments.connection import ModuleDocFragment as ConnectionDoc
from ansible_collections.tencentcloud.clb.plugins.inventory import targets

from ..builders import http, rule, target, tcp
from ..fake_region import FakeRegion

DOCUMENTED = (targets.DOCUMENTATION, Constructed.DOCUMENTATION, ConnectionDoc.DOCUMENTATION)
DEFAULTS = {name: spec.get("default") for text in DOCUMENTED for name, spec in yaml.safe_load(text)["options"].items()}
DEFAULTS |= {"cache": False, "use_extra_vars": False, "leading_separator": True}


class Plugin(targets.InventoryModule):
    """Takes its options from the file alone; what ansible-core checks of them is not checked."""

    option_definitions = DEFAULTS
    _load_name = ansible_name = targets.InventoryModule.NAME

    def __init__(self):
        super().__init__()
        self._cache = {}

    def _read_config_data(self, path):
        config = self.loader.load_from_file(path, cache="none", trusted_as_template=True)
        self._options = {**DEFAULTS, **config}
        return config


@pytest.fixture
def region():
    web = target("ins-1", 8443, 5, "blue", InstanceName="web-1", Zone="ap-guangzhou-3")
    shop = [tcp("lbl-1", 443, web), http("lbl-2", 80, rule("loc-1", "*.example.com", web, url="/v1"))]
    api = [tcp("lbl-3", 443, target("10.9.9.9", 8443, 0))]
    return FakeRegion({"lb-1": ("shop", shop), "lb-2": ("api", api)})


@pytest.fixture
def connected(region, monkeypatch):
    """The options of each connection that was made."""
    made = []

    def connect(options, environ, budget, **how):
        made.append(options)
        how["secrets"].add("hush-hush")
        return region.connection()

    monkeypatch.setattr(targets, "connect", connect)
    return made


@pytest.fixture
def file(tmp_path):
    return tmp_path / "shop.clb.yml"


@pytest.fixture
def shown(monkeypatch):
    """The warnings that are shown."""
    shown = []
    monkeypatch.setattr(Plugin().display, "warning", shown.append)
    return shown


@pytest.fixture
def failure(read, file):
    """Return the message with which reading these options fails, without the name of the file."""

    def failure(**options):
        with pytest.raises(AnsibleParserError) as caught:
            read(**options)
        assert caught.value.message.startswith(f"{file}: ")
        return caught.value.message.removeprefix(f"{file}: ")

    return failure


@pytest.fixture
def read(connected, file):
    """Parse an inventory file with these options."""

    def read(plugin=None, *, inventory=None, **options):
        file.write_text(yaml.safe_dump({"plugin": Plugin.NAME, "region": "ap-guangzhou", **options}))
        return parse(file, plugin, inventory=inventory)

    return read


def parse(file, plugin=None, *, from_cache=True, inventory=None):
    inventory = InventoryData() if inventory is None else inventory
    (plugin or Plugin()).parse(inventory, DataLoader(), str(file), from_cache)
    inventory.reconcile_inventory()
    return inventory
