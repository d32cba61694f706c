"""Storage: repositories of volumes, a driver for each kind."""

DRIVERS = {
    "dummy": "xapid.backends.storage.dummy:Dummy",
    "ext": "xapid.backends.storage.ext:Ext",
    "file": "xapid.backends.storage.file:File",
    "iso": "xapid.backends.storage.iso:Iso",
    "lvm": "xapid.backends.storage.lvm:Lvm",
    "lvmohba": "xapid.backends.storage.lvm_on_scsi:Lvmohba",
    "lvmoiscsi": "xapid.backends.storage.lvm_on_scsi:Lvmoiscsi",
    "nfs": "xapid.backends.storage.nfs:Nfs",
    "smb": "xapid.backends.storage.smb:Smb",
    "udev": "xapid.backends.storage.udev:Udev",
    "sim": "xapid.backends.storage.sim:Sim",
}
"""The class of each kind's driver; ``sim`` stands in for every kind with ``--drivers sim``."""
