# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The hosts behind load balancers."""

from __future__ import annotations

DOCUMENTATION = r"""
name: targets
short_description: The hosts behind Tencent Cloud load balancers
version_added: 0.1.0
author:
  - The tencentcloud.clb contributors (!UNKNOWN)
description:
  - Finds the backends behind Cloud Load Balancers (CLB), and groups them by load balancer, listener and rule.
  - The file must be named C(*.clb.yml) or C(*.clb.yaml).
  - A backend is one host, however many bindings it has. The CVM and an address that is bound beside it are two.
  - Reads each load balancer with one call, or two with O(health), after one listing for each region.
  - "Each load balancer, listener and rule has a group named after its ID, such as C(lb_abcd1234), C(lbl_abcd1234) and
    C(loc_abcd1234), one in the other."
  - "What is called the same on every load balancer is gathered in groups named C(clb_shop) after the load balancer's
    name, C(TCP_443) after protocol and port (C(TCP_8000_8010) for a range), and C(HTTP_80_shop_example_com_v1) after
    listener, domain and URL. Characters that no group's name may have become C(_)."
  - "C(clb_backend) is what names the host in O(tencentcloud.clb.targets#module:targets)."
  - "C(clb_bindings) are its bindings, each with its load balancer, listener, rule, port, weight, tag and health. Those
    of one load balancer are valid as O(tencentcloud.clb.targets#module:targets)."
  - "C(clb_weight) is the highest of its weights; 0 where it gets no new traffic anywhere. C(clb_healthy) tells whether
    it is healthy on every listener and rule; it is null without O(health)."
  - "Further variables are C(clb_instance_id), C(clb_instance_name), C(clb_load_balancer_ids), C(clb_private_ips),
    C(clb_public_ips), C(clb_tags), C(clb_type) and C(clb_zone)."
extends_documentation_fragment:
  - tencentcloud.clb.connection
  - ansible.builtin.constructed
  - ansible.builtin.inventory_cache
options:
  plugin:
    description: The name of this plugin.
    type: str
    required: true
    choices: [tencentcloud.clb.targets]
  regions:
    description:
      - The regions of the load balancers, in place of O(region).
      - An address that is bound in several regions is one host.
    type: list
    elements: str
  load_balancer_ids:
    description:
      - The IDs of the load balancers.
      - Without this and O(load_balancer_names), every load balancer in the region is read.
    type: list
    elements: str
  load_balancer_names:
    description: The exact names of load balancers. All load balancers with one of these names are read.
    type: list
    elements: str
  targets:
    description:
      - Selectors, as M(tencentcloud.clb.targets_info) takes them; only what any of them matches is read.
      - A selector that matches nothing on a load balancer is no error.
    type: list
    elements: dict
  health:
    description: Read the health, too.
    type: bool
    default: false
  hostnames:
    description:
      - What to call a host by, best first.
      - Where a host lacks something, or shares it with another host, the next one is taken, and in the end the ID or
        address that it is bound by.
      - V(address) is the address that it is bound by, of a CVM the primary private one.
    type: list
    elements: str
    choices: [instance_name, instance_id, address]
    default: [instance_name, instance_id, address]
  ansible_host:
    description:
      - The address under which Ansible reaches a host.
      - V(none) sets none; O(compose) can then do it.
    type: str
    choices: [private_ip, public_ip, none]
    default: private_ip
seealso:
  - module: tencentcloud.clb.targets
  - module: tencentcloud.clb.targets_info
"""

EXAMPLES = r"""
# shop.clb.yml: everything in a region. Credentials come from the environment, a profile or the role of the machine.
plugin: tencentcloud.clb.targets
region: ap-guangzhou
---
# Two load balancers by name, with health, and groups of the hosts' own.
plugin: tencentcloud.clb.targets
region: ap-guangzhou
load_balancer_names: [shop-frontend, shop-api]
health: true
hostnames: [instance_id, address]
compose:
  clb_is_blue: "'blue' in clb_tags"
groups:
  drained: clb_weight == 0
  sick: not clb_healthy
keyed_groups:
  - key: clb_zone
    prefix: zone
  - key: clb_tags
    prefix: tag
strict: true
---
# Only what is behind one domain, reached through its public address, read once an hour.
plugin: tencentcloud.clb.targets
regions: [ap-guangzhou, ap-shanghai]
targets:
  - domain: shop.example.com
ansible_host: public_ip
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: /var/cache/ansible/clb
cache_timeout: 3600
"""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleError, AnsibleParserError
from ansible.inventory.group import to_safe_group_name
from ansible.module_utils.basic import missing_required_lib
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable

from ansible_collections.tencentcloud.clb.plugins.module_utils._api.client import REQUESTS_ERROR
from ansible_collections.tencentcloud.clb.plugins.module_utils._api.connection import Connection, connect
from ansible_collections.tencentcloud.clb.plugins.module_utils._argspec import CONNECTION_SPEC, check_minimum
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.entries import Entry, parse_entries
from ansible_collections.tencentcloud.clb.plugins.module_utils._errors import ClbError
from ansible_collections.tencentcloud.clb.plugins.module_utils._targets_info import reading_budget
from ansible_collections.tencentcloud.clb.plugins.plugin_utils._inventory import (
    InventoryQuery,
    make_groups,
    make_hosts,
    read_load_balancers,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible.inventory.data import InventoryData
    from ansible.parsing.dataloader import DataLoader

Raw = dict[str, Any]


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    """The inventory plugin."""

    NAME = "tencentcloud.clb.targets"

    def verify_file(self, path: str) -> bool:
        """Tell whether a file is meant for this plugin.

        :param path: the inventory source.
        """
        return bool(super().verify_file(path)) and path.endswith((".clb.yml", ".clb.yaml"))

    def parse(self, inventory: InventoryData, loader: DataLoader, path: str, cache: bool = True) -> None:
        """Fill the inventory.

        :param inventory: what to fill.
        :param loader: reads files.
        :param path: the inventory file.
        :param cache: whether the cache may be read.
        :raises AnsibleParserError: the file, or the cause.
        """
        super().parse(inventory, loader, path, cache)
        try:
            self._read_options(path)
            self._fill(self._load(path, cache))
        except ClbError as error:
            # The causes behind it say the same in other libraries' words, which nobody has checked for secrets.
            raise AnsibleParserError(f"{path}: {error.message}") from None
        except AnsibleError as error:
            text = str(error)
            raise AnsibleParserError(text if path in text else f"{path}: {text}") from error

    def _read_options(self, path: str) -> None:
        config = self.loader.load_from_file(path, cache="none")
        # What is no mapping makes ansible-core stumble; a key that it does not know it passes over.
        if config is not None and not isinstance(config, Mapping):
            raise AnsibleParserError("The file must hold a mapping of options.")
        self._read_config_data(path)
        unknown = sorted(str(key) for key in set(config or ()) - set(self.option_definitions))
        if unknown:
            raise AnsibleParserError(
                f"There is no option {', '.join(unknown)}. ansible-doc -t inventory {self.NAME} tells what there is."
            )

    def _load(self, path: str, cache: bool) -> list[Raw]:
        """What there is behind the load balancers, from the cache where that is allowed and possible."""
        if not self.get_option("cache"):
            return self._read()
        key = self.get_cache_key(path)
        if not cache or key not in self._cache:
            self._cache[key] = self._read()
        return list(self._cache[key])

    def _read(self) -> list[Raw]:
        return read_load_balancers(
            self._connections(),
            InventoryQuery(
                self.get_option("load_balancer_ids"),
                self.get_option("load_balancer_names"),
                self._selectors(),
                self.get_option("health"),
            ),
        )

    def _connections(self) -> Iterator[Connection]:
        if REQUESTS_ERROR is not None:
            raise AnsibleError(missing_required_lib("requests"))
        options = {name: self._option(name) for name in CONNECTION_SPEC}
        check_minimum(options, "timeout", 1)
        regions = self.get_option("regions")
        budget = reading_budget(options["timeout"])
        for region in [options["region"]] if regions is None else regions:
            connection = connect({**options, "region": region}, os.environ, budget)
            self.display.vvv(f"{self.NAME}: the credentials come from {connection.source}")
            for warning in connection.warnings:
                self.display.warning(warning)
            yield connection

    def _option(self, name: str) -> Any:
        """A connection option; it may be an expression, so that a secret need not stand in the file."""
        value = self.get_option(name)
        return self.templar.template(value) if isinstance(value, str) else value

    def _selectors(self) -> tuple[Entry, ...] | None:
        given = self.get_option("targets")
        if given is None:
            return None
        return parse_entries(given, selectors=True)

    def _fill(self, balancers: list[Raw]) -> None:
        groups = make_groups(balancers)
        for parent, child in groups.edges:
            self.inventory.add_child(self._add_group(parent), self._add_group(child))
        for host in make_hosts(balancers, groups, self.get_option("hostnames"), self.get_option("ansible_host")):
            self.inventory.add_host(host.name)
            for group in host.groups:
                self.inventory.add_child(_group_name(group), host.name)
            for name, value in host.variables.items():
                self.inventory.set_variable(host.name, name, value)
            self._construct(host.name, host.variables)

    def _add_group(self, name: str) -> str:
        return str(self.inventory.add_group(_group_name(name)))

    def _construct(self, host: str, variables: Raw) -> None:
        strict = self.get_option("strict")
        self._set_composite_vars(self.get_option("compose"), variables, host, strict=strict)
        self._add_host_to_composed_groups(self.get_option("groups"), variables, host, strict=strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), variables, host, strict=strict)


def _group_name(name: str) -> str:
    return str(to_safe_group_name(name, force=True, silent=True))
