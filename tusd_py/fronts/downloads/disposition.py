"""``Content-Type`` and ``Content-Disposition`` of a download, from untrusted metadata.

``filetype`` and ``filename`` come from whoever made the upload and end up in headers that
another person's browser acts on. So no value can end a header line, make a browser run
what it should save, or name a place outside the download directory.
"""

import re
import unicodedata
from typing import Final
from urllib.parse import quote

DEFAULT_TYPE: Final = "application/octet-stream"

#: Types that a browser may show inline. No HTML, SVG or PDF: those can run scripts.
INLINE_TYPES: Final = frozenset(
    {
        "text/plain",
        *(f"image/{name}" for name in ("png", "jpeg", "gif", "bmp", "webp")),
        *(f"audio/{name}" for name in ("wave", "wav", "x-wav", "x-pn-wav", "webm", "ogg")),
        *(f"video/{name}" for name in ("mp4", "webm", "ogg")),
        "application/ogg",
    }
)

_INLINE_CHARSETS: Final = frozenset({"utf-8", "us-ascii", "ascii"})

_TYPE_BYTES: Final = 200
_NAME_BYTES: Final = 255  # what common file systems allow for one name

_WORD: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # RFC 9110's token
_QUOTED: Final = r'"(?:[\t \x21\x23-\x5b\x5d-\x7e]|\\[\t \x21-\x7e])*+"'
_PARAMETER: Final = rf"({_WORD})=({_WORD}|{_QUOTED})"
# Possessive, or a hostile "; ; ; ; !" would be tried in exponentially many ways.
_MEDIA_TYPE: Final = re.compile(rf"{_WORD}/{_WORD}((?:[ \t]*+;[ \t]*+(?:{_PARAMETER})?+)*+)")
_ONE_PARAMETER: Final = re.compile(rf";[ \t]*+{_PARAMETER}")

_SEPARATORS: Final = re.compile(r"[/\\]")
_LEADING_DOTS: Final = re.compile(r"^\.+")
#: Not escaped in an extended value: attr-char of RFC 8187 besides letters and digits.
_ATTR_CHARS: Final = "!#$&+-.^_`|~"
#: Bidirectional classes of characters that disguise a name ("gpj.exe"), and of line separators.
_MISLEADING: Final = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI", "B"})


def content_type(filetype: bytes | None) -> str:
    """Return the declared media type unchanged if it is well-formed, else the default type.

    Well-formed is ``type/subtype`` with any parameters, each name at most once, in printable
    ASCII, at most 200 bytes, without blanks around it.

    Spec: RFC 9110, Media Type and Parameters.
    """
    text = _media_type(filetype)
    return DEFAULT_TYPE if text is None else text


def _media_type(filetype: bytes | None) -> str | None:
    if filetype is None or len(filetype) > _TYPE_BYTES or not filetype.isascii():
        return None
    text = filetype.decode("ascii")
    found = _MEDIA_TYPE.fullmatch(text)
    # "text/plain; " is well-formed, yet a field value must not end in a blank.
    if found is None or text != text.strip(" \t"):
        return None
    names = [name.lower() for name, _ in _ONE_PARAMETER.findall(found[1])]
    # Of two values for one name, the client may use the other one.
    return text if len(set(names)) == len(names) else None


def _is_inline(media_type: str) -> bool:
    """Whether a browser may show content of a well-formed media type inline.

    Only in UTF-8 or ASCII: in UTF-7 and similar encodings, harmless characters can be markup.
    """
    kind, _, parameters = media_type.partition(";")
    charsets = [
        value.strip('"').lower()
        for name, value in _ONE_PARAMETER.findall(f";{parameters}")
        if name.lower() == "charset"
    ]
    return kind.rstrip(" \t").lower() in INLINE_TYPES and set(charsets) <= _INLINE_CHARSETS


def content_disposition(filetype: bytes | None, filename: bytes | None) -> str:
    """Return the whole field value: ``inline`` or ``attachment``, and the name to save under.

    ``inline`` only for the types in ``INLINE_TYPES``, in UTF-8 or ASCII. The name is the last path component,
    at most 255 bytes, without control characters; leading dots become underscores so that
    no file is hidden. It is given as ``filename`` in ASCII, and as ``filename*`` too when
    ASCII is not enough. Without a usable name there is neither.

    Spec: RFC 6266, Grammar and Disposition Parameter: 'Filename'; RFC 8187 for ``filename*``.
    """
    kind = "inline" if _is_inline(content_type(filetype)) else "attachment"
    name = _safe_name(filename or b"")
    if not name:
        return kind
    # Not "%" either: several browsers decode %2F in the plain form.
    fallback = "".join(c if c.isascii() and c != "%" else "_" for c in name)
    value = f'{kind}; filename="{_escaped(fallback)}"'
    return value if fallback == name else f"{value}; filename*=UTF-8''{quote(name, safe=_ATTR_CHARS)}"


def _safe_name(filename: bytes) -> str:
    """Reduce an untrusted name to one path component; empty if nothing is left."""
    text = "".join("_" if _is_control(c) else c for c in filename.decode("utf-8", "replace"))
    # Both separators, whatever this system uses: the name is for the client's system.
    components = [component.strip() for component in _SEPARATORS.split(text)]
    last = next((name for name in reversed(components) if name not in {"", ".", ".."}), "")
    name = _LEADING_DOTS.sub(lambda dots: "_" * len(dots[0]), last)
    return name.encode()[:_NAME_BYTES].decode("utf-8", "ignore").rstrip()


def _is_control(character: str) -> bool:
    return (
        unicodedata.category(character) in {"Cc", "Zl", "Zp"}
        or unicodedata.bidirectional(character) in _MISLEADING
    )


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
