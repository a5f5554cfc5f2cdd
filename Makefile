# make run     see a server restart under load with nothing lost (needs only Go); make pictures draws that
# make test    install what the tests need, lint, and run them all
# make test-long  fuzz for minutes, soak, and meet every limit: half an hour
# make deps    only install what the tests need
# make bench   measure beside other programs, and write docs/performance.md
# make cover   how much of each package the tests reach
# make lint    look over everything that a program can look over: code, scripts, documents, packages

TOOLS := $(CURDIR)/.tools
export PATH := $(TOOLS):$(TOOLS)/npm/node_modules/.bin:$(PATH)

# Debian packages whose programs and libraries the tests run; on other systems what is missing is skipped.
DEBIAN := bash bash-completion bubblewrap busybox codespell coreutils curl dash dbus-bin dbus-daemon dbus-session-bus-common direnv \
	dumb-init elixir elvish entr expect findutils fish gcc gdb git gnupg groff-base gunicorn ksh libarchive-tools \
	libc6-dev libsystemd-dev lintian lsof make man-db mandoc mksh mount nginx-light ninja-build nix-bin openssh-client \
	openssh-server parallel php-cli php-fpm procps python3 python3-django python3-dotenv python3-flask python3-systemd \
	python3-twisted python3-watchdog qemu-user-static rpm rubocop ruby ruby-foreman ruby-minitest ruby-webrick screen shellcheck strace sudo systemd \
	tcsh time tini tmux util-linux xonsh yash zsh

# The program for Windows runs in Wine; for a library that Go programs need there, Wine of Debian 12 needs a compiler.
DEBIAN += gcc-mingw-w64-x86-64-win32 wine wine64

# Debian packages of which only the .socket units are wanted; they are unpacked, not installed.
UNITS := acpid avahi-daemon clamav-daemon cloud-init cockpit-ws cups-daemon dbus-user-session dirmngr dmeventd docker.io \
	dovecot-core erlang-base gpg-agent gpsd libvirt-daemon-system mpd multipath-tools open-iscsi openssh-server pcscd pipewire \
	pipewire-pulse podman pulseaudio rpcbind sane-utils snapd spice-vdagent sssd-common systemd systemd-journal-remote udev uuid-runtime

NPM := chokidar-cli@3.0.0 concurrently@9.2.5 nodemon@3.1.14 nushell@0.115.1 pnpm@12.21.0 remark-cli@12.0.1 \
	remark-validate-links@13.1.0 tree-sitter-powershell@0.26.4 tsx@4.23.15 vite@6.4.6 web-tree-sitter@0.27.1 ws@8.23.0 yarn@1.22.22

# What a release is made with.
RELEASE_TOOLS := \
	github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0 \
	github.com/goreleaser/goreleaser/v2@v2.16.0

GO_TOOLS := $(RELEASE_TOOLS) \
	github.com/air-verse/air@v1.67.4 \
	github.com/cespare/reflex@v0.3.1 \
	github.com/rhysd/actionlint/cmd/actionlint@v1.7.12 \
	honnef.co/go/tools/cmd/staticcheck@v0.8.2 \
	mvdan.cc/gofumpt@v0.12.0

# Each system that a page names, and 32 bits.
VETTED := linux/amd64 linux/386 darwin/arm64 freebsd/amd64 netbsd/amd64 openbsd/amd64 dragonfly/amd64 windows/amd64 windows/386 windows/arm64

# What differs on macOS and the BSDs; the tag bsd has Linux give the answers of their kernels. Of the scripts, some that need no more.
BSD := $(addprefix ./internal/,socket/... holder/... handoff/... lowfds/... accept/... child/... process/... takeover/...)
BSD_SCRIPTS := env|hold|inherited|kept|nested|next-port|only|paths|stop|users

ROOT := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
RACE := $(shell command -v cc >/dev/null && echo -race)

# The checksum of the program that makes the bills of materials is in them: it must not depend on where it was built.
INSTALL := GOBIN=$(TOOLS) GOFLAGS=-trimpath go install

# How long each fuzz target runs.
FUZZ := 5s

.PHONY: run pictures test test-long deps release-tools units fuzz soak arm64 bench charts cover lint

run:
	go run ./examples/restart

# The pictures of the pages; on a quiet machine.
pictures:
	docs/pictures.sh
	go run ./examples/restart >docs/restart.txt
	go run ./docs/picture <docs/restart.txt >docs/restart.svg

test: deps lint
	go test -count=1 -timeout 15m $(RACE) ./...
	go test -count=1 -tags bsd $(RACE) $(BSD)
	GOFLAGS=-tags=bsd go test -count=1 -run '^TestScript$$/^($(BSD_SCRIPTS))$$' ./cmd/systemfd
	$(MAKE) fuzz

test-long: deps
	$(MAKE) fuzz FUZZ=1m
	$(MAKE) soak arm64

# One after the other: go test -fuzz takes one target at a time.
fuzz:
	@start=$$(date +%s); targets=$$(go test $(RACE) -list '^Fuzz' ./internal/...) || { echo "$$targets"; exit 1; }; \
	echo "$$targets" | awk '/^Fuzz/ { names[n++] = $$1 } $$1 == "ok" { for (i = 0; i < n; i++) print $$2, names[i]; n = 0 }' | \
	while read -r package target; do \
		log=$$(go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZ) $$package </dev/null 2>&1) || { echo "$$log"; exit 1; }; \
		echo "$$package $$target: $$(echo "$$log" | grep '^fuzz: ' | tail -n 1 | sed 's/^fuzz: //')"; \
	done && echo "all fuzz targets: $$(($$(date +%s) - start)) s"

# The soak and every limit of open files, of which make test has a part.
soak:
	SYSTEMFD_TEST_LONG=10m go test -count=1 -timeout 30m -v -run '^TestSoak|^TestScript$$/^limits' ./cmd/systemfd

# The packages without system calls, for another processor.
arm64:
	@qemu=$$(command -v qemu-aarch64-static || command -v qemu-aarch64) || { echo "skipped: qemu-aarch64 is not installed"; exit 0; }; \
	GOARCH=arm64 CGO_ENABLED=0 go test -count=1 -exec $$qemu $$(sed -n 's|^. `\(internal/[^`]*\)` .*; pure .*|./\1|p' ARCHITECTURE.md)

deps:
	@if command -v apt-get >/dev/null; then \
		wanted="$(DEBIAN) $$(command -v npm >/dev/null || echo nodejs npm) $$(command -v javac >/dev/null || echo default-jdk-headless) $$(command -v cargo >/dev/null || echo cargo)"; \
		missing=$$(for p in $$wanted; do dpkg -s $$p >/dev/null 2>&1 || echo $$p; done); \
		[ -z "$$missing" ] || { $(ROOT) apt-get update -q && $(ROOT) env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $$missing; }; \
	fi
	@if command -v apt-get >/dev/null; then $(MAKE) units; fi
	@if command -v npm >/dev/null; then npm install --prefix $(TOOLS)/npm --no-save --no-audit --no-fund --ignore-scripts --loglevel=error $(NPM); fi
	@echo "$(GO_TOOLS)" | cmp -s - $(TOOLS)/go.list || { \
		for tool in $(GO_TOOLS); do $(INSTALL) $$tool || exit 1; done; \
		echo "$(GO_TOOLS)" >$(TOOLS)/go.list; }

release-tools:
	for tool in $(RELEASE_TOOLS); do $(INSTALL) $$tool || exit 1; done

units:
	@mkdir -p $(TOOLS)/units && cd $(TOOLS)/units && for p in $(UNITS); do \
		[ -d $$p ] && continue; \
		rm -rf .part && mkdir .part && (cd .part && apt-get download -qq -o APT::Sandbox::User=root $$p && \
			dpkg-deb --fsys-tarfile *.deb | tar -x --wildcards '*.socket' && rm *.deb) && mv .part $$p || exit 1; \
	done

lint:
	for target in $(VETTED); do GOOS=$${target%/*} GOARCH=$${target#*/} go vet ./... || exit 1; done
	go vet -tags bsd ./...
	GOOS=windows GOARCH=amd64 go vet ./cmd/systemfd/testdata/winprobe
	staticcheck ./...
	for arch in amd64 386 arm64; do GOOS=windows GOARCH=$$arch staticcheck ./cmd/... ./internal/... || exit 1; done
	test -z "$$(gofumpt -l . | tee /dev/stderr)"
	packaging/lint.sh

# The end-to-end tests count, too: the program is built to write its counters before exec. Tests that compare whole
# environments fail below it.
cover: deps
	rm -rf $(TOOLS)/cover && mkdir -p $(TOOLS)/cover
	-GOCOVERDIR=$(TOOLS)/cover go test -count=1 ./cmd/systemfd
	go test -count=1 -cover -covermode=atomic ./internal/... -args -test.gocoverdir=$(TOOLS)/cover
	go tool covdata percent -i=$(TOOLS)/cover | grep -v testkit

# Prints the table, and writes it into docs/performance.md, with its charts. SYSTEMFD_RS names a Rust systemfd to measure, too.
bench:
	go run ./cmd/systemfd/testdata/bench docs

charts:
	go run ./cmd/systemfd/testdata/bench -draw docs
