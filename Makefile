# SAM calls the build-<LogicalId> targets with ARTIFACTS_DIR set; `meterbridge local` calls them with GOOS and GOARCH of this
# machine on make's command line. Everything is compiled with CGO_ENABLED=0 and -trimpath, so that tests, command and functions
# share the build cache.
#
# Builds do not depend on variables that the shell exports, on the owner of the checkout, or on a
# go.work file above it.
unexport GOOS GOARCH GOARM64 GOEXPERIMENT
export GO111MODULE := on
export GOWORK      := off
export GOFLAGS     := $(GOFLAGS) -buildvcs=false

# The functions run on arm64, even if the shell exports another GOOS or GOARCH.
typed      = $(if $(findstring command,$(origin $(1))),$($(1)),$(2))
bootstrap  = GOOS=$(call typed,GOOS,linux) GOARCH=$(call typed,GOARCH,arm64) GOARM64=v8.0 GOFLAGS=-buildvcs=false CGO_ENABLED=0 \
	go build -trimpath -tags lambda.norpc -ldflags='-s -w' -o "$$ARTIFACTS_DIR/bootstrap" ./$(1)
meterbridge = GOFLAGS=-buildvcs=false CGO_ENABLED=0 go build -trimpath -o bin/meterbridge ./cmd/meterbridge
STATICCHECK = go tool -modfile=tools/go.mod staticcheck

# Exported as typed; otherwise make would expand a $ in them.
ENVIRONMENT ?= default
override ENVIRONMENT := $(value ENVIRONMENT)
override PARAMETERS := $(value PARAMETERS)
override EVENTS := $(value EVENTS)
override SEED := $(value SEED)
override MUTANT := $(value MUTANT)
export ENVIRONMENT PARAMETERS EVENTS SEED MUTANT

.PHONY: help run test soak simulate verify verify-stripe tools lint bench fuzz deploy clean
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Run the whole stack on this machine and send sample events through it (RUN='--once' or other flags)
	@test -x bin/meterbridge || echo "Building meterbridge. The first build takes a minute or two."
	@$(meterbridge) && exec bin/meterbridge local $(RUN)

# The longest come first. One of them runs beside the others, because the soaks wait for more than a
# minute and need little of the machine. GOGC spends memory on time.
LONGEST = ./internal/emulator/soak ./cmd/meterbridge ./internal/simulate ./internal/guarantees ./internal/emulator/aws/lambda
test: ## Run every test that needs only Go
	GOGC=400 CGO_ENABLED=0 go test -trimpath -timeout 30m -p $$(($$(getconf _NPROCESSORS_ONLN) + 1)) $(LONGEST) ./...

soak: ## Send thousands of events through the stack with every fault (SOAK=3000 SEED=1)
	@$(meterbridge) && exec bin/meterbridge local --soak $(or $(SOAK),3000) --faults all --seed "$${SEED:-1}"

simulate: ## Look for broken promises in a simulated world (EVENTS=20000 SEED=1, SEED=1-1000, MUTANT=a bug to build in, or help)
	@CGO_ENABLED=0 go run -trimpath ./internal/simulate/run -events "$${EVENTS:-20000}" -seed "$${SEED:-1}" -mutant "$$MUTANT"

verify: ## Check against the SAM CLI, MiniStack, moto, event-ruler, Stripe's SDKs and others
	@.ci/verify

verify-stripe: ## Check only against Stripe's SDKs and stripe-mock
	@verify/stripe/run

tools: ## Install the tools for make verify into a cache folder
	@.ci/tools

lint: ## Run gofmt, go vet, staticcheck, and cfn-lint if it is installed
	@test -z "$$(gofmt -l .)" || { echo "not gofmt-ed:"; gofmt -l .; exit 1; }
	go mod tidy -diff
	go vet ./...
	@for module in bench verify/stripe verify/aws; do (cd ./$$module && go vet ./...) || exit 1; done
	$(STATICCHECK) ./...
	@if command -v cfn-lint >/dev/null; then cfn-lint template.yaml; else echo "lint: cfn-lint is not installed (pip install cfn-lint): template.yaml was not linted"; fi

bench: ## Run the benchmarks, and those of stripe-go and a hand-written function for comparison
	go test -run '^$$' -bench . -benchmem ./...
	cd bench && go test -run '^$$' -bench . -benchmem ./...

fuzz: ## Run every fuzz target for 30 s (FUZZTIME=2m for longer)
	@.ci/fuzz

deploy: ## Build and deploy to AWS with SAM (ENVIRONMENT=staging, PARAMETERS='LogLevel=DEBUG', DEPLOY='flags of sam deploy')
	@GOFLAGS=-buildvcs=false CGO_ENABLED=0 go run -trimpath ./cmd/deploy $(DEPLOY)

clean: ## Remove build output
	rm -rf .aws-sam .meterbridge bin

.PHONY: build-WebhookFunction build-FetcherFunction build-ReconcilerFunction build-MeterAlertsFunction
build-WebhookFunction:     ; $(call bootstrap,functions/webhook/bootstrap)
build-FetcherFunction:     ; $(call bootstrap,functions/fetcher/bootstrap)
build-ReconcilerFunction:  ; $(call bootstrap,functions/reconciler/bootstrap)
build-MeterAlertsFunction: ; $(call bootstrap,examples/meter-alerts)
