# Spotter's everyday commands. Each sets up what it needs in .tools/ and target/ first.
#
#   make demo [PHOTOS=PATH] [MODEL=NAME|PATH]  find objects in photos, from a fresh clone; writes out/
#   make demo-bulk [PHOTOS=PATH] [MODEL=…]     the same through a local S3 bucket and queue; writes out/
#   make local [MODEL=NAME|PATH]               serve on http://127.0.0.1:9000/, with a web page
#   make install [PREFIX=~/.local]             install uploader and all it needs
#   make uninstall [PREFIX=~/.local]           remove it
#   make compare URL=… [PHOTOS=PATH]           compare this machine with a function's URL, or more; writes out/compare.html
#   make test                                  run all tests
#   make fuzz [SECONDS=60] [TARGET=NAME]        run the fuzz targets, each that long: fuzz/README.md
#   make lint                                  check formatting, run clippy
#   make lint-infra                            check infra/template.yaml with cfn-lint and SAM
#   make image [ARCH=arm64] [BASE=…] [TAG=…]   build the container image, spotter:latest
#   make deploy [IMAGE=…] [PARAMETERS=…]       deploy to AWS with your AWS CLI's credentials: infra/README.md
#   make deploy FORCE=yes                      the same in spite of what is probably not wanted
#   make undeploy [PURGE=yes]                  remove the stack
#   make test-accuracy                         compare COCO AP with a reference pipeline (needs SPOTTER_ASSETS)
#   make test-training                         run spotter-nano's training recipe on generated pictures (downloads PyTorch)
#   make soak [MINUTES=60]                     load and faults, with figures of what was lost or grew: tests/soak/README.md
#   make bench                                 print the figures of docs/measurements.md as `name value` lines
#   make deny                                  check licences and origins of all crates: deny.toml
#   make audit [ADVISORIES=FOLDER]             ask RustSec's advisory database about them (fetched, or a copy of it)
#   make dist                                  archives of what make install installs, in target/dist/
#   make test-dist                             run that archive in an empty Debian root (needs root, debootstrap)
#   make pictures                              make docs/pictures/ again: the page and an annotated photo

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
# Benchmarks and tests run ONNX Runtime in Python, too. Spotter's programs see to it themselves.
export ORT_DISABLE_TELEMETRY := 1
export SPOTTER_ASSETS ?= $(abspath ../shared/assets)
export MODEL_DIR PHOTOS

.PHONY: help demo demo-bulk compare local model build programs install uninstall setup setup-emulator setup-bulk setup-image
.PHONY: setup-fuzz fuzz setup-tests setup-infra test test-rust test-e2e test-accuracy lint bench lint-infra image test-image
.PHONY: deploy undeploy test-training accuracy-photos pictures deny audit dist test-dist soak

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

setup-fuzz:
	@tools/setup fuzz

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

# PHOTOS as arguments: one path, with blanks or not, where there is such a file or folder; else what a shell makes of it.
photos = p=$${PHOTOS/\#\~\//$$HOME/}; if [ -e "$$p" ]; then set -- "$$p"; else eval "set -- $$PHOTOS"; fi

# The default model: downloaded once; without it the function uses the one in the tree, and says so.
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/spotter/models
PULL := [ -n "$(MODEL)$(wildcard $(MODEL_DIR)/yolox[-_]nano* $(CACHE)/yolox-nano.onnx)" ] || $(UPLOADER) model pull yolox-nano || true
model: build
	@$(PULL)

demo: programs
	@$(PULL)
	$(photos)
	mkdir -p out
	tools/clear-out out
	status=0
	$(UPLOADER) detect "$$@" $(if $(MODEL),--model "$(MODEL)") --annotate out | tee out/report.txt || status=$$?
	echo "Photos with boxes and this report: $(CURDIR)/out/"
	exit $$status

demo-bulk: setup-bulk model
	@$(photos)
	MODEL="$(MODEL)" tools/demo-bulk "$$@"

compare: model
	@[ -n "$(URL)" ] || { echo "make compare: URL=… is missing: the function to compare with"; exit 2; }
	$(photos)
	mkdir -p out
	$(UPLOADER) compare "$$@" --local $(if $(MODEL),--model "$(MODEL)") $(foreach url,$(URL),--url $(url)) --runs 3 --like-2023 --report out/compare.html --report out/compare.json

local: programs
	@$(PULL)
	$(UPLOADER) local $(if $(MODEL),--model "$(MODEL)")

# Where its photos are missing, AP cannot be measured: tests/test_reference_boxes.py compares boxes all the same. The image is
# built where a Docker engine answers (IMAGE=… takes one that is there).
ACCURACY := $(SPOTTER_ASSETS)/photos/coco-dev
test: test-rust test-e2e $(if $(wildcard $(ACCURACY)),test-accuracy)
	@if [ -n "$$(docker version --format '{{.Server.Version}}' 2>/dev/null)" ]; then
	    [ -n "$(IMAGE)" ] || $(MAKE) image
	    $(MAKE) test-image
	else
	    echo "make test: test-image was NOT run: no Docker engine answers; sudo tools/docker-engine start && make image test-image"
	fi
	[ -d "$(ACCURACY)" ] || echo "make test: test-accuracy was NOT run: there is no $(ACCURACY); set SPOTTER_ASSETS"

test-rust: export MODEL_DIR = $(SPOTTER_ASSETS)/models
test-rust: setup-tests build
	cargo test --release --workspace --locked --config tools/test-profile.toml
	@[ -d "$(SPOTTER_ASSETS)" ] || echo "make test-rust: what needs the assets was NOT run (handed-out photos, real weights); set SPOTTER_ASSETS"

test-e2e: setup-tests setup-infra build
	$(PYTHON) -m pytest tests -m 'not image'

# Told before anything is set up or built.
accuracy-photos:
	@[ -d "$(ACCURACY)" ] || { echo "make test-accuracy: NOT run: there is no $(ACCURACY); set SPOTTER_ASSETS"; exit 2; }

test-accuracy: accuracy-photos setup-tests build
	$(PYTHON) -m pytest tests/accuracy.py

fuzz: setup-fuzz
	@SANITIZER="$(SANITIZER)" tools/fuzz "$(or $(SECONDS),60)" $(TARGET)

lint:
	cargo fmt --all --check
	cargo clippy --release --workspace --all-targets --locked -- -D warnings
	cargo clippy --release --package uploader --package detect-http --no-default-features --locked -- -D warnings

# Offline, in seconds. What cargo-deny says of advisories needs their database: `make audit`.
deny:
	@tools/setup deny
	cargo fetch --locked
	.tools/deny/bin/cargo-deny --offline --locked check bans licenses sources

# The database is a git repository on a public forge; ADVISORIES is a copy of it for a machine that does not reach that.
ADVISORIES ?=
audit:
	@tools/setup deny
	.tools/deny/bin/cargo-audit audit $(if $(ADVISORIES),--db "$(ADVISORIES)" --no-fetch --stale)

dist: build
	@tools/dist

test-dist: dist
	@tools/test-dist

# Offline: SAM wants a region and credentials even to look at a file.
lint-infra: export AWS_ACCESS_KEY_ID = none
lint-infra: export AWS_SECRET_ACCESS_KEY = none
lint-infra: export AWS_EC2_METADATA_DISABLED = true
lint-infra: export SAM_CLI_TELEMETRY = 0
lint-infra: export __SAM_CLI_APP_DIR = target/sam
lint-infra: setup-tests setup-infra
	.tools/cfn-lint/bin/cfn-lint infra/template.yaml
	.tools/sam/bin/sam validate --lint --region us-east-1 --template infra/template.yaml
	$(PYTHON) -m pytest tests/test_infra.py tests/test_alarms.py

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
	cargo bench --locked --quiet --workspace --bench dataset --bench existing
	$(PYTHON) tests/bench.py
	$(PYTHON) tests/bench_gallery.py

MINUTES ?= 60
soak: setup-tests build
	PYTHONPATH=tests $(PYTHON) -m soak $(MINUTES)

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
