# Spotter's everyday commands. Each sets up what it needs in .tools/ and target/ first.
#
#   make demo [PHOTOS=DIR] [MODEL=NAME|PATH]   find objects in photos, from a fresh clone; leaves out/
#   make demo-bulk [PHOTOS=DIR] [MODEL=…]      the same through a bucket and a queue, played on this machine
#   make local [MODEL=NAME|PATH]               the function and its page on http://127.0.0.1:9000/
#   make install [PREFIX=~/.local]             uploader and what it needs, usable from any folder without this one
#   make uninstall [PREFIX=~/.local]           and away from there
#   make compare URL=… [PHOTOS=DIR]            this machine against a function's URL, or two; leaves out/compare.html
#   make test                                  everything that a change must pass
#   make lint                                  formatting and clippy
#   make lint-infra                            infra/template.yaml: cfn-lint, SAM, and what would be built
#   make image [ARCH=arm64] [BASE=…] [TAG=…]   the container image of both functions, spotter:latest
#   make deploy [IMAGE=…] [PARAMETERS=…]       to AWS, with the account of your AWS CLI: infra/README.md
#   make undeploy [PURGE=yes]                  and away from there
#   make test-training                         spotter-nano's recipe on generated pictures (fetches PyTorch)
#   make bench                                 the figures of docs/measurements.md, as `name value` lines
#   make pictures                              docs/pictures/ anew: the page and an annotated photo

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:

PREFIX ?= $(HOME)/.local
PHOTOS ?= .tools/samples
MODEL ?=
MODEL_DIR ?=
PYTHON := .tools/test-venv/bin/python
UPLOADER := target/release/uploader

export PATH := $(CURDIR)/.tools/venv/bin:$(CURDIR)/.tools/nasm/usr/bin:$(PATH)
export ORT_DYLIB_PATH := $(CURDIR)/.tools/lib/libonnxruntime.so
export SPOTTER_ASSETS ?= $(abspath ../shared/assets)
export MODEL_DIR

.PHONY: help demo demo-bulk compare local model build programs install uninstall setup setup-emulator setup-bulk setup-image
.PHONY: setup-tests setup-infra test test-rust test-e2e test-accuracy lint bench lint-infra image test-image deploy undeploy
.PHONY: test-training pictures

help:
	@sed -n 's/^#   //p' Makefile

setup:
	@tools/setup

setup-emulator:
	@tools/setup emulator

setup-bulk:
	@tools/setup bulk

setup-image:
	@tools/setup image

setup-tests:
	@tools/setup tests

setup-infra:
	@tools/setup infra

# The stamp tells `programs` that the whole uploader is there: it must not be replaced by less.
build: setup
	cargo build --release --locked
	touch target/release/whole

# What finds the first boxes and nothing else, unless all has been built before: S3, AWS credentials and charts take longer
# to build than the rest.
programs: setup
	@if [ -e target/release/whole ]; then
	    cargo build --release --locked
	else
	    cargo build --release --locked --no-default-features --package uploader --package detect-http
	fi

install: build
	@tools/install "$(PREFIX)"

uninstall:
	@tools/install --uninstall "$(PREFIX)"

# The default model: fetched once; where that fails the function says what stands in.
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/spotter/models
PULL := [ -n "$(MODEL)$(wildcard $(MODEL_DIR)/yolox[-_]nano* $(CACHE)/yolox-nano.onnx)" ] || $(UPLOADER) model pull yolox-nano || true
model: build
	@$(PULL)

demo: programs
	@$(PULL)
	mkdir -p out
	$(UPLOADER) detect $(PHOTOS) $(if $(MODEL),--model $(MODEL)) --annotate out | tee out/report.txt
	echo "Photos with boxes and this report are in out/"

demo-bulk: setup-bulk model
	@MODEL=$(MODEL) tools/demo-bulk $(PHOTOS)

compare: model
	@[ -n "$(URL)" ] || { echo "make compare: give URL=…, the function to compare with"; exit 2; }
	mkdir -p out
	$(UPLOADER) compare $(PHOTOS) --local $(if $(MODEL),--model $(MODEL)) $(foreach url,$(URL),--url $(url)) --runs 3 --like-2023 --report out/compare.html --report out/compare.json

local: programs
	@$(PULL)
	$(UPLOADER) local $(if $(MODEL),--model $(MODEL))

test: test-rust test-e2e test-accuracy test-image

test-rust: export MODEL_DIR = $(SPOTTER_ASSETS)/models
test-rust: setup-tests build
	cargo test --release --workspace --locked

test-e2e: setup-tests build
	$(PYTHON) -m pytest tests -m 'not image'

test-accuracy: setup-tests build
	$(PYTHON) -m pytest tests/accuracy.py

lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo clippy --package uploader --package detect-http --no-default-features --locked -- -D warnings

# Offline: SAM wants a region and credentials even to look at a file.
lint-infra: export AWS_ACCESS_KEY_ID = none
lint-infra: export AWS_SECRET_ACCESS_KEY = none
lint-infra: export AWS_EC2_METADATA_DISABLED = true
lint-infra: export SAM_CLI_TELEMETRY = 0
lint-infra: export __SAM_CLI_APP_DIR = target/sam
lint-infra: setup-tests setup-infra
	.tools/cfn-lint/bin/cfn-lint infra/template.yaml
	.tools/sam/bin/sam validate --lint --region us-east-1 --template infra/template.yaml
	$(PYTHON) -m pytest tests/test_infra.py

image: export MODEL := $(MODEL)
image: setup-image
	@infra/image

# The image that `make image` made; says so where there is none.
test-image: setup-tests build
	$(PYTHON) -m pytest tests -m image

deploy:
	@infra/deploy

undeploy:
	@infra/undeploy

# All on one model, prepared: the default one where the assets have it.
bench: setup-tests build
	@export MODEL=$(CURDIR)/$$($(PYTHON) tests/bench.py --model-into target/bench)
	cargo bench --locked --quiet --package detector --bench pipeline
	cargo bench --locked --quiet --workspace --bench dataset
	$(PYTHON) tests/bench.py

# From the sample photos; needs Chromium.
pictures: setup-tests build
	$(PYTHON) tests/pictures.py

# The recipe of model/spotter-nano on generated pictures. PyTorch is 5 GB with what it needs to load: fetched once, on its own.
TRAINING := model/spotter-nano/training
.tools/train-venv: $(TRAINING)/requirements.txt
	python3 -m venv $@
	$@/bin/python -m pip install --quiet --requirement $<
	touch $@

test-training: .tools/train-venv build
	$</bin/python -B $(TRAINING)/smoke.py --uploader $(UPLOADER)
