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
  - A backend is one host, even with several bindings. An instance is one host in the whole inventory. An IP address is
    one host in each VPC. A CVM and an address beside it are two hosts.
  - Reads one list of load balancers for each region, then each load balancer with one call. With O(health), one more
    call reads the health of up to 30 of them. It reads side by side, with at most 18.5 calls of a kind a second.
  - Classic load balancers are left out. A load balancer that is deleted meanwhile is left out with a warning. So is one
    that these credentials may not read.
  - The last two are errors if O(load_balancer_ids) or O(load_balancer_names) names them. They are also errors if a
    region has no other load balancer. If any other load balancer cannot be read, the plugin fails and adds no hosts.
  - "Each load balancer, listener and rule has a group of its ID, such as C(lb_abcd1234), C(lbl_abcd1234) and
    C(loc_abcd1234). The group of a load balancer contains the groups of its listeners. The group of a listener contains
    the groups of its rules."
  - "Load balancers of one name share a group such as C(clb_shop). Listeners of one protocol and port share C(TCP_443),
    or C(TCP_8000_8010) for a range. Rules of one domain and URL share C(HTTP_80_shop_example_com_v1)."
  - Characters that are not allowed in the name of a group become C(_). If different names become the same, each has a
    group with its ID instead, such as C(clb_shop_a_lb_1111). A warning names them.
  - "C(clb_backend) names the host in O(tencentcloud.clb.targets#module:targets)."
  - "C(clb_bindings) is the list of its bindings. Each has load balancer, listener, rule, port, weight, tag and health.
    The bindings of one region are valid as O(tencentcloud.clb.targets#module:targets)."
  - "C(clb_weight) is the highest of its weights. It is 0 if the host gets no new traffic. C(clb_healthy) is true if the
    host is healthy on every listener and rule. It is null without O(health)."
  - "Further variables are C(clb_instance_id), C(clb_instance_name), C(clb_load_balancer_ids), C(clb_private_ips),
    C(clb_public_ips), C(clb_tags), C(clb_type) and C(clb_zone)."
  - A cache keeps the answers of the API for this file, these load balancers, O(targets), O(health), region, endpoint
    and account. Expressions, such as O(groups), are evaluated each time.
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
      - The regions of the load balancers, instead of O(region). The plugin reads one after the other.
      - An empty list is an error. It can be a template, as can O(load_balancer_ids), O(load_balancer_names),
        O(targets), the values of O(load_balancer_tags), and the connection options that are of type C(str).
    type: list
    elements: str
  load_balancer_ids:
    description:
      - The IDs of the load balancers. An empty list is an error.
      - The plugin reads every load balancer of the region if no option names some.
    type: list
    elements: str
  load_balancer_names:
    description:
      - The exact names of load balancers. The plugin reads all load balancers with one of these names.
      - An empty list is an error.
    type: list
    elements: str
  load_balancer_tags:
    description:
      - The load balancers that have all of these tags. Do not give O(load_balancer_ids) or O(load_balancer_names) with
        it.
      - A value is a text, or a list of texts. One text of a list must match.
      - If no load balancer has these tags, a warning says so. An empty dictionary is an error.
    type: dict
    version_added: 1.0.0
  targets:
    description:
      - Selectors, as O(tencentcloud.clb.targets_info#module:targets) takes them. The inventory has only the bindings
        that match one of them. An empty list matches nothing.
      - A selector that matches nothing is no error. A selector with a load balancer matches only there. If the plugin
        does not read that load balancer, it fails.
    type: list
    elements: dict
  health:
    description: Also read the health.
    type: bool
    default: false
  hostnames:
    description:
      - The names of a host, the best one first. V(address) is the address of the binding, or the primary private
        address of a CVM.
      - The next one is taken if a host has no such name, or shares it with another host. The last resort is the ID or
        address of the binding. Equal addresses in two VPCs also get the VPC, as in C(10.0.0.5-vpc-abcd1234).
      - The next one is also taken if the name means something else to Ansible. This is so for the name of a group,
        V(all), V(ungrouped), V(localhost), other names of this machine, patterns such as V(*), paths, and control
        characters.
      - A host of another source with the same name is the same host, as always in Ansible. It is another host if its
        C(ansible_host) is another IP address, or its C(ansible_connection) is V(local). Another backend of this plugin
        is another host, too.
    type: list
    elements: str
    choices: [instance_name, instance_id, address]
    default: [instance_name, instance_id, address]
  ansible_host:
    description:
      - The address that Ansible connects to.
      - V(none) sets none. Use O(compose) then.
    type: str
    choices: [private_ip, public_ip, none]
    default: private_ip
notes:
  - The plugin runs on the controller, in the Python of Ansible itself. This Python needs requests.
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
# Every load balancer of two teams in production.
plugin: tencentcloud.clb.targets
region: ap-guangzhou
load_balancer_tags:
  env: prod
  team: [shop, checkout]
---
# The hosts behind one domain, reached through their public addresses, read once an hour.
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
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleError, AnsibleParserError
from ansible.module_utils.basic import missing_required_lib
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable

from ansible_collections.tencentcloud.clb.plugins.module_utils._api.connection import Connection, connect
from ansible_collections.tencentcloud.clb.plugins.module_utils._api.pacer import Pacer
from ansible_collections.tencentcloud.clb.plugins.module_utils._api.transport import INSTALL_REQUESTS, REQUESTS_ERROR
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import (
    ClbError,
    InvalidArgument,
    escape,
    sentences,
)
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.secrets import Secrets
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.entries import parse_entries
from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks.info import reading_budget
from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks.request import (
    CONNECTION_SPEC,
    Choice,
    Request,
    Tags,
    check_range,
    parse_tags,
)
from ansible_collections.tencentcloud.clb.plugins.plugin_utils._hostnames import Draft, HostNames
from ansible_collections.tencentcloud.clb.plugins.plugin_utils._inventory import Groups, Host, make_groups, make_hosts
from ansible_collections.tencentcloud.clb.plugins.plugin_utils._reading import (
    Reading,
    damaged,
    fingerprint,
    pack,
    read_load_balancers,
    unpack,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ansible.inventory.data import InventoryData
    from ansible.parsing.dataloader import DataLoader

Raw = dict[str, Any]
_FILE_NAMES = (".clb.yml", ".clb.yaml")
_FOR_THIS_PLUGIN = re.compile(r"""^plugin:\s*["']?tencentcloud\.clb\.targets["']?\s*(#.*)?$""", re.MULTILINE)
_SECRET_OPTIONS = ("secret_key", "token")
_AS_WRITTEN = ("regions", "load_balancer_ids", "load_balancer_names", "load_balancer_tags", "targets")
"""Options to read as they stand in the file: Ansible would split an expression into a list."""


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    """The inventory plugin."""

    NAME = "tencentcloud.clb.targets"
    inventory: Any
    """An inventory, or a draft of one."""

    def verify_file(self, path: str) -> bool:
        """Return true for a file of this plugin; warn if only its name is wrong."""
        if not super().verify_file(path):
            return False
        if path.endswith(_FILE_NAMES):
            return True
        if _FOR_THIS_PLUGIN.search(_text_of(path)):
            self.display.warning(
                f"{path} is for the inventory plugin {self.NAME}, which reads only files whose names end with "
                f"{' or '.join(_FILE_NAMES)}. Rename it, for example to shop{_FILE_NAMES[0]}."
            )
        return False

    def parse(self, inventory: InventoryData, loader: DataLoader, path: str, cache: bool = True) -> None:
        """Fill the inventory; after a failure it stays as it was.

        :param cache: whether the cache may be read.
        :raises AnsibleParserError: the file, and the cause.
        """
        super().parse(inventory, loader, path, cache)
        self._secrets = Secrets()
        try:
            self._read_options(path)
            reading = self._load(path, cache)
            groups = make_groups(reading.balancers)
            self._draft(reading.balancers, groups).apply(self.inventory)
        except ClbError as error:
            # The causes behind it say the same in other libraries' words, which nobody has checked for secrets.
            raise AnsibleParserError(f"{path}: {self._secrets.scrub(error.message)}") from None
        except AnsibleError as error:
            text = str(error)
            message = text if path in text else f"{path}: {text}"
            # With the cause, Ansible shows lines of the file around the place, and a secret can be in one of them.
            content = _text_of(path)
            raise AnsibleParserError(message) from (None if any(one in content for one in _SECRET_OPTIONS) else error)
        for warning in (*reading.warnings, *groups.warnings):
            self.display.warning(f"{path}: {escape(warning)}")

    def _read_options(self, path: str) -> None:
        config = self.loader.load_from_file(path, cache="none")
        # What is no mapping makes ansible-core stumble; a key that it does not know it passes over.
        if config is not None and not isinstance(config, Mapping):
            raise AnsibleParserError("The file must hold a mapping of options.")
        no_texts = [name for name in _SECRET_OPTIONS if isinstance((config or {}).get(name), (list, Mapping))]
        if no_texts:
            # Ansible would show the value.
            raise InvalidArgument(f"{' and '.join(no_texts)} must be a text, not a list or a dictionary.")
        self._config = self._read_config_data(path)
        unknown = sorted(str(key) for key in set(self._config) - set(self.option_definitions))
        if unknown:
            raise AnsibleParserError(
                f"There is no option {', '.join(unknown)}. ansible-doc -t inventory {self.NAME} lists the options."
            )

    def _load(self, path: str, cache: bool) -> Reading:
        """Read the load balancers, or take them from the cache if it is allowed and has them."""
        options = {name: self._rendered(name) for name in CONNECTION_SPEC}
        check_range(options, "timeout", 1)
        by_name = ("load_balancer_ids", "load_balancer_names")
        query: Raw = {name: self._list_of_text(name) for name in by_name}
        query.update(load_balancer_tags=self._tags(), targets=self._list("targets"), health=self.get_option("health"))
        beside = [name for name in by_name if query[name] is not None]
        if query["load_balancer_tags"] is not None and beside:
            raise InvalidArgument(f"Give load_balancer_tags or {' and '.join(beside)}, not both.")
        regions: Sequence[str | None] = self._list_of_text("regions") or [options["region"]]
        if not self.get_option("cache"):
            return self._read(options, regions, query)
        key = f"{self.get_cache_key(path)}_{fingerprint(query, regions, options, os.environ)}"
        reading = self._read_cache(key) if cache else None
        if reading is None:
            reading = self._read(options, regions, query)
            self._cache[key] = pack(reading)
        return reading

    def _read_cache(self, key: str) -> Reading | None:
        """Return the content of the cache; None if it is empty."""
        # There is no public way to ask a cache plugin for the name of its file; those that have none keep no files.
        plugin = getattr(self._cache, "_plugin", None)
        file_name = getattr(plugin, "_get_cache_file_name", None)
        place = f"The cache entry {key}"
        if file_name is not None:
            place = f"The cache file {file_name(getattr(plugin, '_get_key', str)(key))}"
        try:
            kept = self._cache.get(key)
        except (TypeError, ValueError, AttributeError, RecursionError):
            # Ansible unwraps what is in the file without looking at it first.
            raise damaged(place) from None
        return None if kept is None else unpack(kept, place)

    def _read(self, options: Raw, regions: Sequence[str | None], query: Raw) -> Reading:
        if REQUESTS_ERROR is not None:
            raise AnsibleError(sentences(missing_required_lib("requests"), INSTALL_REQUESTS))
        given = query["targets"]
        ids, names = (tuple(query[name] or ()) for name in ("load_balancer_ids", "load_balancer_names"))
        request = Request(
            Choice(ids=ids, names=names, tags=query["load_balancer_tags"]),
            None if given is None else parse_entries(given, selectors=True),
            options["timeout"],
            health=query["health"],
        )
        # Whoever answers may give back what he was sent.
        return Reading(*self._secrets.scrub(read_load_balancers(self._connections(options, regions), request)))

    def _connections(self, options: Raw, regions: Sequence[str | None]) -> Iterator[Connection]:
        budget, pacer = reading_budget(options["timeout"]), Pacer()
        for region in regions:
            connection = connect({**options, "region": region}, os.environ, budget, pacer=pacer, secrets=self._secrets)
            self.display.vvv(f"{self.NAME}: the credentials come from {connection.source}")
            for warning in connection.warnings:
                self.display.warning(warning)
            yield connection

    def _rendered(self, name: str) -> Any:
        """Return an option with its expressions evaluated, also those inside of it."""
        value = self._config.get(name) if name in _AS_WRITTEN else self.get_option(name)
        if not isinstance(value, (str, list, tuple, Mapping)):
            return value
        try:
            rendered = self.templar.template(value)
        except AnsibleError as error:
            problem = f"The expression in {name} cannot be rendered"
            if name in _SECRET_OPTIONS:
                # What is wrong can repeat a part of the expression.
                raise AnsibleParserError(f"{problem}.") from None
            raise AnsibleParserError(f"{problem}: {error}") from error
        if rendered is None and name in _AS_WRITTEN:
            # As if it were not given, it would choose more than anybody has named.
            raise InvalidArgument(f"The expression in {name} gives null; let it give a value, or leave the option out.")
        return rendered

    def _list(self, name: str) -> list[Any] | None:
        value = self._rendered(name)
        if isinstance(value, str):
            # As Ansible reads a text for a list.
            value = [part.strip() for part in value.split(",")] if value.strip() else []
        if value is None or isinstance(value, list):
            return value
        raise InvalidArgument(f"{name} must be a list; it is {value!r}.")

    def _list_of_text(self, name: str) -> list[str] | None:
        """Return a list of names that is not empty; None if it was not given."""
        values = self._list(name)
        if values is not None and not values:
            raise InvalidArgument(f"{name} is an empty list; name at least one, or leave the option out.")
        for number, value in enumerate(values or ()):
            if isinstance(value, bool) or not isinstance(value, (str, int)):
                raise InvalidArgument(f"{name}[{number}] must be a text; it is {value!r}.")
            if not str(value).strip():
                raise InvalidArgument(f"{name}[{number}] is empty; give a value, or leave it out of the list.")
        return None if values is None else list(dict.fromkeys(str(value).strip() for value in values))

    def _tags(self) -> Tags | None:
        tags = self._rendered("load_balancer_tags")
        if tags is None or isinstance(tags, Mapping):
            return None if tags is None else parse_tags(tags)
        raise InvalidArgument(f"load_balancer_tags must hold a text for each tag, such as env: prod; it is {tags!r}.")

    def _draft(self, balancers: list[Raw], groups: Groups) -> Draft:
        """Try everything on a copy of the inventory.

        Expressions can make groups of any name. Where a host has the name of one, all is done again with the next name
        of that host.
        """
        hosts = make_hosts(balancers, groups, self.get_option("hostnames"), self.get_option("ansible_host"))
        taken = {name for edge in groups.edges for name in edge}
        taken.update(self.inventory.groups, map(self._sanitize_group_name, self.get_option("groups") or ()))
        host_names = HostNames(hosts, {name: host.get_vars() for name, host in self.inventory.hosts.items()})
        while True:
            names = host_names.choose(taken)
            draft, problem = Draft(self.inventory), None
            try:
                self._fill(draft, groups.edges, hosts, names)
            except AnsibleError as error:
                problem = error
            taken.update(draft.groups)
            if draft.groups.keys().isdisjoint(names):
                if problem is not None:
                    raise problem
                return draft

    def _fill(
        self, draft: Draft, edges: Sequence[tuple[str, str]], hosts: Sequence[Host], names: Sequence[str]
    ) -> None:
        inventory = self.inventory
        # The methods of Constructable change self.inventory.
        self.inventory = draft
        try:
            for parent, child in edges:
                draft.add_group(parent)
                draft.add_group(child)
                draft.add_child(parent, child)
            for host, name in zip(hosts, names):
                draft.add_host(name)
                for group in host.groups:
                    draft.add_child(group, name)
                for key, value in host.variables.items():
                    draft.set_variable(name, key, value)
                self._construct(name, host.variables)
        finally:
            self.inventory = inventory

    def _construct(self, host: str, variables: Raw) -> None:
        strict = self.get_option("strict")
        self._set_composite_vars(self.get_option("compose"), variables, host, strict=strict)
        self._add_host_to_composed_groups(self.get_option("groups"), variables, host, strict=strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), variables, host, strict=strict)


def _text_of(path: str) -> str:
    """Return the text of a file; empty if it is not readable or no text."""
    try:
        return Path(path).read_text(encoding="utf-8") if Path(path).is_file() else ""
    except (OSError, UnicodeDecodeError):
        return ""
