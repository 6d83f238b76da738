# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every place where credentials can be, filled with pairs of its own that the emulator knows."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from clb_emulator.testing import Emulator

ROLE = "qcs::cam::uin/100000000001:roleName/deploy"
OTHER_ROLE = "qcs::cam::uin/100000000001:roleName/other"
CLOSED_ROLE = "qcs::cam::uin/100000000001:roleName/closed"
WEB_TOKEN = "eyJhbGciOiJSUzI1NiJ9.web-identity.sEcReT"
PAIRS = ("option", "environment", "tccli", "deploy", "sdk", "sdkdeploy")
EMPTY = (
    "TENCENTCLOUD_SECRET_ID",
    "TENCENTCLOUD_SECRET_KEY",
    "TENCENTCLOUD_TOKEN",
    "TENCENTCLOUD_SECURITY_TOKEN",
    "TENCENTCLOUD_PROFILE",
    "TCCLI_PROFILE",
)


def key_id(pair: str) -> str:
    return f"AKID{pair}"


def key(pair: str) -> str:
    return f"{pair}KeysEcReT0123456789"


SETTINGS: dict[str, Any] = {
    "credentials": [{"secret_id": key_id(pair), "secret_key": key(pair)} for pair in PAIRS],
    "rate_limit": 0,
    "sts": {
        "roles": {ROLE: None, OTHER_ROLE: None, CLOSED_ROLE: {"allow": False}},
        "web_identity_tokens": {WEB_TOKEN: {"provider_id": "tke"}},
    },
    "metadata": {"role": "clb-role"},
}
"""What has to be in a scenario."""

OPTIONS = {"secret_id": key_id("option"), "secret_key": key("option")}
EXPIRED_TOKEN = "tOkEnThatHasEndedsEcReT"
ENVIRONMENT = {"TENCENTCLOUD_SECRET_ID": key_id("environment"), "TENCENTCLOUD_SECRET_KEY": key("environment")}


@dataclass
class Places:
    """A home directory and variables.

    A task gets ``environment(...)``. It hides the keys of the process, where ``keep`` does not name them: keys in a
    task's ``environment`` would be shown by Ansible itself at ``-vvv``, in the commands that it runs.
    """

    emulator: Emulator
    home: Path
    url: str = ""
    files: list[Path] = field(default_factory=list)

    def write(self, name: str, content: Any, mode: int = 0o600) -> Path:
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        path.chmod(mode)
        self.files.append(path)
        return path

    def tccli(self, name: str, pair: str | None, **more: Any) -> Path:
        keys = {"secretId": key_id(pair), "secretKey": key(pair)} if pair else {}
        return self.write(f".tccli/{name}.credential", {**keys, **more})

    def sdk(self, **sections: str) -> Path:
        text = "".join(
            f"[{name}]\nsecret_id = {key_id(pair)}\nsecret_key = {key(pair)}\n" for name, pair in sections.items()
        )
        return self.write(".tencentcloud/credentials", text)

    def pod(self) -> dict[str, str]:
        return {
            "TKE_REGION": self.emulator.region,
            "TKE_PROVIDER_ID": "tke",
            "TKE_ROLE_ARN": ROLE,
            "TKE_WEB_IDENTITY_TOKEN_FILE": str(self.write("token", WEB_TOKEN + "\n")),
        }

    def environment(self, *more: dict[str, str], keep: Iterable[str] = (), cvm: bool = False) -> dict[str, str]:
        url = self.url or self.emulator.url
        variables = {
            **dict.fromkeys((name for name in EMPTY if name not in keep), ""),
            "HOME": str(self.home),
            "TENCENTCLOUD_CLB_ENDPOINT": url,
            "TENCENTCLOUD_STS_ENDPOINT": url,
            # Nothing listens there, so that asking for the CVM's role fails at once.
            "TENCENTCLOUD_METADATA_ENDPOINT": url if cvm else "http://127.0.0.1:9",
        }
        for each in more:
            variables.update(each)
        return variables


def task(name: str, environment: dict[str, str], **options: Any) -> dict[str, Any]:
    """A task that reads what is bound; it may fail."""
    return {
        "name": name,
        "tencentcloud.clb.targets_info": {"load_balancer_id": "lb-demo", **options},
        "environment": environment,
        "ignore_errors": True,
    }


def play(*tasks: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"hosts": "localhost", "gather_facts": False, "tasks": list(tasks)}]
