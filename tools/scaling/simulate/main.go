// Command simulate replays requests against the shipped HPA and writes the results: plots to
// docs/images/scaling-*.svg and tables to docs/scaling-figures.md. It must run in the folder tools.
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/millrace/millrace/tools/scaling"
)

func main() {
	if err := run("../kustomize/overlays/worker/hpa.yaml", "../docs"); err != nil {
		fmt.Fprintln(os.Stderr, "simulate:", err)
		os.Exit(1)
	}
}

func run(manifest, docs string) error {
	hpa, err := scaling.ReadHPA(manifest)
	if err != nil {
		return err
	}
	model := scaling.DefaultModel()
	for _, p := range scaling.Patterns() {
		var image bytes.Buffer
		if err := scaling.Replay(hpa, model, p, scaling.Seed).WritePlot(&image, p.Title); err != nil {
			return fmt.Errorf("drawing %s: %w", p.Name, err)
		}
		if err := write(filepath.Join(docs, "images", "scaling-"+p.Name+".svg"), image.Bytes()); err != nil {
			return err
		}
	}
	var text bytes.Buffer
	if err := scaling.WriteFigures(&text, hpa, model); err != nil {
		return err
	}
	return write(filepath.Join(docs, "scaling-figures.md"), text.Bytes())
}

// write writes a file and prints its path.
func write(path string, content []byte) error {
	fmt.Println(path)
	return os.WriteFile(path, content, 0o644) //nolint:gosec // files of the repository are readable by all users
}
