"""Every setting, declared once: its type, default, flag, environment variable, help and documentation."""

from tusd_py.settings.config import Callback, Config, Durability, Preallocate, parse_networks
from tusd_py.settings.declaration import BadSetting, Declared, Setting, declared, setting
from tusd_py.settings.hooks import HookSettings
from tusd_py.settings.tusd import TusdSettings

__all__ = [
    "BadSetting",
    "Callback",
    "Config",
    "Declared",
    "Durability",
    "HookSettings",
    "Preallocate",
    "Setting",
    "TusdSettings",
    "declared",
    "parse_networks",
    "setting",
]
