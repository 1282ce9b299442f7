#!/usr/bin/env bash
# OmegaConf 2.3.1 and Hydra 1.3.8: names of micrographs without quotes, in a file and on the command line.
#
# Expected: 0012 is text or the number 12, and the same wherever it is written.
# Seen:     a file follows YAML 1.1, the command line has a grammar of its own: "0012: file 10, command line '0012'"
#           (octal), "12:30: file 750, command line '12:30'" (base 60). Both drop the underscore: "2024_03: file 202403,
#           command line 202403".
# Matters:  numbered micrographs and dates are this field's names. A split or a list of specimens names another one than
#           was meant: 0012 is micrograph 10, and 0018, which is not octal, stays text.
# Instead:  quote names in files ("0012"), and on the command line twice ('specimen="2024_03"').
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -I -m pip install --quiet --disable-pip-version-check \
    hydra-core==1.3.8 omegaconf==2.3.1
cd "$folder"
venv/bin/python -I - <<'EOF'
import sys
from importlib.metadata import version

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

print("OmegaConf", version("omegaconf"), "and Hydra", version("hydra-core"))
print("expected: the name as it was written")
parser, seen = OverridesParser.create(), {}
for name in ("0012", "0018", "12:30", "2024_03"):
    seen[name] = OmegaConf.create(f"specimen: {name}").specimen, parser.parse_override(f"specimen={name}").value()
    print(f"seen: {name}: file {seen[name][0]!r}, command line {seen[name][1]!r}")
quoted = OmegaConf.create('specimen: "2024_03"').specimen, parser.parse_override('specimen="2024_03"').value()
print(f"quoted: {quoted[0]!r} and {str(quoted[1])!r}")
if seen != {"0012": (10, "0012"), "0018": ("0018",) * 2, "12:30": (750, "12:30"), "2024_03": (202403,) * 2}:
    sys.exit("CHANGED: names are read in another way")
EOF
