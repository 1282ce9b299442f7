"""Pages of the site that live elsewhere in the repository: experiments, the model card, how to contribute.

MkDocs reads the folder docs/ alone. These hooks add the files of `OUTSIDE` under their path in the repository and make
links between both kinds of pages work on the site as they do in a checkout.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

PROJECT = Path(__file__).resolve().parents[1]
OUTSIDE = (
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "LICENSE",
    "CITATION.cff",
    "examples/*",
    "experiments/*.md",
    "experiments/*/*",
    "findings/*",
    "models/*/README.md",
)
"""Patterns of files outside docs/ that are part of the site."""
LINK = re.compile(r"(\]\()(?!https?:|mailto:|#)([^)#\s]+)([^)]*\))")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files outside docs/."""
    for path in sorted(path for pattern in OUTSIDE for path in PROJECT.glob(pattern) if path.is_file()):
        if path.suffix not in (".py", ".yaml"):
            name = path.relative_to(PROJECT).as_posix()
            files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links between files of the repository into links between files of the site."""
    name = page.file.src_uri
    source = name if page.file.generated_by else f"docs/{name}"
    return LINK.sub(lambda link: link[1] + site_link(link[2], source, name) + link[3], markdown)


def site_link(target: str, source: str, page: str) -> str:
    """A relative link on the site.

    Args:
        target: The link as the file has it, relative to its folder.
        source: The file's path in the repository.
        page: The file's path on the site.
    """
    there = posixpath.normpath(posixpath.join(posixpath.dirname(source), target)).removeprefix("docs/")
    return posixpath.relpath(there, posixpath.dirname(page) or ".")
