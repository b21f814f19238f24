#!/bin/sh
# release.sh builds what is published of a version: an archive with a static binary for each platform, the wheel and the sdist of
# the Python package, the description of the API, the image where there is Docker, and the checksums of all.
#
# The version is that of python/millrace/_version.py, so that everything has the same one. Settings, all optional:
#   VERSION    the version that is meant, such as v0.1.0: an error if it is another one
#   PLATFORMS  linux/amd64 linux/arm64 darwin/amd64 darwin/arm64
#   OUT        the folder, bin/release; what it had is deleted
set -eu
cd "$(dirname "$0")/.."

say() { printf 'release: %s\n' "$*" >&2; }

number=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' python/millrace/_version.py)
version=v$number
[ "${VERSION:-$version}" = "$version" ] || { say "python/millrace/_version.py is $number, not $VERSION"; exit 1; }
case ${OUT:=bin/release} in /*) ;; *) OUT=$PWD/$OUT ;; esac
# The files of an archive are as old as the commit, so that builds of a commit have the same bytes.
time=$(git log -1 --format=%ct 2>/dev/null || echo 1577836800)

if [ -n "$(git status --porcelain 2>/dev/null)" ]; then say "the working tree differs from its commit"; fi
rm -rf "$OUT"
mkdir -p "$OUT"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for platform in ${PLATFORMS:-linux/amd64 linux/arm64 darwin/amd64 darwin/arm64}; do
  system=${platform%/*} machine=${platform#*/}
  name=millrace_${number}_${system}_${machine}
  mkdir "$work/$name"
  CGO_ENABLED=0 GOOS=$system GOARCH=$machine go build -trimpath -buildvcs=false \
    -ldflags "-s -w -X github.com/millrace/millrace/server.stamped=$version" -o "$work/$name/millrace" .
  cp README.md CHANGELOG.md LICENSE NOTICE "$work/$name"
  tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$time" -cf - "$name" | gzip -n >"$OUT/$name.tar.gz"
  say "$name.tar.gz"
done

python3 python/build_backend.py "$OUT"
cp openapi/openapi.yaml "$OUT/openapi.yaml"

if docker version >/dev/null 2>&1; then
  docker build --build-arg VERSION="$version" --build-arg REVISION="$(git rev-parse HEAD 2>/dev/null)" -t "millrace:$version" .
  docker save "millrace:$version" | gzip -n >"$OUT/millrace_${number}_image.tar.gz"
else
  say "no Docker: no image"
fi

(cd "$OUT" && sha256sum -- * >"$work/checksums" && mv "$work/checksums" checksums.txt)
say "$OUT"
