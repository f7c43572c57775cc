# One image for every process; which one it is, the command and the environment say.
FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app

COPY pyproject.toml constraints.txt README.md ./
# The model server and the engines need torch; EXTRAS= builds a smaller image for the other processes.
# PIP_EXTRA_INDEX_URL may name an index with a build of torch for your hardware; by default it is the package index's.
ARG EXTRAS=[ml]
ARG PIP_EXTRA_INDEX_URL=
RUN pip install -c constraints.txt ".${EXTRAS}"

COPY manage.py ./
COPY conversation conversation
COPY audit audit
COPY feedback feedback
COPY curation curation
COPY training training
COPY evaluation evaluation
COPY serving serving
COPY cftapp cftapp
COPY templates templates

# A new volume takes over what the image has in its place: the folders' owner and mode.
RUN useradd --system --create-home cftapp \
    && mkdir -p /run/signing /run/keys /var/lib/cftapp/evaluation /var/lib/cftapp/registry \
        /var/lib/cftapp/checkpoints /var/lib/cftapp/runs /var/lib/cftapp/static \
    && chmod 700 /var/lib/cftapp/evaluation /var/lib/cftapp/registry \
    && chown -R cftapp: /var/lib/cftapp /run/signing /run/keys
USER cftapp
ENV CFT_VAR=/var/lib/cftapp DJANGO_SETTINGS_MODULE=cftapp.settings
EXPOSE 8000
CMD ["python", "-m", "uvicorn", "cftapp.asgi:application", "--host", "0.0.0.0", "--port", "8000", "--lifespan", "off", "--no-access-log", "--no-server-header", "--no-proxy-headers"]
