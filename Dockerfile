# The worker as a container: build the wheels, then install them with the locked dependencies and nothing else.
FROM python:3.13-slim AS build
WORKDIR /build
COPY requirements/ requirements/
RUN pip install --no-cache-dir --require-hashes --only-binary :all: --prefix=/installed -r requirements/runtime.txt
COPY . .
RUN PYTHONPATH=/installed/lib/python3.13/site-packages \
    pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels . ./connectors/salesforce ./connectors/hubspot

FROM python:3.13-slim
RUN useradd --create-home --uid 10001 crmsync && mkdir /data && chown crmsync /data
COPY --from=build /installed /usr/local
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir --no-deps /wheels/*.whl && rm -r /wheels
USER crmsync
ENV CRMSYNC_STORE_URL=sqlite:////data/crmsync.db PYTHONUNBUFFERED=1
VOLUME /data
# The configuration (crmsync.yaml, team.yaml, rules/, mappings/) is mounted at /config; secrets come as files or environment.
WORKDIR /config
STOPSIGNAL SIGTERM
ENTRYPOINT ["crmsync"]
CMD ["start"]
