"""How the pages are built: Sphinx, MyST Markdown, furo."""

from importlib.metadata import version as installed

project = "kvcore"
author = "kvcore contributors"
copyright = "kvcore contributors"
version = release = installed("kvcore")

extensions = ["myst_parser", "sphinx.ext.autodoc"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
# `Name` in a docstring is a link where there is such a name.
default_role = "py:obj"

autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
python_use_unqualified_type_names = True

html_theme = "furo"
html_title = f"kvcore {version}"
html_show_sphinx = False
