// Command operatorrules reads a rule file of Prometheus from its standard input and writes it as an object of the
// Prometheus Operator to its standard output. Comments stay.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
)

const header = `# Generated from ../prometheus/rules.yaml by make generate.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: millrace
spec:
`

func main() {
	if err := convert(os.Stdout, os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "operatorrules:", err)
		os.Exit(1)
	}
}

// convert writes the rules, indented, as the spec of a PrometheusRule, which has the same structure as a rule file.
func convert(w io.Writer, rules io.Reader) error {
	if _, err := io.WriteString(w, header); err != nil {
		return fmt.Errorf("writing the header: %w", err)
	}
	lines := bufio.NewScanner(rules)
	for lines.Scan() {
		indent := "  "
		if lines.Text() == "" {
			indent = ""
		}
		if _, err := fmt.Fprintf(w, "%s%s\n", indent, lines.Text()); err != nil {
			return fmt.Errorf("writing the rules: %w", err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("reading the rules: %w", err)
	}
	return nil
}
