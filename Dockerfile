# One image for every process: `breachflow worker`, `breachflow run --no-intake`, and every command.
FROM python:3.13-slim AS build
WORKDIR /build
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY breachflow breachflow
COPY agents agents
COPY templates templates
RUN python -m venv /opt/breachflow \
    && /opt/breachflow/bin/pip install --no-cache-dir --constraint constraints.txt '.[all]'

FROM python:3.13-slim
# Nobody in particular: the processes own their home and nothing else.
RUN useradd --system --uid 10001 --home-dir /home/breachflow --create-home breachflow \
    && install -d -o breachflow -g breachflow -m 0700 /var/lib/breachflow
COPY --from=build /opt/breachflow /opt/breachflow
ENV PATH=/opt/breachflow/bin:$PATH BREACHFLOW_HOME=/var/lib/breachflow PYTHONUNBUFFERED=1
USER 10001
WORKDIR /var/lib/breachflow
VOLUME /var/lib/breachflow
STOPSIGNAL SIGTERM
ENTRYPOINT ["breachflow"]
CMD ["--help"]
