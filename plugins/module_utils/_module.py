# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The edge to Ansible: options in, a result with every documented key out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ._api.transport import INSTALL_REQUESTS, REQUESTS_ERROR
from ._base.errors import CredentialsNotFound, InvalidArgument, sentences
from ._base.secrets import MASK, embedded_passwords
from ._credentials.chain import OPTION_NAMES
from ._credentials.credentials import MIN_LENGTH, TOO_SHORT
from ._tasks.report import describe_error
from ._tasks.request import CONNECTION_SPEC, LOAD_BALANCER_SPEC, Spec

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._tasks.balancers import Result, TaskResult

VERBOSITY_OF_SOURCE = 3
"""From ``-vvv`` on, a result says where the credentials come from."""


class ClbModule(AnsibleModule):  # type: ignore[misc]  # ansible-core ships no type information
    """An AnsibleModule whose failures always carry the returned keys of its contract.

    Ansible's own argument checks fail through it as well.

    :param argument_spec: the options besides the connection's.
    :param empty_result: the returned keys where nothing applies.
    """

    def __init__(self, argument_spec: Spec, empty_result: Callable[[], Result]) -> None:
        self._empty_result = empty_result
        super().__init__(
            argument_spec={**CONNECTION_SPEC, **LOAD_BALANCER_SPEC, **argument_spec}, supports_check_mode=True
        )
        self._check_length_of_secrets()
        # It is refused, but Ansible may show the options of a task all the same.
        for name in ("endpoint", "sts_endpoint"):
            self.no_log_values.update(embedded_passwords(self.params[name]))
        if REQUESTS_ERROR is not None:
            where = "A task with 'delegate_to: localhost' runs on the controller: only the Python there needs it then."
            missing = sentences(missing_required_lib("requests"), INSTALL_REQUESTS, where)
            self.fail_json(missing, exception=REQUESTS_ERROR)

    def _check_length_of_secrets(self) -> None:
        """Refuse a short key or token before Ansible masks it in every text, this refusal included."""
        short = [name for name in OPTION_NAMES if 0 < len(self.params[name] or "") < MIN_LENGTH]
        self.no_log_values.difference_update(self.params[name] for name in short)
        # An ID is no secret, and the cloud says best what is wrong with it.
        refused = [name for name in short if name != "secret_id"]
        for name in refused:
            self.params[name] = MASK
        if refused:
            message = f"{' and '.join(refused)} in the options {TOO_SHORT}"
            self.fail_json(message, error=describe_error(CredentialsNotFound(message)))

    def fail_json(self, msg: str, **kwargs: Any) -> NoReturn:
        """Fail with every returned key in place."""
        error = describe_error(InvalidArgument(msg))
        super().fail_json(**{**self._empty_result(), "error": error, **kwargs, "msg": msg})
        raise AssertionError("fail_json does not return")

    def conclude(self, done: TaskResult) -> NoReturn:
        """End with the outcome of a task."""
        result = dict(done.result)
        connection = done.connection
        warnings = done.warnings
        if connection is not None:
            # Ansible masks these everywhere in the result, as it does those that came as options.
            self.no_log_values.update(connection.secrets)
            warnings = (*connection.warnings, *warnings)
            # AnsibleModule's private attribute: there is no public one for the verbosity.
            if self._verbosity >= VERBOSITY_OF_SOURCE:
                result["credentials_source"] = connection.source
        for warning in warnings:
            self.warn(warning)
        if done.failure is not None:
            self.fail_json(**{**result, "msg": done.failure})
        self.exit_json(**result)
        raise AssertionError("exit_json does not return")
