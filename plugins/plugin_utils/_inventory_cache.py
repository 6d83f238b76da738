# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inventory's cache: the key of an entry, and the check that it holds what was put there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..module_utils._base.errors import ClbError, InvalidArgument
from ..module_utils._credentials.profiles import ProfileFiles, choose_profile
from ._reading import Reading

if TYPE_CHECKING:
    from collections.abc import Sequence

_FORMAT = 2
"""Changes with the shape of what is kept, so that another version of this collection reads again."""
_OPTIONS = ("secret_id", "profile", "role_arn", "region", "endpoint", "sts_endpoint")
"""The connection options that decide whose load balancers are read, and where."""
_VARIABLES = ("TENCENTCLOUD_", "TCCLI_", "TKE_")
"""How the environment variables begin that can take their place."""
_SECRET_VARIABLES = frozenset({"TENCENTCLOUD_SECRET_KEY", "TENCENTCLOUD_TOKEN", "TENCENTCLOUD_SECURITY_TOKEN"})


def fingerprint(
    query: Mapping[str, Any], regions: Sequence[str | None], options: Mapping[str, Any], environ: Mapping[str, str]
) -> str:
    """Summarise everything that changes what is read, in 16 characters. Nothing is asked over the network.

    :param query: the options that choose load balancers and bindings, rendered.
    :param regions: the regions, None for the usual one.
    """
    summary = {
        "format": _FORMAT,
        "query": dict(query),
        "regions": list(regions),
        "options": {name: options.get(name) for name in _OPTIONS},
        "environ": {
            name: value
            for name, value in environ.items()
            if name.startswith(_VARIABLES) and name not in _SECRET_VARIABLES
        },
        "profile": _profile(options, environ),
    }
    return _digest(summary)[:16]


def _profile(options: Mapping[str, Any], environ: Mapping[str, str]) -> list[Any]:
    """What a profile says of the account and the region; its secrets are left out."""
    files = ProfileFiles(environ)
    try:
        choice = choose_profile(options, environ)
        profile = files.find(choice)
        region = files.region(choice)
    except ClbError:
        # If this profile is needed, reading says what is wrong with it.
        return []
    if profile is None:
        return [region]
    account = None if profile.credentials is None else profile.credentials.secret_id
    return [region, account, profile.role_arn, profile.cvm_role]


def pack(reading: Reading) -> dict[str, Any]:
    """Put what was read into the form in which it is kept."""
    content = {"balancers": reading.balancers, "warnings": reading.warnings}
    return {**content, "checksum": _digest(content)}


def unpack(kept: object, where: str) -> Reading:
    """Take what was read out of the form in which it was kept.

    :param where: the place in the cache, for the message.
    :raises InvalidArgument: something else has been written there.
    """
    if isinstance(kept, Mapping) and kept.keys() == {"balancers", "warnings", "checksum"}:
        content = {"balancers": kept["balancers"], "warnings": kept["warnings"]}
        if kept["checksum"] == _digest(content):
            return Reading(list(content["balancers"]), list(content["warnings"]))
    raise damaged(where)


def damaged(where: str) -> InvalidArgument:
    """The error for a cache that holds something else."""
    return InvalidArgument(
        f"{where} does not hold what this plugin has put there: it is damaged, or something else has written to it. "
        "Delete it, or run the command again with --flush-cache."
    )


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
