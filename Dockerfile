# The image: the program, the certificate authorities that it trusts, and nothing else. No shell, no libc, no package.
#
#   docker build --tag tagferry .
#   docker buildx build --platform linux/amd64,linux/arm64 --tag REGISTRY/tagferry --push .
#
# Each platform is built by a compiler of its own: natively where the builder has such a machine, else emulated.
# scripts/image-test builds and runs it without a registry. Time zones are in the program.

# On Alpine, Rust's own target is musl, and what it links is static.
FROM docker.io/library/rust:1.95-alpine AS build
WORKDIR /src

# The dependencies alone: this layer is kept until Cargo.toml or Cargo.lock changes. Tests and benches are no part of the
# image, and cargo looks for the files of those that Cargo.toml names.
COPY Cargo.toml Cargo.lock ./
RUN awk '/^\[\[/ { skip = 1 } /^\[[^[]/ { skip = 0 } !skip' Cargo.toml > program.toml \
 && mv program.toml Cargo.toml \
 && mkdir src \
 && touch src/lib.rs \
 && echo 'fn main() {}' > src/main.rs \
 && cargo build --release --locked --lib --bins

# Cargo compares times, and a checkout may be older than the layer above: touched files are built again.
COPY src src
RUN touch src/lib.rs src/main.rs \
 && cargo build --release --locked --bins \
 && cp target/release/tagferry /usr/local/bin/tagferry

FROM scratch

ARG VERSION=dev
ARG REVISION=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="tagferry" \
      org.opencontainers.image.description="Keeps the newest versions of upstream container images in your own Amazon ECR" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.source="$SOURCE"

COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /usr/local/bin/tagferry /usr/local/bin/tagferry
COPY LICENSE /LICENSE

ENV PATH=/usr/local/bin
# Where `--config` is not given, the configuration is /etc/tagferry/tagferry.yaml.
WORKDIR /etc/tagferry

# Nobody's account; a number, so that Kubernetes can tell that it is not root. Nothing is ever written.
USER 65532:65532

EXPOSE 8080
# For `serve`. A container that runs `sync` ends before it matters, or is started with --no-healthcheck.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 CMD ["/usr/local/bin/tagferry", "health"]

ENTRYPOINT ["/usr/local/bin/tagferry"]
CMD ["serve"]
