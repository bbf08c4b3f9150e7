# The registry as an image that holds one program, and no shell to do anything else with.
#
#   docker build -t tizilim:local .
#   docker run --rm -p 127.0.0.1:8080:8080 tizilim:local demo
#
# docker-compose.yml runs it beside everything else.
FROM golang:1.26.8-alpine AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY adapters adapters
COPY api api
COPY cmd cmd
COPY domain domain
COPY projections projections
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags="-s -w" -o /tizilim ./cmd/tizilim
# A new volume takes its owner from the folder it is mounted on. The last are where the nodes of NATS get
# theirs from: their own image has no such folder.
RUN mkdir -p /folders/data /folders/shared /folders/keys /folders/nats/1 /folders/nats/2 /folders/nats/3

FROM scratch
# Authorities of the web, for gateways, OpenID providers and webhooks. The time zone is in the program.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /tizilim /tizilim
COPY --from=build --chown=65532:65532 /folders/ /
USER 65532:65532
# SQLite sorts what is large in files beside the data: there is no other folder that can be written to.
ENV TIZILIM_DATA=/data TIZILIM_LISTEN=0.0.0.0:8080 SQLITE_TMPDIR=/data
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=6s --start-period=5m --retries=3 CMD ["/tizilim", "health"]
ENTRYPOINT ["/tizilim"]
CMD ["serve"]
