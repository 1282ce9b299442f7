#!/usr/bin/env bash
# ONNX Runtime 1.32.0 (Linux wheel from the package index): what an import leaves on the disk.
#
# Expected: nothing. The usage statistics of ONNX Runtime were those of its builds for Windows for years.
# Seen:     an identifier of the machine and a database of events in the home folder
#           (.cache/Microsoft/DeveloperTools/.onnxruntime) and a file .ses in the temporary one. From 1.29 on the Linux builds
#           report sessions to the makers' server, too, unless ORT_DISABLE_TELEMETRY=1 is set before the import.
# Matters:  a program that promises that nothing leaves the laboratory breaks its word by an import, and a sandbox or a
#           test that wants its folders untouched finds files in them.
# Instead:  os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1") before onnxruntime is imported, also where a converter
#           imports it.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -I -m pip install --quiet --disable-pip-version-check onnxruntime==1.32.0
cd "$folder"
written() { # the number of files that an import leaves, with one more variable in its environment
    mkdir "$1"
    # -u: variables that switch the reports off by themselves, as on the machines of continuous integration
    env -u CI -u GITHUB_ACTIONS -u TF_BUILD -u ORT_RUNNING_UNIT_TESTS -u ORT_DISABLE_TELEMETRY -u XDG_CACHE_HOME \
        HOME="$folder/$1" TMPDIR="$folder/$1" "${@:2}" venv/bin/python -I -c 'import onnxruntime'
    find "$1" -type f | sed 's/^/    /' >&2
    find "$1" -type f | wc -l
}
echo "ONNX Runtime $(venv/bin/python -I -c 'import os; os.environ["ORT_DISABLE_TELEMETRY"] = "1"; import onnxruntime; print(onnxruntime.__version__)')"
echo "expected: no file after an import"
plain=$(written plain)
switched_off=$(written switched_off env ORT_DISABLE_TELEMETRY=1)
echo "seen: $plain files, and $switched_off with ORT_DISABLE_TELEMETRY=1"
if [ "$plain" -eq 0 ] || [ "$switched_off" -ne 0 ]; then
    echo "CHANGED: an import of ONNX Runtime leaves other files"
    exit 1
fi
