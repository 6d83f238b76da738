# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What holds for every test of the plugins."""

from __future__ import annotations

from hypothesis import settings

# On a machine that is busy with other tests, the time of one example says nothing.
settings.register_profile("plugins", deadline=None)
settings.load_profile("plugins")
