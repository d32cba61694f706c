"""The class SM."""

from __future__ import annotations

import enum

from xapid.datamodel.roles import CLIENT_CERT, POOL_OPERATOR, READ_ONLY, role_set
from xapid.datamodel.types import STRING, Object, Param, Set, dynamic, message, ref, rw


class ImageFormatType(enum.StrEnum):
    ""

    raw = "raw"
    vhd = "vhd"
    qcow2 = "qcow2"


class SM(Object, roles=POOL_OPERATOR):
    """"""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    name_label: str = dynamic("", "The name, for people; need not be unique.")
    name_description: str = dynamic("", "A description, for people.")
    type: str = dynamic()
    vendor: str = dynamic()
    copyright: str = dynamic()
    version: str = dynamic()
    required_api_version: str = dynamic()
    configuration: dict[str, str] = dynamic()
    capabilities: Set[str] = dynamic((), since="miami", state="deprecated", deprecated="clearwater")
    features: dict[str, int] = dynamic({}, since="clearwater")
    other_config: dict[str, str] = rw({}, "Free keys of clients.", since="miami")
    driver_filename: str = dynamic("", since="orlando")
    required_cluster_stack: Set[str] = dynamic((), since="dundee")
    supported_image_formats: Set[ImageFormatType] = dynamic((), since="26.15.0", state="prototyped")

    get_driver_filename = message(
        "",
        Param("self", ref("SM")),
        result=STRING,
        roles=role_set(READ_ONLY, CLIENT_CERT),
        implicit=True,
        since="orlando",
    )
