# `make demo` and `make test` work from a bare clone with Python 3.11 or newer, its venv module and make.
#
# Variables, given as `make demo PORT=9000`; make hands them on in the environment:
#   PORT=8000        where the site listens          VAR_DIR=var     where the demo keeps everything
#   DATA=folder      your own catalogue              AUDIENCE=30     made-up readers of the demo; 0 for none
#   PYTHON=python3   which Python makes .venv        TORCH_INDEX=    an extra package index, for other builds of torch
#
# Each recipe line becomes one program (`exec`), so that a signal to make reaches it.

PYTHON ?= python3
VENV := .venv/bin/python
# Two processes, each with servers of its own; a file's tests stay together.
TESTS := $(VENV) -m pytest -n 2 --dist loadfile

.PHONY: help install demo test lint bench screenshots clean

help:
	@sed -n 's/^## //p' Makefile

## make install      the environment in .venv, nothing else
install:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Python 3.11 or newer is needed, but $(PYTHON) is $$($(PYTHON) --version 2>/dev/null || echo not there). Install one, or name it: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; \
	  exit 2; }
	@exec $(PYTHON) -I recsite/onemachine/environment.py $(TORCH_INDEX)

## make demo         the whole site on this machine, until Ctrl-C
demo: install
	@exec $(VENV) -I -S recsite/onemachine/tether.py --hold-signals -- $(VENV) -m recsite.onemachine --with-parent

## make test         every test; those of the database on both PostgreSQL versions
test: install
	@exec $(TESTS) -q -m database --postgres=16
	@exec $(TESTS)

## make lint         formatting, types, walls between folders, settings, templates
lint: install
	@PATH="$(CURDIR)/.venv/bin:$$PATH" exec .ci/lint

## make bench        every benchmark, at full size
bench: install
	@for name in catalogue_import ingest examples index training_speed encoders negatives ranking_speed feed staff_pages freshness retrieval_quality ranking_quality loop; do $(VENV) -m benchmarks $$name || exit 1; done

## make screenshots  pictures of the pages, phone and desktop, light and dark
screenshots: install
	@exec $(VENV) -m tests.browser.screenshots

## make clean        remove what the demo keeps (the folder VAR_DIR)
clean: install
	@exec $(VENV) -m recsite.onemachine --clean
