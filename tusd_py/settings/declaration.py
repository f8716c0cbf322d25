"""A setting is a field of a dataclass, declared with its flag, help and documentation.

The command's flags, its environment variables, ``-help`` and the table in ``docs/settings.md`` follow.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Final, Literal, TypeVar, get_args, get_origin, get_type_hints

_T = TypeVar("_T")
_KEY: Final = "tusd_py"


class BadSetting(ValueError):
    """A setting has a value that is not allowed: ``field`` names it, ``problem`` says what is wrong."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field} {problem}")
        self.field = field
        self.problem = problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How a setting is set and described."""

    flag: str  # without dashes
    group: str  # heading in ``-help``
    help: str  # one sentence
    doc: str  # for the table in docs/settings.md, in Markdown
    flag_default: Any  # where the command's default differs from the field's, else None
    is_octal: bool  # permission bits: the flag is a text of octal digits
    needs_positive: bool  # for the command, 0 and less mean the default
    refused: str  # why the command does not start with another value than the default; empty: it does
    no_effect: str  # why the setting has no effect, which the command prints; empty: it has one


@dataclass(frozen=True, slots=True)
class Declared:
    """A setting and the field that declares it."""

    field: str
    type: Any
    default: Any
    setting: Setting

    @property
    def words(self) -> tuple[str, ...]:
        """The allowed values; empty when the type does not list them."""
        return get_args(self.type) if get_origin(self.type) is Literal else ()


def setting(  # noqa: PLR0913 - a declaration
    default: _T,
    *,
    flag: str,
    group: str,
    help: str,
    doc: str = "",
    flag_default: Any = None,
    is_octal: bool = False,
    needs_positive: bool = False,
    refused: str = "",
    no_effect: str = "",
) -> _T:
    """Declare a dataclass's field as a setting. Without ``doc``, ``help`` is its documentation as well."""
    described = Setting(
        flag=flag,
        group=group,
        help=help,
        doc=doc or help[0].lower() + help[1:],
        flag_default=flag_default,
        is_octal=is_octal,
        needs_positive=needs_positive,
        refused=refused,
        no_effect=no_effect,
    )
    declaration: _T = field(default=default, metadata={_KEY: described})
    return declaration


def declared(settings: type[Any]) -> list[Declared]:
    """Return the settings that a dataclass declares, in order; other fields are left out."""
    hints = get_type_hints(settings)
    return [
        Declared(each.name, hints[each.name], each.default, each.metadata[_KEY])
        for each in fields(settings)
        if _KEY in each.metadata
    ]


def check_words(settings: object) -> None:
    """Raise BadSetting when a setting has none of its allowed values."""
    for each in declared(type(settings)):
        words, value = each.words, getattr(settings, each.field)
        if words and value not in words:
            expected = f"{', '.join(words[:-1])} or {words[-1]}"
            raise BadSetting(each.field, f"must be {expected}, not {value!r}")
