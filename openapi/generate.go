//go:build ignore

// Prints the description of the API, as `millrace openapi` does, also while the client that is generated from it does
// not fit the rest of the program.
package main

import (
	"log"
	"os"

	"github.com/millrace/millrace/handlers"
)

func main() {
	text, err := handlers.OpenAPI()
	if err == nil {
		_, err = os.Stdout.Write(text)
	}
	if err != nil {
		log.Fatal(err)
	}
}
