"""XML with nothing in it but elements: no declaration of a document type, in whatever encoding it is written, and so no
entities, which are how a small file becomes a large one or reads others."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from typing import Never

_DECLARATION = re.compile(rb"<!(DOCTYPE|ENTITY)", re.IGNORECASE)


class XmlFault(ValueError):
    """What is no XML, or more than plain XML; the message says which."""


class DeclarationFault(XmlFault):
    """XML that declares a document type."""

    def __init__(self) -> None:
        super().__init__("holds a DOCTYPE or ENTITY declaration")


class _PlainBuilder(ElementTree.TreeBuilder):
    def doctype(self, name: str, public: str | None, system: str | None) -> Never:
        """What the parser calls when a declaration begins, before it reads on."""
        raise DeclarationFault


def parse_xml(content: bytes) -> ElementTree.Element:
    """The root element. Raises XmlFault."""
    if _DECLARATION.search(content):
        raise DeclarationFault
    parser = ElementTree.XMLParser(target=_PlainBuilder())
    try:
        parser.feed(content)
        root = parser.close()
    except XmlFault:
        raise
    except (ElementTree.ParseError, ValueError, LookupError) as error:  # the others: of encodings that nobody knows
        raise XmlFault(str(error)) from error
    assert isinstance(root, ElementTree.Element)
    return root
