# SAM calls the build-<LogicalId> targets with ARTIFACTS_DIR set; `meterbridge local` calls them for this machine's architecture.
# Everything is compiled with CGO_ENABLED=0 and -trimpath, so that tests, command and functions share what is compiled.
GOOS   ?= linux
GOARCH ?= arm64

ENVIRONMENT ?= default
STATICCHECK  = go tool -modfile=tools/go.mod staticcheck
bootstrap    = GOOS=$(GOOS) GOARCH=$(GOARCH) CGO_ENABLED=0 go build -trimpath -tags lambda.norpc -ldflags='-s -w' -o $(ARTIFACTS_DIR)/bootstrap ./$(1)

.PHONY: help run test soak verify verify-stripe tools lint bench fuzz deploy clean
help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## The whole stack on this machine, with sample events sent through it (RUN='--once' and other flags)
	@test -x bin/meterbridge || echo "Building meterbridge. A first build downloads and compiles for a minute or two."
	@CGO_ENABLED=0 go build -trimpath -o bin/meterbridge ./cmd/meterbridge && exec bin/meterbridge local $(RUN)

test: ## Everything that needs only Go
	CGO_ENABLED=0 go test -trimpath ./...

soak: ## Thousands of events with every fault (SOAK=3000 SEED=1)
	@CGO_ENABLED=0 go build -trimpath -o bin/meterbridge ./cmd/meterbridge && exec bin/meterbridge local --soak $(or $(SOAK),3000) --faults all --seed $(or $(SEED),1)

verify: ## The same against real parts: SAM CLI, Runtime Interface Emulator, moto, event-ruler, Stripe's own SDKs
	@.ci/verify

verify-stripe: ## Only the checks against Stripe's SDKs and mock
	@verify/stripe/run

tools: ## Install what make verify needs into a cache folder
	@.ci/tools

lint: ## gofmt, go vet, staticcheck, and cfn-lint where it is installed
	@test -z "$$(gofmt -l .)" || { echo "not gofmt-ed:"; gofmt -l .; exit 1; }
	go mod tidy -diff
	go vet ./...
	@for module in bench verify/stripe verify/aws; do (cd $$module && go vet ./...) || exit 1; done
	$(STATICCHECK) ./...
	@if command -v cfn-lint >/dev/null; then cfn-lint template.yaml; else echo "lint: cfn-lint is not installed (pip install cfn-lint): template.yaml was not linted"; fi

bench: ## Benchmarks, with stripe-go and a hand-written Lambda beside ours
	go test -run '^$$' -bench . -benchmem ./...
	cd bench && go test -run '^$$' -bench . -benchmem ./...

fuzz: ## Every fuzz target, 30 s each (FUZZTIME=2m for longer)
	@.ci/fuzz

deploy: ## Build and deploy to AWS with SAM (ENVIRONMENT=staging, PARAMETERS='LogLevel=DEBUG')
	@.ci/deployable $(ENVIRONMENT)
	sam build --config-env $(ENVIRONMENT)
	sam deploy --config-env $(ENVIRONMENT) $(if $(PARAMETERS),--parameter-overrides $(PARAMETERS))

clean: ## Remove what was built
	rm -rf .aws-sam .meterbridge bin

.PHONY: build-WebhookFunction build-FetcherFunction build-ReconcilerFunction build-MeterAlertsFunction
build-WebhookFunction:     ; $(call bootstrap,functions/webhook/bootstrap)
build-FetcherFunction:     ; $(call bootstrap,functions/fetcher/bootstrap)
build-ReconcilerFunction:  ; $(call bootstrap,functions/reconciler/bootstrap)
build-MeterAlertsFunction: ; $(call bootstrap,examples/meter-alerts)
