// Generate writes the completion scripts into the working directory: go generate ./completions runs it.
package main

import (
	"log"
	"os"

	"github.com/systemfd/systemfd/completions"
	"github.com/systemfd/systemfd/internal/completion"
)

func main() {
	for _, script := range completions.All() {
		text, err := completion.Script(script.Shell, grammar())
		if err == nil {
			err = os.WriteFile(script.File, []byte(text), 0o644)
		}
		if err != nil {
			log.Fatal(err)
		}
	}
}
