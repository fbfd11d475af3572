# SPDX-License-Identifier: GPL-2.0-or-later
#
# The front door. Every target installs what it needs first (Debian packages,
# by scripts/setup) and then hands over to one script or to Meson.
#
#   make run ARGS="--cpus 2"    more options for `lamina run`
#   make test ONLY=boot         only the system tests whose name has "boot"
#   make install PREFIX=/usr    and DESTDIR=, as everywhere

BUILD   ?= build
PREFIX  ?= /usr/local
DESTDIR ?=
ARGS    ?=
ONLY    ?=

export BUILD

.DEFAULT_GOAL := build
.PHONY: build run test check bench fuzz soak-boot soak-diff install clean help

build: ## compile everything; programs land in build/bin
	@scripts/setup build
	@scripts/build

run: ## boot Debian in a virtual machine on this terminal
	@scripts/setup build run
	@scripts/build
	@scripts/run $(ARGS)

test: ## unit, conformance and system tests
	@scripts/setup build run test
	@scripts/test $(ONLY)

check: ## format, headers, layers, compilers, analysis
	@scripts/setup build check
	@scripts/check $(ONLY)

bench: ## boot time and CPU time against QEMU's TCG, side by side
	@scripts/setup build run bench
	@scripts/build
	@bench/boot $(ARGS)

fuzz: ## fuzz each parser of hostile bytes for a while (FUZZ_SECONDS=60)
	@scripts/setup build fuzz
	@scripts/fuzz $(ONLY)

soak-boot: ## 50 boots in a row over the whole matrix; writes a JSON record
	@scripts/setup build run test
	@scripts/build
	@tests/system/soak-boot $(ARGS)

soak-diff: ## 100,000,000 differential CPU cases; writes a JSON record
	@scripts/setup build test
	@scripts/build
	@scripts/soak-diff $(ARGS)

install: ## install below PREFIX (DESTDIR is honoured)
	@scripts/setup build
	@scripts/install "$(PREFIX)" "$(DESTDIR)"

clean: ## remove what was built (the image cache stays)
	rm -rf "$(BUILD)"

help: ## this text
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | \
		expand -t 20
