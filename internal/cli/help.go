package cli

import (
	"io"
)

func (p *printer) help(w io.Writer) { io.WriteString(w, "help\n") }

func (p *printer) print(text string) { io.WriteString(p.out, text+"\n") }
