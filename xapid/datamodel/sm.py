"""The class SM."""

from __future__ import annotations

import enum

from xapid.datamodel.roles import CLIENT_CERT, POOL_OPERATOR, READ_ONLY, role_set
from xapid.datamodel.types import STRING, Object, Param, Set, dynamic, message, ref, rw


class ImageFormatType(enum.StrEnum):
    """How the bytes of a disk are laid out in files or volumes."""

    raw = "raw"
    """Byte for byte as the guest sees it."""
    vhd = "vhd"
    """The format of Virtual PC."""
    qcow2 = "qcow2"
    """The format of QEMU."""


class SM(Object, roles=POOL_OPERATOR):
    """A storage driver: a type of repository, and what can be done with repositories of that type."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.")
    name_label: str = dynamic("", "The name, for people; need not be unique.")
    name_description: str = dynamic("", "A description, for people.")
    type: str = dynamic(doc="The type of repository, as SR.create takes it.")
    vendor: str = dynamic(doc="Who made the driver.")
    copyright: str = dynamic(doc="Whose the driver is; empty if it does not say.")
    version: str = dynamic(doc="The version of the driver.")
    required_api_version: str = dynamic(doc="The version of the toolstack's storage interface that the driver speaks.")
    configuration: dict[str, str] = dynamic(
        doc="The keys of device_config that the driver reads, each with what it means."
    )
    capabilities: Set[str] = dynamic(
        (),
        "Deprecated: the names in features, without their versions.",
        since="miami",
        state="deprecated",
        deprecated="clearwater",
    )
    features: dict[str, int] = dynamic(
        {}, "What the driver can do, such as VDI_SNAPSHOT, each with its version.", since="clearwater"
    )
    other_config: dict[str, str] = rw({}, "Free keys of clients.", since="miami")
    driver_filename: str = dynamic(
        "", "The program that is the driver; empty for drivers that are part of the toolstack.", since="orlando"
    )
    required_cluster_stack: Set[str] = dynamic(
        (), "The cluster stacks of which one must run on every host; empty if none is needed.", since="dundee"
    )
    supported_image_formats: Set[ImageFormatType] = dynamic(
        (), "The formats of disks that the driver can make or read.", since="26.15.0", state="prototyped"
    )

    get_driver_filename = message(
        "Read the field driver_filename.",
        Param("self", ref("SM"), "The storage driver."),
        result=STRING,
        roles=role_set(READ_ONLY, CLIENT_CERT),
        implicit=True,
        since="orlando",
    )
