# make run     see a server restart under load with nothing lost (needs Go alone)
# make test    install what the tests need, and run them all
# make bench   measure start-up
# make lint    vet, staticcheck, gofumpt

TOOLS := $(CURDIR)/.tools
export PATH := $(TOOLS):$(TOOLS)/npm/node_modules/.bin:$(PATH)

# Debian packages whose programs and libraries the tests run; on other systems what is missing is skipped.
DEBIAN := bash busybox coreutils dash direnv entr fish gcc gunicorn ksh libc6-dev libsystemd-dev make mksh nginx-light \
	procps python3-systemd systemd tcsh tmux util-linux yash zsh

NPM := nodemon@3.1.14 nushell@0.115.1 tree-sitter-powershell@0.26.4 web-tree-sitter@0.27.1

GO_TOOLS := \
	github.com/cespare/reflex@v0.3.1 \
	honnef.co/go/tools/cmd/staticcheck@v0.8.2 \
	mvdan.cc/gofumpt@v0.12.0

ROOT := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
RACE := $(shell command -v cc >/dev/null && echo -race)

.PHONY: run test test-deps bench lint

run:
	go run ./examples/restart

test: test-deps lint
	go test $(RACE) ./...

test-deps:
	@if command -v apt-get >/dev/null; then \
		wanted="$(DEBIAN) $$(command -v npm >/dev/null || echo nodejs npm)"; \
		missing=$$(for p in $$wanted; do dpkg -s $$p >/dev/null 2>&1 || echo $$p; done); \
		[ -z "$$missing" ] || { $(ROOT) apt-get update -q && $(ROOT) env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $$missing; }; \
	fi
	@if command -v npm >/dev/null; then npm install --prefix $(TOOLS)/npm --no-save --no-audit --no-fund --ignore-scripts --loglevel=error $(NPM); fi
	@for tool in $(GO_TOOLS); do GOBIN=$(TOOLS) go install $$tool || exit 1; done

lint:
	for os in linux darwin freebsd windows; do GOOS=$$os go vet ./... || exit 1; done
	staticcheck ./...
	test -z "$$(gofumpt -l . | tee /dev/stderr)"

bench:
	go test -run '^$$' -bench . -benchtime 300x ./cmd/systemfd
