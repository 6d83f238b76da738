# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server that behaves like Tencent Cloud's CLB and STS APIs, for tests and for trying things without an account.

Field names and shapes are those of the vendor's Python SDK (``tencentcloud.clb.v20180317.models``).
"""
