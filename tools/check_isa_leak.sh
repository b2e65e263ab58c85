#!/bin/sh
# Fails if wide instructions are anywhere but in the kernels' own namespaces: a function outside them that touches ymm,
# zmm or tile registers (or is encoded for AVX, which needs them saved all the same) would run on machines without.
#
#   tools/check_isa_leak.sh LIBRARY_OR_PROGRAM...
set -eu

if [ $# -eq 0 ]; then
  echo "usage: $0 LIBRARY_OR_PROGRAM..." >&2
  exit 2
fi

for binary in "$@"; do
  if [ ! -r "$binary" ]; then
    echo "$0: $binary: cannot read" >&2
    exit 66
  fi
  objdump --disassemble --demangle --no-show-raw-insn "$binary" | awk -v binary="$binary" '
    # "0000000000001010 <void dyadic::avx2::name(...)>:"
    /^[0-9a-f]+ <.*>:$/ {
      name = $0
      sub(/^[0-9a-f]+ </, "", name)
      sub(/>:$/, "", name)
      # The function itself, not a type in its arguments: std::vector<dyadic::avx2::T>::push_back must not pass.
      may = name ~ /^([^<(]*[ *&])?dyadic::(ceilings::)?(avx2|avx512|amx)::/
      ++functions
      next
    }
    # VEX- and EVEX-encoded instructions are all named v...; verr, verw and the vm... of virtual machines are not ours.
    /%[yz]mm[0-9]|%tmm[0-9]|%k[0-7]|\t(v[a-z0-9]+ .*%xmm|ldtilecfg|tilerelease)/ {
      if (may) {
        ++wide
      } else if (!(name in seen)) {
        seen[name] = 1
        print binary ": " name ":" $0
        ++leaks
      }
    }
    END {
      if (functions == 0) { print binary ": no code found"; exit 1 }
      if (leaks > 0) { print binary ": " leaks " functions outside the kernels use wide instructions"; exit 1 }
      if (wide == 0) { print binary ": no kernel uses wide instructions; is this the right file?"; exit 1 }
      print binary ": " functions " functions, wide instructions in the kernels only"
    }'
done
