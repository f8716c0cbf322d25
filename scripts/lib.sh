# Sourced by the other scripts: makes .venv from pyproject.toml, or brings it up to date.
# shellcheck shell=sh

python=${PYTHON:-python3}

venv() { # venv EXTRAS: an environment with the project and these extras, made again when pyproject.toml changes
    stamp=.venv/.installed-$1
    if [ ! -x .venv/bin/python ]; then
        "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
            { echo "needs Python 3.11 or later, found: $("$python" --version 2>&1); set PYTHON to another one" >&2; exit 1; }
        "$python" -m venv .venv
    fi
    if [ ! -f "$stamp" ] || ! cat pyproject.toml conformance/pyproject.toml | cmp -s - "$stamp"; then
        .venv/bin/python -m pip install --quiet --disable-pip-version-check --editable ".[$1]" --editable ./conformance
        cat pyproject.toml conformance/pyproject.toml >"$stamp"
    fi
}
