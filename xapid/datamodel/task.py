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
    """What can be asked of a task: to stop (cancel), or to go once it is over (destroy)."""

    cancel = "cancel"
    """Its end is asked for."""
    destroy = "destroy"
    """It is forgotten, once it is over."""


class TaskStatusType(enum.StrEnum):
    """How a task stands: under way (pending, cancelling), or over with a result, an error, or because it was cancelled."""

    pending = "pending"
    """It is under way."""
    success = "success"
    """It is over, and its result is there."""
    failure = "failure"
    """It is over, and its error is there."""
    cancelling = "cancelling"
    """It counts as under way; only clients set this."""
    cancelled = "cancelled"
    """It is over before its time, because somebody asked for that."""


class Task(Object, name="task", roles=POOL_OPERATOR, persistent=False):
    """Something under way: a call that takes its time, a transfer, or what a client says that it is doing."""

    uuid: str = dynamic(doc="The identity of the object, which ends with it at the latest restart.")
    name_label: str = dynamic("", "The name, for people; need not be unique.")
    name_description: str = dynamic("", "A description, for people.")
    allowed_operations: Set[TaskAllowedOperations] = derived((), "What may be asked for now.")
    current_operations: dict[str, TaskAllowedOperations] = dynamic(
        {}, "What is going on, by the task that does it.", persistent=False
    )
    created: DateTime = dynamic(doc="When it began.")
    finished: DateTime = dynamic(
        doc="When the call was over; the epoch until then, and for tasks that a client keeps itself."
    )
    status: TaskStatusType = dynamic(doc="Whether it is under way or over, and how it ended.")
    resident_on: Ref[Host] = dynamic(doc="The host that does the work.")
    progress: float = dynamic(doc="How much is done, from 0 to 1; 1 when a call is over, however it ended.")
    type: str = dynamic(doc="Always <none/>: what a result is follows from the call.")
    result: str = dynamic(
        doc="The value that the call answered with, as XML-RPC writes it, or what task.set_result said; else empty."
    )
    error_info: Set[str] = dynamic(
        doc="The error that it failed with: the code, followed by the parameters; empty otherwise."
    )
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
    subtask_of: Ref[Task] = dynamic(NULL, "The task that this one is a part of; NULL if it is none.", since="orlando")
    subtasks: Set[Ref[Task]] = inverse("task.subtask_of", "The tasks that are parts of this one.", since="orlando")
    backtrace: str = dynamic(
        "()", "Where in the code it failed, as an S-expression of frames; () otherwise.", since="dundee"
    )

    create = message(
        (
            "Make a task of one's own, pending until its maker says how it ended; a day without progress, "
            "and it is forgotten."
        ),
        Param("label", STRING, "Its name, for people."),
        Param("description", STRING, "A description, for people."),
        result=ref("task"),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
    )
    destroy = message(
        "Forget a task that is over; one that is under way goes on, and is forgotten when it is over.",
        Param("self", ref("task"), "The task."),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
    )
    cancel = message(
        "Ask for the end of a task, which comes when the work notices; nothing happens to one that is over.",
        Param("task", ref("task"), "The task."),
        errors=(OPERATION_NOT_ALLOWED,),
        roles=role_set(READ_ONLY, CLIENT_CERT),
    )
    set_status = message(
        "Say how a task stands, if one made it or is a pool operator; what it was before does not matter.",
        Param("self", ref("task"), "The task."),
        Param("value", enum_of(TaskStatusType), "The new value."),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
        since="falcon",
    )
    set_progress = message(
        "Say how much of a task is done, if one made it or is a pool operator.",
        Param("self", ref("task"), "The task."),
        Param("value", FLOAT, "How much, from 0 to 1; other numbers are kept as they are."),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
        since="stockholm",
    )
    set_result = message(
        "Say what came of a task, if one made it or is a pool operator.",
        Param("self", ref("task"), "The task."),
        Param("value", STRING, "What came of it; the text is kept as it is."),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
        since="21.3.0",
    )
    set_error_info = message(
        "Say what a task failed with, if one made it or is a pool operator.",
        Param("self", ref("task"), "The task."),
        Param("value", set_of(STRING), "The code of the error, followed by its parameters."),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        has_async=False,
        since="21.3.0",
    )
    add_to_other_config = message(
        "Add a key to other_config, if one made the task or is a pool operator; MAP_DUPLICATE_KEY if it is there.",
        Param("self", ref("task"), "The task."),
        Param("key", STRING, "The key that it gets."),
        Param("value", STRING, "The value of the key."),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="25.8.0",
        state="prototyped",
    )
    remove_from_other_config = message(
        (
            "Take a key away from other_config, if one made the task or is a pool operator; one that is not "
            "there is no mistake."
        ),
        Param("self", ref("task"), "The task."),
        Param("key", STRING, "The key to take out."),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="25.8.0",
        state="prototyped",
    )
    set_other_config = message(
        "Replace other_config, if one made the task or is a pool operator.",
        Param("self", ref("task"), "The task."),
        Param("value", STRING_MAP, "The new keys and their values."),
        roles=role_set(READ_ONLY, CLIENT_CERT),
        since="25.8.0",
        state="prototyped",
    )
