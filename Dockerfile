# One image, two targets: `worker`, and `api`, the default. They differ in nothing but the command.
#
# No shell, no package manager, no BLAS library, which would not be faster than the built-in kernel: the binary and its libc,
# through which it could load one. It runs as a user without rights, on a root file system that may be read-only. Everything
# is built on the machine's own architecture, without an emulator.

FROM --platform=$BUILDPLATFORM golang:1.26-trixie AS build
ARG GOPROXY
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG TARGETOS
ARG TARGETARCH
ARG VERSION=(devel)
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -buildvcs=false -ldflags "-s -w -X github.com/millrace/millrace/server.stamped=$VERSION" -o /millrace .

FROM --platform=$BUILDPLATFORM debian:trixie-slim AS libraries
ARG TARGETARCH
WORKDIR /packages
# apt is shown an empty system of the target's architecture: it then fetches everything that libc needs. Unpacking runs none
# of it. Packages know only /usr/lib; programs ask for their loader in /lib or /lib64.
RUN set -eu; \
    mkdir -p /apt/lists/partial /apt/archives/partial; : >/apt/status; \
    aim="-o APT::Architecture=$TARGETARCH -o APT::Architectures=$TARGETARCH -o Dir::State=/apt -o Dir::State::status=/apt/status \
      -o Dir::Cache::archives=/apt/archives -o APT::Sandbox::User=root -o APT::Keep-Downloaded-Packages=true"; \
    apt-get $aim update; \
    apt-get $aim install -y --no-install-recommends --download-only libc6; \
    mkdir -p /image/var/lib/dpkg/status.d; \
    for package in /apt/archives/*.deb; do \
      dpkg-deb -x "$package" /image; \
      dpkg-deb -f "$package" >"/image/var/lib/dpkg/status.d/$(dpkg-deb -f "$package" Package)"; \
    done; \
    for folder in /image/usr/lib*; do ln -s "usr/${folder##*/}" "/image/${folder##*/}"; done; \
    rm -rf /image/usr/lib/*-linux-gnu*/gconv /image/usr/share/lintian /image/usr/share/man /image/usr/share/locale /image/etc/ld.so.conf.d; \
    echo 'nonroot:x:65532:65532:nonroot:/:/sbin/nologin' >/image/etc/passwd

FROM scratch AS runtime
COPY --from=libraries /image /
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /millrace /millrace
COPY LICENSE NOTICE /licenses/
ARG VERSION=(devel)
ARG REVISION
LABEL org.opencontainers.image.title="Millrace" \
      org.opencontainers.image.description="Distributed matrix multiplication: HTTP API, queue and workers" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/millrace/millrace" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
# A number: Kubernetes' runAsNonRoot cannot judge a name.
USER 65532:65532
ENTRYPOINT ["/millrace"]

FROM runtime AS worker
EXPOSE 9090
CMD ["worker"]

FROM runtime AS api
EXPOSE 8080 9090
CMD ["api"]
