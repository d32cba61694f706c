"""Settings of Sphinx; run by `make docs`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent))

from xapid import __version__

project = "xapid"
author = "the founders of xapid"
release = version = __version__
extensions = ["myst_parser", "declared_pages"]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
exclude_patterns = ["plan.md", "man"]
html_theme = "alabaster"
html_theme_options = {"page_width": "1100px", "description": "A XenAPI toolstack for Xen and KVM hosts"}
html_copy_source = html_show_sourcelink = False
myst_heading_anchors = 3
smartquotes = False  # What is read for the pages serves the man pages too, and an option keeps its dashes.
today = release
man_pages = [
    ("reference/man/xapid", "xapid", "a management daemon that speaks the XenAPI", author, "8"),
    ("reference/man/xapid.toml", "xapid.toml", "settings of xapid", author, "5"),
]
