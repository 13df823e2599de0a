# Two images from one file: `serve` (web, worker, beat) and `train` (the training worker, with PyTorch).
#   docker build --target serve -t recsite:serve .
#   docker build --target train -t recsite:train .
FROM python:3.11-slim AS serve

ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    STATIC_ROOT=/app/static-collected \
    PROMETHEUS_MULTIPROC_DIR=/tmp/metrics \
    OMP_NUM_THREADS=1 \
    OPENBLAS_NUM_THREADS=1

WORKDIR /app
RUN useradd --system --uid 10001 --home-dir /app --shell /usr/sbin/nologin recsite

# LightGBM's OpenMP.
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*
COPY requirements/ requirements/
RUN pip install --no-cache-dir -r requirements/serve.txt -r requirements/s3.txt

COPY . .
# Collecting static files needs settings to load, not to be true: these values stay in this line.
RUN SECRET_KEY=build ALLOWED_HOSTS=build DATABASE_URL=postgresql://build/build REDIS_URL=redis://build \
    python manage.py collectstatic --noinput --verbosity 0 \
    && mkdir -p /tmp/metrics /app/var/artefacts && chown -R recsite /tmp/metrics /app/var

# The history of the code is not in the image, so whoever builds says which version it is. Every release keeps it.
ARG CODE_VERSION=""
ENV CODE_VERSION=$CODE_VERSION

USER recsite
EXPOSE 8000
CMD ["gunicorn", "recsite.wsgi", "--bind", "0.0.0.0:8000"]


FROM serve AS train

USER root
# The address of an extra index, for people who want PyTorch's CPU wheels: docker build --build-arg TORCH_INDEX=...
ARG TORCH_INDEX=""
RUN pip install --no-cache-dir ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} -r requirements/train.txt
USER recsite
CMD ["celery", "-A", "recsite.celery", "worker", "--queues", "training", "--concurrency", "1"]
