# syntax=docker/dockerfile:1

FROM node:22-bookworm-slim AS playground
WORKDIR /src/web/playground
COPY web/playground/package.json web/playground/package-lock.json web/playground/.npmrc ./
RUN --mount=type=cache,target=/root/.npm npm ci
COPY web/playground ./
RUN npm run build

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
COPY --from=playground /src/web/playground/dist web/playground/dist
# The target folder is a cache and no part of the image, so the program is copied out of it.
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --locked --profile dist --package ctutor && cp target/dist/ctutor /usr/local/bin/ctutor

FROM debian:bookworm-slim
# bubblewrap, Python and pytest run students' programs; curl is for the health check; tini, as process 1, clears away
# the processes that others leave behind.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends bubblewrap ca-certificates curl libssl3 python3 python3-pytest tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --create-home ctutor
COPY --from=build /usr/local/bin/ctutor /usr/local/bin/ctutor
USER ctutor
WORKDIR /home/ctutor
# Leaves activities the time to finish: see the grace period of the workers.
STOPSIGNAL SIGTERM
ENTRYPOINT ["tini", "--", "ctutor"]
