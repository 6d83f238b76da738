# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings with which scripts/docs.py has Sphinx render the documentation."""

project = "tencentcloud.clb"
copyright = "the tencentcloud.clb contributors"  # noqa: A001 - the name that Sphinx reads

title = html_title = html_short_title = "Tencent Cloud CLB collection"

extensions = ["sphinx_antsibull_ext"]
pygments_style = "ansible"
highlight_language = "YAML+Jinja"
default_role = "any"

html_theme = "sphinx_ansible_theme"
html_show_sphinx = False
html_use_smartypants = True
html_use_modindex = False
html_use_index = False
html_copy_source = False

# Labels of Ansible's own documentation can't be looked up without a network; they are shown as plain text.
suppress_warnings = ["ref.ref"]
