package main

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// TestConvert: the spec of the object is the rule file, whose texts of several lines keep their indentation.
func TestConvert(t *testing.T) {
	t.Parallel()
	rules, err := os.ReadFile("../../kustomize/components/prometheus/rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var output strings.Builder
	if err := convert(&output, strings.NewReader(string(rules))); err != nil {
		t.Fatal(err)
	}
	var want any
	if err := yaml.Unmarshal(rules, &want); err != nil {
		t.Fatal(err)
	}
	var object struct {
		Kind string
		Spec any
	}
	if err := yaml.Unmarshal([]byte(output.String()), &object); err != nil {
		t.Fatal(err)
	}
	if object.Kind != "PrometheusRule" || !reflect.DeepEqual(object.Spec, want) {
		t.Errorf("convert() wrote a %s with the spec %v, want a PrometheusRule with %v", object.Kind, object.Spec, want)
	}
}
