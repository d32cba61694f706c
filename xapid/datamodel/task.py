"""The class task."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from xapid.datamodel.errors import OPERATION_NOT_ALLOWED
from xapid.datamodel.roles import CLIENT_CERT, POOL_OPERATOR, READ_ONLY, VM_OPERATOR, role_set
from xapid.datamodel.types import (
    FLOAT,
    NULL,
    STRING,
    STRING_MAP,
    DateTime,
    Object,
    Param,
    Ref,
    Set,
    derived,
    dynamic,
    enum_of,
    inverse,
    message,
    ref,
    set_of,
)

if TYPE_CHECKING:
    from xapid.datamodel.host import Host


class TaskAllowedOperations(enum.StrEnum):
    ""

    cancel = "cancel"
    destroy = "destroy"


class TaskStatusType(enum.StrEnum):
    ""

    pending = "pending"
    success = "success"
    failure = "failure"
    cancelling = "cancelling"
    cancelled = "cancelled"


class Task(Object, name="task", roles=POOL_OPERATOR, persistent=False):
    """"""

    uuid: str = dynamic(doc="The identity of the object, which ends with it at the latest restart.")
    name_label: str = dynamic("", "The name, for people; need not be unique.")
    name_description: str = dynamic("", "A description, for people.")
    allowed_operations: Set[TaskAllowedOperations] = derived((), "What may be asked for now.")
    current_operations: dict[str, TaskAllowedOperations] = dynamic(
        {}, "What is going on, by the task that does it.", persistent=False
    )
    created: DateTime = dynamic()
    finished: DateTime = dynamic()
    status: TaskStatusType = dynamic()
    resident_on: Ref[Host] = dynamic()
    progress: float = dynamic()
    type: str = dynamic()
    result: str = dynamic()
    error_info: Set[str] = dynamic()
    other_config: dict[str, str] = dynamic(
        {},
        "Free keys of clients.",
        key_roles={
            "applies_to": VM_OPERATOR,
            "XenCenterUUID": VM_OPERATOR,
            "XenCenterMeddlingActionTitle": VM_OPERATOR,
        },
        since="miami",
    )
    subtask_of: Ref[Task] = dynamic(NULL, since="orlando")
    subtasks: Set[Ref[Task]] = inverse("task.subtask_of", since="orlando")
    backtrace: str = dynamic("()", since="dundee")

    create = message(
        "",
        Param("label", STRING),
        Param("description", STRING),
        result=ref("task"),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
    )
    destroy = message("", Param("self", ref("task")), roles=role_set(READ_ONLY, CLIENT_CERT), has_async=False)
    cancel = message(
        "",
        Param("task", ref("task")),
        errors=(OPERATION_NOT_ALLOWED,),
        roles=role_set(READ_ONLY, CLIENT_CERT),
    )
    set_status = message(
        "",
        Param("self", ref("task")),
        Param("value", enum_of(TaskStatusType)),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
        since="falcon",
    )
    set_progress = message(
        "",
        Param("self", ref("task")),
        Param("value", FLOAT),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
        since="stockholm",
    )
    set_result = message(
        "",
        Param("self", ref("task")),
        Param("value", STRING),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
        since="21.3.0",
    )
    set_error_info = message(
        "",
        Param("self", ref("task")),
        Param("value", set_of(STRING)),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
        since="21.3.0",
    )
    add_to_other_config = message(
        "",
        Param("self", ref("task")),
        Param("key", STRING),
        Param("value", STRING),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="25.8.0",
        state="prototyped",
    )
    remove_from_other_config = message(
        "",
        Param("self", ref("task")),
        Param("key", STRING),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="25.8.0",
        state="prototyped",
    )
    set_other_config = message(
        "",
        Param("self", ref("task")),
        Param("value", STRING_MAP),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="25.8.0",
        state="prototyped",
    )
