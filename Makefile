# The commands of this repository. Only Go must be installed; scripts/setup.sh installs the rest or says what to install.

# An almost empty environment lacks Go's folder in PATH and a home directory for Go's caches.
export PATH := $(or $(PATH),/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin):/usr/local/go/bin
ifeq ($(HOME),)
  export HOME := $(shell home=$$(eval echo "~$$(id -un 2>/dev/null)"); [ -w "$$home" ] && echo "$$home" || echo "$(CURDIR)/.cache")
endif

# git refuses to show the commit in a checkout of another user, and go build would then fail. All is built without paths and without
# cgo, as the program is, apart from what the race detector watches: what the program, its tests and the tools share is compiled once.
GOFLAGS += -buildvcs=false -trimpath
export GOFLAGS
export CGO_ENABLED ?= 0
VCS = $(shell git rev-parse HEAD >/dev/null 2>&1 && echo true || echo false)

comma := ,

TOOL = go tool -modfile=tools/go.mod

# Every package that uses Postgres starts its own: more than two at once starve each other on a small machine. make lint vets the code,
# and what debuggers read takes half of the time of linking.
TEST_FLAGS ?= -p 2 -timeout 10m -vet=off -ldflags=-s

# The race detector, where it can be built; it needs cgo. It would sleep for a second at the end of each test binary.
export GORACE ?= atexit_sleep_ms=0
WITH_RACE = race=$$(scripts/setup.sh race); [ -z "$$race" ] || export CGO_ENABLED=1; set -x

# Packages whose tests run without the race detector, which costs them two to ten times the time: those that test millrace as
# processes (what runs in these is tested with it by the other packages, and by internal/ledger, which starts processes, too), and
# arithmetic and a codec, in which goroutines share nothing. matrix/tile uses both with it. So do the tools: compiling the types of
# Kubernetes for it would take longer than their tests.
WITHOUT_RACE = /millrace/(cli|internal/(browsertest|bench|failover)|matrix/blas|matrix/blas/internal/gemm|matrix/jsonrows)$$
# Tests of package handlers that send large matrices, one request at a time, and run without it, too.
LARGE = ^(TestNumPy|TestStreamedJSON|TestMemoryOfJSON|TestBrokenJSON|TestLargestAsJSON|TestNotFiniteAsJSON|TestBadNPY|TestUploadNPY|TestDigestOfLargeResult|TestDigestOfContent)$$

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: setup-demo build ## Multiply two matrices on a private Millrace and check the result (N=10000 for larger ones)
	@bin/millrace demo $(if $(N),--size $(N)) $(ARGS)

.PHONY: dev
dev: setup-demo build ## Run everything on this machine, data in .millrace/ (ARGS='--addr :8080')
	@bin/millrace dev $(ARGS)

.PHONY: burst
burst: build ## Submit 1,000 multiplications in a minute to a running system (SERVER=http://127.0.0.1:8080 SIZE=256 ARGS='--plot burst.svg')
	@bin/millrace load $(if $(SERVER),--server $(SERVER)) --rate 16.67 --count 1000 --size $(or $(SIZE),256) $(ARGS)

.PHONY: build
build: need-go ## Build bin/millrace
	@CGO_ENABLED=0 go build -buildvcs=$(VCS) -o bin/millrace .

.PHONY: test
test: test-millrace test-newer-postgres test-tools test-python ## Run all tests

.PHONY: test-millrace
test-millrace: setup-test
	@$(WITH_RACE); failed=; go test $$race $(TEST_FLAGS) -skip '$(LARGE)' $$(go list ./... | grep -vE '$(WITHOUT_RACE)') || failed=1; \
	  export CGO_ENABLED=0; go test $(TEST_FLAGS) $$(go list ./... | grep -E '$(WITHOUT_RACE)') || failed=1; \
	  go test $(TEST_FLAGS) -run '$(LARGE)' ./handlers || failed=1; [ -z "$$failed" ]

# What depends on the version of Postgres, and is quick: plans, locks, indexes, migrations, notifications, the life of a job.
NEWER = ^Test(ConcurrentIndex|Plans.*|Indexes|StatementsFollow.*|OpenBundles.*|Expansion.*|PlaceInLine|EndedSessions|LostFetch|KilledWorker|WorkersAreWoken|Inline)$$
ON_POSTGRES = bin=$$(scripts/setup.sh postgres $(1)) || exit 1; [ -n "$$bin" ] || exit 0; \
  export PATH=$$bin:$$PATH MILLRACE_TEST_POSTGRES_MAJOR=$(1); set -x; go test $(TEST_FLAGS)

# A part of test-postgres that takes seconds, so that a newer Postgres is tried whenever the tests run.
.PHONY: test-newer-postgres
test-newer-postgres: setup-test
	@$(call ON_POSTGRES,18) -run '$(NEWER)' ./migrations ./store ./jobs ./jobs/queue

.PHONY: test-postgres
test-postgres: setup-test ## Run the tests of the schema, the store and the queue on another Postgres, which npm installs (VERSION=18, 17 or 16)
	@$(call ON_POSTGRES,$(or $(VERSION),18)) ./migrations/... ./store/... ./jobs/...

# -count=1: go test does not notice changes of files outside of the module, such as manifests, and would show old results.
.PHONY: test-tools
test-tools: setup-test
	go -C tools test -count=1 $(TEST_FLAGS) ./...

.PHONY: test-python
test-python: setup-test build ## Run the tests of the Python package (TESTS=tests.test_matrix)
	@python=$$(scripts/setup.sh python) || exit 1; [ -n "$$python" ] || exit 0; set -x; cd python && \
	  MILLRACE_BINARY=$(CURDIR)/bin/millrace PYTHONDONTWRITEBYTECODE=1 "$$python" -m unittest $(or $(TESTS),discover -t . -s tests)

.PHONY: wheel
wheel: ## Build the wheel and the sdist of the Python package into python/dist/
	@python3 python/build_backend.py python/dist

# QEMU does not start programs that a program starts, as one of the tests does.
.PHONY: test-arm64
test-arm64: need-go ## Run the tests of the arithmetic for arm64 on QEMU (Debian: qemu-user-static, libc6-arm64-cross)
	GOARCH=arm64 CGO_ENABLED=0 go test -short -skip '^TestEnvironmentReachesLibraries$$' $(TEST_FLAGS) \
	  -exec 'qemu-aarch64-static -L /usr/aarch64-linux-gnu' ./matrix/...

.PHONY: bench
bench: setup-test ## Run the benchmarks (BENCH=pattern)
	go test -run '^$$' -bench '$(or $(BENCH),.)' -benchmem ./...

.PHONY: bench-system
bench-system: setup-test build ## Measure the whole service, into docs/performance.md (OTHER=bin/old for a second binary, ROWS=submit-32,disk)
	go test ./internal/bench -run '^TestSystem$$' -count=1 -timeout 2h -v -args -program=$(CURDIR)/bin/millrace \
	  -commit="$(shell git rev-parse --short HEAD 2>/dev/null || echo unknown)" -results=$(CURDIR)/docs/performance.json \
	  -docs=$(CURDIR)/docs $(if $(OTHER),-other=$(abspath $(OTHER))) $(if $(BESIDE),-beside=$(abspath $(BESIDE))) \
	  $(if $(ROWS),-rows=$(ROWS)) $(ARGS)

.PHONY: bench-numpy
bench-numpy: setup-test build ## Compare large multiplications with NumPy (PYTHON=python3, SIDE=10000, OTHER=bin/old, ROWS=files-file)
	go test ./internal/bench -run '^TestNumPy$$' -count=1 -timeout 2h -v -args -program=$(CURDIR)/bin/millrace \
	  -numpy=$(or $(PYTHON),python3) -side=$(or $(SIDE),10000) \
	  $(if $(OTHER),-other=$(abspath $(OTHER))) $(if $(ROWS),-rows=$(ROWS)) $(ARGS)

.PHONY: ledger
ledger: setup-test ## Keep books while Postgres and the workers are killed, frozen and cut off: about six minutes
	MILLRACE_LEDGER=whole go test -p 1 -count=1 -timeout 30m -v -run '^(TestLedger|TestSilentDatabase|TestSilentBehindPooler)$$' \
	  ./internal/ledger ./cli ./internal/failover

.PHONY: chaos
chaos: setup-test ## Faults of all kinds in an order that SEED=1 decides, for DURATION=3m, under a mixed load, and the ledger of it
	go test ./internal/ledger -count=1 -timeout 60m -v -run '^TestChaos$$' -args -seed=$(or $(SEED),1) -chaos=$(or $(DURATION),3m)

.PHONY: soak
soak: setup-test ## Look for what grows under a steady load, for DURATION=20m; curves in docs/images
	go test ./internal/ledger -count=1 -timeout 300m -v -run '^TestSoak$$' -args -soak=$(or $(DURATION),20m) -docs=$(CURDIR)/docs/images

.PHONY: upgrade
upgrade: setup-test ## Build the version before and upgrade from it, and go back, under a mixed load
	go test ./internal/ledger -count=1 -timeout 30m -v -run '^TestUpgrade$$' -args -upgrade

.PHONY: fuzz
fuzz: setup-test ## Run each fuzz test for FUZZTIME=1000000x, so many inputs (FUZZ=pattern)
	@for file in $$(grep -rl --include='*_test.go' '^func Fuzz' .); do \
	  for name in $$(sed -n 's/^func \(Fuzz[A-Za-z]*\).*/\1/p' $$file | grep -E '$(or $(FUZZ),.)'); do \
	    go test -run '^$$' -fuzz "^$$name\$$" -fuzzminimizetime 2s -fuzztime $(or $(FUZZTIME),1000000x) $$(dirname $$file) || exit 1; \
	  done; done

# What decides about the work, what computes it, and what lets requests in.
MUTATE = matrix/tile identity identity/oidc handlers/auth server store/keys store/tenants jobs store

# Whose tests get what those of its own package do not notice.
FURTHER = jobs,handlers,cli

.PHONY: mutate
mutate: setup-test ## Change the code in N=200 places of each package, and look for changes that no test notices (PACKAGES=matrix/tile SEED=1 SKIP=0)
	go -C tools run ./mutate -n $(or $(N),200) -seed $(or $(SEED),1) -skip $(or $(SKIP),0) -match '$(MATCH)' \
	  -further '$(FURTHER)' .. $(or $(PACKAGES),$(MUTATE))

.PHONY: screenshots
screenshots: setup-test ## Take the pictures in docs/images again
	@mkdir -p docs/images
	go test ./internal/browsertest -count=1 -run '^TestScreenshots$$' -v -args -screenshots=$(CURDIR)/docs/images

.PHONY: simulate
simulate: need-go ## Replay requests against the workers' HPA: plots and tables in docs/
	go -C tools run ./scaling/simulate

.PHONY: lint
lint: need-go ## Check the code with golangci-lint, and the description of the API
	@for script in scripts/*.sh; do sh -n "$$script" || exit 1; done
	go -C tools run ./houselint ..
	$(TOOL) golangci-lint run ./...
	go -C tools tool golangci-lint run ./...
	go -C tools run ./openapi-lint ../openapi/lint.yaml <openapi/openapi.yaml
	@if command -v mypy >/dev/null; then set -x; cd python && mypy --cache-dir ../.cache/mypy millrace; fi

.PHONY: fmt
fmt: need-go ## Format the code
	$(TOOL) golangci-lint fmt ./...

# The program prints the description of the API, and the client is generated from the description.
GENERATE_CLIENT = $(TOOL) oapi-codegen -config client/generate.yaml

# The alert rules as an object of the Prometheus Operator, on standard output.
GENERATE_OPERATOR_RULES = go -C tools run ./operatorrules <kustomize/components/prometheus/rules.yaml

# The assembly of package matrix.
GENERATE_KERNELS = go -C tools run ./gemmgen

.PHONY: generate
generate: need-go ## Regenerate the generated files
	$(TOOL) sqlc generate
	@mkdir -p bin
	cp handlers/problem/docs.md docs/problems.md
	go run openapi/generate.go >bin/openapi.yaml && mv bin/openapi.yaml openapi/openapi.yaml
	$(GENERATE_CLIENT) -o client/client.gen.go openapi/openapi.yaml
	$(GENERATE_OPERATOR_RULES) >bin/rules.yaml && mv bin/rules.yaml kustomize/components/prometheus-operator/rules.yaml
	$(GENERATE_KERNELS) ../matrix

.PHONY: check-generate
check-generate: need-go ## Check that the generated files are current
	$(TOOL) sqlc diff
	go run . openapi | diff -u openapi/openapi.yaml - || { echo "openapi/openapi.yaml is stale: make generate" >&2; exit 1; }
	$(GENERATE_CLIENT) openapi/openapi.yaml | diff -u client/client.gen.go - || { echo "client/ is stale: make generate" >&2; exit 1; }
	$(GENERATE_OPERATOR_RULES) | diff -u kustomize/components/prometheus-operator/rules.yaml - || \
	  { echo "kustomize/components/prometheus-operator/rules.yaml is stale: make generate" >&2; exit 1; }
	$(GENERATE_KERNELS) -check ../matrix

# A change that is meant to break clients is named in openapi/breaks.txt, and described in the changelog.
.PHONY: check-api
check-api: need-go ## Compare the description of the API with that of the last release, and name what breaks clients
	go -C tools/apidiff tool oasdiff breaking --fail-on WARN --err-ignore ../../openapi/breaks.txt --warn-ignore ../../openapi/breaks.txt \
	  ../../openapi/released.yaml ../../openapi/openapi.yaml

.PHONY: check-rules
check-rules: ## Check and test the alert rules, and check the dashboard
	@promtool=$$(scripts/setup.sh promtool) || exit 1; [ -n "$$promtool" ] || exit 0; \
	  (cd kustomize/components/prometheus && "$$promtool" check rules rules.yaml && "$$promtool" test rules rules_test.yaml) && \
	  PROMTOOL=$$promtool go test ./cli -run TestDashboardExpressions

.PHONY: check-manifests
check-manifests: need-go ## Build kustomize/ in many combinations and check it against the schemas of Kubernetes
	@scripts/check-manifests.sh

.PHONY: check
check: lint check-generate check-api check-rules check-manifests test ## Run all checks of CI

BUILD_IMAGE = --build-arg VERSION="$$(bin/millrace version | cut -d ' ' -f 2)" \
  --build-arg REVISION="$$(git rev-parse HEAD 2>/dev/null)"

# Without attestations, which some versions of kind cannot load.
.PHONY: image
image: build ## Build the container image millrace:local (TAG=version, ARGS='--platform linux/arm64')
	BUILDX_NO_DEFAULT_ATTESTATIONS=1 docker build $(BUILD_IMAGE) -t millrace:$(or $(TAG),local) $(ARGS) .

.PHONY: push
push: build ## Build the image for amd64 and arm64 and push it, with an SBOM and provenance (IMAGE=your/millrace TAG=v0.1.0)
	@[ -n "$(IMAGE)" ] && [ -n "$(TAG)" ] || { echo "make push IMAGE=your/millrace TAG=v0.1.0" >&2; exit 1; }
	docker buildx build $(BUILD_IMAGE) --platform $(or $(PLATFORM),linux/amd64$(comma)linux/arm64) --sbom=true --provenance=mode=max \
	  -t $(IMAGE):$(TAG) --push $(ARGS) .

.PHONY: release
release: need-go ## Build what is published, into bin/release/: binaries, wheel, image, checksums (VERSION=v0.1.0 PLATFORMS=linux/amd64)
	@VERSION=$(VERSION) PLATFORMS="$(PLATFORMS)" OUT=$(OUT) scripts/release.sh

.PHONY: clean
clean: ## Delete build outputs (not the data in .millrace/)
	rm -rf bin python/dist

.PHONY: need-go
need-go:
	@command -v go >/dev/null || { echo "Millrace is built with Go 1.26 or newer: https://go.dev/dl/" >&2; exit 1; }

.PHONY: setup-demo setup-test
setup-demo setup-test: setup-%: need-go
	@scripts/setup.sh $*
