"""The class blob."""

from __future__ import annotations

from xapid.datamodel.roles import POOL_OPERATOR
from xapid.datamodel.types import BOOL, STRING, DateTime, Object, Param, dynamic, message, ref, rw, static


class Blob(Object, name="blob", roles=POOL_OPERATOR, since="orlando"):
    """A file of bytes kept with another object, which has it in its blobs; the bytes come and go over HTTP."""

    uuid: str = dynamic(doc="The identity of the object, kept over restarts and backups.", since="rio")
    name_label: str = rw("", "The name, for people; need not be unique.", since="rio")
    name_description: str = rw("", "A description, for people.", since="rio")
    size: int = dynamic(doc="How many bytes there are; 0 until some were sent.", since="rio")
    public: bool = rw(False, "Whether the bytes may be read without a session.", since="tampa")
    last_updated: DateTime = static(doc="When the bytes were last sent; the epoch if never.", since="rio")
    mime_type: str = static(doc="The MIME type of the bytes, as its maker said.", since="rio")

    create = message(
        "Make an empty blob that belongs to no object; create_new_blob of a class enters it into blobs as well.",
        Param("mime_type", STRING, "The MIME type of the bytes; empty for application/octet-stream."),
        Param("public", BOOL, "Whether the bytes may be read without a session.", default=False),
        result=ref("blob"),
        has_async=False,
    )
    destroy = message(
        "Remove the blob with its bytes; an object that has it in blobs keeps a dangling reference.",
        Param("self", ref("blob"), "The blob."),
        has_async=False,
    )
