# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cross backends with listeners."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible_collections.tencentcloud.clb.plugins.plugin_utils._bind import bind

if TYPE_CHECKING:
    from collections.abc import Callable


class FilterModule:
    """The filter ``tencentcloud.clb.bind``."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Its name and what does the work."""
        return {"bind": bind}
