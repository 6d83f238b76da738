# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Show the collection at work: the emulator as the cloud, the built and installed collection, real playbooks.

Ends with what a reader should have seen, each point checked against the emulator; exits with 1 where one is not true.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass

from build_collection import ROOT, build_and_install
from clb_emulator.testing import Emulator

SCENARIO = ROOT / "tests" / "emulator" / "scenarios" / "demo.yml"
MESSAGE = "The listener is being updated by the platform."
REGISTER = "BatchRegisterTargets"
WRITES = (REGISTER, "BatchDeregisterTargets", "BatchModifyTargetWeight", "BatchModifyTargetTag")


@dataclass(frozen=True)
class Run:
    """A finished ``ansible-playbook``; ``writes`` is action -> number of calls it sent that change something."""

    rc: int
    output: str
    writes: dict[str, int]

    @property
    def diff(self) -> str:
        """The diff as it was printed, without colours; empty where none was."""
        found = re.search(r"^--- .*?(?=^\s*$)", self.output, flags=re.MULTILINE | re.DOTALL)
        return found[0] if found else ""

    def counted(self, **counts: int) -> bool:
        """Say whether the recap shows these counts, as in ``changed=1``."""
        recap = self.output.rpartition("PLAY RECAP")[2]
        return all(re.search(rf"\b{name}={count}\b", recap) for name, count in counts.items())


class Demo:
    """Runs the playbooks and keeps the list of what was to be seen."""

    def __init__(self, emulator: Emulator, collections: str) -> None:
        self.emulator = emulator
        self.seen: list[tuple[bool, str]] = []
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TENCENTCLOUD_")},
            **emulator.environ(),
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml",
            "ANSIBLE_COLLECTIONS_PATH": collections,
            "ANSIBLE_FORCE_COLOR": str(sys.stdout.isatty()),
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "LC_ALL": "C.UTF-8",
        }

    def play(self, title: str, playbook: str, *options: str) -> Run:
        """Run one playbook, its output shown as it comes."""
        print(f"\n=== {title}\n$ ansible-playbook demo/{playbook} {' '.join(options)}".rstrip(), flush=True)
        self.emulator.clear_journal()
        lines = []
        command = ["ansible-playbook", f"demo/{playbook}", *options]
        with subprocess.Popen(
            command, cwd=ROOT, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            for line in process.stdout or ():
                print(line, end="", flush=True)
                lines.append(re.sub(r"\x1b\[[0-9;]*m", "", line))
        writes = {action: count for action in WRITES if (count := self.emulator.count(action))}
        return Run(process.returncode, "".join(lines), writes)

    def weights(self, backend: str) -> dict[str, int]:
        """Return listener or rule -> weight of one backend, as the cloud has it."""
        return {
            rule or listener: weight for listener, rule, who, _, weight, _ in self.emulator.bindings() if who == backend
        }

    def expect(self, true: bool, text: str) -> None:
        """Add a point to the closing list."""
        self.seen.append((true, text))

    def show(self) -> None:
        """Run the demo."""
        dry = self.play("1. Dry run: what would change?", "bind.yml", "--check", "--diff")
        self.expect(
            dry.rc == 0 and dry.counted(changed=1) and not dry.writes,
            "The dry run announced a change and wrote nothing.",
        )

        applied = self.play("2. Apply", "bind.yml", "--diff")
        self.expect(
            applied.rc == 0 and bool(dry.diff) and applied.diff == dry.diff,
            "The real run changed exactly what the dry run had predicted, line by line.",
        )
        new = self.weights("ins-web4")
        self.expect(
            new == {"lbl-tcp443": 10, "loc-shop": 20, "loc-admin": 10}
            and self.weights("ins-web3") == {"lbl-tcp443": 10, "loc-shop": 20},
            "web-3 and web-4 serve on a layer-4 listener and on rules of layer-7 listeners.",
        )
        self.expect(applied.writes.get(REGISTER) == 1, "All new bindings went out in one BatchRegisterTargets call.")

        again = self.play("3. Apply again", "bind.yml", "--diff")
        self.expect(
            again.counted(changed=0, failed=0) and not again.writes,
            "The second run reported changed=0 and wrote nothing.",
        )

        drained = self.play("4. Drain a server", "drain.yml", "--diff")
        self.expect(
            drained.rc == 0 and set(self.weights("ins-web1").values()) == {0},
            "web-1 has weight 0 wherever it is bound, and is still bound.",
        )
        self.expect(set(self.weights("ins-web2").values()) == {10, 20}, "Nobody else's weight has changed.")

        self.emulator.add_faults(
            {"action": REGISTER, "kind": "fail_listeners", "listeners": ["lbl-udp53"], "message": MESSAGE}
        )
        failed = self.play("5. The cloud fails one of two listeners", "dns.yml")
        self.expect(
            failed.rc != 0 and "lbl-udp53" in failed.output and MESSAGE in failed.output,
            "The task failed, and named the listener with the cloud's own message.",
        )
        self.expect(set(self.weights("10.0.2.22")) == {"loc-admin"}, "The other listener was bound all the same.")

        repaired = self.play("6. The same playbook once more, the cloud being well", "dns.yml")
        (sent,) = (call["params"]["Targets"] for call in self.emulator.calls(REGISTER))
        self.expect(
            repaired.rc == 0 and len(sent) == 1 and set(self.weights("10.0.2.22")) == {"loc-admin", "lbl-udp53"},
            "Running it again bound only what was missing.",
        )


def main() -> int:
    """Run the demo; return 0 when everything was as it should be."""
    started = time.monotonic()
    collections = str(build_and_install())
    with Emulator.spawn(SCENARIO) as emulator:
        print(f"The collection is installed in {collections}.\nThe emulator plays the cloud at {emulator.url}.")
        demo = Demo(emulator, collections)
        demo.show()

    print(f"\n=== What you should have seen (in {time.monotonic() - started:.0f} s)")
    for true, text in demo.seen:
        print(f"{'  ok   ' if true else 'NOT SO '} {text}")
    return 0 if all(true for true, _ in demo.seen) else 1


if __name__ == "__main__":
    sys.exit(main())
