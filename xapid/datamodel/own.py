"""Messages of our own: callable by everybody who knows them, and not listed, so that no client takes them for the API's."""

from __future__ import annotations

from xapid.datamodel.types import STRING, STRING_MAP, Object, Param, message, set_of


class Own(Object, name="xapid", in_db=False, listed=False, events=False, registered=False):
    """What this daemon offers beside the API. Whoever is logged in may call it; ``system.listMethods`` is silent."""

    explain = message(
        "Say whether an operation would be refused now, and if so what stands in its way and which call would clear it.",
        Param("ref", STRING, "A reference of the object that the operation is about."),
        Param("operation", STRING, "A value of its allowed_operations, such as start or snapshot."),
        result=STRING_MAP,
        result_doc=(
            "``allowed``, true or false. If false, ``error`` and ``parameters``, as the call would answer; ``reason``, "
            "in words; ``class``, ``ref``, ``uuid`` and ``name_label`` of what stands in the way; ``clear``, the calls "
            "that would clear it, if any are known. If a task is at work there, ``task``, ``task_uuid``, "
            "``task_name_label``, ``task_progress`` from 0 to 1, and ``task_age`` in seconds."
        ),
        has_async=False,
        hidden=True,
    )
    start_guests = message(
        (
            "Wait until the guests that start with their host are started, which is done once after each of its boots. "
            "The answer is the errors of those that did not start, by their uuids. For root of the host alone."
        ),
        result=STRING_MAP,
        has_async=False,
        hidden=True,
    )
    examine = message(
        (
            "Say where the records of this host and its guests, disks and bridges differ, as `xapid doctor` shows it. For "
            "root of the host alone."
        ),
        result=set_of(STRING_MAP),
        result_doc=(
            "Of each finding its ``name``; its ``grade``, ok, warning or trouble; ``text``, what it is; ``repair``, what "
            "would be done about it, empty if nothing can be; ``loses``, true if that ends or removes something."
        ),
        has_async=False,
        hidden=True,
    )
    repair = message(
        "Do what a finding of `xapid.examine` offers, if it still is one. For root of the host alone.",
        Param("name", STRING, "The name of the finding."),
        has_async=False,
        hidden=True,
    )
