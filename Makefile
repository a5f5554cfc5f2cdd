# make run     see a server restart under load with nothing lost (needs only Go); make pictures draws that
# make test    install what the tests need, and run them all
# make bench   measure start-up
# make cover   how much of each package the tests reach
# make lint    vet, staticcheck, gofumpt

TOOLS := $(CURDIR)/.tools
export PATH := $(TOOLS):$(TOOLS)/npm/node_modules/.bin:$(PATH)

# Debian packages whose programs and libraries the tests run; on other systems what is missing is skipped.
DEBIAN := bash bash-completion bubblewrap busybox coreutils curl dash dbus-bin dbus-daemon dbus-session-bus-common direnv \
	dumb-init elixir elvish entr expect findutils fish gcc gdb git gnupg groff-base gunicorn ksh libarchive-tools \
	libc6-dev libsystemd-dev lintian make man-db mandoc mksh mount nginx-light ninja-build nix-bin openssh-client \
	openssh-server parallel php-cli php-fpm procps python3 python3-django python3-dotenv python3-flask python3-systemd \
	python3-twisted python3-watchdog rpm rubocop ruby ruby-foreman ruby-minitest ruby-webrick screen strace sudo systemd \
	tcsh time tini tmux util-linux xonsh yash zsh

# Debian packages of which only the .socket units are wanted; they are unpacked, not installed.
UNITS := acpid avahi-daemon clamav-daemon cloud-init cockpit-ws cups-daemon dbus-user-session dirmngr dmeventd docker.io \
	dovecot-core erlang-base gpg-agent gpsd libvirt-daemon-system mpd multipath-tools open-iscsi openssh-server pcscd pipewire \
	pipewire-pulse podman pulseaudio rpcbind sane-utils snapd spice-vdagent sssd-common systemd systemd-journal-remote udev uuid-runtime

NPM := chokidar-cli@3.0.0 concurrently@9.2.5 nodemon@3.1.14 nushell@0.115.1 pnpm@12.21.0 tree-sitter-powershell@0.26.4 \
	tsx@4.23.15 vite@6.4.6 web-tree-sitter@0.27.1 ws@8.23.0 yarn@1.22.22

GO_TOOLS := \
	github.com/air-verse/air@v1.67.4 \
	github.com/cespare/reflex@v0.3.1 \
	github.com/goreleaser/goreleaser/v2@v2.16.0 \
	github.com/rhysd/actionlint/cmd/actionlint@v1.7.12 \
	honnef.co/go/tools/cmd/staticcheck@v0.8.2 \
	mvdan.cc/gofumpt@v0.12.0

ROOT := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
RACE := $(shell command -v cc >/dev/null && echo -race)

.PHONY: run pictures test test-deps units bench cover lint

run:
	go run ./examples/restart

# The pictures of the pages; on a quiet machine.
pictures:
	docs/pictures.sh
	go run ./examples/restart >docs/restart.txt
	go run ./docs/picture <docs/restart.txt >docs/restart.svg

test: test-deps lint
	go test -count=1 -timeout 15m $(RACE) ./...

test-deps:
	@if command -v apt-get >/dev/null; then \
		wanted="$(DEBIAN) $$(command -v npm >/dev/null || echo nodejs npm) $$(command -v javac >/dev/null || echo default-jdk-headless) $$(command -v cargo >/dev/null || echo cargo)"; \
		missing=$$(for p in $$wanted; do dpkg -s $$p >/dev/null 2>&1 || echo $$p; done); \
		[ -z "$$missing" ] || { $(ROOT) apt-get update -q && $(ROOT) env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $$missing; }; \
	fi
	@if command -v apt-get >/dev/null; then $(MAKE) units; fi
	@if command -v npm >/dev/null; then npm install --prefix $(TOOLS)/npm --no-save --no-audit --no-fund --ignore-scripts --loglevel=error $(NPM); fi
	@echo "$(GO_TOOLS)" | cmp -s - $(TOOLS)/go.list || { \
		for tool in $(GO_TOOLS); do GOBIN=$(TOOLS) go install $$tool || exit 1; done; \
		echo "$(GO_TOOLS)" >$(TOOLS)/go.list; }

units:
	@mkdir -p $(TOOLS)/units && cd $(TOOLS)/units && for p in $(UNITS); do \
		[ -d $$p ] && continue; \
		rm -rf .part && mkdir .part && (cd .part && apt-get download -qq -o APT::Sandbox::User=root $$p && \
			dpkg-deb --fsys-tarfile *.deb | tar -x --wildcards '*.socket' && rm *.deb) && mv .part $$p || exit 1; \
	done

lint:
	for os in linux darwin freebsd windows; do GOOS=$$os go vet ./... || exit 1; done
	staticcheck ./...
	test -z "$$(gofumpt -l . | tee /dev/stderr)"

# The end-to-end tests count, too: the program is built to write its counters before exec. Tests that compare whole
# environments fail below it.
cover: test-deps
	rm -rf $(TOOLS)/cover && mkdir -p $(TOOLS)/cover
	-GOCOVERDIR=$(TOOLS)/cover go test -count=1 ./cmd/systemfd
	go test -count=1 -cover -covermode=atomic ./internal/... -args -test.gocoverdir=$(TOOLS)/cover
	go tool covdata percent -i=$(TOOLS)/cover | grep -v testkit

bench:
	go test -run '^$$' -bench . -benchtime 300x ./cmd/systemfd
