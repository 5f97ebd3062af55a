# make demo    the demonstration: Python, C and Julia on one environment, at the same time
# make test    all tests and lints; installs what they need
# make help    the rest

SHELL := /bin/sh
.DEFAULT_GOAL := build

LIBRARY := target/release/libpersistent_collections.so
VENV := target/venv
PYTHON := $(VENV)/bin/python
JULIA_PROJECT := bindings/julia
# All of the crate's features.
RUST_FEATURES := serde,uuid,chrono,jiff
C_FLAGS := -std=c11 -Wall -Wextra -Werror -pedantic
C_SOURCES := $(wildcard demo/*.c examples/*.c examples/*.cpp tests/*/*.c tests/*/*.h tests/*/*.cpp tests/*/*.hpp) \
	$(wildcard benches/*/*.c benches/*/*.h) \
	$(wildcard include/*.hpp include/*/*.hpp)

# What the bindings load, wherever they are run from.
export PERSISTENT_COLLECTIONS_LIBRARY := $(CURDIR)/$(LIBRARY)

.PHONY: help
.PHONY: packages
.PHONY: build
.PHONY: install
.PHONY: install-strip
.PHONY: uninstall
.PHONY: demo
.PHONY: test
.PHONY: test-rust
.PHONY: test-c
.PHONY: test-cpp
.PHONY: test-install
.PHONY: test-python
.PHONY: test-julia
.PHONY: test-cross
.PHONY: lint
.PHONY: lint-version
.PHONY: lint-circles
.PHONY: lint-bindings
.PHONY: lint-rust
.PHONY: lint-c
.PHONY: lint-python
.PHONY: bench
.PHONY: bench-full
.PHONY: bench-larger-than-memory
.PHONY: bench-node
.PHONY: performance
.PHONY: check-speed-python
.PHONY: check-counts
.PHONY: bench-baseline
.PHONY: abi
.PHONY: header
.PHONY: generate-bindings
.PHONY: manual
.PHONY: valgrind
.PHONY: test-sanitizers
.PHONY: test-address
.PHONY: clean
.PHONY: torture
.PHONY: mutants
.PHONY: check-rust-version
.PHONY: test-damage
.PHONY: coverage

help:
	@sed -n 's/^# make/make/p' Makefile
	@echo 'make build   the library, in target/release'
	@echo 'make lint    formats and lints of every language; lint-rust, lint-c, lint-python: of one'
	@echo 'make bench   benchmarks, some minutes: the library beside bare LMDB and other stores, from Rust, Python and Julia'
	@echo 'make bench-full   all of them, an hour or more, with data larger than the memory; writes docs/performance.md'
	@echo 'make performance   writes the figures of the last benchmarks into docs/performance.md'
	@echo 'make bench-postgres   calls on PostgreSQL beside raw SQL'
	@echo 'make check-counts   instructions of the hot calls: fails above 3 % more than recorded, or with AGAINST=COMMIT'
	@echo 'make bench-baseline   records them again, in benches/counts/baseline.json; the commit says why'
	@echo 'make check-rust-version   compiles with the oldest Rust that Cargo.toml promises'
	@echo 'make header  generates include/persistent_collections.h, after a change in src/ffi, and from it:'
	@echo 'make generate-bindings   generates what Python and Julia declare of the header, and the exceptions of Python'
	@echo 'make manual  the C and C++ interface as web pages, in target/manual'
	@echo 'make abi     records the ABI in tests/abi/abi.txt, after an addition'
	@echo 'make install | install-strip | uninstall   PREFIX=/usr/local DESTDIR= LIBDIR= INCLUDEDIR=: library and headers'
	@echo 'make torture  kills processes that write, for some minutes, and checks that nothing is lost'
	@echo 'make test-damage  changes single bits of data files, for some minutes, and uses the files that pass the check'
	@echo 'make coverage   line coverage of Rust, Python and Julia by the tests of each language'
	@echo 'make mutants   breaks the code in many small ways, and reports the breaks that no unit test notices: docs/mutants.md'
	@echo 'make valgrind | test-sanitizers   the C and C++ tests under valgrind, under sanitizers'
	@echo 'make test-address   the Rust tests, with the library and LMDB under the address sanitizer'
	@echo 'make test-rust | test-c | test-cpp | test-install | test-python | test-julia | test-postgres | test-cross   one part of the tests'

build:
	@tools/need cargo 'install Rust 1.88 or newer'
	@tools/need cc 'install a C compiler'
	cargo build --release --workspace
	@ln -sf libpersistent_collections.so target/release/libpersistent_collections.so.0

# The virtual environment of the tests, made again when its requirements change.
$(VENV)/.ready: tools/requirements.txt tools/make-venv
	@tools/make-venv $(VENV) tools/requirements.txt
	@touch $@

demo: build $(VENV)/.ready
	@julia=$$(tools/find-julia) && VENV=$(VENV) JULIA=$$julia demo/run

test: packages test-rust test-c test-cpp test-install test-python test-julia test-postgres test-cross lint

# What the tests need from Debian; elsewhere, the names of what is missing.
packages:
	@tools/debian-packages

test-rust:
	cargo test
	cargo test --release -p persistent-collections-model
	cargo test --features $(RUST_FEATURES) --test types_of_crates
	cargo test --features memory-engine --lib --tests
	# As on systems that do not report where a file is mapped.
	cargo test --features no-mapping --lib --test batches --test foreign --test many_collections --test names \
		--test references --test transactions
	cargo test --features $(RUST_FEATURES) --doc --workspace
	cargo bench --bench iterate -- 1000000

test-c: build
	@tests/c/run target/release target/c

test-cpp: build $(VENV)/.ready
	@tools/need g++ 'install g++'
	@tools/need clang++ 'install clang'
	@tests/cpp/run target/release target/cpp
	$(PYTHON) -m pytest -q -p no:cacheprovider tests/cpp tests/examples

test-install: build $(VENV)/.ready
	$(PYTHON) -m pytest -q -p no:cacheprovider tests/install tests/manual

# As many at a time as there are processors; PYTEST_WORKERS=0 runs them one after another.
PYTEST_WORKERS ?= auto

test-python: build $(VENV)/.ready
	cd bindings/python && ../../$(PYTHON) -m pytest -q -p no:cacheprovider -n $(PYTEST_WORKERS) --dist worksteal
	cd bindings/python && PERSISTENT_COLLECTIONS_ACCELERATOR=0 ../../$(PYTHON) -m pytest -q -p no:cacheprovider \
		-n $(PYTEST_WORKERS) --dist worksteal

test-julia: build
	@julia=$$(tools/find-julia) && tools/test-julia $$julia $(JULIA_PROJECT)

# Tests of behaviour that are written for files, on a server.
test-postgres: build $(VENV)/.ready
	tools/postgres run -- cargo test --features postgres-engine --test batches --test closing --test interrupt \
		--test iterating_from_both_ends --test model --test page_iteration --test transactions --test whole_operations
	cd bindings/python && ../../tools/postgres run -- ../../$(PYTHON) -m pytest -q -p no:cacheprovider tests/test_dict.py \
		tests/test_set.py tests/test_transactions.py
	@julia=$$(tools/find-julia) && tools/postgres run -- $$julia --startup-file=no --project=$(JULIA_PROJECT) \
		$(JULIA_PROJECT)/test/runtests.jl protocol dict set transactions

# Calls on PostgreSQL beside raw SQL. The server and the program share a processor, so that figures are steady.
bench-postgres:
	cargo bench --bench postgres --no-run
	tools/postgres run --cpu 0 --sync -- taskset -c 0 cargo bench --bench postgres -- $(BENCH_FLAGS)

test-cross: build $(VENV)/.ready
	@tools/need valgrind 'install valgrind: it runs a part of these tests'
	@tools/need unshare 'install util-linux'
	cargo build --example scenario
	cargo build --features $(RUST_FEATURES) --example typed_values
	julia=$$(tools/find-julia) && JULIA=$$julia $(PYTHON) -m pytest -q -p no:cacheprovider tests/cross tests/abi tests/scenario \
		tests/tools benches/counts

# One part for each language, which need not have the tools of the others; pre-commit runs these too.
lint: lint-version lint-circles lint-bindings lint-rust lint-c lint-python

lint-version:
	@tools/check-version

# No files of Rust or Python import one another in a circle.
lint-circles:
	@tools/check-circles .

# What Python and Julia declare of the C interface is what the header says.
lint-bindings:
	@tools/generate-bindings --check

lint-rust:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo clippy --features $(RUST_FEATURES) --lib --test types_of_crates --example typed_values -- -D warnings
	cargo clippy --features memory-engine --lib --tests -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --features $(RUST_FEATURES) --no-deps --document-private-items

lint-c: $(VENV)/.ready
	$(VENV)/bin/clang-format --dry-run --Werror $(C_SOURCES)

lint-python: $(VENV)/.ready
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	cd bindings/python && ../../$(PYTHON) -m mypy
	cd bindings/python && ../../$(PYTHON) -m basedpyright --warnings --pythonpath ../../$(PYTHON)
	# What a user's type checker sees of the package has a type, all of it.
	cd bindings/python && PYTHONPATH=src ../../$(PYTHON) -m basedpyright --pythonpath ../../$(PYTHON) \
		--verifytypes persistent_collections --ignoreexternal >../../target/verifytypes \
		|| { cat ../../target/verifytypes; exit 1; }
	$(VENV)/bin/vermin --quiet --no-tips --eval-annotations --violations -t=3.9- bindings/python

# Quick forms: less than five minutes, once everything is built.
bench: build $(VENV)/.ready
	cargo bench --bench lmdb -- --quick
	cargo bench -p persistent-collections-peers --bench peers -- --quick
	cargo bench --bench iterate
	$(PYTHON) -m pip install -q --disable-pip-version-check -r tools/requirements-bench.txt
	$(PYTHON) bindings/python/bench/rows.py --quick
	$(PYTHON) bindings/python/bench/peers.py --quick
	@$(MAKE) --no-print-directory bench-julia BENCH_FLAGS=--quick
	$(PYTHON) bindings/python/bench/compare.py --check --rounds 3

# Everything, for docs/performance.md; on a machine that does nothing else.
bench-full: build $(VENV)/.ready
	cargo bench --bench lmdb
	cargo bench -p persistent-collections-peers --bench peers
	cargo bench --bench get
	cargo bench --bench many
	cargo bench --bench iterate
	$(PYTHON) -m pip install -q --disable-pip-version-check -r tools/requirements-bench.txt
	$(PYTHON) bindings/python/bench/compare.py
	$(PYTHON) bindings/python/bench/compare.py --check
	$(PYTHON) bindings/python/bench/rows.py
	$(PYTHON) bindings/python/bench/peers.py
	@$(MAKE) --no-print-directory bench-julia
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory bench-node; else echo 'bench-node is left out: no npm'; fi
	@[ "$$(id -u)" = 0 ] || echo 'bench-larger-than-memory is left out: it needs root'
	@[ "$$(id -u)" != 0 ] || $(MAKE) --no-print-directory bench-larger-than-memory
	@$(MAKE) --no-print-directory performance

# MIB of data, and a tenth of it as memory, which a cgroup limits: needs root, and twice the data as room on the disk.
MIB ?= 10240
bench-larger-than-memory: $(VENV)/.ready
	$(PYTHON) -m pip install -q --disable-pip-version-check -r tools/requirements-bench.txt
	PC_BENCH_PYTHON=$(CURDIR)/$(PYTHON) cargo bench -p persistent-collections-peers --bench peers -- memory --mib $(MIB)

# npm's lmdb, for comparison; installed in target/node.
bench-node:
	@tools/need npm 'install Node.js 20 or newer'
	@mkdir -p target/node && cp benches/node/package.json target/node/ && cd target/node && npm install --silent
	node benches/node/peers.mjs $(BENCH_FLAGS)

# What target/bench has, into docs/performance.md.
performance:
	tools/performance

# The Julia package compared with plain calls of the library's own LMDB, which is linked again with exported names, and with
# Julia's Serialization: five minutes, or one with BENCH_FLAGS=--quick. BENCH_FLAGS=--check fails if a bound is broken.
bench-julia: build
	@mkdir -p target/bench
	@archives=$$(ls -t target/release/build/lmdb-master-sys-*/out/liblmdb.a) && $(CC) -shared -o target/bench/liblmdb.so \
		-Wl,--whole-archive $$(echo "$$archives" | head -n 1) -Wl,--no-whole-archive -pthread
	@julia=$$(tools/find-julia) && LMDB_LIBRARY=$(CURDIR)/target/bench/liblmdb.so $$julia --startup-file=no --project=$(JULIA_PROJECT) \
		$(JULIA_PROJECT)/bench/run.jl $(BENCH_FLAGS)

# A few seconds: whether the Python package keeps up with LMDB's own binding.
check-speed-python: build $(VENV)/.ready
	$(PYTHON) bindings/python/bench/compare.py --check --rounds 3

# A minute or two: the instructions of the hot calls, which repeat where times do not, beside those recorded.
# AGAINST=COMMIT builds that commit and measures it too, instead of reading the record.
check-counts bench-baseline: build $(VENV)/.ready
	@tools/need valgrind 'install valgrind'
	@julia=$$(tools/find-julia) && JULIA=$$julia $(PYTHON) benches/counts/counts.py \
		$(if $(filter check-counts,$@),check $(if $(AGAINST),--against $(AGAINST)),record)

# Whether the oldest Rust that is promised compiles it.
check-rust-version:
	@tools/check-rust-version

abi: $(VENV)/.ready
	$(PYTHON) tests/abi/record.py

header:
	PC_BLESS=1 cargo test --test header
	@$(MAKE) --no-print-directory generate-bindings

generate-bindings:
	tools/generate-bindings

# Some minutes of what `make test` does for seconds.
torture:
	PC_TORTURE_ROUNDS=500 cargo test --test torture -- --nocapture

# Every bit of structure of the base files, where `make test` tries a thousand.
test-damage:
	PC_DAMAGE=all cargo test --test damage -- --nocapture

valgrind: build
	@tools/need valgrind 'install valgrind'
	@tests/c/run target/release target/c-valgrind valgrind -q --error-exitcode=99 --leak-check=full \
		--errors-for-leak-kinds=definite,indirect
	# The C++ tests have an operator new of their own, which stays.
	@CXX=g++ CPP_STANDARDS=17 tests/cpp/run target/release target/cpp valgrind -q --error-exitcode=99 \
		--leak-check=full --errors-for-leak-kinds=definite,indirect --soname-synonyms=somalloc=nouserintercepts

# The C and C++ tests under gcc's sanitizers, which are proved to be linked: memory and undefined behaviour, then threads.
test-sanitizers: build
	@CFLAGS='-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer' \
		tests/c/run target/release target/c-asan
	@for symbol in __asan_init __ubsan_handle; do \
		nm target/c-asan/dict | grep -q $$symbol || { echo "$$symbol is not linked"; exit 1; }; done
	@CXX=g++ CPP_STANDARDS=20 \
		CXXFLAGS='-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer' \
		tests/cpp/run target/release target/cpp-asan
	@for symbol in __asan_init __ubsan_handle; do \
		nm target/cpp-asan/g++-20/tests | grep -q $$symbol || { echo "$$symbol is not linked"; exit 1; }; done
	@TSAN_OPTIONS="suppressions=$(CURDIR)/tests/c/tsan.supp" CFLAGS=-fsanitize=thread \
		tests/c/run target/release target/c-tsan
	@nm target/c-tsan/threads | grep -q __tsan_init || { echo 'the thread sanitizer is not linked'; exit 1; }

# The Rust tests, with the library and LMDB under clang's address sanitizer. rustc takes the flag for a nightly one.
test-address:
	@tools/need clang 'install clang'
	RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address CC=clang CFLAGS='-fsanitize=address -fno-omit-frame-pointer' \
		ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 \
		cargo test --lib --tests --target-dir target/address --target "$$(rustc -vV | sed -n 's/^host: //p')"

# Puts what is built in place; only what is missing is built, so that root need not have the compilers.
PREFIX ?= /usr/local
install install-strip: $(LIBRARY)
	@PREFIX="$(PREFIX)" DESTDIR="$(DESTDIR)" LIBDIR="$(LIBDIR)" INCLUDEDIR="$(INCLUDEDIR)" DOCDIR="$(DOCDIR)" \
		packaging/c/install install $(if $(filter install-strip,$@),--strip)

uninstall:
	@PREFIX="$(PREFIX)" DESTDIR="$(DESTDIR)" LIBDIR="$(LIBDIR)" INCLUDEDIR="$(INCLUDEDIR)" DOCDIR="$(DOCDIR)" \
		packaging/c/install uninstall

$(LIBRARY):
	@$(MAKE) build

# The C and C++ interface as web pages. A name that is not there, a parameter without words: Doxygen fails.
manual:
	@tools/need doxygen 'install doxygen'
	@mkdir -p target/manual/c
	@VERSION=$$(sed -n 's/^version = "\(.*\)"$$/\1/p' Cargo.toml | head -n 1) && export VERSION \
		&& INPUT=include/persistent_collections.h EACH_PARAMETER=YES OUTPUT=target/manual/c doxygen docs/manual/Doxyfile \
		&& INPUT=include EACH_PARAMETER=NO OUTPUT=target/manual doxygen docs/manual/Doxyfile
	@echo target/manual/html/index.html

# Breaks the code in many small ways, and reports what no test notices. MUTANTS: further arguments of cargo-mutants;
# MUTANTS_FILES, MUTANTS_TESTS, MUTANTS_PYTEST: see tools/mutants. An hour and more; no part of what a change must pass.
mutants: $(VENV)/.ready
	@MUTANTS_FILES="$(MUTANTS_FILES)" MUTANTS_TESTS="$(MUTANTS_TESTS)" MUTANTS_PYTEST="$(MUTANTS_PYTEST)" \
		tools/mutants $(MUTANTS)

# How many lines of Rust, Python and Julia their own tests run; with COVERAGE_FLAGS=--check, fails below a floor.
# COVERAGE_FLAGS=python measures one language.
coverage: build $(VENV)/.ready
	@tools/need cargo-llvm-cov 'rustup component add llvm-tools && cargo install cargo-llvm-cov --locked'
	$(PYTHON) -m pip install -q --disable-pip-version-check -r tools/requirements-coverage.txt
	$(PYTHON) tools/coverage $(COVERAGE_FLAGS)

clean:
	rm -rf target
