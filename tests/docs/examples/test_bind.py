# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import os
import subprocess


def test_web4_gets_traffic(clb_emulator):
    environment = {**os.environ, **clb_emulator.environ()}
    subprocess.run(["ansible-playbook", "bind.yml"], env=environment, check=True)
    assert ("lbl-tcp443", None, "ins-web4", 8443, 10, "") in clb_emulator.bindings("lb-demo")
