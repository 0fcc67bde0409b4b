"""How the pages are built: Sphinx, MyST Markdown, furo."""

from collections.abc import Mapping
from importlib.metadata import version as installed

from kvcore.recipe import Option
from kvcore.registry import BACKENDS, DECORATORS, find_backend, find_decorator

project = "kvcore"
author = "kvcore contributors"
copyright = "kvcore contributors"
version = release = installed("kvcore")

extensions = ["myst_parser", "sphinx.ext.autodoc"]
myst_enable_extensions = ["substitution"]
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


def options_table(owner: str, recipes: Mapping[str, Mapping[str, Option]]) -> str:
    """What can be configured, from where it is defined: one row per option."""
    rows = [f"| {owner} | option | |", "|---|---|---|"]
    for name, options in recipes.items():
        shown = f"`{name}`"
        for option, about in [(o, options[o].about) for o in options] or [("", "")]:
            rows.append(f"| {shown} | {f'`{option}`' if option else ''} | {about} |")
            shown = ""
    return "\n".join(rows)


myst_substitutions = {
    "url_options": options_table(
        "scheme", {f"{name}://": find_backend(name).recipe.options for name in BACKENDS}
    ),
    "decorator_options": options_table(
        "decorator", {name: find_decorator(name).recipe.options for name in DECORATORS}
    ),
}
