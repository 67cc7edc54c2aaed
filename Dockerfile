# mssync on the CPU, as a user without rights.
#   docker build -t mssync .
#   docker run --rm --network none -v "$PWD:/work" --user "$(id -u):$(id -g)" mssync animate me.jpg hello.wav -o out.mp4
FROM python:3.13-slim

WORKDIR /src
COPY pyproject.toml NOTICE LICENSE ./
COPY docs/package.md docs/package.md
COPY constraints constraints
COPY src src
RUN python -m pip install --no-cache-dir -c constraints/constraints.txt . \
    && rm -rf /src/build \
    && useradd --uid 1000 --create-home mssync

# For whoever runs it with --user: a place that anybody may write to.
ENV MPLCONFIGDIR=/tmp MSSYNC_CACHE=/tmp/mssync
USER 1000:1000
WORKDIR /work
ENTRYPOINT ["mssync"]
CMD ["--help"]
