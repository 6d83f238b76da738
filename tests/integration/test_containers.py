# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs as in a strict container: an unknown user without a home, on a read-only root, with one folder to write to."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
import yaml

from .plays import play, task

USER = 54321
# The user may read everything, since Python may be installed below the home of root; it may write nowhere else.
CAPABILITIES = "-all,+dac_read_search"
CONTAINER = f"""
set -e
mount --make-rprivate /
mount --rbind / "$1"
mount -o remount,bind,ro "$1"
mount --bind "$2" "$1$2"
cd /
exec chroot "$1" setpriv --reuid {USER} --regid 0 --clear-groups --inh-caps={CAPABILITIES} \\
    --ambient-caps={CAPABILITIES} --bounding-set={CAPABILITIES} "${{@:3}}"
"""
TARGETS = [{"instance_id": "{{ host }}", "listener_port": 443}]
DRAIN = task("Drain", load_balancer_id="lb-demo", state="drained", min_healthy=2, targets=TARGETS)


def can_contain():
    """Say whether this user may make mount namespaces here."""
    if os.geteuid() or not all(map(shutil.which, ("unshare", "setpriv", "chroot"))):
        return False
    return subprocess.run(["unshare", "-m", "mount", "--make-rprivate", "/"], capture_output=True).returncode == 0


pytestmark = pytest.mark.skipif(not can_contain(), reason="needs root, and mount namespaces")


@pytest.fixture
def container(collections_path, emulator, tmp_path):
    """``container(host, folder)`` starts to drain a host in a container of its own; ``folder`` is that of the locks."""
    # The path of a socket is short, and so must be that of the folder in which Ansible makes one.
    writable = Path(tempfile.mkdtemp(prefix="clb-"))
    writable.chmod(0o1777)
    (tmp_path / "drain.yml").write_text(yaml.safe_dump(play(DRAIN)))

    def start(host, folder=None):
        own = writable / host
        own.mkdir(exist_ok=True)
        own.chmod(0o777)
        (tmp_path / host).mkdir(exist_ok=True)
        environment = {
            "PATH": os.environ["PATH"],
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_COLLECTIONS_PATH": str(collections_path),
            **emulator.environ(),
            **dict.fromkeys(("TMPDIR", "ANSIBLE_HOME", "ANSIBLE_REMOTE_TMP"), str(own)),
        }
        if folder:
            environment["TENCENTCLOUD_CLB_LOCK_DIR"] = str(writable / folder)
        command = ["ansible-playbook", str(tmp_path / "drain.yml"), "-e", f"host={host}"]
        contained = ["unshare", "-m", "bash", "-c", CONTAINER, "container", tmp_path / host, writable, *command]
        output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.Popen(contained, env=environment, text=True, **output)

    yield start
    shutil.rmtree(writable)


def test_guard_names_the_folder_that_it_lacks(container, emulator):
    output, _ = container("ins-web1").communicate(timeout=120)

    folder = f"/tmp/tencentcloud-clb-{USER}"
    assert f"the folder {folder} can't be made: Read-only file system. Set TENCENTCLOUD_CLB_LOCK_DIR" in " ".join(
        output.split()
    ), output
    assert not emulator.count("BatchModifyTargetWeight")


def test_containers_that_share_a_folder_take_turns(container, emulator):
    running = [container(host, "locks") for host in ("ins-web1", "ins-web2")]
    outputs = [process.communicate(timeout=120)[0] for process in running]

    assert sorted(process.returncode for process in running) == [0, 2], outputs
    assert sum("min_healthy is 2" in output for output in outputs) == 1
    assert sorted(binding[4] for binding in emulator.bindings("lb-demo") if binding[0] == "lbl-tcp443") == [0, 5, 10]
