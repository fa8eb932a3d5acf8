# Spotter's everyday commands. Each sets up what it needs in .tools/ and target/ first.
#
#   make demo [PHOTOS=DIR] [MODEL=NAME|PATH]   find objects in photos, from a fresh clone; leaves out/
#   make demo-bulk [PHOTOS=DIR] [MODEL=…]      the same through a bucket and a queue, played on this machine
#   make local [MODEL=NAME|PATH]               the function on http://127.0.0.1:9000/
#   make compare URL=… [PHOTOS=DIR]            this machine against a function's URL, or two; leaves out/compare.html
#   make test                                  everything that a change must pass
#   make lint                                  formatting and clippy
#   make lint-infra                            infra/template.yaml: cfn-lint, SAM, and what would be built
#   make image [ARCH=arm64] [BASE=…] [TAG=…]   the container image of both functions, spotter:latest
#   make deploy [IMAGE=…] [PARAMETERS=…]       to AWS, with the account of your AWS CLI: infra/README.md
#   make undeploy [PURGE=yes]                  and away from there
#   make test-training                         spotter-nano's recipe on generated pictures (fetches PyTorch)
#   make bench                                 the figures of the README, as `name value` lines

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:

PHOTOS ?= .tools/samples
MODEL ?=
MODEL_DIR ?=
PYTHON := .tools/test-venv/bin/python
UPLOADER := target/release/uploader

export PATH := $(CURDIR)/.tools/venv/bin:$(PATH)
export ORT_DYLIB_PATH := $(CURDIR)/.tools/lib/libonnxruntime.so
export SPOTTER_ASSETS ?= $(abspath ../shared/assets)
export MODEL_DIR

.PHONY: help demo demo-bulk compare local model build setup setup-bulk setup-tests test test-rust test-e2e test-accuracy
.PHONY: lint bench setup-infra lint-infra image test-image deploy undeploy test-training

help:
	@sed -n 's/^#   //p' Makefile

setup:
	@tools/setup

setup-bulk:
	@tools/setup bulk

setup-tests:
	@tools/setup tests

setup-infra:
	@tools/setup infra

build: setup
	cargo build --release --locked

# The default model: fetched once; where that fails the function says what stands in.
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/spotter/models
model: build
	@[ -n "$(MODEL)$(wildcard $(MODEL_DIR)/yolox[-_]nano* $(CACHE)/yolox-nano.onnx)" ] || $(UPLOADER) model pull yolox-nano || true

demo: model
	@mkdir -p out
	$(UPLOADER) detect $(PHOTOS) $(if $(MODEL),--model $(MODEL)) --annotate out | tee out/report.txt
	echo "Photos with boxes and this report are in out/"

demo-bulk: setup-bulk model
	@MODEL=$(MODEL) tools/demo-bulk $(PHOTOS)

compare: model
	@[ -n "$(URL)" ] || { echo "make compare: give URL=…, the function to compare with"; exit 2; }
	mkdir -p out
	$(UPLOADER) compare $(PHOTOS) --local $(if $(MODEL),--model $(MODEL)) $(foreach url,$(URL),--url $(url)) --runs 3 --like-2023 --report out/compare.html --report out/compare.json

local: model
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
image: setup
	@infra/image

# The image that `make image` made; says so where there is none.
test-image: setup-tests build
	$(PYTHON) -m pytest tests -m image

deploy:
	@infra/deploy

undeploy:
	@infra/undeploy

bench: setup-tests model
	cargo bench --locked --quiet --package detector --bench pipeline
	cargo bench --locked --quiet --workspace --bench dataset
	$(PYTHON) tests/bench.py

# The recipe of model/spotter-nano on generated pictures. PyTorch is 5 GB with what it needs to load: fetched once, on its own.
TRAINING := model/spotter-nano/training
.tools/train-venv: $(TRAINING)/requirements.txt
	python3 -m venv $@
	$@/bin/python -m pip install --quiet --requirement $<
	touch $@

test-training: .tools/train-venv build
	$</bin/python -B $(TRAINING)/smoke.py --uploader $(UPLOADER)
