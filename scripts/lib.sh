# Sourced by the other scripts: makes .venv from pyproject.toml, or brings it up to date.
# shellcheck shell=sh

python=${PYTHON:-python3}

venv() { # venv EXTRAS: an environment with the project and these extras, made again when what it is made of changes
    stamp=.venv/.installed-$1
    if [ ! -x .venv/bin/python ]; then
        "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
            { echo "needs Python 3.11 or later, found: $("$python" --version 2>&1); set PYTHON to another one" >&2; exit 1; }
        "$python" -m venv .venv
    fi
    if [ ! -f "$stamp" ] || ! made_of | cmp -s - "$stamp"; then
        pip="env PYTHONWARNINGS=ignore $PWD/.venv/bin/python -m pip install --quiet --disable-pip-version-check"
        # The tests' versions are pinned, by hashes; with TUSD_PY_NEWEST they run with the newest ones instead.
        case ${TUSD_PY_NEWEST:+newest},$1 in
        newest,*) deps=--upgrade ;;
        # The lock file is complete, so nothing is resolved: pip would look at newer versions on the way and refuse them.
        *,dev) $pip --no-deps --require-hashes --requirement requirements.lock; deps=--no-deps ;;
        *) deps= ;;
        esac
        # shellcheck disable=SC2086
        $pip $deps --editable ".[$1]" --editable ./conformance
        made_of >"$stamp"
    fi
}

made_of() {
    echo "${TUSD_PY_NEWEST:-pinned}"
    cat pyproject.toml conformance/pyproject.toml requirements.lock
}
