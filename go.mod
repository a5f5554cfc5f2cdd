module github.com/systemfd/systemfd

go 1.26.0

require (
	github.com/alecthomas/kong v1.17.0
	github.com/mattn/go-isatty v0.0.24
	golang.org/x/sys v0.49.0
)
