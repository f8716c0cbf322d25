"""Every setting, declared once: its type, default, flag, environment variable, help and documentation."""

from tusd_py.settings.config import Callback, Config, Durability, Preallocate
from tusd_py.settings.declaration import Declared, Setting, declared, setting

__all__ = [
    "Callback",
    "Config",
    "Declared",
    "Durability",
    "Preallocate",
    "Setting",
    "declared",
    "setting",
]
