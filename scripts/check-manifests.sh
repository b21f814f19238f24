#!/bin/sh
# check-manifests.sh builds the overlays, each component, and combinations of components, and checks the output against the
# schemas of Kubernetes and of the operators that the components use. It needs Go and a module proxy.
set -eu
cd "$(dirname "$0")/.."

# The oldest supported version of Kubernetes; a test of the builds knows the types of the newest.
kubernetes=1.30

# The modules with the definitions of custom resources: module, version, folder.
operators='
github.com/prometheus-operator/prometheus-operator v0.85.0 example/prometheus-operator-crd
github.com/kedacore/keda/v2 v2.17.2 config/crd/bases
github.com/cloudnative-pg/cloudnative-pg v1.26.0 config/crd/bases
sigs.k8s.io/gateway-api v1.2.1 config/crd/standard
'

say() { printf 'check-manifests: %s\n' "$*" >&2; }

work=.cache/manifests
rm -rf "$work"
mkdir -p "$work/built" "$work/bin" "$work/combination"
go build -modfile=tools/kustomize/go.mod -o "$work/bin/kustomize" sigs.k8s.io/kustomize/kustomize/v5
go build -modfile=tools/kubectl-validate/go.mod -o "$work/bin/kubectl-validate" sigs.k8s.io/kubectl-validate

# build NAME FOLDER
build() { "$work/bin/kustomize" build "$2" >"$work/built/$1.yaml"; }

# example COMPONENT: prints the first example of YAML in the README of a component.
example() { sed -n '/^```yaml$/,/^```$/p;/^```$/q' "kustomize/components/$1/README.md" | grep -v '^```'; }

# combine NAMESPACE COMPONENT...: builds an API and workers with these components. What the README of a component says an overlay must
# have is in each of them.
combine() {
  namespace=$1
  shift
  {
    echo "namespace: $namespace"
    echo 'resources: [../../../kustomize/overlays/settings, ../../../kustomize/overlays/api, ../../../kustomize/overlays/worker]'
    echo 'components:'
    for component in "$@"; do
      echo "  - ../../../kustomize/components/$component"
    done
    case "$namespace $*" in
      *keda*) example keda ;;
      *s3*) example s3 ;;
      staging*external-metrics*) example external-metrics ;; # with a certificate that is verified
    esac
  } >"$work/combination/kustomization.yaml"
  build "$namespace-$(echo "$*" | tr ' ' '+')" "$work/combination"
}

# elsewhere OVERLAY: builds an overlay for another namespace.
elsewhere() {
  printf 'namespace: staging\nresources: [../../../kustomize/overlays/%s]\n' "$1" >"$work/combination/kustomization.yaml"
  build "staging-$1" "$work/combination"
}

for overlay in kustomize/overlays/*/; do
  build "overlay-$(basename "$overlay")" "$overlay"
  elsewhere "$(basename "$overlay")"
done
for component in kustomize/components/*/; do
  combine millrace "$(basename "$component")"
done
# Each combination of a database, a Prometheus and an autoscaler: alone, and with the components that fit any of them.
for database in '' postgres cloudnative-pg; do
  for metrics in prometheus prometheus-operator; do
    for autoscaler in '' keda; do
      # shellcheck disable=SC2086 # an empty word is no argument
      combine millrace $database $metrics $autoscaler
      # shellcheck disable=SC2086
      combine staging namespace $database $metrics $autoscaler grafana network-policies ingress
    done
  done
done

# What only some clusters need, on top of the rest.
combine staging namespace network-policies openshift spot gateway gitops
combine millrace prometheus-operator cloud-load-balancer ingress gitops

# The metric without Prometheus.
combine millrace namespace postgres network-policies external-metrics
combine staging namespace network-policies external-metrics shared-blocks openshift gitops

# The kustomize in kubectl is another one: it must understand the same, where it is installed.
if command -v kubectl >/dev/null; then
  for overlay in kustomize/overlays/*/; do
    name=overlay-$(basename "$overlay")
    kubectl kustomize "$overlay" | cmp -s - "$work/built/$name.yaml" || { say "kubectl kustomize $overlay builds something else"; exit 1; }
  done
fi

crds=
for operator in $(echo "$operators" | tr ' ' '|'); do
  module=${operator%%|*} rest=${operator#*|}
  folder=$(go mod download -json "$module@${rest%%|*}" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
  crds="$crds --local-crds=$folder/${rest#*|}"
done
# Without a kubeconfig, kubectl-validate uses its built-in schemas of this version, and neither a cluster nor the network.
# shellcheck disable=SC2086 # a list of words
if ! KUBECONFIG=/dev/null "$work/bin/kubectl-validate" --version="$kubernetes" $crds "$work/built" >"$work/report" 2>&1; then
  grep -v 'OK' "$work/report" | grep . >&2
  say "Kubernetes $kubernetes would reject manifests in $work/built"
  exit 1
fi
count=$(find "$work/built" -name '*.yaml' | wc -l)
say "$((count)) builds fit the schemas of Kubernetes $kubernetes"
# -count=1: go test does not notice changes of the built manifests.
MILLRACE_BUILT_MANIFESTS=$PWD/$work/built go -C tools test -count=1 ./manifests
