# Bridge, bot and archive pages: one image, `run bridge`, `run bot` or `run web`.
# Python 3.12: encrypted rooms need libolm, and later ones have no package of it.
FROM python:3.12.11-slim-bookworm

# libmagic1: the WhatsApp library loads it. For PDFs: Pango and HarfBuzz, Urdu in Naskh, emoji.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libmagic1 \
        libpangoft2-1.0-0 libharfbuzz-subset0 fontconfig fonts-noto-core fonts-noto-color-emoji \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /app
COPY requirements-run.lock ./
RUN pip install --no-cache-dir --only-binary :all: --require-hashes -r requirements-run.lock

COPY config.py waproto.py ./
COPY archive archive
COPY nlp nlp
COPY bridge bridge
COPY bot bot
COPY web web
COPY cli cli

# numbers, so that a folder of the host can be given to the same user
RUN useradd --system --uid 992 daftar && mkdir /data && chown daftar /data && chmod 700 /data
USER daftar
VOLUME /data
ENV PYTHONPATH=/app PYTHONUNBUFFERED=1
ENTRYPOINT ["python", "-m", "cli.main"]
CMD ["run", "--config", "/config/config.yaml"]
